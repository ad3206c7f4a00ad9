"""Agents as processes on a network, and what their journals say: shared by tests."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")
DEADLINE_S = 150.0
# Slot, status, signed transaction, decision, outcome.
TurnRow = tuple[int, str, bytes, str, str]


def start_agent(
    file: Path, network: tuple[Path, str], *options: str, output: IO[str] | int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """`blockenergy agent run` of a home or a folder, on the network of a folder at a node."""
    home, node = network
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "client.cli", "agent", "run", str(file)),
            *("--node", node, "--keyring", str(home / "keys"), *options),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_turns(file: Path) -> list[TurnRow]:
    """The turns of a home by the name of its file, while its agent may be running."""
    path = file.with_suffix(".sqlite")
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        try:
            return database.execute(
                "SELECT slot, status, tx, decided, outcome FROM turns ORDER BY slot"
            ).fetchall()
        except sqlite3.Error:
            # It is just being made.
            return []


def wait_for_signed_turn(file: Path, after_slot: int) -> int:
    """The slot of the next turn that is on disk."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if (turns := read_turns(file)) and turns[-1][0] > after_slot:
            return turns[-1][0]
        time.sleep(0.002)
    raise AssertionError("the home decided nothing in time")


def poll(get: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
    """What `get` gives as soon as it is enough."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_enough(value := get()):
        assert time.monotonic() < deadline, f"still {value}"
        time.sleep(0.05)
    return value
