"""Two forecasters of the street's net use, and a prediction market on its evening peak.

One knows what its residents expect of the day, the other repeats yesterday. A third account orders
the forecasts and creates the market. All of them are clients like any other.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blockenergy.forecast.v1.state_pb2 import QUANTITY_NET_USE, Quantity
from blockenergy.forecast.v1.tx_pb2 import (
    MsgBuyShares,
    MsgCreateMarket,
    MsgOrderForecasts,
    MsgSubmitForecast,
)
from blockenergy.registry.v1.role_pb2 import ROLE_DISTRIBUTOR, ROLE_FORECASTER
from google.protobuf.message import Message

from client.account import Signer
from client.errors import ClientError
from client.node.rpc import Rpc
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.demo.day import Day
from node_config.demo.home.homes import HOURS, Home, derive_secret

TARGET_ID = MARKET_ID = 1
ORDERER, GOOD, COPYCAT = "orderer", "forecaster", "copycat"
EVENING_HOUR = 19
POCKET_MONEY = 30_000_000
REWARD_PER_SLOT, FUNDING = 50_000, 2_000_000
STAKE_PER_SLOT = 100_000
# The market's depth, and what each of the two believes in.
BETA, SHARES = 2_000_000, 2_000_000
LIMIT = 2_000_000
# Hours in which cars and boilers wait for the sun, and what share of the energy they take in each.
NOON = range(10, 15)
# From one quantile to the next, as a share of all that is used and produced.
SPREAD_PERMILLE = 25
# Yesterday was cloudier.
CLOUDY = (0.4, 0.8)
_START_AFTER_S = 1.0
_QUANTILES = 9


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the three know before the day begins."""

    keys: Mapping[str, AccountKey]
    # Net use per hour, as it came to yesterday, and as today's is expected.
    yesterday_wh: Sequence[int]
    expected_wh: Sequence[int]
    # Use and production per hour together.
    turnover_wh: Sequence[int]

    def get_quantiles(self, hour: int) -> list[int]:
        """The good forecaster's quantiles of an hour."""
        step = self.turnover_wh[hour] * SPREAD_PERMILLE // 1000
        middle = self.expected_wh[hour]
        return [middle + step * (place - _QUANTILES // 2) for place in range(_QUANTILES)]


def make_outlook(seed: int, homes: Sequence[Home]) -> Outlook:
    """What follows from the street."""
    dice = random.Random(f"{seed}/yesterday")  # noqa: S311 - a repeatable day, not a secret.
    load = [sum(sum(home.load_wh[hour]) for home in homes) for hour in range(HOURS)]
    pv = [sum(sum(home.pv_wh[hour]) for home in homes) for hour in range(HOURS)]
    flexible = sum(home.flexible.state_of_charge_wh for home in homes)
    at_noon = [flexible // len(NOON) if hour in NOON else 0 for hour in range(HOURS)]
    clouds = dice.uniform(*CLOUDY)
    return Outlook(
        keys={
            name: AccountKey(derive_secret(seed, name, "account"))
            for name in (ORDERER, GOOD, COPYCAT)
        },
        yesterday_wh=[
            round(load[hour] * dice.uniform(0.85, 1.15) - pv[hour] * clouds) + at_noon[hour]
            for hour in range(HOURS)
        ],
        expected_wh=[
            sum(home.early_forecast_wh[hour] for home in homes) + at_noon[hour]
            for hour in range(HOURS)
        ],
        turnover_wh=[load[hour] + pv[hour] for hour in range(HOURS)],
    )


def make_accounts(outlook: Outlook) -> list[GenesisAccount]:
    """The three accounts."""
    roles = {ORDERER: ROLE_DISTRIBUTOR}
    return [
        GenesisAccount(key.address, (roles.get(name, ROLE_FORECASTER),), POCKET_MONEY)
        for name, key in outlook.keys.items()
    ]


def make_history(outlook: Outlook, day: Day) -> dict[str, Any]:
    """The target with what it came to yesterday, as the genesis of the module `forecast`."""
    quantity = Quantity.Name(QUANTITY_NET_USE)
    target = {"quantity": quantity, "orderer": outlook.keys[ORDERER].address}
    before = range(day.first_slot - HOURS, day.first_slot)
    outcomes = [
        {"key": [str(slot), str(TARGET_ID)], "value": {"known": True, "value": str(value_wh)}}
        for slot, value_wh in zip(before, outlook.yesterday_wh, strict=True)
    ]
    first = {"key": str(TARGET_ID), "value": {"slot": str(day.first_slot - 1)}}
    return {
        "targets": [{"key": str(TARGET_ID), "value": target}],
        "last_target_id": str(TARGET_ID),
        "tallies": [first],
        "outcomes": outcomes,
    }


def get_market_slot(day: Day) -> int:
    """The evening peak; the last slot of a shorter day."""
    return min(day.first_slot + EVENING_HOUR, day.slots[-1])


def choose_bounds(outlook: Outlook, day: Day) -> list[int]:
    """Four ranges around what is expected and what came yesterday."""
    hour = day.get_hour(get_market_slot(day))
    low, high = sorted((outlook.expected_wh[hour], outlook.yesterday_wh[hour]))
    middle = (low + high) // 2
    width = max(500, (high - low) // 2, outlook.turnover_wh[hour] // 6)
    return [middle - width, middle, middle + width]


class Forecasters:
    """Sends what the three have to say before the gate of the first slot."""

    def __init__(self, outlook: Outlook, day: Day, chain_id: str, rpc_url: str) -> None:
        self._outlook = outlook
        self._day = day
        self._signers = {
            name: Signer(Rpc(rpc_url), key, chain_id=chain_id) for name, key in outlook.keys.items()
        }
        # Errors of rejected transactions.
        self.rejections: list[str] = []

    def run(self, stop: threading.Event) -> None:
        """Everything in its order; returns early when `stop` is set."""
        steps = [
            (ORDERER, self._make_orders()),
            (GOOD, self._make_statements(GOOD)),
            (COPYCAT, self._make_statements(COPYCAT)),
        ]
        stop.wait(_START_AFTER_S)
        for name, messages in steps:
            if stop.is_set():
                return
            try:
                outcome = self._signers[name].send(messages)
            except ClientError as error:
                self.rejections.append(f"{name}: {error.sentence}")
                return
            if outcome.code:
                self.rejections.append(f"{name}: {outcome.log}")

    def _make_orders(self) -> list[Message]:
        day, slot = self._day, get_market_slot(self._day)
        address = self._outlook.keys[ORDERER].address
        return [
            MsgOrderForecasts(
                orderer=address,
                quantity=QUANTITY_NET_USE,
                reward_per_slot=REWARD_PER_SLOT,
                funding=FUNDING,
            ),
            MsgCreateMarket(
                creator=address,
                target_id=TARGET_ID,
                slot=slot,
                bounds=choose_bounds(self._outlook, day),
                beta=BETA,
                closes_at_s=day.get_start_s(slot) - day.gate_closure_s,
            ),
        ]

    def _make_statements(self, name: str) -> list[Message]:
        """A forecast of the whole day, and a purchase of shares in what it says of the evening."""
        day, outlook = self._day, self._outlook
        hours = [day.get_hour(slot) for slot in day.slots]
        copied = name == COPYCAT
        quantiles = [
            [outlook.yesterday_wh[hour]] * _QUANTILES if copied else outlook.get_quantiles(hour)
            for hour in hours
        ]
        evening = quantiles[get_market_slot(day) - day.first_slot][_QUANTILES // 2]
        outcome = sum(evening >= bound for bound in choose_bounds(outlook, day))
        address = outlook.keys[name].address
        return [
            MsgSubmitForecast(
                forecaster=address,
                target_id=TARGET_ID,
                first_slot=day.first_slot,
                quantiles=[one for part in quantiles for one in part],
                stake_per_slot=STAKE_PER_SLOT,
            ),
            MsgBuyShares(
                trader=address,
                market_id=MARKET_ID,
                outcome=outcome,
                shares=SHARES,
                limit=LIMIT,
            ),
        ]
