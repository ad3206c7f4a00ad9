"""What closing costs beside the loss of the trade: what the position has done to the price for
others, and late, what a line costs that was booked until nobody else can use it.

Promises that it never makes closing dearer than keeping the position and not using, or delivering,
its energy, which pays for what it has done to the price as well. It is the same whether a position
is cancelled or traded back.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain.market.keeper import get_curve, get_gate_closure_s
from chain.market.rules import (
    Curve,
    compute_influence,
    compute_influence_charge,
    compute_influence_charge_max,
)
from chain.market.state import PARAMS
from chain.runtime.context import Context
from chain.runtime.units import WH_PER_KWH, ceil_div, floor_div


class Charges(NamedTuple):
    """The line of the slot, whose bounds are the prices of its imbalances, and a fee per kWh."""

    curve: Curve
    fee_per_kwh: int = 0

    def add_to(
        self, loss: int, amount: int, is_bought: bool, quantity_wh: int, opposite_half_wh: int
    ) -> int:
        """The loss of closing energy that costs, or brings, an amount, with all charges.

        opposite_half_wh: what was traded the other way since the energy was.
        """
        fee = ceil_div(quantity_wh * self.fee_per_kwh, WH_PER_KWH)
        influence = compute_influence(self.curve, quantity_wh, opposite_half_wh)
        keeping = self._compute_imbalance(amount, is_bought, quantity_wh)
        keeping += compute_influence_charge(self.curve, is_bought, quantity_wh, opposite_half_wh)
        return max(loss, min(max(loss, influence) + fee, keeping))

    def compute_largest(self, amount: int, is_bought: bool, quantity_wh: int) -> int:
        """The most that closing can cost, whatever others have traded."""
        imbalance = self._compute_imbalance(amount, is_bought, quantity_wh)
        return imbalance + compute_influence_charge_max(self.curve, is_bought, quantity_wh)

    def _compute_imbalance(self, amount: int, is_bought: bool, quantity_wh: int) -> int:
        """What an imbalance costs of energy that is kept and not used, or delivered."""
        if is_bought:
            return amount - floor_div(quantity_wh * self.curve.price_low, WH_PER_KWH)
        return ceil_div(quantity_wh * self.curve.price_high, WH_PER_KWH) - amount


def get_charges(ctx: Context, slot: int, info: state_pb2.Slot) -> Charges:
    """What is in force for a slot at the time of the block."""
    params = PARAMS.at(ctx, slot)
    is_late = ctx.block.time_s >= get_gate_closure_s(ctx, slot) - params.late_cancellation_s
    return Charges(get_curve(info), params.late_cancellation_fee_per_kwh if is_late else 0)
