"""A validator under a real systemd: whatever is killed comes back, and a stop is a stop.

The manager is a user's own, in a namespace where it may be one, so that nothing has to be booted.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.node.rpc import Rpc
from node_config.localnet.layout import load_node
from node_config.localnet.network import get_height
from node_config.localnet.ports import find_free_ports
from node_config.localnet.process import make_environment
from node_config.localnet.setup import init_network
from node_config.service import systemd
from node_config.service.systemd import Manager
from node_config.service.unit_files import APP, COMETBFT, SUFFIX, make_units
from tests.support.running.networks import quick, require_cometbft

pytestmark = [pytest.mark.network, pytest.mark.slow]

DEADLINE_S = 60.0
UNITS = [APP + SUFFIX, COMETBFT + SUFFIX]
# A user's manager starts only where the system's seems to have been started, and not as process 1.
BOOT = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system || exit 9
for systemd in /usr/lib/systemd/systemd /lib/systemd/systemd; do
    test -x $systemd && { $systemd --user; exit; }
done
exit 9
"""
ENTER = """
read -r outer < '{0}/pid'
read -r inner < /proc/$outer/task/$outer/children
exec nsenter --target $inner --mount --pid /usr/bin/systemctl "$@"
"""


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """A running manager; its processes end with its namespace."""
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    # Its processes are asked from inside: it answers nobody else.
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\n{ENTER.format(tmp_path)}")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # The units run the code of this checkout.
    environment = make_environment() | {"PYTHONDONTWRITEBYTECODE": "1"}
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (tmp_path / "systemd.log").open("wb") as log:
        try:
            process = subprocess.Popen([*unshare, "sh", "-c", BOOT], env=environment, stderr=log)
            (tmp_path / "pid").write_text(str(process.pid))
        except OSError as error:
            pytest.skip(f"there is no unshare: {error}")
    with process:
        try:
            wait_for(lambda: process.poll() is not None or is_ready())
            if process.poll() is not None:
                pytest.skip(f"systemd does not run here: {(tmp_path / 'systemd.log').read_text()}")
            yield Manager(is_user=True)
        finally:
            process.kill()


def systemctl(*arguments: str) -> str:
    command = ["systemctl", "--user", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def is_ready() -> bool:
    return systemctl("is-system-running") == "running"


def test_whatever_is_killed_comes_back(tmp_path: Path, manager: Manager) -> None:
    cometbft = require_cometbft()
    net = tmp_path / "100% net"
    init_network(net, 1, preset=quick("localnet"), base_port=find_free_ports(1).base)
    node = load_node(net / "node0")
    rpc = Rpc(node.rpc_url)
    units = make_units("validator", node.home, [], cometbft=cometbft, address=node.proxy_app)
    manager.install(units)
    wait_for(lambda: get_height(node) > 0)

    for unit in UNITS:
        pids = [systemctl("show", "--property", "MainPID", name) for name in UNITS]
        height = rpc.status().latest_height
        systemctl("kill", "--signal", "KILL", unit)
        wait_for(lambda height=height: get_height(node) > height + 1)
        after = [systemctl("show", "--property", "MainPID", name) for name in UNITS]
        assert systemctl("is-active", *UNITS).split() == ["active", "active"]
        # The killed one is another; CometBFT never outlives its application.
        assert [old != new for old, new in zip(pids, after, strict=True)] == [
            unit == UNITS[0],
            True,
        ]

    systemctl("stop", UNITS[0])
    assert systemctl("is-active", *UNITS).split() == ["inactive", "inactive"]
    # In order: CometBFT gave its place back before the application did.
    assert not (node.home / "app.sock").exists()
    assert get_height(node) == 0
    assert [path.name for path in manager.uninstall(UNITS)] == UNITS
    assert systemctl("list-unit-files", "blockenergy-*", "--no-legend") == ""


def test_what_systemd_does_not_know_is_not_there(manager: Manager) -> None:
    with pytest.raises(systemd.SystemdError, match="enable blockenergy-app"):
        manager.install({APP + SUFFIX: "[Service]\nExecStart=relative\n[Install]\nAlias=/\n"})
