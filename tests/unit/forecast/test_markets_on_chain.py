"""Prediction markets on a chain: who gains by a market without an outcome, by halts, by changes in
the middle of one, and by being suspended.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blockenergy.forecast.v1 import state_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from chain import app
from chain.forecast import lmsr
from chain.forecast.state import HOLDINGS, MARKETS
from tests.support import parameters
from tests.support.rejections import rejections
from tests.support.streets import people
from tests.support.streets.prediction_market import (
    CLOSES_S,
    DISPUTE_S,
    FUNDING,
    MONEY,
    REPORT_S,
    TOKEN,
    TRADERS,
    buy,
    create,
    dispute,
    earned,
    make_market,
    report,
    sell,
)
from tests.support.world import START_S, World


def test_limits_and_the_largest_position_can_be_met_exactly() -> None:
    shares = 3 * TOKEN
    cost = lmsr.compute_cost([shares, 0], FUNDING) - FUNDING
    world = make_market(**{"forecast.params": {"position_max": cost}})
    for limit, answer in ((cost - 1, "BEYOND_LIMIT"), (cost, "")):
        world.block(buy(world, "frida", 0, shares, limit))
        assert rejections(world) == [answer]
    world.block(buy(world, "frida", 0, 2))
    assert rejections(world) == ["POSITION_TOO_LARGE"]
    world.block(buy(world, "frida", 0, (1 << 50) - shares + 1, 1 << 60))
    assert rejections(world) == ["SHARES_INVALID"]
    for limit, answer in ((cost + 1, "BEYOND_LIMIT"), (cost, "")):
        world.block(sell(world, "frida", 0, shares, limit))
        assert rejections(world) == [answer]
    assert set(earned(world).values()) == {0, -FUNDING}


def void(world: World) -> None:
    """Nobody answers."""
    world.block(at=CLOSES_S)
    world.block(at=CLOSES_S + 2 * REPORT_S)
    assert not list(MARKETS.items(world.state)) and not list(HOLDINGS.items(world.state))


def buy_before_the_close(world: World) -> None:
    """Frida would make her shares dear: at closing prices she had the whole funding."""
    world.block(buy(world, "frida", 0, 45 * TOKEN))


def sell_to_the_maker_what_a_friend_made_dear(world: World) -> None:
    world.block(buy(world, "frida", 0, 10 * TOKEN))
    world.block(buy(world, "fred", 0, 20 * TOKEN))
    world.block(sell(world, "frida", 0, 10 * TOKEN))


def take_the_side_that_somebody_made_cheap(world: World) -> None:
    world.block(buy(world, "franz", 0, 20 * TOKEN))
    world.block(buy(world, "frida", 1, 20 * TOKEN))


def trade_to_and_fro(world: World) -> None:
    for _ in range(2):
        sell_to_the_maker_what_a_friend_made_dear(world)
        world.block(buy(world, "frida", 1, 30 * TOKEN), buy(world, "franz", 0, TOKEN))
        world.block(sell(world, "fred", 0, 20 * TOKEN), sell(world, "frida", 1, 30 * TOKEN))


ATTACKS = (
    buy_before_the_close,
    sell_to_the_maker_what_a_friend_made_dear,
    take_the_side_that_somebody_made_cheap,
    trade_to_and_fro,
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nobody_gains_or_loses_by_a_market_without_an_outcome(
    attack: Callable[[World], None],
) -> None:
    world = make_market()
    attack(world)
    assert not any(rejections(world))
    void(world)
    assert set(earned(world).values()) == {0}


def test_profits_of_sales_are_paid_with_an_outcome() -> None:
    world = make_market()
    sell_to_the_maker_what_a_friend_made_dear(world)
    holding = HOLDINGS.get(world.state, (1, people.wallet("frida").address))
    assert holding is not None
    profit = holding.received - holding.paid
    assert profit > 0 and earned(world)["frida"] == 0, "it waits"
    world.block(at=CLOSES_S)
    world.block(report(world, "reporter", 1))
    world.block(at=CLOSES_S + DISPUTE_S)
    found = earned(world)
    assert found["frida"] == profit and found["reporter"] == 0
    # Fred's shares are worth nothing: all that he paid beyond that profit is the creator's.
    assert found["fred"] < 0 and found["issuer"] == -found["fred"] - profit


@pytest.mark.parametrize("is_void", [False, True])
def test_payment_in_pieces_goes_on_after_a_halt(is_void: bool) -> None:
    world = make_market(**{"forecast.params": {"steps_per_block_max": 1, "position_max": MONEY}})
    for name in TRADERS:
        world.block(buy(world, name, 0, 3 * TOKEN))
    spent = earned(world)
    world.block(at=CLOSES_S)
    if not is_void:
        world.block(report(world, "reporter", 0))
    world.block(at=CLOSES_S + 2 * REPORT_S)
    world.block()
    # One of three is paid; the chain halts for an hour, and starts from what it exported.
    assert len(list(HOLDINGS.items(world.state))) == 2
    world.block(at=world.time_s + 3_600)
    while list(MARKETS.items(world.state)):
        world.block()
    found = earned(world)
    if is_void:
        assert set(found.values()) == {0}
    else:
        assert all(found[name] == spent[name] + 3 * TOKEN for name in TRADERS)
        assert sum(found.values()) == 0


_Stop = type[registry_tx_pb2.MsgSuspendParticipant | registry_tx_pb2.MsgRemoveParticipant]


def stop(world: World, stopping: _Stop, name: str) -> bytes:
    message = stopping(
        registrar=people.address_text("registrar"), address=people.address_text(name)
    )
    return world.sign("registrar", message)


@pytest.mark.parametrize(
    "stopping", [registry_tx_pb2.MsgSuspendParticipant, registry_tx_pb2.MsgRemoveParticipant]
)
def test_who_is_suspended_or_removed_neither_trades_nor_reports_and_is_paid(
    stopping: _Stop,
) -> None:
    world = make_market()
    world.block(buy(world, "frida", 0, 3 * TOKEN), buy(world, "franz", 1, 3 * TOKEN))
    spent = earned(world)
    names = ("frida", "franz", "reporter", "issuer")
    world.block(*[stop(world, stopping, name) for name in names])
    assert rejections(world) == [""] * len(names)
    world.block(sell(world, "frida", 0, TOKEN), buy(world, "franz", 0, TOKEN))
    assert set(rejections(world)) == {"PARTICIPANT_NOT_ACTIVE"}
    world.block(at=CLOSES_S)
    world.block(report(world, "reporter", 1))
    assert set(rejections(world)) == {"PARTICIPANT_NOT_ACTIVE"}
    world.block(at=CLOSES_S + REPORT_S)
    world.block(report(world, "fred", 0))
    world.block(dispute(world, "franz", 1))
    assert set(rejections(world)) == {"PARTICIPANT_NOT_ACTIVE"}
    world.block(at=CLOSES_S + REPORT_S + DISPUTE_S)
    found = earned(world)
    assert found["frida"] == spent["frida"] + 3 * TOKEN and found["franz"] == spent["franz"]
    assert sum(found.values()) == 0


def test_a_genesis_from_the_middle_of_a_dispute_goes_on_as_the_chain_would() -> None:
    world = make_market()
    world.block(buy(world, "frida", 0, 3 * TOKEN), buy(world, "franz", 1, 3 * TOKEN))
    sell_to_the_maker_what_a_friend_made_dear(world)
    world.block(at=CLOSES_S)
    world.block(report(world, "reporter", 1))
    world.block(dispute(world, "fred", 0))
    other = World.from_document(app.export(world.store))
    other.time_s = world.time_s
    for each in (world, other):
        each.block(at=CLOSES_S + DISPUTE_S)
        assert not list(MARKETS.items(each.state))
    assert earned(other) == earned(world)
    assert earned(world)["reporter"] == -TOKEN


def test_fewer_rounds_or_a_longer_window_in_the_middle_change_no_promise() -> None:
    world = make_market()
    world.block(buy(world, "frida", 0, 3 * TOKEN))
    world.block(at=CLOSES_S)
    world.block(parameters.update(world, "forecast", report_window_s=3 * REPORT_S))
    world.block(report(world, "fred", 1))
    assert rejections(world) == ["NOT_REPORTER"], "it is still the reporter's turn"
    world.block(report(world, "reporter", 1))
    assert rejections(world) == [""]
    world.block(parameters.update(world, "forecast", dispute_rounds_max=1))
    world.block(dispute(world, "frida", 0))
    market = MARKETS.get(world.state, 1)
    assert market is not None and market.status == state_pb2.MARKET_STATUS_APPEALED


def test_how_deep_a_market_may_be() -> None:
    world = make_market()
    depths = (99_999, 100_000_001, 100_000_000, 100_000)
    world.block(*[create(world, beta=beta) for beta in depths])
    # 100 units are allowed, and more than the issuer has.
    assert rejections(world) == ["MARKET_INVALID", "MARKET_INVALID", "INSUFFICIENT_FUNDS", ""]


@pytest.mark.parametrize("field", ["question", "names", "reporter"])
def test_a_target_has_nothing_of_a_question(field: str) -> None:
    world = make_market()
    fields = {"question": "", "names": [], "reporter": "", "target_id": 1, "bounds": [0]}
    world.block(create(world, **{name: one for name, one in fields.items() if name != field}))
    assert rejections(world) == ["MARKET_INVALID"]


def test_a_question_closes_within_its_window() -> None:
    world = make_market()
    last_s = START_S + 86_400
    world.block(create(world, closes_at_s=last_s + 1), create(world, closes_at_s=last_s))
    assert rejections(world) == ["MARKET_INVALID", ""]


def test_what_comes_with_the_closing_time_or_a_deadline_is_too_late() -> None:
    world = make_market()
    world.block(buy(world, "frida", 0, TOKEN), at=CLOSES_S)
    assert rejections(world) == ["MARKET_CLOSED"]
    world.block(report(world, "reporter", 0))
    world.block(dispute(world, "frida", 1), at=CLOSES_S + DISPUTE_S)
    assert rejections(world) == ["NOT_WAITING"]
