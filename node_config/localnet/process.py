"""One process of a network: started with its output in a log file, watched, and always stopped.

It runs in a session of its own, so that Ctrl-C reaches only the supervisor, which then stops its
processes in order. It is killed with the thread that started it (see launcher).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import blockenergy

from node_config.compiled import ROOT, find_compiled

LAUNCHER = Path(__file__).resolve().parent / "launcher.py"
LOG_BYTES_MAX = 16 * 1024 * 1024
LAST_WORDS_BYTES_MAX = 4096
# CometBFT allocates much and keeps little: collecting at five times the live heap instead of twice
# saves a tenth of its processor time under load. Near the memory limit it collects more often, so
# that no flood makes it large; what it keeps under one is half of that.
COLLECTOR = {"GOGC": "400", "GOMEMLIMIT": "56MiB"}


class Process:
    """A program with its arguments; `start` may be called again once it has ended."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, log: Path) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the running process; 0 if it is not running."""
        return self._process.pid if self._process is not None and self.is_running() else 0

    def start(self) -> None:
        """Starts the program; appends to its log, which is rotated once it is large."""
        assert not self.is_running(), f"{self.name} is running"
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".old"))
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*launcher, *self._command],
                cwd=self._folder,
                env=make_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs or before its start; negative for a signal."""
        return self._process.poll() if self._process is not None else None

    def describe_end(self) -> str:
        """How it ended and where its log is; with its last line of output if it failed."""
        status = self.status
        if status is None:
            return f"{self.name} is running"
        if status < 0:
            return f"{self.name} was ended by {signal.Signals(-status).name}"
        last = self._read_last_words() if status else ""
        said = f": {last}" if last else ""
        return f"{self.name} ended with status {status}{said} (see {self.log})"

    def send(self, number: signal.Signals) -> None:
        """Sends a signal, if it is running."""
        if self._process is not None and self.is_running():
            self._process.send_signal(number)

    def end(self, wait_s: float) -> None:
        """Sends SIGTERM, then SIGKILL after `wait_s` seconds."""
        self.send(signal.SIGTERM)
        self.wait_or_kill(wait_s)

    def ends_within(self, wait_s: float) -> bool:
        """Whether it ends within `wait_s` seconds."""
        try:
            if self._process is not None:
                self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_or_kill(self, wait_s: float) -> None:
        """Waits for its end; kills it after `wait_s` seconds."""
        if self._process is not None and not self.ends_within(wait_s):
            self._process.kill()
            self._process.wait()

    def _read_last_words(self) -> str:
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - LAST_WORDS_BYTES_MAX))
                lines = file.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        # What ended it, if it says so: complaints about connections that it has cut may follow.
        told = [line for line in lines if "CRITICAL" in line] or lines
        return told[-1][:500] if told else ""


def make_environment() -> dict[str, str]:
    """The environment of this process, with the paths of our packages: compiled ones first."""
    folders = [ROOT, Path(blockenergy.__path__[0]).parent]
    compiled = find_compiled()
    if compiled is not None:
        folders.insert(0, compiled)
    known = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    return COLLECTOR | os.environ | {"PYTHONPATH": os.pathsep.join([*map(str, folders), *known])}
