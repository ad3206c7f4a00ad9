"""The fee for cancelling late: what a line costs that was booked until nobody else can use it.

Promises that it never makes cancelling dearer than keeping the position and not using, or
delivering, its energy. It is the same whether a position is cancelled or traded back.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain import metering
from chain.market.keeper import get_curve, get_gate_closure_s
from chain.market.rules import Curve
from chain.market.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.units import WH_PER_KWH, ceil_div, floor_div


class LateFee(NamedTuple):
    """A fee per kWh, and the prices of the slot, which are those of its imbalances."""

    curve: Curve
    fee_per_kwh: int

    def add_to(self, loss: int, amount: int, is_bought: bool, quantity_wh: int) -> int:
        """The loss of cancelling energy that costs, or brings, an amount, with the fee."""
        fee = ceil_div(quantity_wh * self.fee_per_kwh, WH_PER_KWH)
        if is_bought:
            imbalance = amount - floor_div(quantity_wh * self.curve.price_low, WH_PER_KWH)
        else:
            imbalance = ceil_div(quantity_wh * self.curve.price_high, WH_PER_KWH) - amount
        return max(loss, min(loss + fee, imbalance))


def get_late_fee(ctx: Context, slot: int, info: state_pb2.Slot) -> LateFee:
    """What is in force for a slot at the time of the block."""
    params, length_s = PARAMS.at(ctx, slot), metering.get_params(ctx).slot_length_s
    gate_s = get_gate_closure_s(length_s, params.gate_closure_s, slot)
    is_late = ctx.block.time_s >= gate_s - params.late_cancellation_s
    return LateFee(get_curve(info), params.late_cancellation_fee_per_kwh if is_late else 0)
