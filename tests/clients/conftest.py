"""The command line as a user runs it, with a home of its own and no node unless one is given."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from test_client_rpc import STATUS

from client.node import chain_pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from tests.support.running.command_line import OURS, run_here

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command: in a process of its own where its encoding, or what it logs, matters."""

    def run_command(
        *arguments: str | bytes, stdin: Any = "", **variables: str | bytes
    ) -> subprocess.CompletedProcess[str]:
        own = {
            "BLOCKENERGY_HOME": str(tmp_path / "home"),
            "BLOCKENERGY_NODE": f"tcp://127.0.0.1:{get_closed_port()}",
        }
        given: dict[str, Any] = own | variables
        content = stdin if isinstance(stdin, bytes) else stdin.encode()
        texts = [one for one in (*arguments, *given.values()) if isinstance(one, str)]
        has_bytes = len(texts) < len(arguments) + len(given)
        if has_bytes or "PYTHONIOENCODING" in given or "watch" in arguments:
            done = run_process(arguments, given, content)
        else:
            done = run_here([*map(str, arguments)], given, content)
        assert "Traceback" not in done.stderr
        return done

    return run_command


def run_process(
    arguments: Sequence[str | bytes], variables: Mapping[str, Any], stdin: bytes
) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(OURS)
    } | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")])}
    done = subprocess.run(
        [sys.executable, "-m", "client.cli", *arguments],
        input=stdin,
        env=environment | variables,
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    output, errors = (one.decode(errors="replace") for one in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, output, errors)


def get_closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """The user's own."""
    return Keyring(tmp_path / "home" / "keys")


@pytest.fixture
def keys(keyring: Keyring) -> None:
    keyring.add("alice", AccountKey.generate(), None)
    keyring.add("meter", MeterKey.generate(), None)
    keyring.add("locked", AccountKey.generate(), "correct horse")
    chain_pin.pin(keyring.folder, STATUS["node_info"]["network"])
