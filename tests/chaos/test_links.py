"""Validators that cannot reach each other, or only slowly; by relays, as any user."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.support.connections.links import Links, make_links
from tests.chaos.support.rpc import let_pass
from tests.chaos.support.trial import Trial, require_standstill, trial

pytestmark = pytest.mark.crash

PARTITION_S = 8.0
DELAY_S, JITTER_S, DELAYED_BLOCKS = 0.15, 0.1, 8
RESETS, RESET_PAUSE_MAX_S = 12, 1.0


@pytest.fixture
def links(chance: random.Random) -> Iterator[Links]:
    with make_links(chance) as links:
        yield links


def test_two_halves(tmp_path: Path, chance: random.Random, links: Links) -> None:
    """Neither half makes a block, whether connections stay with nothing on them or are reset.

    CometBFT tries to connect again every 5 to 8 s.
    """
    with trial(tmp_path, chance, prepare=links.prepare) as run:
        links.silence(*split(run, chance, 2))
        require_standstill(run, PARTITION_S)
        run.resume(links.heal, f"two halves, silent for {PARTITION_S:g} s")
        run.work()
        links.cut(*split(run, chance, 2))
        require_standstill(run, PARTITION_S)
        run.resume(links.heal, f"two halves, cut off for {PARTITION_S:g} s")


def test_one_alone_and_slow_lines_and_lost_connections(
    tmp_path: Path, chance: random.Random, links: Links
) -> None:
    """Three go on without the fourth, and all go on over lines that are slow or break off."""
    with trial(tmp_path, chance, prepare=links.prepare) as run:
        alone, others = split(run, chance, 1)
        links.silence(alone, others)
        run.go_on(nodes=others)
        let_pass(PARTITION_S)
        run.resume(links.heal, f"one of four alone for {PARTITION_S:g} s")
        links.delay(DELAY_S, JITTER_S)
        run.go_on(DELAYED_BLOCKS)
        run.work()
        run.resume(links.heal, f"all lines with a delay of {DELAY_S:g} s")
        for _ in range(RESETS):
            links.reset(*chance.sample([*alone, *others], 2))
            let_pass(chance.uniform(0.0, RESET_PAUSE_MAX_S))
        run.resume(links.heal, f"{RESETS} connections lost")


def split(run: Trial, chance: random.Random, size: int) -> tuple[list[str], list[str]]:
    """A number of nodes, and the others."""
    names = [node.name for node in run.network.layout.nodes]
    chance.shuffle(names)
    return names[:size], names[size:]
