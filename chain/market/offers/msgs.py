"""Messages of sellers and buyers: setting an offer, and buying from it.

The seller locks collateral for what is available. A purchase is executed at the end of its block
(purchases.py).
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_PRODUCER, ROLE_PROSUMER

from chain import bank, metering, registry
from chain.market import credit, positions
from chain.market.grid import feeders
from chain.market.keeper import MarketError
from chain.market.offers import purchases
from chain.market.offers.keeper import announce, compute_collateral, end_offer, get_held
from chain.market.open_slot import (
    OpenSlot,
    require_headroom,
    require_open_slot,
    require_price_limit,
    require_quantity,
)
from chain.market.state import OFFERS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address

_SELLERS = frozenset({ROLE_PRODUCER, ROLE_PROSUMER})


def set_offer(ctx: Context, msg: tx_pb2.MsgSetOffer) -> tx_pb2.MsgSetOfferResponse:
    """Sets price and available energy of the signer's offer; 0 Wh available ends it."""
    slot = require_open_slot(ctx, msg.slot, ctx.block.time_s)
    offer = OFFERS.get(ctx, (msg.slot, ctx.signer))
    if msg.available_wh:
        credit.require_credit(ctx, ctx.signer)
        metering.require_speaking(ctx, ctx.signer)
        require_quantity(slot, msg.available_wh)
        require_price_limit(slot, msg.price_per_kwh)
        _put(ctx, msg, slot, offer)
    elif offer is None:
        raise ChainError(MarketError.OFFER_UNKNOWN)
    else:
        end_offer(ctx, msg.slot, ctx.signer, offer)
    return tx_pb2.MsgSetOfferResponse()


def buy_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> tx_pb2.MsgBuyOfferResponse:
    """Places a purchase from a seller's offer, which is executed at the end of the block."""
    credit.require_credit(ctx, ctx.signer)
    slot = require_open_slot(ctx, msg.slot, ctx.block.time_s)
    metering.require_speaking(ctx, ctx.signer)
    require_quantity(slot, msg.quantity_wh)
    require_price_limit(slot, msg.price_limit_per_kwh)
    require_headroom(slot, msg.quantity_wh)
    offer = _require_offer(ctx, msg)
    # What is left of an offer may be less than an order may have.
    if msg.quantity_wh != offer.available_wh:
        credit.require_minimum(slot, msg.quantity_wh)
    credit.require_within_connections(ctx, slot, ctx.signer, True, msg.quantity_wh)
    price = _require_price(ctx, msg, offer)
    order_id = purchases.place(ctx, slot, msg, price)
    return tx_pb2.MsgBuyOfferResponse(order_id=order_id)


def _put(
    ctx: Context, msg: tx_pb2.MsgSetOffer, slot: OpenSlot, offer: state_pb2.Offer | None
) -> None:
    """Records an offer with exactly its collateral on hold; rejects what the balance does not
    cover.
    """
    credit.require_minimum(slot, msg.available_wh)
    changed = state_pb2.Offer(
        price_per_kwh=msg.price_per_kwh,
        available_wh=msg.available_wh,
        set_at_height=ctx.block.height,
        feeder=positions.get_grid_node(ctx, msg.slot, ctx.signer),
        unbacked_wh=credit.require_within_connections(
            ctx, slot, ctx.signer, False, msg.available_wh, offer.available_wh if offer else 0
        ),
    )
    collateral = compute_collateral(slot.info, slot.params, changed)
    if offer is None:
        denom, deposit = slot.params.settlement_denom, bank.get_deposit(ctx)
        changed.hold_id = bank.reserve(ctx, ctx.signer, denom, collateral, deposit=deposit)
    else:
        changed.hold_id = offer.hold_id
        change = collateral - get_held(ctx, ctx.signer, offer)
        if change > 0:
            bank.extend(ctx, ctx.signer, offer.hold_id, change)
        elif change < 0:
            bank.release(ctx, ctx.signer, offer.hold_id, -change)
    OFFERS.set(ctx, (msg.slot, ctx.signer), changed)
    announce(ctx, msg.slot, ctx.signer, changed)


def _require_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> state_pb2.Offer:
    """The offer; rejects the buyer's own, one with less energy, and one of a seller that may not
    sell.
    """
    seller = decode_address(msg.seller)
    require(seller != ctx.signer, MarketError.OWN_OFFER)
    offer = OFFERS.get_shared(ctx, (msg.slot, seller))
    if offer is None:
        raise ChainError(MarketError.OFFER_UNKNOWN)
    try:
        registry.require_permission(ctx, seller, _SELLERS)
        credit.require_credit(ctx, seller)
        metering.require_speaking(ctx, seller)
    except ChainError as error:
        raise ChainError(error.error, "the seller") from None
    enough = msg.quantity_wh <= offer.available_wh
    require(enough, MarketError.OFFER_TOO_SMALL, f"{offer.available_wh} Wh are left")
    return offer


def _require_price(ctx: Context, msg: tx_pb2.MsgBuyOffer, offer: state_pb2.Offer) -> int:
    """The price with the grid fee; rejects one above the limit and what a feeder cannot carry."""
    node = positions.get_grid_node(ctx, msg.slot, ctx.signer)
    price = offer.price_per_kwh + feeders.get_fee_between(ctx, offer.feeder, node)
    in_limit = price <= msg.price_limit_per_kwh
    require(in_limit, MarketError.OFFER_TOO_DEAR, f"{price} millionths per kWh")
    for name, headroom_wh in feeders.get_headroom_between(ctx, msg.slot, offer.feeder, node):
        fits = msg.quantity_wh <= headroom_wh
        require(fits, MarketError.FEEDER_FULL, f"{name} has headroom for {headroom_wh} Wh")
    return price
