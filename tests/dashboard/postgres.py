"""A PostgreSQL server of the machine's own package, for the time of the tests."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

USER = "postgres"
PLACES = (*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/local/bin"), Path("/usr/bin"))


def find_programs() -> Path:
    """The folder of initdb; skips the test where there is none."""
    for folder in PLACES:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    pytest.skip("PostgreSQL is not installed: apt-get install postgresql")


@contextlib.contextmanager
def running_postgres() -> Iterator[Callable[[], str]]:
    """A server; what it gives makes an empty database and returns its address."""
    programs = find_programs()
    # As root it does not run, and what pytest makes is for root alone.
    prefix = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if prefix:
        shutil.chown(folder, USER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, numbers = folder / "data", itertools.count()

    def run(program: str, *arguments: str) -> None:
        command = [*prefix, str(programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr

    def make() -> str:
        name = f"street{next(numbers)}"
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", USER, name)
        return f"postgresql://{USER}@127.0.0.1:{port}/{name}"

    run("initdb", "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off"
    # Its own log: the server would keep our pipes open.
    run("pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield make
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)
