"""Which orders with a minimum acceptable quantity are removed if they cannot all get it.

The book is cleared as if there were no minimum. If no order gets a part below its minimum, that is
optimal: dropping constraints cannot make it worse. Otherwise orders at the margin are removed until
the others have their minimum, and the book is cleared again. First go those whose minimum is more
than there is for the whole margin; then, one after the other, the one with the largest minimum in
proportion to its quantity (of several, the smallest, then the one with the lowest hash). A removed
order does not come back.

What holds: no order is filled below its minimum; the sequence of the orders is irrelevant; the
price is envy-free for all orders that are not removed; it ends, because every round removes an
order. What does not hold in general: the best choice is a knapsack problem, and a removed order
might have fitted after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from chain.market.clearing.orders import Order
from chain.market.clearing.rationing import encode_id, share_among_orders

# Fractions of quantities are compared in steps of one by this.
_STEPS = 10**18


def choose_leaving(
    total_wh: int, margin: Sequence[Order], wanted_wh: Sequence[int], seed: bytes
) -> list[Order]:
    """The orders to remove of those that share a quantity; none if all get their minimum."""
    wanted = sum(wanted_wh)
    if not total_wh or total_wh == wanted:
        return []
    impossible = [order for order in margin if order.minimum_acceptable_wh > total_wh]
    if impossible:
        return impossible
    bound = [order for order in margin if order.minimum_acceptable_wh]
    leaving: list[Order] = []
    for order in sorted(bound, key=lambda order: get_rank(order, seed)):
        if (
            wanted <= total_wh
            or total_wh * order.quantity_wh // wanted >= order.minimum_acceptable_wh
        ):
            break
        leaving.append(order)
        wanted -= order.quantity_wh
    return leaving or _list_short(total_wh, margin, wanted_wh, seed)


def get_rank(order: Order, seed: bytes) -> tuple[int, int, bytes]:
    """Orders are removed from the lowest rank on."""
    part = order.minimum_acceptable_wh * _STEPS // order.quantity_wh
    return -part, order.quantity_wh, sha256(seed + encode_id(order)).digest()


def _list_short(
    total_wh: int, margin: Sequence[Order], wanted_wh: Sequence[int], seed: bytes
) -> list[Order]:
    """Orders that are below their minimum only by the rounding of shares."""
    shares = share_among_orders(total_wh, margin, wanted_wh, seed)
    return [
        order
        for order, share in zip(margin, shares, strict=True)
        if 0 < share < order.minimum_acceptable_wh
    ]
