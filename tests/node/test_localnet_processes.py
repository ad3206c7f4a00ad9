"""`localnet start` as a process: what it starts, starts again, and leaves behind (nothing)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.errors import UsageError
from client.node.rpc import Rpc
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.localnet.supervisor import NetworkError
from tests.support.running.networks import quick, require_cometbft

pytestmark = pytest.mark.network

DEADLINE_S = 60.0
# Application, CometBFT, bridge, and on two cores or more what checks signatures ahead.
PROCESSES = 4 if len(os.sched_getaffinity(0)) > 1 else 3


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A network of one validator, which starts fastest."""
    require_cometbft()
    init_network(tmp_path / "net", 1, preset=quick("localnet"), base_port=find_free_ports(1).base)
    return tmp_path / "net"


def wait_for(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def find_processes(folder: Path) -> list[int]:
    """Every process that works inside a folder."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cwd").readlink().is_relative_to(folder):
                found.append(int(process.name))
        except OSError:
            # It has ended, or is another user's.
            continue
    return found


@pytest.fixture
def supervisor(home: Path) -> Iterator[subprocess.Popen[str]]:
    """`localnet start`, up and running on a terminal that has ASCII only."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONIOENCODING": "ascii:strict",
    }
    command = [sys.executable, "-m", "node_config.localnet", "start", "--home", str(home)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = []
            while "Ctrl-C stops it." not in (line := process.stdout.readline()):
                assert line, f"it ended early: {lines}"
                lines.append(line)
            yield process
        finally:
            process.kill()
    wait_for(lambda: not find_processes(home))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(
    home: Path, supervisor: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert len(find_processes(home)) == PROCESSES
    supervisor.send_signal(number)
    assert supervisor.wait(DEADLINE_S) == 0
    assert not find_processes(home)
    # Asked to stop, the application gave its socket back.
    assert not (home / "node0" / "app.sock").exists()


def test_a_second_supervisor_is_kept_out_and_kill_leaves_nothing_behind(
    home: Path, supervisor: subprocess.Popen[str]
) -> None:
    with pytest.raises(UsageError, match=r"a network is already running from"):
        Network(home).start()
    assert supervisor.poll() is None
    assert len(find_processes(home)) == PROCESSES
    supervisor.kill()
    supervisor.wait(DEADLINE_S)
    wait_for(lambda: not find_processes(home))
    # What it leaves can be started again.
    with Network(home) as network:
        network.wait_for_height(2, DEADLINE_S)


def test_edited_files_are_in_force_and_whatever_dies_is_started_again(home: Path) -> None:
    genesis = home / "node0" / "config" / "genesis.json"
    text = genesis.read_text()
    genesis.write_text(text.replace('"chain_id": "energy-local-', '"chain_id": "edited-'))
    lines: list[str] = []
    network = Network(home, lines.append)
    network.start(DEADLINE_S)
    rpc = Rpc(network.rpc_urls[0])
    try:
        assert rpc.status().chain_id.startswith("edited-")
        for unit, process in (("node0", "app"), ("node0", "cometbft"), ("bridge", "bridge")):
            height = rpc.status().latest_height
            pid = network.get_pid(unit, process)
            network.kill(unit, process)
            wait_for(
                lambda unit=unit, process=process, pid=pid: (
                    network.get_pid(unit, process) not in (0, pid)
                )
            )
            network.wait_for_height(height + 2, DEADLINE_S)
        assert len(lines) == 3
        assert lines[0].startswith("node0-app was ended by SIGKILL")
    finally:
        network.stop()


def test_a_process_that_cannot_start_is_named(home: Path) -> None:
    (home / "node0" / "app-data").mkdir()
    (home / "node0" / "app-data" / "CURRENT").write_text("nonsense")
    network = Network(home)
    with pytest.raises(
        NetworkError, match=r"node0-app ended with status 4: blockenergy: .*app-data"
    ):
        network.start(DEADLINE_S)
    assert not find_processes(home)
