"""CometBFT's own crash points: it exits at the n-th that it reaches.

They lie where a validator's two processes could come apart: after signing a vote, before and after
saving the block, marking the height in the log, executing the block, saving its results, committing
the application, and saving CometBFT's own state. Ten places in the code; a validator that is alone
comes to one of them twice in a block (after its prevote and its precommit), hence eleven numbers.
"""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from node_config.localnet.supervisor import NetworkError
from tests.chaos.support.processes import with_variable
from tests.chaos.support.rpc import wait_until
from tests.chaos.support.trial import DEADLINE_S, Trial, trial

pytestmark = pytest.mark.crash

POINTS, POINTS_AMONG_FOUR = range(11), 5
# A node that ends itself every few seconds may keep the bridge from it for longer than usual.
READING_DEADLINE_S = 60


def test_every_crash_point_of_a_validator_that_is_alone(
    tmp_path: Path, chance: random.Random
) -> None:
    """Nobody else has the block: what the disk holds must be enough."""
    with trial(tmp_path, chance, validators=1, reading_deadline_s=READING_DEADLINE_S) as run:
        for point in POINTS:
            crash(run, "node0", point)
            run.go_on()


def test_crash_points_among_four(tmp_path: Path, chance: random.Random) -> None:
    """The others go on meanwhile, and the node catches up with them."""
    with trial(tmp_path, chance) as run:
        names = [node.name for node in run.network.layout.nodes]
        for point in chance.sample(POINTS, POINTS_AMONG_FOUR):
            crash(run, chance.choice(names), point)
            run.go_on()


def crash(run: Trial, name: str, point: int) -> None:
    """Starts a node so that it ends itself, and waits until it has; it is then started again."""
    process = f"{name}-cometbft"
    log = run.network.layout.logs / f"{process}.log"
    said = f"*** fail-test {point} ***"
    before = log.read_text().count(said)
    run.faults.once[process] = with_variable("FAIL_TEST_INDEX", str(point))
    run.network.stop_unit(name)
    # It may end itself before it is up.
    with contextlib.suppress(NetworkError):
        run.network.start_unit(name, DEADLINE_S)
    wait_until(lambda: log.read_text().count(said) > before, DEADLINE_S, f"{name} at {said}")
