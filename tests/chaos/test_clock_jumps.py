"""Block times as only wrong clocks make them: equal, far apart, and far apart again and again.

CometBFT sees to it that no block is earlier than the one before; everything else may happen.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.support.applications import Applications

MINUTE_S, DAY_S, YEAR_S = 60, 86_400, 31_536_000
BLOCKS = 40


@pytest.fixture
def apps(tmp_path: Path) -> Iterator[Applications]:
    apps = Applications(tmp_path)
    yield apps
    apps.close()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([0], id="standing still"),
        pytest.param([MINUTE_S], id="a minute at a time"),
        pytest.param([0, 0, DAY_S], id="a day at once"),
        pytest.param([1, 10 * YEAR_S, 1, 1, 0], id="ten years at once"),
        pytest.param([0, 1, 7, MINUTE_S, DAY_S, YEAR_S], id="anything"),
    ],
)
def test_no_step_of_time_breaks_anything(
    apps: Applications, chance: random.Random, steps: list[int]
) -> None:
    """Both applications agree, every invariant holds, and payments go through, at any time."""
    for number in range(BLOCKS):
        step = chance.choice(steps) if len(steps) > 5 else steps[number % len(steps)]
        results = apps.execute(apps.make_payments(1), step).tx_results
        assert not any(result.code for result in results)
