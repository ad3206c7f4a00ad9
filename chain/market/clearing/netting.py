"""Self-trade prevention by "decrement and cancel".

Before clearing, the crossing bids and asks of one owner are netted, highest bid against lowest ask,
until all of the owner's bids are below the owner's asks. Then no price fills both. A linear order
that crosses one of its owner's is removed whole, because a part of it would have another shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.market.clearing.orders import ASK, BID, Order, Side, list_steps


def remove_self_trades(
    bids: Sequence[Order], asks: Sequence[Order]
) -> tuple[list[Order], list[Order]]:
    """The orders with their remaining quantities, in the same sequence."""
    left = (list(bids), list(asks))
    both = {order.owner for order in bids} & {order.owner for order in asks}
    if both:
        own: dict[bytes, tuple[list[int], list[int]]] = {}
        for number, orders in enumerate(left):
            for index, order in enumerate(orders):
                # One of nothing crosses nothing, and must not cost its owner a linear order.
                if order.owner in both and order.quantity_wh:
                    own.setdefault(order.owner, ([], []))[number].append(index)
        for bid_indexes, ask_indexes in own.values():
            _net_owner(left, bid_indexes, ask_indexes)
    return left


def _net_owner(
    left: tuple[list[Order], list[Order]], bid_indexes: list[int], ask_indexes: list[int]
) -> None:
    bids, asks = left
    # The best ones last, to be taken from the end.
    bid_stack = sorted(bid_indexes, key=lambda i: (_get_best(bids[i], BID), -bids[i].order_id))
    ask_stack = sorted(ask_indexes, key=lambda i: (-_get_best(asks[i], ASK), -asks[i].order_id))
    while bid_stack and ask_stack:
        bid, ask = bids[bid_stack[-1]], asks[ask_stack[-1]]
        if _get_best(bid, BID) < _get_best(ask, ASK):
            break
        linear = bid.full_at is not None or ask.full_at is not None
        if linear:
            crossed_bid = 0 if bid.full_at is None else bid.quantity_wh
            crossed_ask = 0 if ask.full_at is None else ask.quantity_wh
        else:
            crossed_bid = crossed_ask = min(bid.quantity_wh, ask.quantity_wh)
        bids[bid_stack[-1]] = _reduce(bid, crossed_bid)
        asks[ask_stack[-1]] = _reduce(ask, crossed_ask)
        if crossed_bid == bid.quantity_wh:
            bid_stack.pop()
        if crossed_ask == ask.quantity_wh:
            ask_stack.pop()


def _get_best(order: Order, side: Side) -> int:
    """The price at which an order begins to accept anything."""
    return next(list_steps(order, side), (order.limit, 0))[0]


def _reduce(order: Order, quantity_wh: int) -> Order:
    """The order with less quantity; with none if that is below its minimum."""
    left = order.quantity_wh - quantity_wh
    if left < order.minimum_acceptable_wh:
        left = 0
    return order._replace(
        quantity_wh=left,
        minimum_acceptable_wh=order.minimum_acceptable_wh if left else 0,
        full_at=order.full_at if left else None,
    )
