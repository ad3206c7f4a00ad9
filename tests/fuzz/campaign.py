"""Runs many inputs through targets on several processes, within a limit of time.

The targets take turns. Each has its part of the time that is left; what one does not need is left
to those behind it.
"""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from tests.fuzz.runner import Finding, Tally, run_batch
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

PROGRESS_EVERY_S = 10.0
# Batches that wait for a process, so that none is idle.
QUEUED_PER_WORKER = 2

_opened: dict[str, Target] = {}


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    targets: Sequence[str]
    seed: int
    first: int
    inputs: int
    # For all targets together.
    seconds: float
    workers: int


def run(
    plan: Plan, say: Callable[[str], None], keep: Callable[[Finding], object]
) -> dict[str, Tally]:
    """Runs a plan; returns what became of each target's inputs. `say` is told of progress, `keep`
    is given each finding that is kept, as soon as it is known.
    """
    end_s = time.monotonic() + plan.seconds
    tallies = {}
    # Started anew rather than copied: gRPC does not survive a fork.
    context = multiprocessing.get_context("spawn")
    for place, name in enumerate(plan.targets):
        share_s = (end_s - time.monotonic()) / (len(plan.targets) - place)
        with ProcessPoolExecutor(plan.workers, mp_context=context) as pool:
            start_s = time.monotonic()
            tallies[name] = _run_target(pool, plan, name, start_s + share_s, say, keep)
            tallies[name].seconds = time.monotonic() - start_s
    return tallies


def _run_target(
    pool: ProcessPoolExecutor,
    plan: Plan,
    name: str,
    end_s: float,
    say: Callable[[str], None],
    keep: Callable[[Finding], object],
) -> Tally:
    tally = Tally()
    batch = TARGETS[name].batch  # type: ignore[attr-defined]
    rest = iter(range(plan.first, plan.first + plan.inputs, batch))
    running: dict[Future[Tally], int] = {}
    start_s = told_s = time.monotonic()
    while True:
        while len(running) < plan.workers * QUEUED_PER_WORKER and time.monotonic() < end_s:
            first = next(rest, None)
            if first is None:
                break
            count = min(batch, plan.first + plan.inputs - first)
            running[pool.submit(_work, name, plan.seed, first, count)] = first
        if not running:
            return tally
        for done in wait(running, return_when=FIRST_COMPLETED).done:
            known = len(tally.findings)
            tally.add(_result(done, name, plan.seed, running.pop(done), batch))
            for finding in tally.findings[known:]:
                keep(finding)
        if time.monotonic() >= told_s + PROGRESS_EVERY_S:
            told_s = time.monotonic()
            left_s = max(0, end_s - told_s)
            speed = tally.inputs / (told_s - start_s)
            say(
                f"{name}: {tally.inputs:,} of {plan.inputs:,} inputs, {speed:,.0f}/s, "
                f"{sum(tally.kinds.values())} findings, at most {left_s:,.0f} s more"
            )


def _result(done: Future[Tally], name: str, seed: int, first: int, batch: int) -> Tally:
    """The tally of a batch; a process that died is a finding about all of its inputs."""
    try:
        return done.result()
    except BrokenProcessPool as error:
        kind = "the process has died"
        problem = f"{kind} within {batch} inputs from number {first}: {error}"
        tally = Tally(kinds=Counter([kind]))
        tally.keep(Finding(name, seed, first, b"", kind, problem))
        return tally


def _work(name: str, seed: int, first: int, count: int) -> Tally:
    """One batch, in a process that keeps its targets."""
    if name not in _opened:
        _opened[name] = TARGETS[name]()
    return run_batch(_opened[name], seed, first, count)
