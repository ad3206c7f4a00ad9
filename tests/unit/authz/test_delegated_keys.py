"""A key that trades for an owner: what it can do at most, whatever it sends."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.authz.v1.state_pb2 import TradeAuthorization
from blockenergy.market.v1 import state_pb2
from blockenergy.market.v1.tx_pb2 import (
    MsgAmendLimitOrder,
    MsgBuy,
    MsgCancelLimitOrder,
    MsgPlaceLimitOrder,
    MsgSell,
)
from cosmos.authz.v1beta1.authz_pb2 import Grant
from cosmos.authz.v1beta1.tx_pb2 import MsgExec, MsgGrant, MsgRevoke
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chain import app, bank
from chain.authz.state import GRANTS
from chain.runtime.encoding import bech32
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.transactions import pack
from tests.support.world import FIRST_SLOT, World

BEN, EVA = people.address_text("ben"), people.address_text("eva")
MONEY_PER_DAY = 1_000_000
QUANTITY_PER_SLOT_WH = 5_000
_DAY_S = 86_400


def make_world(changes: dict[str, Any] | None = None, **limits: int) -> World:
    """Eva's program may trade for Ben."""
    world = World(changes)
    limits = {
        "money_per_day": MONEY_PER_DAY,
        "quantity_per_slot_wh": QUANTITY_PER_SLOT_WH,
    } | limits
    names = ["Buy", "CancelLimitOrder", "PlaceLimitOrder", "Sell"]
    messages = [f"/blockenergy.market.v1.Msg{name}" for name in names]
    authorization = TradeAuthorization(messages=messages, **limits)
    grant = Grant(
        authorization=pack(authorization),
        expiration=Timestamp(seconds=world.time_s + 10 * _DAY_S),
    )
    world.block(world.sign("ben", MsgGrant(granter=BEN, grantee=EVA, grant=grant)))
    assert world.results[-1].code == 0, world.results[-1].log
    return world


def execute(world: World, *messages: Message) -> str:
    """Eva's program sends messages of Ben's; returns what was wrong with them."""
    exec_ = MsgExec(grantee=EVA, msgs=[pack(message) for message in messages])
    world.block(world.sign("eva", exec_))
    return world.results[-1].log


def bid(slot: int, quantity_wh: int, limit: int) -> MsgPlaceLimitOrder:
    return MsgPlaceLimitOrder(
        owner=BEN,
        slot=slot,
        side=state_pb2.SIDE_BUY,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
    )


orders = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell", "bid", "take back"]),
        st.integers(1, 4),
        st.integers(1, 4_000),
        st.sampled_from([80_000, 150_000, 300_000]),
    ),
    min_size=1,
    max_size=12,
)


@examples(60)
@given(orders)
def test_a_key_never_passes_its_limits(sent: list[tuple[str, int, int, int]]) -> None:
    """Whatever it orders: the owner's balance falls by no more than the day's money, and no slot
    gets more than its energy; a program that goes wild takes nothing out.
    """
    world = make_world()
    before = bank.get_balance(world.state, bech32.decode(BEN), "ueur")
    eva_has = bank.get_balance(world.state, bech32.decode(EVA), "ueur")
    ordered: dict[int, int] = {}
    for number, (kind, ahead, quantity_wh, limit) in enumerate(sent):
        slot = FIRST_SLOT + ahead
        fields = {"slot": slot, "quantity_wh": quantity_wh, "price_limit_per_kwh": limit}
        message: Message
        if kind == "buy":
            message = MsgBuy(buyer=BEN, **fields)
        elif kind == "sell":
            message = MsgSell(seller=BEN, **fields)
        elif kind == "bid":
            message = bid(slot, quantity_wh, limit)
        else:
            message = MsgCancelLimitOrder(owner=BEN, slot=slot, order_id=number)
        if not execute(world, message) and kind != "take back":
            ordered[slot] = ordered.get(slot, 0) + quantity_wh
        balance = bank.get_balance(world.state, bech32.decode(BEN), "ueur")
        assert before - balance <= MONEY_PER_DAY
        assert max(ordered.values(), default=0) <= QUANTITY_PER_SLOT_WH
        assert bank.get_balance(world.state, bech32.decode(EVA), "ueur") == eva_has
    assert not app.check_invariants(world.store)


def test_a_program_that_cancels_and_orders_again_uses_up_its_money() -> None:
    """What comes back is not given back to the limit: it would be no limit."""
    world = make_world(quantity_per_slot_wh=1_000_000)
    for number in range(2):
        assert not execute(world, bid(FIRST_SLOT + 3, 2_000, 150_000))
        order_id = 1 + number
        taken_back = MsgCancelLimitOrder(owner=BEN, slot=FIRST_SLOT + 3, order_id=order_id)
        assert not execute(world, taken_back)
    assert "money that the owner allows" in execute(world, bid(FIRST_SLOT + 3, 2_000, 150_000))


def test_deposits_in_other_money_are_set_aside_as_well() -> None:
    """They come back with the orders, but until then the owner cannot spend them."""
    changes = {
        "auth.params": {"fee_denom": "fee"},
        "bank.denoms[fee]": {"issuer": "issuer", "symbol": "F"},
        "bank.params": {"deposit_per_entry": 600_000},
        "bank.balances[ben, fee]": 10_000_000,
    }
    world = make_world(changes)
    assert not execute(world, bid(FIRST_SLOT + 3, 1, 80_000))
    assert "money that the owner allows" in execute(world, bid(FIRST_SLOT + 3, 1, 80_000))


def test_a_right_that_was_taken_back_is_worth_nothing() -> None:
    world = make_world()
    url = f"/{TradeAuthorization.DESCRIPTOR.full_name}"
    revoke = MsgRevoke(granter=BEN, grantee=EVA, msg_type_url=url)
    world.block(world.sign("ben", revoke))
    assert "no right to this message" in execute(world, bid(FIRST_SLOT + 3, 1_000, 150_000))
    assert not list(GRANTS.items(world.state))


def test_a_right_ends_by_itself() -> None:
    world = make_world()
    world.run_until(world.time_s + 10 * _DAY_S, step_s=_DAY_S)
    slot = world.slot_ahead(2)
    assert "no right to this message" in execute(world, bid(slot, 1_000, 150_000))


@pytest.mark.parametrize(
    "message",
    [
        MsgSend(from_address=BEN, to_address=EVA),
        MsgGrant(granter=BEN, grantee=EVA),
        MsgRevoke(granter=BEN, grantee=EVA),
        MsgExec(grantee=BEN),
        # It would spend what the owner has set aside: more than the money of a day.
        MsgAmendLimitOrder(owner=BEN, slot=FIRST_SLOT + 3, order_id=1, quantity_wh=1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_moves_money_on_hold_or_rights_is_signed_by_the_owner(message: Message) -> None:
    assert "only be signed by the owner" in execute(make_world(), message)


def test_only_trading_can_be_delegated() -> None:
    """The list that a new message does not enter by accident."""
    names = sorted(url.rpartition(".")[2] for url, h in app.RULES.handlers.items() if h.delegable)
    assert names == [
        "MsgBuy", "MsgBuyOffer", "MsgCancelLimitOrder", "MsgCancelPosition",
        "MsgCancelStandingOrder", "MsgCharge", "MsgCommitForecast", "MsgDischarge",
        "MsgPlaceLimitOrder", "MsgRevealForecast", "MsgSell", "MsgSetOffer", "MsgShift",
        "MsgSubmitForecast",
    ]  # fmt: skip


def test_gas_is_that_of_the_messages_too() -> None:
    """Orders through a delegated key take at least what they take otherwise."""
    handlers = app.RULES.handlers
    order = bid(FIRST_SLOT, 1_000, 150_000)
    alone = handlers["/blockenergy.market.v1.MsgPlaceLimitOrder"].count_gas(order)
    exec_ = MsgExec(grantee=EVA, msgs=[pack(order)] * 3)
    assert handlers["/cosmos.authz.v1beta1.MsgExec"].count_gas(exec_) >= 3 * alone
