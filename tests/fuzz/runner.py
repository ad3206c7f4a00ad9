"""Runs inputs through a target, and keeps what went wrong in files from which it goes wrong again.

Input n of a seed is always the same, whichever process runs it and in whatever order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from tests.fuzz.target import Target

# No input has a reason to compute for so long; one that does would hold up a node. It is the time
# of the processor, so that a process that was suspended for a while has found nothing.
COMPUTING_MAX_S = 20.0
# Nor to wait for so long.
WAITING_MAX_S = 900.0
FINDINGS_PER_KIND_MAX = 3
_TRACE_LINES_MAX, _LINE_CHARACTERS_MAX = 60, 300


class InputTookTooLongError(Exception):
    """An input was not judged in time."""


@dataclass(frozen=True)
class Finding:
    """An input that broke a promise, and how."""

    target: str
    seed: int
    # -1 for what was found when a batch had ended.
    number: int
    data: bytes
    # Where and what: findings of one kind have probably one cause.
    kind: str
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """For a file; bytes are in base64."""
        return {**asdict(self), "data": base64.b64encode(self.data).decode()}

    def name_file(self, folder: Path) -> Path:
        """Where `save` writes it."""
        digest = hashlib.sha256(self.data).hexdigest()[:12]
        return folder / f"{self.target}-{self.seed}-{self.number}-{digest}.json"

    def save(self, folder: Path) -> Path:
        """Writes the file that `--replay` reads."""
        folder.mkdir(parents=True, exist_ok=True)
        path = self.name_file(folder)
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n")
        return path


def load_finding(path: Path) -> Finding:
    """The finding in a file."""
    content = json.loads(path.read_text())
    return Finding(**{**content, "data": base64.b64decode(content["data"])})


@dataclass
class Tally:
    """What became of a number of inputs."""

    inputs: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    # Every finding by its kind, those that are not kept as well.
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Takes in the tally of other inputs of the same target."""
        self.inputs += other.inputs
        self.seconds += other.seconds
        self.outcomes += other.outcomes
        self.kinds += other.kinds
        for finding in other.findings:
            self.keep(finding)

    def keep(self, finding: Finding) -> None:
        """Keeps a finding unless there are enough of its kind."""
        if sum(known.kind == finding.kind for known in self.findings) < FINDINGS_PER_KIND_MAX:
            self.findings.append(finding)


def run_batch(target: Target, seed: int, first: int, count: int) -> Tally:
    """Runs inputs `first` to `first + count - 1`, from a state of their own."""
    tally = Tally()
    random = Random()
    start_s = time.perf_counter()
    target.begin()
    with interrupting():
        for number in range(first, first + count):
            seed_generator(random, seed, target.name, number)
            judge(target, target.make(random), seed, number, tally)
        judge_end(target, seed, tally)
    tally.inputs = count
    tally.seconds = time.perf_counter() - start_s
    return tally


def seed_generator(random: Random, seed: int, target: str, number: int) -> None:
    """Puts the generator to where an input begins."""
    digest = hashlib.blake2b(f"{seed}/{target}/{number}".encode(), digest_size=8).digest()
    random.seed(int.from_bytes(digest, "big"))


def judge(target: Target, data: bytes, seed: int, number: int, tally: Tally) -> None:
    """Lets the target judge one input, and notes what came of it."""
    _set_timers(COMPUTING_MAX_S, WAITING_MAX_S)
    try:
        tally.outcomes[target.check(data)] += 1
    except Exception as error:  # noqa: BLE001, every exception is what is looked for
        _note(tally, target, seed, number, data, error)
    finally:
        _set_timers(0, 0)


def judge_end(target: Target, seed: int, tally: Tally) -> None:
    """Lets the target judge what its inputs have left behind."""
    try:
        target.end()
    except Exception as error:  # noqa: BLE001, every exception is what is looked for
        _note(tally, target, seed, -1, b"", error)


@contextmanager
def interrupting() -> Iterator[None]:
    """Has an input that takes too long end with an exception."""

    def stop(_: int, __: FrameType | None) -> None:
        raise InputTookTooLongError("the input was not judged in time")

    before = {number: signal.signal(number, stop) for number in (signal.SIGALRM, signal.SIGPROF)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _set_timers(computing_s: float, waiting_s: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, computing_s)
    signal.setitimer(signal.ITIMER_REAL, waiting_s)


def _note(
    tally: Tally, target: Target, seed: int, number: int, data: bytes, error: Exception
) -> None:
    kind = _describe_kind(error)
    lines = "".join(traceback.format_exception(error)).splitlines()
    problem = "\n".join(line[:_LINE_CHARACTERS_MAX] for line in lines[-_TRACE_LINES_MAX:])
    tally.outcomes["found"] += 1
    tally.kinds[kind] += 1
    tally.keep(Finding(target.name, seed, number, data, kind, problem))


def _describe_kind(error: BaseException) -> str:
    """The exception's type and the line that raised it; for a violation, its first words too."""
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    frames = traceback.extract_tb(cause.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    words = re.sub(r"\d+", "#", " ".join(str(cause)[:500].split()[:6]))[:70]
    return f"{type(cause).__name__} at {where}: {words}"
