"""Gate closure: the slot accepts no more orders, and its call auction is cleared.

Promises that gates close in the order of the slots, with max one auction per block; that an auction
depends on nothing but the limit orders, the headroom of the feeders and what the pool has traded
before; and that its result is in the slot's sums and the flows at once. The positions of accounts
follow in booking.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import registry
from chain.market import positions
from chain.market.auction import record
from chain.market.clearing import clear_network, clear_truthful
from chain.market.grid import feeders
from chain.market.keeper import get_curve, get_gate_closure_s, iter_slots
from chain.market.lifecycle import SlotEvent, transition
from chain.market.state import (
    BOOKING,
    CLEARINGS,
    LAST_CLEARED,
    LIMIT_ORDERS,
    OFFERS,
    PARAMS,
)
from chain.runtime.context import Context
from chain.runtime.encoding import codec

_PRODUCTS = (state_pb2.PRODUCT_LOCAL, state_pb2.PRODUCT_LOCAL_RENEWABLE)


def close_gates(ctx: Context, fill_book: Callable[[Context, int, state_pb2.Slot], None]) -> None:
    """Closes the gates that are due, up to the first slot that has something to book.

    fill_book: places the last orders of a slot into its book.

    While that slot is being booked the later ones wait; they accept no orders either.
    """
    if BOOKING.get_shared(ctx).slot:
        return
    for _ in range(PARAMS.get_shared(ctx).slots_opened_per_block_max):
        found = next(iter_slots(ctx, LAST_CLEARED.last(ctx) + 1), None)
        if found is None:
            return
        slot, info = found
        if ctx.block.time_s < get_gate_closure_s(ctx, slot):
            return
        LAST_CLEARED.set(ctx, slot)
        if info.status == state_pb2.SLOT_STATUS_OPEN and _close(ctx, slot, info, fill_book):
            return


def _close(
    ctx: Context,
    slot: int,
    info: state_pb2.Slot,
    fill_book: Callable[[Context, int, state_pb2.Slot], None],
) -> bool:
    """Closes a slot; returns whether there is anything to book."""
    fill_book(ctx, slot, info)
    orders = list(LIMIT_ORDERS.under(slot).items(ctx))
    if orders:
        _clear(ctx, slot, info, orders)
    has_more = bool(orders) or any(True for _ in OFFERS.under(slot).items(ctx))
    if has_more:
        BOOKING.set(ctx, state_pb2.Booking(slot=slot))
    transition(ctx, slot, info, SlotEvent.CLEARED if has_more else SlotEvent.CLOSED)
    return has_more


def _clear(ctx: Context, slot: int, info: state_pb2.Slot, orders: record.Orders) -> None:
    """Clears the auction, records it, and adds its result to the slot and to the flows."""
    clearing = _describe_auction(ctx, slot, info, orders)
    auction = record.build_auction(clearing, get_curve(info), orders)
    outcome = clear_network(auction.network, record.get_price_rule(clearing), clearing.seed)
    thin_outcomes = [clear_truthful(book, clearing.seed) for book in auction.thin_markets]
    record.write_outcome(clearing, orders, auction, outcome, thin_outcomes)
    CLEARINGS.set(ctx, slot, clearing)
    _add_to_slot(info, clearing, orders)
    # A thin market trades within its feeder: nothing flows over it.
    for feeder, change_wh in _list_flows(clearing):
        feeders.add_flow(ctx, slot, feeder, change_wh)
    ctx.emit(
        events_pb2.EventSlotCleared(
            slot=slot,
            orders=len(orders),
            volume_wh=clearing.volume_wh,
            price_per_kwh=clearing.nodes[0].price_per_kwh,
            congestion_rent=sum(node.congestion_rent for node in clearing.nodes),
            grid_fees=sum(node.grid_fee for node in clearing.nodes),
        )
    )


def _describe_auction(
    ctx: Context, slot: int, info: state_pb2.Slot, orders: record.Orders
) -> state_pb2.Clearing:
    """The record as far as it can be written before clearing."""
    used = sorted({order.feeder for _, order in orders if order.feeder})
    thin = dict.fromkeys(name for name in used if _is_thin(ctx, name))
    clearing = state_pb2.Clearing(
        height=ctx.block.height,
        seed=_compute_seed(orders),
        price_rule_permille=PARAMS.at(ctx, slot).price_rule_permille,
        pool_sold_before_wh=info.bought_wh,
        pool_bought_before_wh=info.sold_wh,
        thin_markets=[state_pb2.ThinMarket(feeder=name) for name in thin],
    )
    wanted = {
        (order.feeder, record.get_product(order))
        for _, order in orders
        if order.side == state_pb2.SIDE_BUY and order.feeder not in thin
    }
    clearing.nodes.extend(
        _list_nodes(ctx, slot, [name for name in used if name not in thin], wanted)
    )
    return clearing


def _compute_seed(orders: record.Orders) -> bytes:
    """What decides about odd Wh: the hash of all orders with their numbers. Nobody knows the
    orders of others before the gate, and a proposer gains nothing by trying several blocks.
    """
    digest = hashlib.sha256()
    for order_id, order in orders:
        content = codec.encode(order)
        digest.update(order_id.to_bytes(8, "big") + len(content).to_bytes(4, "big") + content)
    return digest.digest()


def _is_thin(ctx: Context, name: str) -> bool:
    feeder = registry.get_feeder(ctx, name)
    assert feeder is not None, "a limit order is at a feeder that was never registered"
    return feeder.thin_market


def _list_nodes(
    ctx: Context, slot: int, used: list[str], wanted: set[tuple[str, int]]
) -> Iterator[state_pb2.ClearedNode]:
    """The grid supply point, then the feeders with orders and all above them, parents first; after
    each a node for every special product that is wanted there.
    """
    paths = [registry.get_path(ctx, name) for name in used]
    branches = {
        name: (len(path) - below, info) for path in paths for below, (name, info) in enumerate(path)
    }
    yield state_pb2.ClearedNode()
    numbers, count = {"": 0}, 1
    for name, (_, info) in sorted(branches.items(), key=lambda one: (one[1][0], one[0])):
        capacity_wh, flow_wh = feeders.get_capacity_wh(ctx, info), feeders.get_flow(ctx, slot, name)
        yield state_pb2.ClearedNode(
            feeder=name,
            parent=numbers[info.parent],
            import_capacity_wh=max(0, capacity_wh - flow_wh),
            export_capacity_wh=max(0, capacity_wh + flow_wh),
            grid_fee_per_kwh=info.grid_fee_per_kwh,
        )
        numbers[name] = parent = count
        count += 1
        for product in _PRODUCTS:
            if (name, product) in wanted:
                yield state_pb2.ClearedNode(feeder=name, product=product, parent=parent)
                parent = count
                count += 1


def _add_to_slot(info: state_pb2.Slot, clearing: state_pb2.Clearing, orders: record.Orders) -> None:
    """Adds all fills to the sums of the slot, and the income of the grid."""
    fills, traded = record.list_fills(clearing, orders), positions.get_traded(info)
    for (_, order), fill in zip(orders, fills, strict=True):
        is_buy = order.side == state_pb2.SIDE_BUY
        trade = positions.Trade(is_buy, fill.filled_wh, fill.amount, traded)
        positions.add_to_slot(info, trade)
    info.congestion_rent += sum(node.congestion_rent for node in clearing.nodes)
    info.grid_fees += sum(node.grid_fee for node in clearing.nodes)


def _list_flows(clearing: state_pb2.Clearing) -> Iterator[tuple[str, int]]:
    """The net flow into each feeder."""
    for node in clearing.nodes[1:]:
        if node.product == state_pb2.PRODUCT_ANY:
            yield node.feeder, node.import_wh - node.export_wh
