"""The arithmetic of a settlement with dual imbalance prices. Nothing here reads state.

An account that used more, or delivered less, than agreed pays the highest price of the slot for
the difference; one that used less, or delivered more, receives the lowest. Every trade is priced
between the two, so at given prices no deliberate deviation gains. Energy that was bought and not
used, or sold and not delivered, has moved the price for others, and pays for that influence as if
it were closed. (An order large enough to move the price of its batch has market power, as in every
uniform-price market.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import metering
from chain.market import (
    Curve,
    compute_close_cost,
    compute_influence_charge,
    get_curve,
    get_net_wh,
)
from chain.runtime.units import WH_PER_KWH, ceil_div, floor_div

# Qualities of a line for which a reading is missing.
ESTIMATED = frozenset({metering_pb2.QUALITY_PROFILE, metering_pb2.QUALITY_CONNECTION})


class Agreed(NamedTuple):
    """What an account has bought and sold for a slot, with cost and revenue. opposite_half_wh: what
    was traded the other way since, in halves of a Wh.
    """

    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    revenue: int = 0
    opposite_half_wh: int = 0


class Metered(NamedTuple):
    """What an account's meters measured in a slot. apart: what nobody knows to be of this slot."""

    import_wh: int = 0
    export_wh: int = 0
    apart: Sequence[metering.Apart] = ()
    quality: metering_pb2.Quality = metering_pb2.QUALITY_MEASURED


def add_meters(meters: Iterable[metering.SlotEnergy]) -> Metered:
    """What all meters of an account measured."""
    import_wh, export_wh, apart = 0, 0, []
    quality = metering_pb2.QUALITY_MEASURED
    for meter in meters:
        if meter.apart is None:
            import_wh += meter.import_wh
            export_wh += meter.export_wh
        else:
            apart.append(meter.apart)
            quality = max(quality, meter.quality)
    return Metered(import_wh, export_wh, apart, quality)


def compute_line(
    agreed: Agreed, metered: Metered, curve: Curve, carbon_charge: int = 0
) -> state_pb2.Line:
    """Settles one account's slot: charges rounded up, credits rounded down."""
    charge, credit = compute_imbalance(agreed, metered, curve)
    influence_charge = compute_influence(agreed, metered, curve)
    line = state_pb2.Line(
        bought_wh=agreed.bought_wh,
        sold_wh=agreed.sold_wh,
        import_wh=metered.import_wh,
        export_wh=metered.export_wh,
        cost=agreed.cost,
        revenue=agreed.revenue,
        imbalance_charge=charge + influence_charge,
        imbalance_credit=credit,
        opposite_half_wh=agreed.opposite_half_wh,
        influence_charge=influence_charge,
        carbon_charge=carbon_charge,
    )
    if metered.apart:
        _add_apart(line, metered)
    net = agreed.revenue + line.imbalance_credit - agreed.cost - line.imbalance_charge
    net -= carbon_charge
    line.charged, line.credited = max(0, -net), max(0, net)
    return line


def _add_apart(line: state_pb2.Line, metered: Metered) -> None:
    """Adds to a line what no position counts for."""
    for import_wh, export_wh, prices in metered.apart:
        line.apart_import_wh += import_wh
        line.apart_export_wh += export_wh
        line.apart_charge += ceil_div(import_wh * prices.high, WH_PER_KWH)
        line.apart_credit += floor_div(export_wh * prices.low, WH_PER_KWH)
    line.import_wh += line.apart_import_wh
    line.export_wh += line.apart_export_wh
    line.imbalance_charge += line.apart_charge
    line.imbalance_credit += line.apart_credit
    line.quality = metered.quality


def compute_imbalance(agreed: Agreed, metered: Metered, curve: Curve) -> tuple[int, int]:
    """Charge and credit of an account for its imbalance in what was measured, without that for its
    influence; one is zero.
    """
    net_position_wh = agreed.bought_wh - agreed.sold_wh
    excess_wh = metered.import_wh - metered.export_wh - net_position_wh
    charge = ceil_div(max(0, excess_wh) * curve.price_high, WH_PER_KWH)
    credit = floor_div(max(0, -excess_wh) * curve.price_low, WH_PER_KWH)
    return charge, credit


def compute_influence(agreed: Agreed, metered: Metered, curve: Curve) -> int:
    """The charge for what energy that was bought and not used, or sold and not delivered, has done
    to the price for others.
    """
    position_wh = agreed.bought_wh - agreed.sold_wh
    excess_wh = metered.import_wh - metered.export_wh - position_wh
    is_bought = position_wh > 0
    unused_wh = min(position_wh, -excess_wh) if is_bought else min(-position_wh, excess_wh)
    return compute_influence_charge(curve, is_bought, max(0, unused_wh), agreed.opposite_half_wh)


def compute_backstop_bill(net_use_wh: int, curve: Curve) -> int:
    """What the pool owes the backstop for energy that flowed in from outside (negative: what the
    backstop owes the pool for energy that flowed out). Rounded down, in favour of the pool.
    """
    price = curve.price_high if net_use_wh > 0 else curve.price_low
    return floor_div(net_use_wh * price, WH_PER_KWH)


def is_final(slot: market_pb2.Slot) -> bool:
    """Whether trading in a slot has ended and every fill is booked."""
    return slot.status == market_pb2.SLOT_STATUS_CLOSED


def compute_pool_result(slot: market_pb2.Slot) -> int:
    """The pool's earnings in a slot, without the grid's share, its residual closed at the
    imbalance prices.

    Never below minus the funding: the income is at least the area of the price line up to the
    pool's net sales (INV-5), and closing those costs at most the funding more.
    """
    income = slot.cost + slot.cancellation_income - slot.revenue
    grid_share = slot.grid_fees + slot.congestion_rent
    return income - grid_share - compute_close_cost(get_curve(slot), get_net_wh(slot))
