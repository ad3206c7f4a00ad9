"""The arithmetic of a settlement with dual imbalance prices. Nothing here reads state.

An account that used more, or delivered less, than agreed pays the highest price of the slot for
the difference; one that used less, or delivered more, receives the lowest. Every trade is priced
between the two, so at given prices no deliberate deviation gains. (An order large enough to move
the price of its batch has market power, as in every uniform-price market.)
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain.market import Curve, compute_close_cost, get_curve, get_net_wh
from chain.runtime.units import WH_PER_KWH, ceil_div, floor_div


class Agreed(NamedTuple):
    """What an account has bought and sold for a slot, with cost and revenue."""

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    revenue: int = 0


class Metered(NamedTuple):
    """What an account's meters measured in a slot."""

    import_wh: int
    export_wh: int
    estimated: bool


def compute_line(
    agreed: Agreed, metered: Metered, curve: Curve, carbon_charge: int = 0
) -> state_pb2.Line:
    """Settles one account's slot: charges rounded up, credits rounded down."""
    charge, credit = compute_imbalance(agreed, metered, curve)
    net = agreed.revenue + credit - agreed.cost - charge - carbon_charge
    return state_pb2.Line(
        bought_wh=agreed.bought_wh,
        sold_wh=agreed.sold_wh,
        import_wh=metered.import_wh,
        export_wh=metered.export_wh,
        cost=agreed.cost,
        revenue=agreed.revenue,
        imbalance_charge=charge,
        imbalance_credit=credit,
        charged=max(0, -net),
        credited=max(0, net),
        estimated=metered.estimated,
        carbon_charge=carbon_charge,
    )


def compute_imbalance(agreed: Agreed, metered: Metered, curve: Curve) -> tuple[int, int]:
    """Charge and credit of an account for its imbalance; one of them is zero."""
    net_position_wh = agreed.bought_wh - agreed.sold_wh
    excess_wh = metered.import_wh - metered.export_wh - net_position_wh
    charge = ceil_div(max(0, excess_wh) * curve.price_high, WH_PER_KWH)
    credit = floor_div(max(0, -excess_wh) * curve.price_low, WH_PER_KWH)
    return charge, credit


def compute_estimate_wh(net_position_wh: int, known_net_use_wh: int) -> int:
    """Use assumed for a missing reading: a buyer used all that it bought, a seller delivered
    nothing.
    """
    return max(0, net_position_wh - known_net_use_wh) if net_position_wh > 0 else 0


def compute_backstop_bill(net_use_wh: int, curve: Curve) -> int:
    """What the pool owes the backstop for energy that flowed in from outside (negative: what the
    backstop owes the pool for energy that flowed out). Rounded down, in favour of the pool.
    """
    price = curve.price_high if net_use_wh > 0 else curve.price_low
    return floor_div(net_use_wh * price, WH_PER_KWH)


def is_final(slot: market_pb2.Slot) -> bool:
    """Whether trading in a slot has ended and every fill is booked."""
    return slot.status in (market_pb2.SLOT_STATUS_CLOSED, market_pb2.SLOT_STATUS_UNFUNDED)


def compute_pool_result(slot: market_pb2.Slot) -> int:
    """The pool's earnings in a slot, without the grid's share, its residual closed at the
    imbalance prices.

    Never below minus the funding: the income is at least the area of the price line up to the
    pool's net sales (INV-5), and closing those costs at most the funding more.
    """
    income = slot.cost + slot.cancellation_income - slot.revenue
    grid_share = slot.grid_fees + slot.congestion_rent
    return income - grid_share - compute_close_cost(get_curve(slot), get_net_wh(slot))
