"""Weeks of homes on the market's rules, and a search for plans that pay, in short."""

from __future__ import annotations

import argparse
from pathlib import Path
from random import Random

import pytest

from bench import deviations, year
from chain.market.pool.purse_rules import Terms

GIVEN = Path(__file__).resolve().parents[4] / "shared" / "data" / "homes_fontana_2022"
DAYS = 40


def make_homes(count: int) -> tuple[list[list[int]], list[list[int]]]:
    """Made-up homes: use in the evening, sun at noon."""
    dice = Random(3)
    uses = [
        [dice.randint(200, 500) + 600 * (17 <= hour % 24 <= 21) for hour in range(24 * DAYS)]
        for _ in range(count)
    ]
    suns = [
        [max(0, 3_000 - 600 * abs(hour % 24 - 12)) * dice.randint(2, 10) // 10
         for hour in range(24 * DAYS)]
        for _ in range(count)
    ]  # fmt: skip
    return uses, suns


def make_terms(count: int) -> Terms:
    return Terms(year.LOW, year.HIGH, year.DEPTH_WH * count, (year.HIGH - year.LOW) // 40, 250)


def check(homes: tuple[list[list[int]], list[list[int]]], seed: int, surplus_share: int) -> None:
    """The seed is the most that is lost, all that there is to gain is accounted for, homes keep
    0.90 of it, and the price follows the load.
    """
    dice = Random(1)
    street = year.draw_street(*homes, 0, 0.6, year.ERRORS["street"], dice)
    count = len(street.net_wh)
    found = year.run_year(street, make_terms(count), seed * count, surplus_share)
    assert found.worst >= -seed * count
    together = found.gain + found.pool + found.surplus
    assert abs(together - found.possible) <= 4 * count * len(found.prices)
    assert year.correlate(found.prices, found.loads) > 0.3
    if surplus_share == 1_000:
        assert found.gain >= 0.9 * found.possible


@pytest.mark.parametrize(("seed", "surplus_share"), [(0, 1_000), (1_200_000, 1_000), (0, 0)])
def test_weeks_of_made_up_homes(seed: int, surplus_share: int) -> None:
    check(make_homes(8), seed, surplus_share)


@pytest.mark.skipif(not GIVEN.exists(), reason="the homes of ../shared are not here")
def test_weeks_of_given_homes() -> None:
    uses, suns = year.load_homes(GIVEN)
    hours = 24 * DAYS
    check(([use[:hours] for use in uses], [sun[:hours] for sun in suns]), 1_200_000, 1_000)


@pytest.mark.skipif(not GIVEN.exists(), reason="the homes of ../shared are not here")
def test_homes_that_forecast_badly_get_back_what_they_pay_for_it() -> None:
    """A full purse passes it on to the treasury: of a slot that is too shallow, most of it."""
    errors = year.ERRORS["single homes"]
    street = year.draw_street(*year.load_homes(GIVEN), 0, 1.0, errors, Random(1))
    count, seed = len(street.net_wh), 1_200_000
    found = year.run_year(street, make_terms(count), seed * count, 1_000)
    assert found.gain >= 0.9 * found.possible
    assert found.paid_out <= found.surplus // 100
    assert found.worst >= -seed * count


def test_without_the_homes_a_sentence_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert year.finish(lambda: dict(enumerate(year.load_homes(tmp_path))), None) == 1
    assert "there are no homes in" in capsys.readouterr().err


def test_no_plan_gains_and_none_costs_the_pool_more_than_its_funding() -> None:
    found = deviations.measure(argparse.Namespace(tries=150, seed=5))
    assert not any(kind["gain"] for kind in found.values())
    assert sum(kind["tries"] for kind in found.values()) == 150
