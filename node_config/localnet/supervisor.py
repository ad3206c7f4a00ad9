"""Keeps units running from a thread of its own, which starts all their processes.

Guarantees: a process that ends is restarted; processes are ended in order; none outlives this
program, even if it is killed. A folder has one supervisor at a time.
"""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from client.errors import ClientError, UsageError
from node_config.localnet.layout import LOCK
from node_config.localnet.process import Process
from node_config.localnet.unit import Unit

STOP_DEADLINE_S = 15.0
POLL_S = 0.05


class NetworkError(ClientError):
    """A node or a network failed. The text is one sentence."""

    exit_code = 3


class Supervisor:
    """Units by name. `logs` is the folder that errors point to."""

    def __init__(self, logs: Path) -> None:
        self.units: Mapping[str, Unit] = {}
        self._logs = logs
        self._lock = threading.RLock()
        self._cancelled = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether its thread runs; False also after it failed."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, units: Iterable[Unit]) -> None:
        """Takes charge of units, none of which is wanted yet."""
        assert self._thread is None, "the supervisor is running"
        self.units = {unit.name: unit for unit in units}
        self._stopping.clear()
        self._thread = threading.Thread(target=self._keep, name="supervisor", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Makes every wait fail soon; may be called from a signal handler."""
        self._cancelled.set()

    def want(self, names: Iterable[str]) -> None:
        """Has units started, and restarted whenever they end."""
        with self._lock:
            for name in names:
                self.units[name].is_wanted = True

    def wait_until_up(self, names: Iterable[str], deadline: float) -> None:
        """Waits for units, until a time of the monotonic clock; NetworkError if one fails."""
        waiting = [self.units[name] for name in names]
        while waiting := [unit for unit in waiting if not unit.is_up()]:
            for unit in waiting:
                if unit.failures:
                    raise NetworkError(unit.problem)
            if time.monotonic() >= deadline or not self.is_running:
                raise NetworkError(f"{waiting[0].name} is not up in time; see {self._logs}")
            self.pause()

    def stop_unit(self, name: str) -> None:
        """Stops a unit in order; it stays down until it is wanted again."""
        with self._lock:
            unit = self.units[name]
            unit.is_wanted = False
            for stage in reversed(unit.stages):
                stage.process.end(STOP_DEADLINE_S)
            unit.forget()

    def end(self, groups: Iterable[Sequence[Process]]) -> None:
        """Stops everything, group by group; does nothing if nothing runs."""
        with self._lock:
            for unit in self.units.values():
                unit.is_wanted = False
        # The lock is free while processes exit; the thread starts nothing now.
        for processes in groups:
            end_all(processes)
        # Only now: the processes die with the thread that started them.
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.units = {}

    def pause(self) -> None:
        """Waits a moment; NetworkError once it was cancelled."""
        if self._cancelled.wait(POLL_S):
            raise NetworkError("the network was told to stop")

    def _keep(self) -> None:
        while not self._stopping.wait(POLL_S):
            with self._lock:
                for unit in self.units.values():
                    unit.step(time.monotonic())


def lock_home(home: Path, what: str = "a network") -> IO[bytes]:
    """Locks out a second supervisor until the file is closed or this process ends."""
    file = (home / LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise UsageError(f"{what} is already running from {home}; stop it first") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()
    return file


def end_all(processes: Sequence[Process]) -> None:
    """Sends SIGTERM to all, then waits for each."""
    for process in processes:
        process.send(signal.SIGTERM)
    for process in processes:
        process.wait_or_kill(STOP_DEADLINE_S)
