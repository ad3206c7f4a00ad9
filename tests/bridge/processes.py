"""Starts child processes for tests and never leaves one behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 120


@contextmanager
def child(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process with the project on its path, killed at the end if still running."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")])
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": path, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def get(stream: IO[str] | None) -> IO[str]:
    """A pipe of a child, known to exist."""
    assert stream is not None
    return stream
