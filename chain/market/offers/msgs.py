"""Messages of sellers and buyers: setting an offer, and buying from it directly.

The seller locks collateral for what is available; with every sale the part of it that belongs to
what was sold becomes the collateral of the seller's position. The energy pays the grid fees of the
feeders between the two, not those of the feeders above both.
"""

from __future__ import annotations

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_PRODUCER, ROLE_PROSUMER

from chain import bank, registry
from chain.market import positions, rules
from chain.market.grid import feeders
from chain.market.keeper import MarketError
from chain.market.offers.keeper import announce, compute_collateral, end_offer, get_held
from chain.market.open_slot import (
    OpenSlot,
    require_headroom,
    require_open_slot,
    require_price_limit,
    require_quantity,
)
from chain.market.state import OFFERS, SLOTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address

_SELLERS = frozenset({ROLE_PRODUCER, ROLE_PROSUMER})


def set_offer(ctx: Context, msg: tx_pb2.MsgSetOffer) -> tx_pb2.MsgSetOfferResponse:
    """Sets price and available energy of the signer's offer; 0 Wh available ends it."""
    slot = require_open_slot(ctx, msg.slot, ctx.block.time_s)
    offer = OFFERS.get(ctx, (msg.slot, ctx.signer))
    if msg.available_wh:
        require_quantity(slot, msg.available_wh)
        require_price_limit(slot, msg.price_per_kwh)
        _put(ctx, msg, slot, offer)
    elif offer is None:
        raise ChainError(MarketError.OFFER_UNKNOWN)
    else:
        end_offer(ctx, msg.slot, ctx.signer, offer)
    return tx_pb2.MsgSetOfferResponse()


def buy_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> tx_pb2.MsgBuyOfferResponse:
    """Buys from a seller's offer at once, at its current price."""
    slot = require_open_slot(ctx, msg.slot, ctx.block.time_s)
    require_quantity(slot, msg.quantity_wh)
    require_price_limit(slot, msg.price_limit_per_kwh)
    require_headroom(slot, msg.quantity_wh)
    seller, offer = _require_offer(ctx, msg)
    purchase = _prepare_purchase(ctx, msg, slot, offer)
    # Rejects what the balance does not cover; the seller's side needs no new money.
    positions.lock_collateral(ctx, msg.slot, ctx.signer, purchase.amount + purchase.collateral)
    positions.book_trade(ctx, msg.slot, slot.info, ctx.signer, purchase)
    _sell(ctx, msg, slot, seller, offer)
    ctx.emit(
        events_pb2.EventOfferBought(
            slot=msg.slot,
            seller=msg.seller,
            buyer=msg.buyer,
            quantity_wh=msg.quantity_wh,
            amount=purchase.amount,
            grid_fee=purchase.grid_fee,
        )
    )
    for owner in (ctx.signer, seller):
        positions.close_both_sides(ctx, msg.slot, slot.info, owner)
    SLOTS.set(ctx, msg.slot, slot.info)
    return tx_pb2.MsgBuyOfferResponse(amount=purchase.amount, grid_fee=purchase.grid_fee)


def _put(
    ctx: Context, msg: tx_pb2.MsgSetOffer, slot: OpenSlot, offer: state_pb2.Offer | None
) -> None:
    """Records an offer with exactly its collateral on hold; rejects what the balance does not
    cover.
    """
    collateral = compute_collateral(slot.info, slot.params, msg.price_per_kwh, msg.available_wh)
    if offer is None:
        denom, deposit = slot.params.settlement_denom, bank.get_deposit(ctx)
        hold_id = bank.reserve(ctx, ctx.signer, denom, collateral, deposit=deposit)
    else:
        hold_id = offer.hold_id
        change = collateral - get_held(ctx, ctx.signer, offer)
        if change > 0:
            bank.extend(ctx, ctx.signer, hold_id, change)
        elif change < 0:
            bank.release(ctx, ctx.signer, hold_id, -change)
    changed = state_pb2.Offer(
        price_per_kwh=msg.price_per_kwh,
        available_wh=msg.available_wh,
        feeder=positions.get_grid_node(ctx, msg.slot, ctx.signer),
        hold_id=hold_id,
    )
    OFFERS.set(ctx, (msg.slot, ctx.signer), changed)
    announce(ctx, msg.slot, ctx.signer, changed)


def _require_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> tuple[bytes, state_pb2.Offer]:
    """The seller and the offer; rejects the buyer's own, one with less energy, and one of a seller
    without permission to sell.
    """
    seller = decode_address(msg.seller)
    require(seller != ctx.signer, MarketError.OWN_OFFER)
    offer = OFFERS.get(ctx, (msg.slot, seller))
    if offer is None:
        raise ChainError(MarketError.OFFER_UNKNOWN)
    try:
        registry.require_permission(ctx, seller, _SELLERS)
    except ChainError as error:
        raise ChainError(error.error, "the seller") from None
    enough = msg.quantity_wh <= offer.available_wh
    require(enough, MarketError.OFFER_TOO_SMALL, f"{offer.available_wh} Wh are left")
    return seller, offer


def _prepare_purchase(
    ctx: Context, msg: tx_pb2.MsgBuyOffer, slot: OpenSlot, offer: state_pb2.Offer
) -> positions.Trade:
    """The buyer's side; rejects a price above the limit and what a feeder cannot carry.

    The amount is rounded up once, fee included, so that it keeps the limit to the millionth.
    """
    node = positions.get_grid_node(ctx, msg.slot, ctx.signer)
    grid_fee_per_kwh = feeders.get_fee_between(ctx, offer.feeder, node)
    price = offer.price_per_kwh + grid_fee_per_kwh
    in_limit = price <= msg.price_limit_per_kwh
    require(in_limit, MarketError.OFFER_TOO_DEAR, f"{price} millionths per kWh")
    for name, headroom_wh in feeders.get_headroom_between(ctx, msg.slot, offer.feeder, node):
        fits = msg.quantity_wh <= headroom_wh
        require(fits, MarketError.FEEDER_FULL, f"{name} has headroom for {headroom_wh} Wh")
    return positions.Trade(
        is_buy=True,
        quantity_wh=msg.quantity_wh,
        amount=rules.compute_payment(rules.Price(price, 1), msg.quantity_wh),
        grid_fee=feeders.compute_grid_fee(grid_fee_per_kwh, msg.quantity_wh),
        feeder=node,
        collateral=rules.compute_buy_collateral(
            msg.quantity_wh, slot.curve.price_high, slot.params.imbalance_collateral_permille
        ),
    )


def _sell(
    ctx: Context, msg: tx_pb2.MsgBuyOffer, slot: OpenSlot, seller: bytes, offer: state_pb2.Offer
) -> None:
    """Books the seller's side; the collateral of what was sold moves to the seller's position."""
    price, left_wh = offer.price_per_kwh, offer.available_wh - msg.quantity_wh
    needed = compute_collateral(slot.info, slot.params, price, left_wh)
    part = max(0, get_held(ctx, seller, offer) - needed)
    bank.release(ctx, seller, offer.hold_id, part)
    positions.lock_collateral(ctx, msg.slot, seller, part)
    sale = positions.Trade(
        is_buy=False,
        quantity_wh=msg.quantity_wh,
        amount=rules.compute_receipt(rules.Price(price, 1), msg.quantity_wh),
        feeder=offer.feeder,
        collateral=part,
    )
    positions.book_trade(ctx, msg.slot, slot.info, seller, sale)
    if left_wh:
        offer.available_wh = left_wh
        OFFERS.set(ctx, (msg.slot, seller), offer)
    else:
        bank.void(ctx, seller, offer.hold_id)
        OFFERS.delete(ctx, (msg.slot, seller))
