"""A prediction market on a question, with traders and a reporter, and what they send."""

from __future__ import annotations

from typing import Any

from blockenergy.forecast.v1 import tx_pb2

from tests.support.rejections import rejections
from tests.support.streets import people
from tests.support.world import START_S, World

TOKEN = 1_000_000
MONEY = 50 * TOKEN
FUNDING = 5 * TOKEN
TRADERS = ("frida", "franz", "fred")
PEOPLE = {**dict.fromkeys(TRADERS, "ROLE_FORECASTER"), "reporter": "ROLE_REPORTER"}
CLOSES_S = START_S + 100
REPORT_S, DISPUTE_S, DECISION_S = 120, 60, 180


def make_market(**changes: Any) -> World:
    """A question with two outcomes, open for a hundred seconds."""
    entries: dict[str, Any] = {
        "bank.balances[issuer, ueur]": MONEY,
        "forecast.params": {"position_max": MONEY},
    }
    for name, role in PEOPLE.items():
        participant = {"roles": [role], "status": "STATUS_ACTIVE"}
        entries[f"registry.participants[{name}]"] = participant
        entries[f"bank.balances[{name}, ueur]"] = MONEY
    world = World(entries | changes)
    world.block(create(world))
    assert rejections(world) == [""]
    return world


def create(world: World, **changes: Any) -> bytes:
    fields: dict[str, Any] = {
        "creator": people.address_text("issuer"),
        "question": "Will it rain?",
        "names": ["yes", "no"],
        "reporter": people.address_text("reporter"),
        "beta": FUNDING,
        "closes_at_s": CLOSES_S,
    }
    return world.sign("issuer", tx_pb2.MsgCreateMarket(**fields | changes))


def buy(
    world: World, name: str, outcome: int, shares: int, limit: int = MONEY, market_id: int = 1
) -> bytes:
    message = tx_pb2.MsgBuyShares(
        trader=people.address_text(name),
        market_id=market_id,
        outcome=outcome,
        shares=shares,
        limit=limit,
    )
    return world.sign(name, message)


def sell(world: World, name: str, outcome: int, shares: int, limit: int = 0) -> bytes:
    message = tx_pb2.MsgSellShares(
        trader=people.address_text(name), market_id=1, outcome=outcome, shares=shares, limit=limit
    )
    return world.sign(name, message)


def report(world: World, name: str, outcome: int) -> bytes:
    message = tx_pb2.MsgReportOutcome(
        reporter=people.address_text(name), market_id=1, outcome=outcome
    )
    return world.sign(name, message)


def dispute(world: World, name: str, outcome: int) -> bytes:
    message = tx_pb2.MsgDisputeOutcome(
        disputer=people.address_text(name), market_id=1, outcome=outcome
    )
    return world.sign(name, message)


def earned(world: World) -> dict[str, int]:
    return {name: world.balance(name) - MONEY for name in (*TRADERS, "reporter", "issuer")}
