"""Invariants of offers."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market.keeper import get_collateral_hold
from chain.market.state import OFFER_PURCHASES, OFFERS, SLOTS
from chain.runtime.state.collections import HasStore


def offers_secured(state: HasStore) -> list[str]:
    """Every offer has energy left, a hold, and a slot that is not closed yet."""
    problems = []
    not_closed = (state_pb2.SLOT_STATUS_OPEN, state_pb2.SLOT_STATUS_CLEARING)
    for (slot, owner), offer in OFFERS.items(state):
        info = SLOTS.get(state, slot)
        if info is None or info.status not in not_closed or not offer.available_wh:
            problems.append(f"slot {slot}: an offer is left")
        if get_collateral_hold(state, owner, offer.hold_id) is None:
            problems.append(f"slot {slot}: hold {offer.hold_id} does not secure its offer")
    return problems


def no_purchases_left(state: HasStore) -> list[str]:
    """Between blocks there are no purchases from offers: each was executed or has lapsed."""
    return [f"purchase {order_id} is left" for (_, order_id), _ in OFFER_PURCHASES.items(state)]
