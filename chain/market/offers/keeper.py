"""Offers and their holds, as messages and gate closure use them."""

from __future__ import annotations

from itertools import islice

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank
from chain.market import rules
from chain.market.keeper import get_curve
from chain.market.state import OFFERS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32


def end_offers(ctx: Context, slot: int, limit: int) -> int:
    """Ends the offers of a slot, up to a limit, and voids their holds; returns how many."""
    ended = list(islice(OFFERS.under(slot).items(ctx), limit))
    for seller, offer in ended:
        end_offer(ctx, slot, seller, offer)
    return len(ended)


def end_offer(ctx: Context, slot: int, seller: bytes, offer: state_pb2.Offer) -> None:
    """Removes an offer, voids its hold, and announces it."""
    bank.void(ctx, seller, offer.hold_id)
    OFFERS.delete(ctx, (slot, seller))
    offer.available_wh = 0
    announce(ctx, slot, seller, offer)


def get_held(ctx: Context, seller: bytes, offer: state_pb2.Offer) -> int:
    """What is on hold for an offer."""
    hold = bank.get_hold(ctx, seller, offer.hold_id)
    assert hold is not None, "an offer has lost its hold"
    return hold.amount


def compute_collateral(
    info: state_pb2.Slot, params: state_pb2.Params, offer: state_pb2.Offer
) -> int:
    """The collateral for selling what is available at its price; at least the minimum."""
    collateral = rules.compute_sell_collateral(
        offer.available_wh,
        offer.price_per_kwh,
        get_curve(info),
        params.imbalance_collateral_permille,
        offer.unbacked_wh,
    )
    return max(collateral, params.order_collateral_min)


def announce(ctx: Context, slot: int, seller: bytes, offer: state_pb2.Offer) -> None:
    """Announces what an offer is now."""
    ctx.emit(
        events_pb2.EventOfferSet(
            slot=slot,
            seller=bech32.encode(seller),
            price_per_kwh=offer.price_per_kwh,
            available_wh=offer.available_wh,
        )
    )
