"""Clients in Python, each in an environment of its own: they need other libraries than ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wallet_keys import DEADLINE_S

SOURCE = Path(__file__).parent
CACHE = SOURCE.parents[2] / ".cache"
INSTALL_DEADLINE_S = 300


def install(name: str, *options: str) -> Path:
    """An interpreter with what `name`.txt locks; where it cannot be had, the test is skipped.

    options: more of them for pip.
    """
    lock = SOURCE / f"{name}.txt"
    folder = CACHE / name
    done, python = folder / "installed.txt", folder / "bin" / "python"
    if done.exists() and done.read_bytes() == lock.read_bytes():
        return python
    # Our pip installs into it: a pip of its own takes longer than some clients.
    venv = [sys.executable, "-m", "venv", "--clear", "--without-pip", folder]
    subprocess.run(venv, check=True, timeout=120)
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    # What is imported is compiled then.
    command = [*pip, "install", "-q", "--no-compile", "--require-hashes", *options, "-r", lock]
    run = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=INSTALL_DEADLINE_S
    )
    if run.returncode:
        pytest.skip(f"{name} cannot be installed: {run.stderr[-300:]}")
    done.write_bytes(lock.read_bytes())
    return python


def run_script(python: Path, script: str, *arguments: str) -> Any:
    """What a script beside this file prints as JSON."""
    run = subprocess.run(
        [python, SOURCE / script, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
