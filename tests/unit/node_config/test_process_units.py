"""Processes that live and die together. The processes are real, and small."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node_config.localnet.process import LAUNCHER, Process
from node_config.localnet.unit import BACKOFF_MAX_S, FAILURES_MAX, FINAL_STATUSES, Stage, Unit

DEADLINE_S = 20.0
SLEEP = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
FAIL = [sys.executable, "-I", "-S", "-c", "import sys; sys.exit('no fuel')"]
SHELL = ["/bin/sh", "-c"]


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Process]:
    def make_process(name: str, command: list[str]) -> Process:
        process = Process(name, command, tmp_path, tmp_path / f"{name}.log")
        request.addfinalizer(lambda: process.end(DEADLINE_S))
        return process

    return make_process


def test_a_unit_starts_in_steps_and_dies_together(make: Callable[..., Process]) -> None:
    lines: list[str] = []
    first, second = make("first", SLEEP), make("second", SLEEP)
    ready: list[str] = []
    unit = Unit(
        "pair",
        [Stage(first, lambda: "first" in ready), Stage(second, lambda: "second" in ready)],
        lines.append,
    )
    unit.step(0.0)
    assert not first.pid
    unit.is_wanted = True
    unit.step(0.0)
    unit.step(0.0)
    assert first.pid
    assert not second.pid
    ready.append("first")
    unit.step(0.0)
    assert second.pid
    assert not unit.is_up()
    ready.append("second")
    assert unit.is_up()

    first.send(signal.SIGKILL)
    wait_for(lambda: not first.is_running())
    unit.step(1.0)
    assert not second.is_running()
    assert lines == ["first was ended by SIGKILL; pair restarts in 0.2 s"]
    unit.step(1.1)
    assert not first.is_running()
    unit.step(1.3)
    unit.step(1.4)
    assert first.pid
    assert second.pid
    # A long life wipes out the failure.
    assert unit.failures == 1
    unit.step(100.0)
    assert unit.failures == 0


def test_a_unit_that_always_fails_is_given_up(make: Callable[..., Process]) -> None:
    lines: list[str] = []
    process = make("car", FAIL)
    unit = Unit("car", [Stage(process, lambda: True)], lines.append)
    unit.is_wanted = True
    now_s = 0.0
    for _ in range(FAILURES_MAX + 1):
        unit.step(now_s)
        wait_for(lambda: not process.is_running())
        unit.step(now_s)
        now_s += BACKOFF_MAX_S
    assert unit.is_given_up
    assert "car ended with status 1: no fuel (see " in unit.problem
    assert "is not restarted" in lines[-1]
    assert len(lines) == FAILURES_MAX + 1
    unit.step(now_s)
    assert not process.is_running()


def test_a_unit_that_needs_another_release_is_not_tried_again(make: Callable[..., Process]) -> None:
    said: list[str] = []
    wrong = make("app", [*SHELL, f"echo another release; exit {max(FINAL_STATUSES)}"])
    unit = Unit("node", [Stage(wrong, lambda: True), Stage(make("late", SLEEP), bool)], said.append)
    unit.is_wanted = True
    unit.step(0.0)
    wait_for(lambda: not wrong.is_running())
    unit.step(0.0)
    assert unit.is_given_up
    assert said[0].startswith("app ended with status 8: another release (see ")
    assert said[0].endswith("; node is not restarted")


def run_until_said(processes: list[Process]) -> str:
    """What is said when these, a unit, end."""
    said: list[str] = []
    unit = Unit("node0", [Stage(each, each.is_running) for each in processes], said.append)
    unit.is_wanted = True

    def step() -> bool:
        unit.step(0.0)
        return bool(said)

    wait_for(step)
    return said[0]


def test_who_is_still_dying_is_named_first(
    make: Callable[..., Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node_config.localnet.unit.CAUSE_S", DEADLINE_S)
    gone = tmp_path / "gone"
    dying = make("app", [*SHELL, f"while [ ! -e {gone} ]; do sleep 0.05; done; exit 3"])
    said = run_until_said([dying, make("cometbft", [*SHELL, f"touch {gone}"])])
    assert said.startswith("app ended with status 3")
    assert "cometbft ended with status 0" in said


def test_who_lives_on_is_not_named(make: Callable[..., Process]) -> None:
    living = make("app", SLEEP)
    said = run_until_said([living, make("cometbft", [*SHELL, "exit 1"])])
    assert said.startswith("cometbft ended with status 1")
    assert not living.is_running()


def test_nothing_outlives_the_program_that_started_it(tmp_path: Path) -> None:
    program = f"""
import os, pathlib, sys, time
from node_config.localnet.process import Process
process = Process("child", {SLEEP!r}, pathlib.Path({str(tmp_path)!r}),
                  pathlib.Path({str(tmp_path / "log")!r}))
process.start()
print(process.pid, flush=True)
time.sleep(600)
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    wait_for(lambda: not is_alive(child))


def test_the_launcher_starts_nothing_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    target = tmp_path / "made"
    for parent, is_made in ((1 << 22, False), (os.getpid(), True)):
        command = [sys.executable, str(LAUNCHER), str(parent), "/usr/bin/touch", str(target)]
        subprocess.run(command, check=True, timeout=DEADLINE_S)
        assert target.exists() == is_made


def test_a_large_log_begins_anew(
    make: Callable[..., Process], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("node_config.localnet.process.LOG_BYTES_MAX", 3)
    process = make("car", FAIL)
    for _ in range(2):
        process.start()
        wait_for(lambda: not process.is_running())
    assert (tmp_path / "car.log").read_text() == "no fuel\n"
    assert (tmp_path / "car.old").read_text() == "no fuel\n"
