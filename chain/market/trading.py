"""Trading: the market orders of a block, executed at its end, slot by slot, each at one price.

Promises that the pool earns in every slot at least the area of its curve, whatever is bought,
sold and cancelled; that cancelling never brings back more than was to be paid, nor costs less
than was to be received; that linked orders are executed all or none; and that the money of an
order is either free again or in its owner's position.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from blockenergy.market.v1 import events_pb2, state_pb2

from chain import bank, registry
from chain.market import batch, feeders, positions, rules
from chain.market.keeper import POOL, get_curve, get_net_wh
from chain.market.orders import compute_largest_loss
from chain.market.state import ORDERS, PARAMS, POSITIONS, SLOTS
from chain.runtime import bech32
from chain.runtime.context import Context

# So often batches are computed again because a link broke; the links still there then break too.
_ROUNDS_MAX = 16


@dataclass
class _Place:
    """A feeder with orders: the lines to the head of the grid, and what crossing them costs."""

    lines: tuple[str, ...]
    grid_fee_per_kwh: int


@dataclass
class _Book:
    """The market orders of a slot by their numbers, and what its batch comes to."""

    slot: int
    info: state_pb2.Slot
    orders: dict[int, state_pb2.Order]
    places: dict[str, _Place]
    headrooms: dict[str, batch.LineHeadroom]
    # Orders that cannot be executed, whatever the price.
    dropped: set[int]
    price: rules.Price = field(init=False)
    executed_wh: dict[int, int] = field(init=False)
    # By feeder: what the executed orders change in the flow from the head of the grid.
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
    places, headrooms = {}, {}
    for feeder in sorted({order.feeder for order in orders.values()}):
        path = registry.get_path(ctx, feeder)
        grid_fee_per_kwh = feeders.get_fee_per_kwh(ctx, feeder)
        places[feeder] = _Place(tuple(name for name, _ in path), grid_fee_per_kwh)
        for line in path:
            headrooms[line[0]] = feeders.get_line_headroom(ctx, slot, *line)
    return _Book(slot, info, orders, places, headrooms, _find_uncovered(ctx, slot, orders))


def _find_uncovered(ctx: Context, slot: int, orders: dict[int, state_pb2.Order]) -> set[int]:
    """Cancellations that take back more than there is, in the order of their numbers, or whose
    position was changed by a purchase of this block so that their reserve may not suffice.
    """
    uncovered = set()
    taken_wh: dict[tuple[str, bool], int] = {}
    for order_id, order in orders.items():
        if not order.cancels:
            continue
        is_bought = order.side == state_pb2.SIDE_SELL
        position = positions.require_position(ctx, slot, bech32.decode(order.owner))
        whole_wh = position.bought_wh if is_bought else position.sold_wh
        sum_wh = taken_wh.get((order.owner, is_bought), 0) + order.quantity_wh
        if sum_wh <= whole_wh and order.reserved >= compute_largest_loss(
            position, is_bought, order.quantity_wh, order.price_limit_per_kwh
        ):
            taken_wh[order.owner, is_bought] = sum_wh
        else:
            uncovered.add(order_id)
    return uncovered


def _compute_batch(book: _Book) -> None:
    """Finds the price and what is executed of each order."""
    tried = {i: order for i, order in book.orders.items() if i not in book.dropped}
    market_orders = [_to_market_order(book, order) for order in tried.values()]
    curve, net_wh = get_curve(book.info), get_net_wh(book.info)
    execution = batch.execute_batch(curve, net_wh, market_orders, book.headrooms)
    book.price = execution.price
    book.executed_wh = dict(zip(tried, execution.quantities, strict=True))


def _to_market_order(book: _Book, order: state_pb2.Order) -> batch.MarketOrder:
    """The order as the pool sees it: with the limit before fees.

    Who takes back a trade crosses the lines the other way, and pays no fee for that.
    """
    place, is_buy = book.places[order.feeder], order.side == state_pb2.SIDE_BUY
    fee = 0 if order.cancels else place.grid_fee_per_kwh
    limit = order.price_limit_per_kwh - fee if is_buy else order.price_limit_per_kwh + fee
    whole = order.cancels or bool(order.link)
    return batch.MarketOrder(is_buy, order.quantity_wh, limit, place.lines, whole)


def _break_links(books: list[_Book]) -> None:
    """Drops all orders of a link if one of them is not executed; then computes again.

    All that break together are dropped together, so that their sequence does not matter.
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
            book.dropped.add(order_id)
        for book in books:
            if any(leg[0] is book for leg in legs):
                _compute_batch(book)


def _close_book(ctx: Context, book: _Book) -> None:
    """Books what is executed, cancellations first, frees the rest, and announces the price."""
    cancellations_first = sorted(book.orders, key=lambda i: (not book.orders[i].cancels, i))
    for order_id in cancellations_first:
        order, quantity_wh = book.orders[order_id], book.executed_wh.get(order_id, 0)
        ORDERS.delete(ctx, (book.slot, order_id))
        if not quantity_wh:
            _lapse(ctx, book.slot, order_id, order)
        elif order.cancels:
            _cancel(ctx, book, order_id, order)
        else:
            _execute(ctx, book, order_id, order, quantity_wh)
    for owner in sorted({order.owner for order in book.orders.values()}):
        positions.remove_if_empty(ctx, book.slot, bech32.decode(owner))
    for feeder, change_wh in sorted(book.changes_wh.items()):
        feeders.book_flow(ctx, book.slot, feeder, change_wh)
    book.info.pending_wh = 0
    SLOTS.set(ctx, book.slot, book.info)
    _announce(ctx, book)


def _lapse(ctx: Context, slot: int, order_id: int, order: state_pb2.Order) -> None:
    """Frees the money of an order."""
    positions.unlock_collateral(ctx, slot, bech32.decode(order.owner), order.reserved)
    ctx.emit(events_pb2.EventOrderLapsed(order_id=order_id, slot=slot, owner=order.owner))


def _execute(
    ctx: Context, book: _Book, order_id: int, order: state_pb2.Order, quantity_wh: int
) -> None:
    """Takes an order into its owner's position; the hold shrinks to what the position needs."""
    owner, is_buy = bech32.decode(order.owner), order.side == state_pb2.SIDE_BUY
    trade = _compute_trade(ctx, book, order, quantity_wh)
    kept = trade.collateral + trade.amount if is_buy else trade.collateral
    positions.unlock_collateral(ctx, book.slot, owner, order.reserved - kept)
    positions.add_to_position(ctx, book.slot, owner, trade)
    positions.add_to_slot(book.info, trade)
    _note_flow(book, order, quantity_wh)
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


def _compute_trade(
    ctx: Context, book: _Book, order: state_pb2.Order, quantity_wh: int
) -> positions.Trade:
    """What the executed part of an order comes to.

    The price with the fee is rounded once, against the trader; the fee is rounded down, so that
    the pool has its price, and the trader's limit holds to the millionth.
    """
    is_buy = order.side == state_pb2.SIDE_BUY
    grid_fee_per_kwh = book.places[order.feeder].grid_fee_per_kwh
    fee = grid_fee_per_kwh if is_buy else -grid_fee_per_kwh
    numerator, denominator = book.price
    price = rules.Price(numerator + fee * denominator, denominator)
    compute_amount = rules.compute_payment if is_buy else rules.compute_receipt
    collateral_permille = PARAMS.get_shared(ctx).imbalance_collateral_permille
    high, limit = book.info.price_high_per_kwh, order.price_limit_per_kwh
    return positions.Trade(
        is_buy,
        quantity_wh,
        compute_amount(price, quantity_wh),
        feeders.compute_grid_fee(grid_fee_per_kwh, quantity_wh),
        order.feeder,
        rules.compute_buy_collateral(quantity_wh, high, collateral_permille)
        if is_buy
        else rules.compute_sell_collateral(quantity_wh, limit, high, collateral_permille),
    )


def _cancel(ctx: Context, book: _Book, order_id: int, order: state_pb2.Order) -> None:
    """Takes energy back out of its owner's position, who pays at once what that costs."""
    owner, is_bought = bech32.decode(order.owner), order.side == state_pb2.SIDE_SELL
    position = positions.require_position(ctx, book.slot, owner)
    share = positions.compute_share(position, is_bought, order.quantity_wh)
    loss = _compute_loss(share, is_bought, book.price, order.quantity_wh)
    positions.take_share(position, is_bought, order.quantity_wh, share)
    freed = order.reserved + share.collateral + (share.amount if is_bought else 0)
    bank.release(ctx, owner, position.hold_id, freed)
    bank.transfer(ctx, owner, POOL, PARAMS.get_shared(ctx).settlement_denom, loss)
    POSITIONS.set(ctx, (book.slot, owner), position)
    if is_bought:
        book.info.bought_wh -= order.quantity_wh
        book.info.cost -= share.amount
    else:
        book.info.sold_wh -= order.quantity_wh
        book.info.revenue -= share.amount
    book.info.cancellation_income += loss
    _note_flow(book, order, order.quantity_wh)
    ctx.emit(
        events_pb2.EventPositionCancelled(
            order_id=order_id,
            slot=book.slot,
            owner=order.owner,
            side=state_pb2.SIDE_BUY if is_bought else state_pb2.SIDE_SELL,
            quantity_wh=order.quantity_wh,
            amount=share.amount,
            loss=loss,
        )
    )


def _compute_loss(
    share: positions.Share, is_bought: bool, price: rules.Price, quantity_wh: int
) -> int:
    """What taking back part of a position costs beyond that part.

    Bought: the owner gets back what was paid for it without the grid fee, or what it is worth at
    the price of the batch, whichever is less. Sold: the owner gives back what was to be received
    and the grid fee, or what it costs at that price, whichever is more.
    """
    if is_bought:
        worth = rules.compute_receipt(price, quantity_wh)
        # Rounded parts of energy that cost nothing but its fee may be a millionth below zero.
        return share.amount - min(max(0, share.amount - share.grid_fee), worth)
    payment = rules.compute_payment(price, quantity_wh)
    return max(share.amount + share.grid_fee, payment) - share.amount


def _note_flow(book: _Book, order: state_pb2.Order, quantity_wh: int) -> None:
    change_wh = quantity_wh if order.side == state_pb2.SIDE_BUY else -quantity_wh
    book.changes_wh[order.feeder] = book.changes_wh.get(order.feeder, 0) + change_wh


def _announce(ctx: Context, book: _Book) -> None:
    bought_wh, sold_wh = 0, 0
    for order_id, quantity_wh in book.executed_wh.items():
        if book.orders[order_id].side == state_pb2.SIDE_BUY:
            bought_wh += quantity_wh
        else:
            sold_wh += quantity_wh
    if bought_wh or sold_wh:
        next_price = rules.compute_marginal_price(get_curve(book.info), get_net_wh(book.info))
        ctx.emit(
            events_pb2.EventSlotTraded(
                slot=book.slot,
                bought_wh=bought_wh,
                sold_wh=sold_wh,
                price_per_kwh=book.price.ceil(),
                next_price_per_kwh=next_price.ceil(),
            )
        )
