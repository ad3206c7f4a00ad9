"""Losses, gains, rewards, stakes and medians of forecasts, as arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
from blockenergy.forecast.v1 import state_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.forecast.scoring import rules
from chain.forecast.scoring.rules import Entry, Result
from tests.support.properties import examples

values = st.one_of(st.integers(-50, 50), st.integers(1 - rules.VALUE_LIMIT, rules.VALUE_LIMIT - 1))
forecasts = st.lists(values, min_size=9, max_size=9).map(sorted)
losses = st.one_of(st.integers(0, 20), st.integers(0, 10**6))
entries = st.lists(st.tuples(st.booleans(), st.integers(1, 10**6), losses), max_size=8).map(
    lambda drawn: [Entry(number, *one) for number, one in enumerate(drawn, 1)]
)


@pytest.mark.parametrize(
    ("quantiles", "outcome", "loss"),
    [
        (range(900, 1101, 25), 1000, 1000),
        ([1000] * 9, 1000, 0),
        ([800] * 9, 1000, 9000),
        ([10] * 9, 0, 450),
        (range(100, 901, 100), 1000, 16_500),
    ],
)
def test_losses(quantiles: list[int], outcome: int, loss: int) -> None:
    assert rules.compute_loss(quantiles, outcome) == loss


@given(forecasts, values)
@examples(200)
def test_the_loss_is_ten_times_the_pinball_loss(quantiles: list[int], outcome: int) -> None:
    expected = sum(
        max(
            Fraction(place, 10) * (outcome - quantile),
            (1 - Fraction(place, 10)) * (quantile - outcome),
        )
        for place, quantile in enumerate(quantiles, 1)
    )
    assert rules.compute_loss(quantiles, outcome) == 10 * expected


@given(values, values)
@examples(100)
def test_copying_yesterday_earns_nothing(yesterday: int, outcome: int) -> None:
    loss = rules.compute_baseline_loss(yesterday, outcome)
    copy = Entry(1, True, 10**6, rules.compute_loss([yesterday] * 9, outcome))
    assert rules.reward([copy], loss, 10**6, 500) == [Result(0, 0, 0)]
    assert rules.compute_skill_permille(copy.loss, loss) == 0


@given(entries, losses, st.integers(0, 10**6), st.integers(0, 1000), st.randoms())
@examples(300)
def test_sums(
    drawn: list[Entry], baseline_loss: int, most: int, burn_permille: int, random: object
) -> None:
    """Rewards are at most what was ordered, a stake loses at most itself, and the sequence in which
    forecasts were revealed changes nothing.
    """
    results = rules.reward(drawn, baseline_loss, most, burn_permille)
    assert sum(result.reward for result in results) <= most
    best = max((result.gain for result in results), default=0)
    assert sum(result.reward for result in results) * baseline_loss <= most * best
    for entry, result in zip(drawn, results, strict=True):
        assert 0 <= result.burned <= entry.stake
        assert not (result.reward and result.burned)
        assert result.gain <= max(0, baseline_loss - entry.loss)
    shuffled = list(drawn)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = rules.reward(shuffled, baseline_loss, most, burn_permille)
    assert dict(zip(shuffled, again, strict=True)) == dict(zip(drawn, results, strict=True))


@given(entries, st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
@examples(300)
def test_whoever_repeats_an_open_forecast_earns_nothing(
    drawn: list[Entry], baseline_loss: int, most: int, stake: int
) -> None:
    opened = [entry for entry in drawn if entry.is_open]
    if not opened:
        return
    number = len(drawn) + 1
    for is_open in (False, True):
        copy = Entry(number, is_open, stake, opened[0].loss)
        alone = rules.reward(drawn, baseline_loss, most, 500)
        *others, copied = rules.reward([*drawn, copy], baseline_loss, most, 500)
        assert copied.gain == copied.reward == 0
        assert others == alone


@given(entries, st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**6), st.data())
@examples(300)
def test_a_second_account_with_the_same_forecast_gains_nothing(
    drawn: list[Entry], baseline_loss: int, most: int, stake: int, data: st.DataObject
) -> None:
    """Sealed, so that nobody else has it: one account with a stake earns no less than two with the
    two halves of it.
    """
    loss = data.draw(losses)
    first = data.draw(st.integers(0, stake))
    number = len(drawn) + 1
    one = Entry(number, False, stake, loss)
    two = [Entry(number, False, first, loss), Entry(number + 1, False, stake - first, loss)]
    whole = rules.reward([*drawn, one], baseline_loss, most, 500)[-1]
    halves = rules.reward([*drawn, *two], baseline_loss, most, 500)[-2:]
    assert sum(half.reward for half in halves) <= whole.reward
    assert 0 <= whole.burned - sum(half.burned for half in halves) <= 1


@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**4)), min_size=1, max_size=8),
    st.integers(-(10**4), 10**4),
    st.integers(0, 10**9),
)
@examples(300)
def test_guesses_on_both_sides_of_yesterday_gain_nothing(
    guesses: list[tuple[int, int]], outcome: int, most: int
) -> None:
    """Any number of accounts, with a guess and its opposite each, however large the reward: if the
    whole stake is at risk, they end with no more than the stakes that they began with.
    """
    sides = [(stake, side * guess) for stake, guess in guesses for side in (1, -1)]
    hedge = [
        Entry(number, False, stake, rules.compute_loss([guess] * 9, outcome))
        for number, (stake, guess) in enumerate(sides, 1)
    ]
    results = rules.reward(hedge, rules.compute_baseline_loss(0, outcome), most, 1000)
    earned = sum(result.reward - result.burned for result in results)
    assert earned <= len(hedge), "a millionth each, since burns are rounded down"


def test_a_forecast_earns_no_more_than_the_share_of_its_stake() -> None:
    perfect, half = Entry(1, False, 1_000, 0), Entry(2, False, 1_000, 50)
    assert rules.reward([perfect], 100, 10**6, 500)[0].reward == 1_000
    assert rules.reward([half], 100, 10**6, 500)[0].reward == 500
    assert rules.reward([perfect], 100, 600, 500)[0].reward == 600
    third = Entry(1, False, 1_000, 2)
    assert rules.reward([third], 3, 10**6, 500)[0].reward == 333, "rounded down"


def test_a_stake_shrinks_with_the_loss_beyond_the_baseline() -> None:
    """Half of it where the loss is twice that of the baseline, all of it from three times on."""
    burned = [rules.compute_burn(1_000, loss, 100, 500) for loss in (100, 150, 200, 300, 900)]
    assert burned == [0, 250, 500, 1_000, 1_000]
    assert rules.compute_burn(1_000, 5, 0, 500) == 0, "a baseline without a loss is no measure"


@given(losses, losses)
@examples(200)
def test_a_skill_is_between_its_bounds(loss: int, baseline_loss: int) -> None:
    skill = rules.compute_skill_permille(loss, baseline_loss)
    assert -1000 <= skill <= 1000
    assert not baseline_loss or (skill > 0) <= (loss < baseline_loss)


@given(st.lists(st.tuples(st.integers(1, 10**6), forecasts), min_size=1, max_size=7))
@examples(200)
def test_medians_do_not_fall_and_are_somebodys(drawn: list[tuple[int, list[int]]]) -> None:
    medians = rules.compute_medians(drawn)
    assert medians == sorted(medians)
    for place, median in enumerate(medians):
        said = {quantiles[place] for _, quantiles in drawn}
        total = sum(weight for weight, _ in drawn)
        below = sum(weight for weight, quantiles in drawn if quantiles[place] < median)
        up_to = sum(weight for weight, quantiles in drawn if quantiles[place] <= median)
        assert median in said
        assert 2 * below < total <= 2 * up_to


@given(forecasts, values, st.integers(0, 10_000))
@examples(100)
def test_what_is_frozen_is_within_its_bounds(
    quantiles: list[int], baseline: int, permille: int
) -> None:
    limited = rules.limit_deviation(quantiles, baseline, permille)
    assert limited == sorted(limited)
    assert all(abs(one - baseline) * 1000 <= abs(baseline) * permille for one in limited)


def test_a_hash_is_bound_to_everything() -> None:
    fields = ("street-1", bytes(20), 1, 5, [0] * 9, bytes(32))
    others = ("street-2", bytes(19) + b"\x01", 2, 6, [-1] + [0] * 8, bytes(31) + b"\x01")
    found = {rules.compute_hash(*fields)}
    for place, other in enumerate(others):
        changed = [*fields[:place], other, *fields[place + 1 :]]
        found.add(rules.compute_hash(*changed))  # type: ignore[arg-type]
    assert len(found) == len(others) + 1


def test_what_quantities_came_to() -> None:
    sums = {"import_wh": 700, "export_wh": 900, "cost": 2, "bought_wh": 3}
    found = [rules.compute_outcome(quantity, **sums) for quantity in (1, 2, 3, 4)]
    assert found == [-200, 700, 900, 666], "a price is rounded down"
    assert rules.compute_outcome(4, 0, 0, 0, 0) is None
    most = rules.VALUE_LIMIT - 1
    sums = {"import_wh": 0, "export_wh": 1 << 50, "cost": 1 << 50, "bought_wh": 1}
    found = [rules.compute_outcome(quantity, **sums) for quantity in (1, 3, 4)]
    assert found == [-most, most, most], "losses of a skill have 64 bits"


@pytest.mark.parametrize("quantity", state_pb2.Quantity.values()[1:])
def test_quantiles_are_within_what_a_quantity_can_be(quantity: int) -> None:
    most = rules.VALUE_LIMIT - 1
    least = -most if quantity == state_pb2.QUANTITY_NET_USE else 0
    between = [least] * 4 + [most] * 4
    for quantiles, is_good in (
        ([least, *between], True),
        ([*between, most], True),
        ([least - 1, *between], False),
        ([*between, most + 1], False),
        (between, False),
    ):
        assert rules.are_quantiles(quantity, quantiles) == is_good, quantiles


def test_baselines_are_a_day_and_a_week_before_and_outcomes_stay_a_day_longer() -> None:
    for duration_s, day in ((3_600, 24), (25_000, 3), (100_000, 1)):
        assert rules.list_baseline_slots(1_000, duration_s) == (1_000 - day, 1_000 - 7 * day)
        assert rules.compute_kept_slots(duration_s) == 8 * day
