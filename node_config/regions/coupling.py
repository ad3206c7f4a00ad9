"""What the operator of a tie line does: trade towards the region with the higher price, in steps,
until prices meet or the line is full.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import query_pb2, state_pb2

# Of what would bring the prices together: the other region may have changed meanwhile.
_STEP_PERMILLE = 500
_PERMILLE = 1000
WH_PER_GWH = 1_000_000_000


class Prices(NamedTuple):
    """What a pool bids and asks for the next kWh of a slot, and what a GWh would add to that."""

    bid: int
    ask: int
    slope: int


class Step(NamedTuple):
    """A trade of the region that acts; the other one does the opposite."""

    side: state_pb2.Side
    quantity_wh: int
    limit: int
    limit_there: int


def read_prices(answer: query_pb2.QuerySlotResponse) -> Prices:
    """The prices of a slot."""
    info = answer.info
    spread = info.price_high_per_kwh - info.price_low_per_kwh - 2 * info.margin_per_kwh
    slope = compute_slope(spread, info.depth_wh)
    return Prices(answer.bid_per_kwh, answer.ask_per_kwh, slope)


def compute_slope(spread: int, depth_wh: int) -> int:
    """By how much a GWh would change the price of a line: spread is between its two ends."""
    return spread * WH_PER_GWH // max(1, 2 * depth_wh)


def plan_step(
    here: Prices, there: Prices, left_wh: tuple[int, int], least_wh: int, most_wh: int
) -> Step | None:
    """The next trade of a slot; None where it would gain nothing, or the line is full.

    left_wh: what the line can carry from here to there, and from there to here. least_wh, most_wh:
    of one order. No limit is worse than where the two prices would meet.
    """
    export_gain, import_gain = there.bid - here.ask, here.bid - there.ask
    gain = max(export_gain, import_gain)
    if gain <= 0:
        return None
    is_export = export_gain >= import_gain
    whole_wh = gain * WH_PER_GWH // max(1, here.slope + there.slope)
    wanted_wh = max(least_wh, whole_wh * _STEP_PERMILLE // _PERMILLE)
    quantity_wh = min(wanted_wh, left_wh[not is_export], most_wh)
    if whole_wh < least_wh or quantity_wh < least_wh:
        return None
    moved = here.slope * whole_wh // WH_PER_GWH
    if is_export:
        meeting = here.ask + moved
        return Step(state_pb2.SIDE_BUY, quantity_wh, meeting, meeting)
    meeting = here.bid - moved
    return Step(state_pb2.SIDE_SELL, quantity_wh, meeting, meeting)
