"""Purchases from offers, executed at the end of their block.

Promises that the sequence of the transactions in a block is irrelevant: all purchases of an offer
share its energy, and all that cross a feeder its headroom, in proportion to what they want; and an
offer is sold on the terms that it had before the block, or not at all. The energy pays the grid
fees of the feeders between buyer and seller, not those of the feeders above both. With every sale
the part of the seller's collateral that belongs to it becomes that of the seller's position.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from blockenergy.market.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank
from chain.market import positions, rules
from chain.market.grid import feeders
from chain.market.offers.keeper import compute_collateral, get_held
from chain.market.open_slot import OpenSlot
from chain.market.state import OFFER_PURCHASES, OFFERS, ORDER_IDS, PARAMS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32

_Purchases = Mapping[int, state_pb2.OfferPurchase]


def place(ctx: Context, slot: OpenSlot, msg: tx_pb2.MsgBuyOffer, price: int) -> int:
    """Locks what a purchase at a price, grid fee included, needs; returns its number.

    It rejects an amount that the balance does not cover, before it writes anything.
    """
    cost = rules.compute_payment(rules.Price(price, 1), msg.quantity_wh)
    collateral = _compute_collateral(slot.info, slot.params, msg.quantity_wh)
    purchase = state_pb2.OfferPurchase(
        buyer=msg.buyer,
        seller=msg.seller,
        quantity_wh=msg.quantity_wh,
        reserved=cost + collateral,
    )
    buyer = bech32.decode(msg.buyer)
    purchase.feeder = positions.lock_collateral(ctx, slot.number, buyer, purchase.reserved)
    positions.note_order(ctx, slot.number, buyer, True, msg.quantity_wh)
    order_id = ORDER_IDS.next(ctx)
    OFFER_PURCHASES.set(ctx, (slot.number, order_id), purchase)
    slot.info.pending_wh += msg.quantity_wh
    SLOTS.set(ctx, slot.number, slot.info)
    ctx.emit(
        events_pb2.EventOfferPurchasePlaced(
            order_id=order_id,
            slot=slot.number,
            seller=msg.seller,
            buyer=msg.buyer,
            quantity_wh=msg.quantity_wh,
        )
    )
    return order_id


def execute(ctx: Context) -> list[tuple[int, bytes]]:
    """Executes the purchases of this block. Returns slots and accounts whose positions may be empty
    now; they stay for the market orders of this block, which they secure as well.
    """
    touched: list[tuple[int, bytes]] = []
    pending = groupby(list(OFFER_PURCHASES.items(ctx)), key=lambda item: item[0][0])
    for slot, items in pending:
        purchases = {order_id: purchase for (_, order_id), purchase in items}
        _execute_slot(ctx, slot, purchases)
        owners = {name for one in purchases.values() for name in (one.buyer, one.seller)}
        touched += [(slot, bech32.decode(name)) for name in sorted(owners)]
    return touched


def _execute_slot(ctx: Context, slot: int, purchases: _Purchases) -> None:
    info = SLOTS.get(ctx, slot)
    assert info is not None, "a purchase was taken for a slot that is not open"
    executed_wh = _share_headrooms(ctx, slot, purchases, _share_offers(ctx, slot, purchases))
    whole_wh = sum(executed_wh.values())
    traded = positions.get_traded(info, whole_wh, whole_wh)
    for order_id, purchase in purchases.items():
        OFFER_PURCHASES.delete(ctx, (slot, order_id))
        info.pending_wh -= purchase.quantity_wh
        if executed_wh[order_id]:
            _buy(ctx, slot, info, order_id, purchase, executed_wh[order_id], traded)
        else:
            _lapse(ctx, slot, order_id, purchase)
        buyer = bech32.decode(purchase.buyer)
        positions.note_order(ctx, slot, buyer, True, -purchase.quantity_wh)
    positions.add_traded(info, whole_wh, whole_wh)
    SLOTS.set(ctx, slot, info)


def _share_offers(ctx: Context, slot: int, purchases: _Purchases) -> dict[int, int]:
    """What each purchase gets of its offer, rounded down; of one that was set in this block, or is
    gone, nothing.
    """
    wanted_wh: dict[str, int] = {}
    for purchase in purchases.values():
        seller = purchase.seller
        wanted_wh[seller] = wanted_wh.get(seller, 0) + purchase.quantity_wh
    available_wh = {seller: _get_available_wh(ctx, slot, seller) for seller in wanted_wh}
    return {
        order_id: _cut(one.quantity_wh, available_wh[one.seller], wanted_wh[one.seller])
        for order_id, one in purchases.items()
    }


def _get_available_wh(ctx: Context, slot: int, seller: str) -> int:
    offer = OFFERS.get_shared(ctx, (slot, bech32.decode(seller)))
    if offer is None or offer.set_at_height == ctx.block.height:
        return 0
    return offer.available_wh


def _share_headrooms(
    ctx: Context, slot: int, purchases: _Purchases, executed_wh: dict[int, int]
) -> dict[int, int]:
    """Cuts what crosses each feeder in a direction to its headroom, feeder by feeder."""
    crossing: dict[tuple[str, bool], list[int]] = {}
    headrooms_wh: dict[tuple[str, bool], int] = {}
    for order_id, purchase in purchases.items():
        offer = OFFERS.get_shared(ctx, (slot, bech32.decode(purchase.seller)))
        if offer is None:
            continue
        out, into = feeders.get_feeders_between(ctx, offer.feeder, purchase.feeder)
        for path, is_import in ((out, False), (into, True)):
            for name, feeder in path:
                headroom = feeders.get_feeder_headroom(ctx, slot, name, feeder)
                way = (name, is_import)
                headrooms_wh[way] = headroom.import_wh if is_import else headroom.export_wh
                crossing.setdefault(way, []).append(order_id)
    for way, order_ids in sorted(crossing.items()):
        total_wh = sum(executed_wh[order_id] for order_id in order_ids)
        for order_id in order_ids:
            executed_wh[order_id] = _cut(executed_wh[order_id], headrooms_wh[way], total_wh)
    return executed_wh


def _cut(quantity_wh: int, available_wh: int, wanted_wh: int) -> int:
    """A share in proportion, rounded down, of what is available; all if that is enough."""
    if wanted_wh <= available_wh:
        return quantity_wh
    return quantity_wh * available_wh // wanted_wh


def _lapse(ctx: Context, slot: int, order_id: int, purchase: state_pb2.OfferPurchase) -> None:
    positions.unlock_collateral(ctx, slot, bech32.decode(purchase.buyer), purchase.reserved)
    ctx.emit(
        events_pb2.EventOfferPurchaseLapsed(order_id=order_id, slot=slot, buyer=purchase.buyer)
    )


def _buy(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    order_id: int,
    purchase: state_pb2.OfferPurchase,
    quantity_wh: int,
    traded: positions.Traded,
) -> None:
    """Books both sides of what is executed; the caller writes the slot.

    traded: in the slot until the middle of this block.
    """
    seller, buyer = bech32.decode(purchase.seller), bech32.decode(purchase.buyer)
    offer = OFFERS.get(ctx, (slot, seller))
    assert offer is not None, "an offer is gone that has energy left"
    fee = feeders.get_fee_between(ctx, offer.feeder, purchase.feeder)
    bought = positions.Trade(
        is_buy=True,
        quantity_wh=quantity_wh,
        amount=rules.compute_payment(rules.Price(offer.price_per_kwh + fee, 1), quantity_wh),
        traded=traded,
        grid_fee=feeders.compute_grid_fee(fee, quantity_wh),
        feeder=purchase.feeder,
        collateral=_compute_collateral(info, PARAMS.at(ctx, slot), quantity_wh),
    )
    freed = purchase.reserved - bought.amount - bought.collateral
    positions.unlock_collateral(ctx, slot, buyer, freed)
    positions.book_trade(ctx, slot, info, buyer, bought)
    _sell(ctx, slot, info, seller, offer, quantity_wh, traded)
    ctx.emit(
        events_pb2.EventOfferBought(
            order_id=order_id,
            slot=slot,
            seller=purchase.seller,
            buyer=purchase.buyer,
            quantity_wh=quantity_wh,
            amount=bought.amount,
            grid_fee=bought.grid_fee,
        )
    )
    charges = positions.get_charges(ctx, slot, info)
    for owner, is_buyer in ((buyer, True), (seller, False)):
        positions.close_both_sides(ctx, slot, info, owner, traded, not is_buyer, charges)


def _sell(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    seller: bytes,
    offer: state_pb2.Offer,
    quantity_wh: int,
    traded: positions.Traded,
) -> None:
    """Books the seller's side; the collateral of what was sold moves to the seller's position."""
    held, left_wh = get_held(ctx, seller, offer), offer.available_wh - quantity_wh
    offer.available_wh = left_wh
    # What is backed is sold first.
    offer.unbacked_wh = min(offer.unbacked_wh, left_wh)
    needed = compute_collateral(info, PARAMS.at(ctx, slot), offer) if left_wh else 0
    part = max(0, held - needed)
    positions.lock_from_hold(ctx, slot, seller, offer.hold_id, part)
    sale = positions.Trade(
        is_buy=False,
        quantity_wh=quantity_wh,
        amount=rules.compute_receipt(rules.Price(offer.price_per_kwh, 1), quantity_wh),
        traded=traded,
        feeder=offer.feeder,
        collateral=part,
    )
    positions.book_trade(ctx, slot, info, seller, sale)
    if left_wh:
        OFFERS.set(ctx, (slot, seller), offer)
    else:
        bank.void(ctx, seller, offer.hold_id)
        OFFERS.delete(ctx, (slot, seller))


def _compute_collateral(info: state_pb2.Slot, params: state_pb2.Params, quantity_wh: int) -> int:
    """The buyer's."""
    return rules.compute_buy_collateral(
        quantity_wh,
        info.price_high_per_kwh,
        params.imbalance_collateral_permille,
        params.carbon_cover_per_kwh,
    )
