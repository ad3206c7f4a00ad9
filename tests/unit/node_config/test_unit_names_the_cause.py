"""What is said of processes that end together names the one that was the cause."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from node_config import unit
from node_config.process import Process
from node_config.unit import Stage, Unit

DEADLINE_S = 20.0


def make_stage(folder: Path, name: str, script: str) -> Stage:
    process = Process(name, ["/bin/sh", "-c", script], folder, folder / f"{name}.log")
    return Stage(process, process.is_running)


def run_until_said(stages: list[Stage]) -> str:
    said: list[str] = []
    row = Unit("node0", stages, said.append)
    row.is_wanted = True
    end_s = time.monotonic() + DEADLINE_S
    while not said:
        assert time.monotonic() < end_s
        row.step(0.0)
        time.sleep(0.01)
    return said[0]


def test_who_is_still_dying_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "CAUSE_S", DEADLINE_S)
    gone = tmp_path / "gone"
    dying = make_stage(tmp_path, "app", f"while [ ! -e {gone} ]; do sleep 0.05; done; exit 3")
    said = run_until_said([dying, make_stage(tmp_path, "cometbft", f"touch {gone}")])
    assert said.startswith("app ended with status 3")
    assert "cometbft ended with status 0" in said


def test_who_lives_on_is_not_named(tmp_path: Path) -> None:
    living = make_stage(tmp_path, "app", "sleep 600")
    said = run_until_said([living, make_stage(tmp_path, "cometbft", "exit 1")])
    assert said.startswith("cometbft ended with status 1")
    assert not living.process.is_running()
