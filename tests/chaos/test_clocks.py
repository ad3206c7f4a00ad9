"""Validators whose clocks are wrong, or jump; block time follows the clocks of the majority."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.chaos.support.clocks import Clock
from tests.chaos.support.observed.figures import note
from tests.chaos.support.processes import Faults
from tests.chaos.support.rpc import connect, get_heights
from tests.chaos.support.trial import VALIDATORS, Trial, trial

pytestmark = pytest.mark.crash

MINUTE_S, HOUR_S = 60, 3_600
OFFSETS_S = [-HOUR_S, HOUR_S, -5, 5, 0]
JUMPS = 4
# The small differences that the clocks of a network always have.
DRIFTS_S = [-2, -1, 1, 2]


def test_one_clock_that_is_wrong_and_jumps(tmp_path: Path, chance: random.Random) -> None:
    """Of four clocks that are a little apart, one: block time stays between the others."""
    clocks, faults = make_clocks(tmp_path)
    for clock, drift_s in zip(clocks.values(), chance.sample(DRIFTS_S, VALIDATORS), strict=True):
        clock.set(drift_s)
    with trial(tmp_path, chance, faults=faults) as run:
        wrong = chance.choice(list(clocks))
        for offset_s in [*OFFSETS_S, *(chance.randint(-HOUR_S, HOUR_S) for _ in range(JUMPS))]:
            clocks[wrong].set(offset_s)
            run.go_on()
        require_right_times(run)
        note(f"the clock of {wrong} set {len(OFFSETS_S) + JUMPS} times by up to an hour")
        run.resume(lambda: clocks[wrong].set(0), "a clock that was wrong")


def make_clocks(folder: Path) -> tuple[dict[str, Clock], Faults]:
    """A clock for each validator."""
    faults, clocks = Faults(), {}
    for number in range(VALIDATORS):
        name = f"node{number}"
        clocks[name] = Clock(folder / f"{name}.clock")
        faults.always[f"{name}-cometbft"] = clocks[name].give()
    return clocks, faults


def require_right_times(run: Trial) -> None:
    """No block lies before the one before it, nor far from what the right clocks showed."""
    height = min(get_heights(run.network).values())
    with connect(run.network.rpc_urls[0]) as rpc:
        times_s = [rpc.block(at).time_ns / 1e9 for at in range(1, height + 1)]
    assert times_s == sorted(times_s)
    # The first block has the time of the genesis document.
    assert times_s[-1] - times_s[0] < MINUTE_S * 5
    assert abs(times_s[-1] - time.time()) < MINUTE_S
