"""What make finds out before it does anything, and what a checkout is to Python."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import ROOT

DEADLINE_S = 60
PIP = ["sh", str(ROOT / "requirements" / "pip.sh"), sys.executable]
# What a make above this one, and a test run, would tell it.
NOT_OURS = {"PYTHONPATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as make reads."""
    folder = tmp_path / "my checkout"
    (folder / "proto").mkdir(parents=True)
    (folder / ".venv").mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    return folder


def run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return subprocess.run(
        command,
        cwd=cwd,
        env=known | variables,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def expand(checkout: Path, text: str) -> str:
    """The value of a text in the Makefile."""
    return run("make", f"--eval=show:;@echo '{text}'", "show", cwd=checkout).stdout.strip()


def test_a_checkout_that_was_moved_gets_a_new_environment(checkout: Path) -> None:
    created = checkout / ".venv" / ".created"
    created.write_text(f"{checkout}\n")
    assert expand(checkout, "$(moved)") == ""
    moved = checkout.with_name("another")
    checkout.rename(moved)
    done = run("make", "--dry-run", "VENV=.venv", ".venv/.build", cwd=moved)
    assert "was moved from" in done.stdout
    removed, made = done.stdout.index("rm -rf .venv"), done.stdout.index("create-venv.sh .venv")
    assert removed < made < done.stdout.index("requirements/build.txt")
    # Only looking changes nothing.
    assert (moved / ".venv" / ".created").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can build as somebody else")
def test_root_builds_as_the_owner_of_the_checkout(checkout: Path) -> None:
    assert expand(checkout, "$(owner)") == ""
    os.chown(checkout, 1, 1)
    assert expand(checkout, "$(owner)") == "daemon"
    os.chown(checkout, 54321, 54321)
    assert expand(checkout, "$(owner)") == "", "an owner without a name is nobody to build as"


def test_install_asks_where_to(checkout: Path) -> None:
    done = run("make", "install", cwd=checkout)
    assert done.returncode == 2
    assert "Say where to: make install PREFIX=" in done.stdout


def test_folders_with_our_names_hide_nothing(tmp_path: Path) -> None:
    """A checkout is named blockenergy as a rule, and Python may run in the folder above it."""
    for name in ("blockenergy", "chain", "client", "meter_bridge", "node_config", "cosmos"):
        (tmp_path / name).mkdir()
    code = "from client.definitions import get_files; print(len(get_files()))"
    done = run(sys.executable, "-c", code, cwd=tmp_path)
    assert done.returncode == 0 and int(done.stdout) > 20, done.stderr
    done = run(sys.executable, "-m", "meter_bridge", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_without_the_package_index_it_is_the_network_that_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}/simple"
    settings = {"PIP_INDEX_URL": closed, "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.devnull}
    asked = [*PIP, "install", "--target", str(tmp_path / "target"), "a-package-of-theirs"]
    done = run(*asked, cwd=tmp_path, **settings)
    assert done.returncode == 1
    assert done.stderr.startswith(f"The package index {closed} cannot be reached")
    assert "a-package-of-theirs" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_else_pip_says_is_passed_on(tmp_path: Path) -> None:
    done = run(*PIP, "install", "--no-index", "./missing", cwd=tmp_path)
    assert done.returncode != 0
    assert "missing" in done.stderr
