"""Validators on machines of their own, between which packets are lost, late, or out of order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.support.connections.lan import Lan, make_lan
from tests.chaos.support.connections.switch import Weather
from tests.chaos.support.observed.figures import note
from tests.chaos.support.rpc import let_pass
from tests.chaos.support.trial import VALIDATORS, require_standstill, trial

pytestmark = pytest.mark.crash

NAMES = [f"node{number}" for number in range(VALIDATORS)]
# Long enough for TCP to try again only every 13 s, and for CometBFT to give connections up.
HALVES_S, ALONE_S = 25.0, 12.0
# Readings of a slot that ended meanwhile shall not come too late.
READING_DEADLINE_S = 40
BLOCKS = 6
WEATHERS = {
    "2 % of the packets lost": Weather(loss=0.02),
    "delays of 50 to 150 ms": Weather(delay_s=0.05, jitter_s=0.1),
    "a quarter overtakes the others by up to 30 ms": Weather(
        delay_s=0.01, jitter_s=0.02, reorder=0.25
    ),
    "all of it": Weather(loss=0.01, delay_s=0.03, jitter_s=0.05, reorder=0.1),
}


@pytest.fixture
def lan(chance: random.Random) -> Iterator[Lan]:
    with make_lan(NAMES, chance) as lan:
        yield lan


def test_loss_delay_and_reordering(tmp_path: Path, chance: random.Random, lan: Lan) -> None:
    with trial(tmp_path, chance, faults=lan.faults, prepare=lan.prepare) as run:
        switch = lan.switch
        for what, weather in WEATHERS.items():
            switch.weather = weather
            before = switch.passed, switch.lost, switch.overtaken
            run.go_on(BLOCKS)
            run.work()
            passed, lost, overtaken = (
                after - first
                for after, first in zip(
                    (switch.passed, switch.lost, switch.overtaken), before, strict=True
                )
            )
            run.resume(switch.heal, what)
            note(f"    {passed} packets passed, {lost} lost, {overtaken} out of order")
            assert passed
            assert lost or not weather.loss
            assert overtaken or not weather.reorder


def test_partitions_between_machines(tmp_path: Path, chance: random.Random, lan: Lan) -> None:
    """Two halves for long, then a node without a line to two others, then one all alone.

    No connection is told of it: packets are lost without a word, as when a cable is pulled.
    """
    with trial(
        tmp_path,
        chance,
        faults=lan.faults,
        prepare=lan.prepare,
        reading_deadline_s=READING_DEADLINE_S,
    ) as run:
        names = chance.sample(NAMES, VALIDATORS)
        lan.switch.sever(names[:2], names[2:])
        require_standstill(run, HALVES_S)
        run.resume(lan.switch.heal, f"two halves for {HALVES_S:g} s")
        lan.switch.sever(names[:1], names[1:3])
        run.go_on()
        run.resume(lan.switch.heal, "a node that reaches only one other")
        lan.switch.sever(names[:1], names[1:])
        run.go_on(nodes=names[1:])
        let_pass(ALONE_S)
        run.resume(lan.switch.heal, f"one of four alone for {ALONE_S:g} s")
