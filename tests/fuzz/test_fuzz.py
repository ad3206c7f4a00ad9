"""A few thousand inputs of every target, and proof that the targets can find something."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from blockenergy.bridge.v1.bridge_pb2 import PUSH_ACCEPTED, PushResult

from chain.runtime.encoding import codec, strict
from meter_bridge.spool import table as spool_table
from tests.fuzz import __main__ as command
from tests.fuzz import runner
from tests.fuzz.campaign import Plan
from tests.fuzz.runner import Finding, Tally, load_finding, run_batch
from tests.fuzz.target import Target, Violation, judge_rejection
from tests.fuzz.targets import TARGETS, genesis

SEED = 0
INPUTS = {
    "transactions": 3_000, "messages": 1_500, "queries": 3_000, "abci": 2_500, "bridge": 2_000,
    "genesis": 700, "relaying": 1_000,
}  # fmt: skip
# Of each format of telegrams.
FEW = 1_000


@pytest.fixture
def open_target() -> Iterator[Callable[[str], Target]]:
    opened: list[Target] = []

    def open_one(name: str) -> Target:
        opened.append(TARGETS[name]())
        return opened[-1]

    yield open_one
    for target in opened:
        target.close()


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_coded_rejections(name: str, open_target: Callable[[str], Target]) -> None:
    tally = run_batch(open_target(name), SEED, 0, INPUTS.get(name, FEW))
    assert not tally.findings, tally.findings[0].problem
    # Inputs that are all taken, or all rejected at the door, would test little.
    assert sum(n for outcome, n in tally.outcomes.items() if outcome.startswith("accepted"))
    assert sum(outcome.startswith("rejected") for outcome in tally.outcomes) >= 3


@pytest.mark.parametrize("name", TARGETS)
def test_a_number_is_always_the_same_input(name: str, open_target: Callable[[str], Target]) -> None:
    made = []
    for _ in range(2):
        target, random = open_target(name), Random()
        target.begin()
        for number in (*range(20), 0):
            runner.seed_generator(random, SEED, name, number)
            made.append(target.make(random))
        target.end()
    assert made[:21] == made[21:]
    assert made[0] == made[20]
    assert len(set(made)) > 10


def take_anything(kind: type[codec.M], data: bytes) -> codec.M:
    return codec.decode_leniently(kind, data)


def forget(_: Any, __: Any, ___: Any) -> PushResult:
    return PUSH_ACCEPTED


def break_off(_: bytes) -> Any:
    raise KeyError("params")


# Which target finds what, once the product is changed so.
MISTAKES = [
    ("transactions", strict, "decode_by_definition", take_anything, "not canonical"),
    ("bridge", spool_table, "add", forget, "is not on disk"),
    ("genesis", genesis, "load_genesis", break_off, "KeyError: 'params'"),
]


@pytest.mark.parametrize(("name", "place", "function", "wrong", "problem"), MISTAKES)
def test_a_mistake_in_the_product_is_found(
    name: str,
    place: Any,
    function: str,
    wrong: Any,
    problem: str,
    open_target: Callable[[str], Target],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = open_target(name)
    monkeypatch.setattr(place, function, wrong)
    tally = run_batch(target, SEED, 0, INPUTS[name])
    assert any(problem in finding.problem for finding in tally.findings)


@pytest.mark.parametrize(
    ("code", "log", "problem"),
    [
        (0, "no", "unknown code"),
        (999, "no", "unknown code"),
        (111_222, "the chain broke", "the chain broke"),
        (4, " ", "without a sentence"),
        (4, "x" * 1_001, "1001 characters"),
    ],
)
def test_a_rejection_needs_a_code_and_a_sentence(code: int, log: str, problem: str) -> None:
    with pytest.raises(Violation, match=problem):
        judge_rejection("sdk", code, log)


class Brittle:
    """Breaks on one number in fifty, and forgets nothing."""

    name = "brittle"
    batch = 100

    def begin(self) -> None: ...

    def make(self, random: Random) -> bytes:
        return bytes([random.randrange(50)])

    def check(self, data: bytes) -> str:
        if data == b"\x07":
            raise ZeroDivisionError("seven")
        while data == b"\x08":
            # An input that never ends.
            continue
        return "accepted"

    def end(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def brittle(monkeypatch: pytest.MonkeyPatch) -> Tally:
    monkeypatch.setitem(cast(dict[str, Any], TARGETS), "brittle", Brittle)
    monkeypatch.setattr(runner, "COMPUTING_MAX_S", 0.05)
    return run_batch(Brittle(), SEED, 0, 400)


def test_findings_are_counted_by_kind_and_few_are_kept(brittle: Tally) -> None:
    assert {finding.data for finding in brittle.findings} == {b"\x07", b"\x08"}
    errors = sorted(kind.split()[0] for kind in brittle.kinds)
    assert errors == ["InputTookTooLongError", "ZeroDivisionError"]
    assert len(brittle.findings) == 2 * runner.FINDINGS_PER_KIND_MAX
    assert sum(brittle.kinds.values()) == brittle.outcomes["found"] > len(brittle.findings)
    assert brittle.inputs == sum(brittle.outcomes.values()) == 400


def test_a_finding_is_kept_in_a_file_and_found_again(
    brittle: Tally, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [finding.save(tmp_path) for finding in brittle.findings]
    command.print_findings({"brittle": brittle}, tmp_path)
    printed = capsys.readouterr().out
    assert all(f"--replay {path}\n" in printed for path in paths)
    for path in paths:
        assert command.main(["--replay", str(path)]) == 1
    assert "ZeroDivisionError: seven" in capsys.readouterr().out


def test_an_input_that_is_harmless_by_now_is_said_to_be(
    brittle: Tally, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = brittle.findings[0].save(tmp_path)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "data": "AA=="}))
    assert command.main(["--replay", str(path)]) == 0
    assert "brittle: accepted; found before: " in capsys.readouterr().out


def test_the_command_runs_several_processes_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    options = ["--targets", "messages", "--inputs", "60", "--workers", "1", "--json", str(report)]
    assert command.main([*options, "--findings", str(tmp_path)]) == 0
    row = json.loads(report.read_text())["targets"]["messages"]
    assert row["inputs"] == 60 == row["accepted"] + row["rejected"]
    assert "messages" in capsys.readouterr().out


def test_a_finding_ends_the_command_with_an_exit_status_and_a_file(
    brittle: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_here(_: Plan, __: Any, keep: Callable[[Finding], object]) -> dict[str, Tally]:
        for finding in brittle.findings:
            keep(finding)
        return {"brittle": brittle}

    monkeypatch.setattr(command, "run", run_here)
    assert command.main(["--findings", str(tmp_path)]) == 1
    assert {load_finding(path).data for path in tmp_path.iterdir()} == {b"\x07", b"\x08"}


@pytest.mark.parametrize(
    "options", [["--inputs", "0"], ["--seconds", "0"], ["--targets", "moon"], ["--replay", "/none"]]
)
def test_wrong_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(options)
    assert ended.value.code == 2
