"""A network that runs behind the shell that started it: start it, stop it, reach it.

While a network is up, its folder has a file `env`, which sets what the command line needs:

    . HOME/env
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from client.cli.common import BRIDGE_VARIABLE, NODE_VARIABLE
from client.cli.prompts import YES_VARIABLE
from client.errors import UsageError
from client.signing.keyring import HOME_VARIABLE
from node_config.localnet.layout import LOCK, Layout, load_layout
from node_config.localnet.process import make_environment
from node_config.localnet.supervisor import NetworkError, lock_home

ENV, LOG = "env", "localnet.log"
STOP_DEADLINE_S = 60.0
POLL_S = 0.05


def start_in_background(home: Path, deadline_s: float) -> None:
    """Starts a network and waits until it is up; it goes on when this program has ended.

    Raises UsageError if it is running already, and NetworkError if it does not start.
    """
    layout = load_layout(home.absolute())
    lock_home(layout.home).close()
    layout.logs.mkdir(exist_ok=True)
    env, log = layout.home / ENV, layout.logs / LOG
    env.unlink(missing_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *[sys.executable, "-m", "node_config.localnet", "start"],
                *["--home", str(layout.home), "--wait-s", str(deadline_s)],
            ],
            env=make_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It gives up by itself when the deadline has passed.
    while not env.exists():
        if process.poll() is not None:
            last_line = log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise NetworkError(last_line.removeprefix("blockenergy: ") or f"see {log}")
        time.sleep(POLL_S)


def stop_network(home: Path, deadline_s: float = STOP_DEADLINE_S) -> None:
    """Stops the network of a folder, wherever it was started, and waits until it has ended.

    Raises UsageError if none is running, and NetworkError if it does not end.
    """
    layout = load_layout(home.absolute())
    if not is_running(layout.home):
        raise UsageError(f"no network is running from {home}")
    os.kill(int((layout.home / LOCK).read_text()), signal.SIGTERM)
    deadline = time.monotonic() + deadline_s
    while is_running(layout.home):
        if time.monotonic() >= deadline:
            raise NetworkError(f"the network did not end in {deadline_s:g} s; see {layout.logs}")
        time.sleep(POLL_S)


def is_running(home: Path) -> bool:
    """Whether a supervisor keeps the network of a folder."""
    try:
        lock_home(home).close()
    except UsageError:
        return True
    return False


def format_env(layout: Layout, cometbft: Path) -> str:
    """The text of `env`, which a shell reads with a dot; `cometbft` is the program."""
    values = {
        HOME_VARIABLE: str(layout.home),
        NODE_VARIABLE: layout.nodes[0].rpc_url,
        BRIDGE_VARIABLE: str(layout.bridge.listen),
        # Its money is for trials.
        YES_VARIABLE: "1",
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    folders = [str(Path(sys.executable).parent), str(cometbft.parent)]
    programs = shlex.quote(":".join(dict.fromkeys(folders)))
    return "\n".join([f'export PATH={programs}:"$PATH"', *lines]) + "\n"
