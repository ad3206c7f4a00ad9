"""The one process of a validator's container: runs the application and CometBFT as its children.

They live and die together: when one ends, the other is ended too, and the container with them; the
engine then starts it again. SIGTERM ends both in order. Both write to the container's log.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import text_output
from client.cli.common import Parser
from client.errors import ClientError, MissingError
from node_config.cometbft.files import SOCKET
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.network import can_connect

APP_DEADLINE_S = 300.0
STOP_DEADLINE_S = 12.0
POLL_S = 0.2
METRICS = "0.0.0.0:26661"

Child = subprocess.Popen[bytes]


def run(home: Path, metrics: str, stop: threading.Event) -> int:
    """Runs both until `stop` is set, and returns 0, or until one of them ends, and returns 1.

    Raises MissingError if there is no CometBFT, or the application does not listen in time.
    """
    try:
        cometbft = str(cometbft_binary())
    except ToolchainError as error:
        raise MissingError(str(error)) from error
    app = [sys.executable, "-m", "abci_app", "--home", ".", "--address", f"unix://{SOCKET}"]
    children = [subprocess.Popen([*app, "--metrics", metrics], cwd=home)]
    try:
        if wait_until_listening(home / SOCKET, children[0], stop):
            children.append(subprocess.Popen([cometbft, "start", "--home", "."], cwd=home))
            while not stop.wait(POLL_S) and all(child.poll() is None for child in children):
                pass
    finally:
        # CometBFT first: without the application it would report a broken connection.
        codes = [end(child) for child in reversed(children)]
    if stop.is_set():
        return 0
    text_output.complain(f"validator: a process ended unexpectedly; exit codes {codes[::-1]}")
    return 1


def wait_until_listening(socket: Path, app: Child, stop: threading.Event) -> bool:
    """False if the application has ended, or `stop` was set, before it listened."""
    deadline = time.monotonic() + APP_DEADLINE_S
    while not can_connect(str(socket)):
        if stop.wait(POLL_S) or app.poll() is not None:
            return False
        if time.monotonic() >= deadline:
            raise MissingError(f"the application does not listen after {APP_DEADLINE_S:g} s")
    return True


def end(child: Child) -> int:
    """Sends SIGTERM, then SIGKILL after the deadline; returns the exit code."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        return child.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m node_config.testnet.validator`; returns the exit status."""
    parser = Parser(
        prog="python -m node_config.testnet.validator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--home", type=Path, default=Path("/data"), help="default: /data")
    parser.add_argument("--metrics", metavar="HOST:PORT", default=METRICS, help=METRICS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        options = parser.parse_args(arguments)
        return run(options.home, options.metrics, stop)
    except ClientError as error:
        text_output.complain(f"validator: {error.sentence}")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
