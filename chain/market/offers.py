"""Offers: energy of one seller at a fixed price, bought at once and directly, until it is used up.

The seller puts a bond on hold for what is available; with every sale the part of the bond that
belongs to what was sold becomes the collateral of the seller's position. The energy pays the grid
fees of the lines between the two, not those of the lines that both share.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_PRODUCER, ROLE_PROSUMER

from chain import bank, registry
from chain.market import feeders, positions, rules
from chain.market.keeper import (
    MarketError,
    get_curve,
    require_headroom,
    require_price_limit,
    require_quantity,
    require_takes_orders,
)
from chain.market.state import OFFERS, PARAMS, SLOTS
from chain.runtime import bech32
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address

_SELLERS = frozenset({ROLE_PRODUCER, ROLE_PROSUMER})


def set_offer(ctx: Context, msg: tx_pb2.MsgSetOffer) -> tx_pb2.MsgSetOfferResponse:
    """Sets price and available energy of the signer's offer; nothing available ends it."""
    info = require_takes_orders(ctx, msg.slot, ctx.block.time_s)
    offer = OFFERS.get(ctx, (msg.slot, ctx.signer))
    if msg.available_wh:
        require_quantity(PARAMS.get_shared(ctx), msg.available_wh)
        require_price_limit(get_curve(info), msg.price_per_kwh)
        _put(ctx, msg, info, offer)
    else:
        require(offer, MarketError.OFFER_UNKNOWN)
        assert offer is not None
        _end(ctx, msg.slot, ctx.signer, offer)
    return tx_pb2.MsgSetOfferResponse()


def buy_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> tx_pb2.MsgBuyOfferResponse:
    """Buys from a seller's offer at once, at the price it has now."""
    params = PARAMS.get_shared(ctx)
    require_quantity(params, msg.quantity_wh)
    info = require_takes_orders(ctx, msg.slot, ctx.block.time_s)
    require_price_limit(get_curve(info), msg.price_limit_per_kwh)
    require_headroom(params, info, msg.quantity_wh)
    seller, offer = _require_offer(ctx, msg)
    purchase = _describe_purchase(ctx, msg, info, offer)
    positions.lock_collateral(ctx, msg.slot, ctx.signer, purchase.amount + purchase.collateral)
    positions.book_trade(ctx, msg.slot, info, ctx.signer, purchase)
    _sell(ctx, msg, info, seller, offer)
    SLOTS.set(ctx, msg.slot, info)
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
    return tx_pb2.MsgBuyOfferResponse(amount=purchase.amount, grid_fee=purchase.grid_fee)


def end_offers(ctx: Context, slot: int, limit: int) -> int:
    """Ends what is left of a slot's offers, so many at the most; their bonds are free again.

    Returns how many it ended.
    """
    ended = list(islice(OFFERS.under(slot).items(ctx), limit))
    for seller, offer in ended:
        _end(ctx, slot, seller, offer)
    return len(ended)


def _put(
    ctx: Context,
    msg: tx_pb2.MsgSetOffer,
    info: state_pb2.Slot,
    offer: state_pb2.Offer | None,
) -> None:
    """Records an offer with exactly its bond on hold; refuses if the balance does not cover it."""
    params = PARAMS.get_shared(ctx)
    bond = _compute_collateral(info, params, msg.price_per_kwh, msg.available_wh)
    if offer is None:
        hold_id = bank.reserve(ctx, ctx.signer, params.settlement_denom, bond)
    else:
        hold_id = offer.hold_id
        held = _get_held(ctx, ctx.signer, offer)
        bank.extend(ctx, ctx.signer, hold_id, max(0, bond - held))
        bank.release(ctx, ctx.signer, hold_id, max(0, held - bond))
    changed = state_pb2.Offer(
        price_per_kwh=msg.price_per_kwh,
        available_wh=msg.available_wh,
        feeder=positions.get_place(ctx, msg.slot, ctx.signer),
        hold_id=hold_id,
    )
    OFFERS.set(ctx, (msg.slot, ctx.signer), changed)
    _announce(ctx, msg.slot, ctx.signer, changed)


def _end(ctx: Context, slot: int, seller: bytes, offer: state_pb2.Offer) -> None:
    bank.void(ctx, seller, offer.hold_id)
    OFFERS.delete(ctx, (slot, seller))
    offer.available_wh = 0
    _announce(ctx, slot, seller, offer)


def _get_held(ctx: Context, seller: bytes, offer: state_pb2.Offer) -> int:
    hold = bank.get_hold(ctx, seller, offer.hold_id)
    assert hold is not None, "an offer has lost its hold"
    return hold.amount


def _announce(ctx: Context, slot: int, seller: bytes, offer: state_pb2.Offer) -> None:
    ctx.emit(
        events_pb2.EventOfferSet(
            slot=slot,
            seller=bech32.encode(seller),
            price_per_kwh=offer.price_per_kwh,
            available_wh=offer.available_wh,
        )
    )


def _require_offer(ctx: Context, msg: tx_pb2.MsgBuyOffer) -> tuple[bytes, state_pb2.Offer]:
    """The seller and the offer; refuses the buyer's own, one that has less, and one of a seller
    who may not sell any more.
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


def _describe_purchase(
    ctx: Context, msg: tx_pb2.MsgBuyOffer, info: state_pb2.Slot, offer: state_pb2.Offer
) -> positions.Trade:
    """The buyer's side; refuses what is dearer than the limit and what a line cannot carry.

    The amount is rounded up once, fee included, so that it keeps the limit to the millionth.
    """
    feeder = positions.get_place(ctx, msg.slot, ctx.signer)
    grid_fee_per_kwh = feeders.get_fee_between(ctx, offer.feeder, feeder)
    price = offer.price_per_kwh + grid_fee_per_kwh
    in_limit = price <= msg.price_limit_per_kwh
    require(in_limit, MarketError.OFFER_TOO_DEAR, f"{price} millionths per kWh")
    for name, headroom_wh in feeders.get_headroom_between(ctx, msg.slot, offer.feeder, feeder):
        fits = msg.quantity_wh <= headroom_wh
        require(fits, MarketError.FEEDER_FULL, f"{name} has headroom for {headroom_wh} Wh")
    collateral_permille = PARAMS.get_shared(ctx).imbalance_collateral_permille
    return positions.Trade(
        is_buy=True,
        quantity_wh=msg.quantity_wh,
        amount=rules.compute_payment(rules.Price(price, 1), msg.quantity_wh),
        grid_fee=feeders.compute_grid_fee(grid_fee_per_kwh, msg.quantity_wh),
        feeder=feeder,
        collateral=rules.compute_buy_collateral(
            msg.quantity_wh, info.price_high_per_kwh, collateral_permille
        ),
    )


def _sell(
    ctx: Context,
    msg: tx_pb2.MsgBuyOffer,
    info: state_pb2.Slot,
    seller: bytes,
    offer: state_pb2.Offer,
) -> None:
    """Books the seller's side; the bond of what was sold goes over to the seller's position."""
    params, price = PARAMS.get_shared(ctx), offer.price_per_kwh
    left_wh = offer.available_wh - msg.quantity_wh
    part = max(0, _get_held(ctx, seller, offer) - _compute_collateral(info, params, price, left_wh))
    bank.release(ctx, seller, offer.hold_id, part)
    positions.lock_collateral(ctx, msg.slot, seller, part)
    sale = positions.Trade(
        is_buy=False,
        quantity_wh=msg.quantity_wh,
        amount=rules.compute_receipt(rules.Price(price, 1), msg.quantity_wh),
        feeder=offer.feeder,
        collateral=part,
    )
    positions.book_trade(ctx, msg.slot, info, seller, sale)
    if left_wh:
        offer.available_wh = left_wh
        OFFERS.set(ctx, (msg.slot, seller), offer)
    else:
        bank.void(ctx, seller, offer.hold_id)
        OFFERS.delete(ctx, (msg.slot, seller))


def _compute_collateral(
    info: state_pb2.Slot, params: state_pb2.Params, price_per_kwh: int, available_wh: int
) -> int:
    """What an offer has on hold: the bond for selling what is available at its price."""
    return rules.compute_sell_collateral(
        available_wh, price_per_kwh, info.price_high_per_kwh, params.imbalance_collateral_permille
    )
