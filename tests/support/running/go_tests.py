"""The tests in Go of our parts of CometBFT: built once, for all tests that run some of them."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from node_config.cometbft.toolchain import (
    BUILD_FLAGS,
    MODULE_FOLDER,
    exclusive,
    get_cache_folder,
    get_go_version,
    get_needed_go_version,
)

# A first run compiles CometBFT.
DEADLINE_S = 600
ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def find_go() -> str:
    """A Go that can build them; a test that needs it is skipped where there is none."""
    go = shutil.which("go")
    if go is None or get_go_version(go) < get_needed_go_version():
        pytest.skip("there is no Go to run CometBFT's code with")
    return go


def run_go(*arguments: str) -> None:
    """Runs a command of Go in the folder of our parts; fails with what it says."""
    # With the flags of the build, so that what that has compiled is not compiled again.
    command = [find_go(), arguments[0], *BUILD_FLAGS, *arguments[1:], "."]
    done = subprocess.run(
        command,
        cwd=MODULE_FOLDER,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_tests(name: str = "", **variables: str) -> None:
    """Runs all tests, or the one with a name, which then has to pass and not be skipped."""
    pattern = f"^{name}$" if name else "."
    done = subprocess.run(
        [build(), f"-test.run={pattern}", "-test.v"],
        cwd=MODULE_FOLDER,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"--- PASS: {name}" in done.stdout


def build() -> Path:
    """The program with all of them, from the cache if it is of these sources."""
    folder = get_cache_folder() / "go-tests"
    program = folder / compute_key() / "tests"
    with exclusive(folder):
        if not program.is_file():
            program.parent.mkdir(exist_ok=True)
            unfinished = program.with_suffix(".building")
            run_go("test", "-c", "-o", str(unfinished))
            unfinished.rename(program)
    return program


def compute_key() -> str:
    """A short hash of the sources."""
    digest = hashlib.sha256()
    for path in sorted([*MODULE_FOLDER.glob("*.go"), *MODULE_FOLDER.glob("go.*")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
