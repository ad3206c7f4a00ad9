"""What the rules tell consensus about validators, followed by CometBFT's own code."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from validator_world import make_key, update_set

from chain.runtime.consensus import ValidatorUpdate
from chain.validators import compute_address, plan_step
from tests.support.running.go_tests import run_tests

pytestmark = pytest.mark.slow

HISTORIES, BLOCKS = 200, 60
KEYS = {compute_address(key): key for key in map(make_key, range(1, 25))}


def describe(powers: Iterable[tuple[bytes, int]]) -> list[dict[str, Any]]:
    return [{"Key": base64.b64encode(key).decode(), "Power": power} for key, power in powers]


def make_history(random: Random) -> dict[str, Any]:
    """Random targets and expulsions, and the steps to them."""
    addresses = sorted(KEYS)
    draw = [1, 2, 10, 1000, 10**6, 1 << 50]
    powers = {
        address: random.choice(draw) for address in random.sample(addresses, random.randint(1, 6))
    }
    targets = dict(powers)
    expelled: frozenset[str] = frozenset()
    consensus = {KEYS[address]: power for address, power in powers.items()}
    history: dict[str, Any] = {"First": describe(consensus.items()), "Updates": [], "Sets": []}
    for _ in range(BLOCKS):
        for address in random.sample(addresses, 2):
            if address not in expelled and random.random() < 0.3:
                targets[address] = random.choice([0, *draw])
        if random.random() < 0.1:
            expelled |= {random.choice(addresses)}
        step = plan_step(powers, targets, expelled)
        updates = [ValidatorUpdate(KEYS[address], power) for address, power in step.items()]
        update_set(consensus, updates)
        powers = {address: power for address, power in {**powers, **step}.items() if power}
        if updates:
            history["Updates"].append(describe((one.pub_key, one.power) for one in updates))
            history["Sets"].append(describe(consensus.items()))
    return history


def test_cometbft_takes_every_update_and_has_the_same_set(tmp_path: Path) -> None:
    histories = [make_history(Random(seed)) for seed in range(HISTORIES)]
    assert sum(len(history["Updates"]) for history in histories) > HISTORIES
    path = tmp_path / "histories.json"
    path.write_text(json.dumps(histories))
    run_tests("TestUpdatesOfTheRules", VALIDATOR_HISTORIES=str(path))
