"""The dashboard of the demonstration: in a browser, the day as it happens, and one of the homes.

A process of its own: nothing but the command line knows the dashboard. It is an extra, and the day
is the same without it.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from net_address import LOOPBACK
from node_config.localnet.address import Address
from node_config.localnet.process import Process, make_environment

# Some of the extra `dashboard` in pyproject.toml.
LIBRARIES = ("sqlalchemy", "starlette", "uvicorn")
COMMAND = (sys.executable, "-m", "client.cli", "dashboard")
PORT = 8080
PORTS_TRIED = 100
START_DEADLINE_S = 60.0
SIGN_IN_TIMEOUT_S = 30.0
POLL_S = 0.25
END_S = 5.0


class Page:
    """A dashboard for the time of the demonstration. folder: where it gets one of its own, for
    tables, log and the key of the home that can sign in. midnight_slot: shown at midnight.
    """

    def __init__(
        self, folder: Path, home: str, key: AccountKey, node: str, midnight_slot: int
    ) -> None:
        self._folder = folder / "dashboard"
        self._home = home
        self._key = key
        self._node = node
        self._midnight_slot = midnight_slot

    def run(self, say: Callable[[str], None], stop: threading.Event) -> None:
        """Serves until told to stop; says where, and how to look at it as the home."""
        if any(find_spec(name) is None for name in LIBRARIES):
            say("To see the day in a browser: pip install 'blockenergy[dashboard]'")
            return
        self._folder.mkdir()
        port = _find_free_port()
        process = self._make_process(port)
        process.start()
        try:
            if not _wait_until_up(process, port, stop):
                if not stop.is_set():
                    say(f"There is no dashboard: {process.describe_end()}")
                return
            site = f"http://{LOOPBACK}:{port}"
            say(f"The day in a browser, until the demonstration ends: {site}")
            link = self._make_link(site)
            if link:
                say(f"As {self._home}, once and within five minutes: {link}")
            stop.wait()
        finally:
            process.end(END_S)

    def _make_process(self, port: int) -> Process:
        command = [
            *(*COMMAND, "serve", "--node", self._node, "--listen", f"{LOOPBACK}:{port}"),
            *("--tables", str(self._folder / "tables.sqlite")),
            *("--midnight-slot", str(self._midnight_slot)),
        ]
        return Process("dashboard", command, self._folder, self._folder / "dashboard.log")

    def _make_link(self, site: str) -> str:
        """A link that signs a browser in as the home; empty if there is none."""
        keys = self._folder / "keys"
        Keyring(keys).add(self._home, self._key, None)
        command = [*COMMAND, "sign-in", "--site", site, "--from", self._home]
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                [*command, "--keyring", str(keys)],
                env=make_environment(),
                capture_output=True,
                text=True,
                timeout=SIGN_IN_TIMEOUT_S,
                check=False,
            )
            return done.stdout.strip()
        return ""


def _wait_until_up(process: Process, port: int, stop: threading.Event) -> bool:
    deadline = time.monotonic() + START_DEADLINE_S
    while process.is_running() and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, port)).close()
            return True
        if stop.wait(POLL_S):
            break
    return False


def _find_free_port() -> int:
    """The first free port from 8080 on; 8080 where none is, which the dashboard will say."""
    ports = range(PORT, PORT + PORTS_TRIED)
    return next((port for port in ports if Address(LOOPBACK, port, "").is_free()), PORT)
