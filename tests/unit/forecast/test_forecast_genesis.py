"""What a genesis document may not say of forecasts and prediction markets."""

from __future__ import annotations

from typing import Any

import pytest

from chain.runtime.state.collections import GenesisError
from tests.support.world import FIRST_SLOT, START_S, World

TARGET: dict[str, Any] = {
    "forecast.targets[1]": {"quantity": "QUANTITY_NET_USE", "orderer": "distributor"},
    "forecast.tallies[1]": {"slot": FIRST_SLOT},
    "forecast.last_target_id": 1,
}
MARKET = {
    "creator": "distributor", "status": "MARKET_STATUS_OPEN", "question": "Will it rain?",
    "names": ["yes", "no"], "reporter": "auditor", "beta": 1_000_000, "shares": [0, 0],
    "closes_at_s": START_S + 60, "deadline_s": START_S + 60, "funding": 1_000_000,
    "money": 1_000_000,
}  # fmt: skip
GOOD: dict[str, Any] = {
    **TARGET,
    "forecast.markets[1]": MARKET,
    "forecast.last_market_id": 1,
    "forecast.market_count": 1,
    "bank.balances[forecasts, ueur]": 1_000_000,
}
QUANTILES = [1, 2, 3, 4, 5, 6, 7, 8, 9]


def change(path: str, **fields: Any) -> dict[str, Any]:
    return {path: {**GOOD.get(path, {}), **fields}}


def test_a_good_document_is_accepted() -> None:
    World(GOOD).block()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (change("forecast.params", skill_slots=0), "skill_slots: 1 to 1000"),
        (change("forecast.params", burn_permille=1001), "burn_permille: 0 to 1000"),
        (change("forecast.params", stake_min=5, stake_max=4), "below stake_min"),
        (change("forecast.targets[1]", quantity=""), "quantity"),
        (change("forecast.targets[1]", feeder="east"), "quantity or feeder"),
        ({"forecast.last_target_id": 0}, "beyond last_target_id"),
        ({"forecast.tallies[1]": None}, "tallied"),
        ({"bank.balances[forecasts, ueur]": 999_999}, "has 999999, it owes 1000000"),
        (change("forecast.markets[1]", shares=[1, 0]), "has sold"),
        (change("forecast.markets[1]", shares=[0]), "shares are not valid"),
        (change("forecast.markets[1]", beta=5), "beta is out of range"),
        (change("forecast.markets[1]", outcome=2), "outcome or status"),
        (change("forecast.markets[1]", deadline_s=0), "deadline does not fit"),
        (change("forecast.markets[1]", deadline_s=START_S), "beyond its closing time"),
        (change("forecast.markets[1]", status="MARKET_STATUS_REPORTED"), "bonds do not fit"),
        (change("forecast.markets[1]", status="MARKET_STATUS_CLOSED"), "turn of its reporter"),
        (change("forecast.markets[1]", names=["yes", "yes"]), "different names"),
        (change("forecast.markets[1]", target_id=7, bounds=[1]), "question, names or reporter"),
        ({"forecast.market_count": 2}, "2 markets are counted of 1"),
        ({"forecast.last_market_id": 0}, "beyond last_market_id"),
        ({"forecast.holdings[1, anna]": {"shares": [0]}}, "shares do not fit"),
        ({"forecast.holdings[2, anna]": {"shares": [0, 0]}}, "shares do not fit"),
        (
            {"forecast.forecasts[30000005 & 1, anna]": {"quantiles": QUANTILES, "number": 1}},
            "beyond its target",
        ),
        ({"forecast.outcomes[29999999, 1]": {"value": 1 << 46}}, "not valid"),
        ({"forecast.frozen[29999999, 1]": {"quantiles": [1]}}, "nine quantiles"),
        ({"forecast.skills[1, anna]": {"slots": 1}}, "not its sum"),
        ({"forecast.models[anna, 1]": {"name": "no name"}}, "1 to 64 lower case"),
    ],
)
def test_others_are_rejected_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises((GenesisError, ValueError), match=sentence):
        World({**GOOD, **changes}, base=None) if None not in changes.values() else World(
            {path: value for path, value in {**GOOD, **changes}.items() if value is not None}
        )
