"""The same blocks in other processes, with other hash seeds and Pythons: everything the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEED, BLOCKS = 41, 200
DEADLINE_S = 120
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
# More interpreters that have the project's libraries, separated as in PATH.
OTHER_PYTHONS = "BLOCKENERGY_PYTHONS"


@cache
def journal(python: str, hash_seed: str, packages: Path = ROOT) -> list[str]:
    """What a process of its own says about the blocks; `packages` are where the rules come from."""
    completed = subprocess.run(
        # Without -P, Python would first look where it runs.
        [python, "-P", "-m", "tests.determinism.journal", str(SEED), str(BLOCKS)],
        cwd=ROOT,
        env=_environment(hash_seed, packages),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout.splitlines()


@cache
def find_other_pythons() -> list[str]:
    """Interpreters of other versions that can run the rules."""
    named = os.environ.get(OTHER_PYTHONS, "").split(os.pathsep)
    found = [path for path in named if path]
    found += filter(None, (shutil.which(f"python{version}") for version in VERSIONS))
    return [python for python in found if _version_with_libraries(python) not in ("", _own())]


@pytest.mark.parametrize("hash_seed", ["1", "4711"])
def test_the_hash_seed_changes_nothing(hash_seed: str) -> None:
    compare(journal(sys.executable, "0"), journal(sys.executable, hash_seed))


def test_another_python_changes_nothing() -> None:
    others = find_other_pythons()
    if not others:
        pytest.skip(f"no other Python has the libraries; name one in {OTHER_PYTHONS}")
    for python in others:
        compare(journal(sys.executable, "0"), journal(python, "7"))


def test_the_blocks_say_something() -> None:
    """A journal of empty blocks would prove nothing."""
    blocks = [json.loads(line) for line in journal(sys.executable, "0")]
    assert len(blocks) == BLOCKS + 1
    assert len({block["app_hash"] for block in blocks}) > BLOCKS // 2
    results = [result for block in blocks[1:] for result in block["results"]]
    assert len(results) > BLOCKS
    assert {result["codespace"] for result in results} >= {"", "sdk", "bank", "market"}
    kinds = {event[0] for block in blocks[1:] for event in block["events"]}
    assert "blockenergy.settlement.v1.EventSlotSettled" in kinds
    assert "blockenergy.market.v1.EventSlotTraded" in kinds


def compare(expected: list[str], actual: list[str]) -> None:
    """Fails at the first block of which two journals say something else."""
    for height, (one, other) in enumerate(zip(expected, actual, strict=True)):
        assert json.loads(one) == json.loads(other), f"block {height} differs"


def _environment(hash_seed: str, packages: Path) -> dict[str, str]:
    paths = os.pathsep.join(map(str, (packages, ROOT, ROOT / "proto/gen")))
    return {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": paths}


def _version_with_libraries(python: str) -> str:
    """`3.12`, or nothing if the libraries are missing there."""
    program = (
        "import sys, coincurve, cryptography, google.protobuf.message\n"
        "print('%d.%d' % sys.version_info[:2])"
    )
    completed = subprocess.run(
        [python, "-c", program], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return completed.stdout.strip() if completed.returncode == 0 else ""


def _own() -> str:
    return "{}.{}".format(*sys.version_info[:2])
