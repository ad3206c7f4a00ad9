"""Pro-rata sharing at the margin, so that neither speed nor splitting an order gains.

Shares are in proportion, rounded down; the remainder goes by single Wh to the largest fractions.
First the owners share, then the orders of each owner. So an owner's share depends on the total of
its orders alone, and equal fractions are decided by a hash that is unknown beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

from chain.market.clearing.orders import Order

Tag = Callable[[int], bytes]


def share_among_orders(
    total_wh: int, orders: Sequence[Order], wanted_wh: Sequence[int], seed: bytes
) -> list[int]:
    """Shares of a total among orders; wanted_wh: the maximum share of each.

    seed: unknown when the orders were placed, such as a hash of all of them.
    """
    members: dict[bytes, list[int]] = {}
    for index, order in enumerate(orders):
        members.setdefault(order.owner, []).append(index)
    owners = list(members)
    weights = [sum(wanted_wh[index] for index in members[owner]) for owner in owners]
    shares = share_in_proportion(total_wh, weights, lambda i: seed + owners[i])
    result = [0] * len(orders)
    for owner, share in zip(owners, shares, strict=True):
        own = members[owner]
        if len(own) == 1:
            result[own[0]] = share
            continue
        parts = share_in_proportion(
            share, [wanted_wh[i] for i in own], _make_tag(seed, [orders[i] for i in own])
        )
        for index, part in zip(own, parts, strict=True):
            result[index] = part
    return result


def share_in_proportion(total_wh: int, weights: Sequence[int], tag: Tag) -> list[int]:
    """Whole shares in proportion to weights; equal fractions go by the lowest hash of the tag."""
    everything = sum(weights)
    assert 0 <= total_wh <= everything, "more is shared than is wanted"
    if not everything:
        return [0] * len(weights)
    shares = [total_wh * weight // everything for weight in weights]
    left = total_wh - sum(shares)
    if left:
        fractions = [total_wh * weight % everything for weight in weights]
        last = sorted(fractions, reverse=True)[left - 1]
        first = [i for i, fraction in enumerate(fractions) if fraction > last]
        tied = [i for i, fraction in enumerate(fractions) if fraction == last]
        tied.sort(key=lambda i: sha256(tag(i)).digest())
        for index in first + tied[: left - len(first)]:
            shares[index] += 1
    return shares


def _make_tag(seed: bytes, orders: Sequence[Order]) -> Tag:
    return lambda i: seed + encode_id(orders[i])


def encode_id(order: Order) -> bytes:
    """An order's id as bytes to hash."""
    return order.order_id.to_bytes(8, "big")
