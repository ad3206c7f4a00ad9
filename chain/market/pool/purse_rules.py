"""The arithmetic of purses: what a slot opens with, and what is left when it is settled.

A purse holds what the slots of one time of day have earned. A slot may lose a share of it, which
makes its depth; the fuller the purse, the deeper the slot and the smaller the pool's margin. So a
slot loses only what was earned before, or was put in as a seed. Nothing here reads state.
"""

from __future__ import annotations

from typing import NamedTuple

from chain.market.rules import Curve, compute_funding
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div, floor_div


class Terms(NamedTuple):
    """The parameters that decide what slots open with; prices per kWh.

    depth_max_wh: the depth with a full purse. margin_max: with an empty one.
    purse_share_permille: what of its purse a slot may lose.
    """

    price_low: int
    price_high: int
    depth_max_wh: int
    margin_max: int
    purse_share_permille: int


def compute_cap(terms: Terms) -> int:
    """What a purse holds at most: enough for the whole depth; rounded up."""
    width = terms.price_high - terms.price_low
    full = ceil_div(width * terms.depth_max_wh, 4 * WH_PER_KWH)
    return ceil_div(full * PERMILLE, terms.purse_share_permille)


def compute_opening(terms: Terms, money: int) -> Curve:
    """What the next slot of a purse opens with: the margin rounded up, the depth down, so that its
    funding is within the share.
    """
    low, high, depth_max_wh, margin_max, share_permille = terms
    # After a change of the parameters a purse may have more than it holds.
    margin = margin_max - margin_max * min(money, cap := compute_cap(terms)) // (2 * cap)
    share = floor_div(money * share_permille, PERMILLE)
    depth_wh = min(depth_max_wh, 4 * WH_PER_KWH * share // (high - low - 2 * margin))
    curve = Curve(low, high, depth_wh, margin)
    assert compute_funding(curve) <= share, "a slot takes more than its share"
    return curve


def split_surplus(surplus: int, surplus_share_permille: int) -> int:
    """What of the surplus of imbalance payments goes to the purse; rounded down."""
    return floor_div(surplus * surplus_share_permille, PERMILLE)
