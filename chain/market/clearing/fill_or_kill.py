"""Which fill-or-kill orders leave, when those at the margin cannot all have their minimum.

Everything is cleared as if there were no minimum. If nobody is offered a part below its minimum,
that is the best there is: dropping conditions cannot make it worse. Otherwise orders at the margin
leave until the rest are content, and the book is cleared again. First those leave whose minimum is
more than there is for the whole margin; then, one after the other, the one that asks for the
largest part of its quantity (of several, the smallest, then the one with the lowest hash). An order
that has left does not come back.

What holds: nobody is filled below its minimum; the sequence of the orders does not matter; the
price leaves nobody envious who has not had to leave; it ends, because every round takes an order
out. What does not hold in general: the best choice of who leaves is a knapsack problem, and an
order that has left might have fitted after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from chain.market.clearing.orders import Order
from chain.market.clearing.rationing import encode_id, share_among_orders

# Parts of quantities are compared in steps of one by this.
_STEPS = 10**18


def choose_leaving(
    total_wh: int, margin: Sequence[Order], wanted_wh: Sequence[int], seed: bytes
) -> list[Order]:
    """The orders that leave, of those that share so much; none if all are content."""
    wanted = sum(wanted_wh)
    if not total_wh or total_wh == wanted:
        return []
    hopeless = [order for order in margin if order.minimum_acceptable_wh > total_wh]
    if hopeless:
        return hopeless
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
    """Orders leave from the lowest rank on."""
    part = order.minimum_acceptable_wh * _STEPS // order.quantity_wh
    return -part, order.quantity_wh, sha256(seed + encode_id(order)).digest()


def _list_short(
    total_wh: int, margin: Sequence[Order], wanted_wh: Sequence[int], seed: bytes
) -> list[Order]:
    """Those whom the rounding of shares alone leaves below their minimum."""
    shares = share_among_orders(total_wh, margin, wanted_wh, seed)
    return [
        order
        for order, share in zip(margin, shares, strict=True)
        if 0 < share < order.minimum_acceptable_wh
    ]
