"""The fee for cancelling late: what a line costs that was booked until nobody else can use it.

Promises that cancelling never costs more than keeping the position and not using, or delivering,
its energy. Nothing here reads state.
"""

from __future__ import annotations

from typing import NamedTuple

from chain.market.rules import Curve
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
