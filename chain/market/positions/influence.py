"""What a position has done to the price for others while it was held.

Who buys raises the price for all who sell after, and gives that back by closing: but those who sold
in between keep it. If others buy meanwhile, what the position is worth then hides it, and they pay.
So closing costs, at least, what the position has brought those who traded the other way since: an
account that only moves the price cannot help another one to more than it loses itself. Energy that
is never closed, and then not used or delivered, costs the same in the settlement.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

# What is counted at most, so that twice as much stays within 64 bits.
TRADED_MAX_WH = 10**18


class Traded(NamedTuple):
    """What was traded in a slot until the middle of a block, in halves of a Wh: a block has one
    price, so that half of it counts as before a trade, and half as after.
    """

    buy_half_wh: int
    sell_half_wh: int

    def before(self, is_buy: bool) -> int:
        """What was traded the other way before a trade."""
        return self.sell_half_wh if is_buy else self.buy_half_wh

    def since(self, position: state_pb2.Position, is_bought: bool, quantity_wh: int) -> int:
        """What was traded the other way since a position was, but for the trade that closes it."""
        after = self.before(is_bought) - quantity_wh
        return max(0, after - position.opposite_start_half_wh)


def get_traded(info: state_pb2.Slot, bought_wh: int = 0, sold_wh: int = 0) -> Traded:
    """In a slot, with what is bought and sold in this block."""
    return Traded(2 * info.traded_buy_wh + bought_wh, 2 * info.traded_sell_wh + sold_wh)


def get_opposite_half_wh(info: state_pb2.Slot, position: state_pb2.Position) -> int:
    """What was traded in a slot, until now, the other way since a position was."""
    return get_traded(info).since(position, position.bought_wh > position.sold_wh, 0)


def add_traded(info: state_pb2.Slot, bought_wh: int, sold_wh: int) -> None:
    """Counts the trades of a block in its slot, which the caller writes."""
    info.traded_buy_wh = min(info.traded_buy_wh + bought_wh, TRADED_MAX_WH)
    info.traded_sell_wh = min(info.traded_sell_wh + sold_wh, TRADED_MAX_WH)


def note_start(
    position: state_pb2.Position, is_buy: bool, quantity_wh: int, traded: Traded
) -> None:
    """Notes what was traded the other way before energy that a position now has."""
    whole_wh = position.bought_wh if is_buy else position.sold_wh
    earlier = position.opposite_start_half_wh * (whole_wh - quantity_wh)
    start = earlier + traded.before(is_buy) * quantity_wh
    position.opposite_start_half_wh = start // whole_wh
