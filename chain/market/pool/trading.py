"""Trading: the market orders of a block, executed at its end, slot by slot, each at one price.

Promises that the pool earns in every slot at least the area of its line, whatever is bought, sold
and cancelled; that linked orders are executed all or none; that a position has one side when its
order is booked; and that what an order reserved is either released or secures that position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import registry
from chain.market import positions, rules
from chain.market.grid import feeders
from chain.market.keeper import get_curve, get_net_wh
from chain.market.lifecycle import MARKET_ORDER, MarketOrderEvent
from chain.market.pool import batch, cancelling
from chain.market.state import EXECUTED, ORDERS, PARAMS, SLOTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32

# Max recomputations of the batches because a link broke; the links left after that break as well.
_ROUNDS_MAX = 16
_REASONS = {
    batch.Lapse.LIMIT: events_pb2.LAPSE_REASON_LIMIT,
    batch.Lapse.WHOLE: events_pb2.LAPSE_REASON_WHOLE,
    batch.Lapse.FEEDER_FULL: events_pb2.LAPSE_REASON_FEEDER_FULL,
}


@dataclass
class _Node:
    """A grid node with orders: the feeders up to the grid supply point, and their grid fee."""

    feeders: tuple[str, ...]
    grid_fee_per_kwh: int


@dataclass
class _Book:
    """The market orders of a slot by their numbers, and the result of its batch."""

    slot: int
    info: state_pb2.Slot
    orders: dict[int, state_pb2.Order]
    nodes: dict[str, _Node]
    headrooms: dict[str, feeders.FeederHeadroom]
    # Orders that cannot be executed, whatever the price, and why.
    dropped: dict[int, events_pb2.LapseReason]
    seed: bytes
    # On the line, before the margin.
    price: rules.Price = field(init=False)
    executed_wh: dict[int, int] = field(init=False)
    traded: positions.Traded = field(init=False)
    lapses: dict[int, events_pb2.LapseReason] = field(init=False)
    # By feeder: the change of its flow by the executed orders.
    changes_wh: dict[str, int] = field(default_factory=dict)


def execute(ctx: Context) -> None:
    """Executes the orders of this block."""
    pending = groupby(list(ORDERS.items(ctx)), key=lambda item: item[0][0])
    books = [_open_book(ctx, slot, items) for slot, items in pending]
    for book in books:
        _compute_batch(book)
    _break_links(books)
    for book in books:
        _close_book(ctx, book)


def _open_book(
    ctx: Context, slot: int, items: Iterable[tuple[tuple[int, int], state_pb2.Order]]
) -> _Book:
    info = SLOTS.get(ctx, slot)
    assert info is not None, "an order was taken for a slot that is not open"
    orders = {order_id: order for (_, order_id), order in items}
    nodes, headrooms = {}, {}
    for feeder in sorted({order.feeder for order in orders.values()}):
        path = registry.get_path(ctx, feeder)
        grid_fee_per_kwh = feeders.get_fee_per_kwh(ctx, feeder)
        nodes[feeder] = _Node(tuple(name for name, _ in path), grid_fee_per_kwh)
        for name, feeder_info in path:
            headrooms[name] = feeders.get_feeder_headroom(ctx, slot, name, feeder_info)
    uncovered = cancelling.find_uncovered(ctx, slot, orders)
    dropped = dict.fromkeys(uncovered, events_pb2.LAPSE_REASON_POSITION_CHANGED)
    return _Book(slot, info, orders, nodes, headrooms, dropped, _compute_seed(orders))


def _compute_seed(orders: Mapping[int, state_pb2.Order]) -> bytes:
    """What decides about odd Wh: the hash of all orders, whatever their sequence."""
    contents = [
        f"{order.owner},{order.side},{order.quantity_wh},{order.price_limit_per_kwh},{order.cancels}"
        for order in orders.values()
    ]
    return hashlib.sha256("\n".join(sorted(contents)).encode()).digest()


def _compute_batch(book: _Book) -> None:
    """Finds the price and what is executed of each order."""
    tried = {i: order for i, order in book.orders.items() if i not in book.dropped}
    market_orders = [_to_market_order(book, order) for order in tried.values()]
    curve, net_wh = get_curve(book.info), get_net_wh(book.info)
    execution = batch.execute_batch(curve, net_wh, market_orders, book.headrooms, book.seed)
    book.price = execution.price
    book.executed_wh = dict(zip(tried, execution.quantities, strict=True))
    numbers = list(tried)
    book.lapses = {numbers[i]: _REASONS[lapse] for i, lapse in execution.lapses.items()}


def _to_market_order(book: _Book, order: state_pb2.Order) -> batch.MarketOrder:
    """The order as the pool sees it: with the limit before grid fee and margin."""
    extra = _get_extra(book, order)
    return batch.MarketOrder(
        order.side == state_pb2.SIDE_BUY,
        order.quantity_wh,
        order.price_limit_per_kwh - extra,
        book.nodes[order.feeder].feeders,
        order.cancels or bool(order.link),
        order.owner,
    )


def _get_extra(book: _Book, order: state_pb2.Order) -> int:
    """What a buyer pays above the price on the line, per kWh; negative: what a seller gets less.

    A cancellation crosses the feeders the other way, and pays no fee for that.
    """
    fee = 0 if order.cancels else book.nodes[order.feeder].grid_fee_per_kwh
    extra = book.info.margin_per_kwh + fee
    return extra if order.side == state_pb2.SIDE_BUY else -extra


def _break_links(books: list[_Book]) -> None:
    """Drops all orders of a link if one of them is not executed, then recomputes the batches.

    Links that break in the same round are dropped together, so that their sequence is irrelevant.
    """
    linked: dict[int, list[tuple[_Book, int]]] = {}
    for book in books:
        for order_id, order in book.orders.items():
            if order.link:
                linked.setdefault(order.link, []).append((book, order_id))
    for rounds_left in reversed(range(_ROUNDS_MAX)):
        broken = [
            link
            for link, legs in linked.items()
            if not rounds_left or not all(book.executed_wh[order_id] for book, order_id in legs)
        ]
        if not broken:
            return
        legs = [leg for link in broken for leg in linked.pop(link)]
        for book, order_id in legs:
            # A leg that lapses by itself keeps its reason.
            own = book.lapses.get(order_id, events_pb2.LAPSE_REASON_LINK)
            book.dropped[order_id] = own
        for book in books:
            if any(leg[0] is book for leg in legs):
                _compute_batch(book)


def _close_book(ctx: Context, book: _Book) -> None:
    """Books what is executed, cancellations first, releases the rest, announces the price."""
    bought_wh, sold_wh = _sum_executed(book)
    book.traded = positions.get_traded(book.info, bought_wh, sold_wh)
    positions.add_traded(book.info, bought_wh, sold_wh)
    cancellations_first = sorted(book.orders, key=lambda i: (not book.orders[i].cancels, i))
    for order_id in cancellations_first:
        order, quantity_wh = book.orders[order_id], book.executed_wh.get(order_id, 0)
        if quantity_wh:
            _execute(ctx, book, order_id, order, quantity_wh)
        else:
            _lapse(ctx, book, order_id, order)
    for order in book.orders.values():
        if not order.cancels:
            is_buy, owner = order.side == state_pb2.SIDE_BUY, bech32.decode(order.owner)
            positions.note_order(ctx, book.slot, owner, is_buy, -order.quantity_wh)
    for name in sorted({order.owner for order in book.orders.values()}):
        positions.remove_if_empty(ctx, book.slot, bech32.decode(name))
    for feeder, change_wh in sorted(book.changes_wh.items()):
        feeders.book_flow(ctx, book.slot, feeder, change_wh)
    book.info.pending_wh = 0
    SLOTS.set(ctx, book.slot, book.info)
    _announce(ctx, book, bought_wh, sold_wh)


def _lapse(ctx: Context, book: _Book, order_id: int, order: state_pb2.Order) -> None:
    """Ends an order that is not executed and releases what it reserved."""
    slot, reason = book.slot, book.dropped.get(order_id) or book.lapses[order_id]
    _end(ctx, slot, order_id, MarketOrderEvent.LAPSE)
    positions.unlock_collateral(ctx, slot, bech32.decode(order.owner), order.reserved)
    ctx.emit(
        events_pb2.EventOrderLapsed(order_id=order_id, slot=slot, owner=order.owner, reason=reason)
    )


def _end(ctx: Context, slot: int, order_id: int, event: MarketOrderEvent) -> None:
    """Removes an order, which is on record only while it is placed."""
    MARKET_ORDER.next(MARKET_ORDER.initial, event)
    ORDERS.delete(ctx, (slot, order_id))


def _execute(
    ctx: Context, book: _Book, order_id: int, order: state_pb2.Order, quantity_wh: int
) -> None:
    """Books an order in its owner's position, whose hold shrinks to what it needs, and closes what
    is then on both sides.
    """
    _end(ctx, book.slot, order_id, MarketOrderEvent.EXECUTE)
    owner, is_buy = bech32.decode(order.owner), order.side == state_pb2.SIDE_BUY
    trade = _compute_trade(ctx, book, order, quantity_wh)
    kept = trade.collateral + trade.amount if is_buy else trade.collateral
    # Of a cancellation only the loss is on hold.
    unsecured = max(0, kept - order.reserved) if order.cancels else 0
    positions.unlock_collateral(ctx, book.slot, owner, order.reserved - kept + unsecured)
    positions.add_to_position(ctx, book.slot, owner, trade)
    positions.add_to_slot(book.info, trade)
    _note_flow(book, order, quantity_wh)
    if order.reported:
        EXECUTED.set(ctx, order_id, quantity_wh)
    ctx.emit(
        events_pb2.EventOrderExecuted(
            order_id=order_id,
            slot=book.slot,
            owner=order.owner,
            side=order.side,
            quantity_wh=quantity_wh,
            amount=trade.amount,
            grid_fee=trade.grid_fee,
        )
    )
    # The trade of a cancellation has the fee in it.
    charges = None if order.cancels else positions.get_charges(ctx, book.slot, book.info)
    positions.close_both_sides(
        ctx, book.slot, book.info, owner, book.traded, not is_buy, charges, unsecured
    )


def _compute_trade(
    ctx: Context, book: _Book, order: state_pb2.Order, quantity_wh: int
) -> positions.Trade:
    """The trade of the executed part of an order.

    The price with the fee is rounded once, against the trader; the fee is rounded down, so that
    the pool gets its price, and the trader's limit holds to the millionth.
    """
    is_buy = order.side == state_pb2.SIDE_BUY
    price = book.price.add(_get_extra(book, order))
    if order.cancels:
        return cancelling.compute_trade(ctx, book.slot, book.info, order, price, book.traded)
    grid_fee_per_kwh = book.nodes[order.feeder].grid_fee_per_kwh
    compute_amount = rules.compute_payment if is_buy else rules.compute_receipt
    params = PARAMS.at(ctx, book.slot)
    collateral_permille = params.imbalance_collateral_permille
    high, limit = book.info.price_high_per_kwh, order.price_limit_per_kwh
    return positions.Trade(
        is_buy,
        quantity_wh,
        compute_amount(price, quantity_wh),
        book.traded,
        feeders.compute_grid_fee(grid_fee_per_kwh, quantity_wh),
        order.feeder,
        rules.compute_buy_collateral(
            quantity_wh, high, collateral_permille, params.carbon_cover_per_kwh
        )
        if is_buy
        else rules.compute_sell_collateral(
            quantity_wh,
            limit,
            get_curve(book.info),
            collateral_permille,
            rules.compute_unbacked_part(order.quantity_wh, order.unbacked_wh, quantity_wh),
        ),
    )


def _note_flow(book: _Book, order: state_pb2.Order, quantity_wh: int) -> None:
    change_wh = quantity_wh if order.side == state_pb2.SIDE_BUY else -quantity_wh
    book.changes_wh[order.feeder] = book.changes_wh.get(order.feeder, 0) + change_wh


def _sum_executed(book: _Book) -> tuple[int, int]:
    """What the orders of the block buy, and what they sell, in Wh."""
    bought_wh, sold_wh = 0, 0
    for order_id, quantity_wh in book.executed_wh.items():
        if book.orders[order_id].side == state_pb2.SIDE_BUY:
            bought_wh += quantity_wh
        else:
            sold_wh += quantity_wh
    return bought_wh, sold_wh


def _announce(ctx: Context, book: _Book, bought_wh: int, sold_wh: int) -> None:
    if bought_wh or sold_wh:
        curve, net_wh = get_curve(book.info), get_net_wh(book.info)
        ctx.emit(
            events_pb2.EventSlotTraded(
                slot=book.slot,
                bought_wh=bought_wh,
                sold_wh=sold_wh,
                price_per_kwh=book.price.ceil(),
                bid_per_kwh=rules.compute_bid(curve, net_wh),
                ask_per_kwh=rules.compute_ask(curve, net_wh),
            )
        )
