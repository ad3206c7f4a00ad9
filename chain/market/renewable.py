"""What renewable orders have traded, by feeder, and what is due for it.

A renewable bid is filled only by renewable asks of its own feeder, whose energy may also go to
other buyers. So each of its sellers owes the buyers a share of what it sold.
"""

from __future__ import annotations

from collections.abc import Mapping

from blockenergy.market.v1 import state_pb2

from chain.market.state import POSITIONS, RENEWABLE_TRADES
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.runtime.units import ceil_div, floor_div


def add(
    filled: dict[str, state_pb2.RenewableTrades], order: state_pb2.LimitOrder, filled_wh: int
) -> None:
    """Adds the fill of a renewable order to those of its feeder."""
    trades = filled.setdefault(order.feeder, state_pb2.RenewableTrades())
    if order.side == state_pb2.SIDE_BUY:
        trades.bids_filled_wh += filled_wh
    else:
        trades.asks_filled_wh += filled_wh


def book(ctx: Context, slot: int, filled: Mapping[str, state_pb2.RenewableTrades]) -> None:
    """Adds fills to what is on record for a slot."""
    for feeder, more in sorted(filled.items()):
        trades = RENEWABLE_TRADES.get(ctx, (slot, feeder)) or state_pb2.RenewableTrades()
        trades.bids_filled_wh += more.bids_filled_wh
        trades.asks_filled_wh += more.asks_filled_wh
        RENEWABLE_TRADES.set(ctx, (slot, feeder), trades)


def get_due_wh(state: HasStore, slot: int, position: state_pb2.Position) -> int:
    """What a position has sold to buyers of renewable energy, or taken over of it."""
    own_wh = _find_due_wh(state, slot, position.feeder, position.renewable_ask_wh)
    return own_wh + position.renewable_due_wh


def take_sales(
    state: HasStore, slot: int, position: state_pb2.Position, sold_wh: int, taken_wh: int
) -> int:
    """Takes the share of its renewable sales that goes with part of what a position has sold,
    rounded down, and returns what of it is due; the caller writes the position.

    sold_wh: what it had sold before; more may be due than that, if sales were closed. What is due
    for the share is rounded up, so that nothing of what was bought as renewable is due from nobody.
    """
    ask_wh = min(taken_wh, floor_div(position.renewable_ask_wh * taken_wh, sold_wh))
    due_wh = floor_div(position.renewable_due_wh * taken_wh, sold_wh)
    due_wh = min(taken_wh - ask_wh, due_wh)
    position.renewable_ask_wh -= ask_wh
    position.renewable_due_wh -= due_wh
    return due_wh + _find_due_wh(state, slot, position.feeder, ask_wh)


def drop_purchases(position: state_pb2.Position, bought_wh: int, taken_wh: int) -> None:
    """Ends the share of its renewable purchases that goes with part of what a position has bought,
    rounded up: nobody uses it as renewable. The caller writes the position.
    """
    position.renewable_bid_wh -= ceil_div(position.renewable_bid_wh * taken_wh, bought_wh)


def close_sides(position: state_pb2.Position, closed_wh: int) -> None:
    """Ends the share of its renewable purchases in what a position has bought and sold; the caller
    writes the position, which has both still.

    What it has sold as renewable stays due, or buying other energy back would leave it due from
    nobody; but for what it had bought as renewable, which it so passes on.
    """
    before_wh = position.renewable_bid_wh
    drop_purchases(position, position.bought_wh, closed_wh)
    passed_on_wh = before_wh - position.renewable_bid_wh
    position.renewable_ask_wh -= min(position.renewable_ask_wh, passed_on_wh)


def compute_due_wh(ask_wh: int, bids_filled_wh: int, asks_filled_wh: int) -> int:
    """A seller's share of what was bought as renewable on its feeder; the odd Wh is the seller's,
    so that all shares together are no less than what was bought.
    """
    if not ask_wh or not asks_filled_wh:
        return 0
    return min(ask_wh, ceil_div(ask_wh * bids_filled_wh, asks_filled_wh))


def _find_due_wh(state: HasStore, slot: int, feeder: str, ask_wh: int) -> int:
    trades = RENEWABLE_TRADES.get_shared(state, (slot, feeder)) if ask_wh else None
    if trades is None:
        return 0
    return compute_due_wh(ask_wh, trades.bids_filled_wh, trades.asks_filled_wh)


def renewable_trades(state: HasStore) -> list[str]:
    """Renewable bids of a feeder are filled by its renewable asks, and no position has more of
    either than was filled there.
    """
    sums: dict[tuple[int, str], list[int]] = {}
    for (slot, _), position in POSITIONS.items(state):
        total = sums.setdefault((slot, position.feeder), [0, 0])
        total[0] += position.renewable_bid_wh
        total[1] += position.renewable_ask_wh
    problems = []
    for key, trades in RENEWABLE_TRADES.items(state):
        bids_wh, asks_wh = sums.pop(key, [0, 0])
        if bids_wh > trades.bids_filled_wh or asks_wh > trades.asks_filled_wh:
            problems.append(f"slot {key[0]}: positions on {key[1]} have more renewable energy")
    left = [key for key, total in sums.items() if any(total)]
    return problems + [
        f"slot {slot}: renewable energy on {name} was never filled" for slot, name in left
    ]
