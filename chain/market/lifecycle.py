"""The state machines of the market, as tables: slots, market orders and limit orders.

The status of a slot is on record. A market order is on record only while it is placed. The status
of a limit order follows from its hold and its fill.
"""

from __future__ import annotations

from enum import Enum, IntEnum

from blockenergy.market.v1 import state_pb2

from chain.market.state import SLOTS
from chain.runtime.context import Context
from chain.runtime.lifecycle import Lifecycle


class SlotEvent(Enum):
    """What moves a slot to its next status."""

    OPENED = "within the horizon"
    CLEARED = "gate closure, with limit orders or offers"
    CLOSED = "gate closure, with nothing to book"
    BOOKED = "every fill is booked and every offer has ended"
    SETTLED = "every account is metered and paid"


class MarketOrderStatus(IntEnum):
    """Between a message and the end of its block an order is placed."""

    PLACED = 1
    EXECUTED = 2
    LAPSED = 3


class MarketOrderEvent(Enum):
    """What becomes of a market order at the end of its block."""

    EXECUTE = "the price of the batch is within its limit, for all of it or a part"
    LAPSE = "nothing of it can be executed, or not all of what has to be whole"


class LimitOrderStatus(IntEnum):
    """A limit order rests until gate closure, and is kept with its fill."""

    RESTING = 1
    FILLED = 2
    UNFILLED = 3
    CANCELLED = 4


class LimitOrderEvent(Enum):
    """What moves a limit order to its next status."""

    AMEND = "amended by its owner"
    CANCEL = "cancelled by its owner"
    BOOK_FILL = "booked after the call auction, with a fill"
    BOOK_NOTHING = "booked after the call auction, without one"


SLOT = Lifecycle(
    "slot",
    state_pb2.SLOT_STATUS_UNSPECIFIED,
    {
        (state_pb2.SLOT_STATUS_UNSPECIFIED, SlotEvent.OPENED): state_pb2.SLOT_STATUS_OPEN,
        (state_pb2.SLOT_STATUS_OPEN, SlotEvent.CLEARED): state_pb2.SLOT_STATUS_CLEARING,
        (state_pb2.SLOT_STATUS_OPEN, SlotEvent.CLOSED): state_pb2.SLOT_STATUS_CLOSED,
        (state_pb2.SLOT_STATUS_CLEARING, SlotEvent.BOOKED): state_pb2.SLOT_STATUS_CLOSED,
        (state_pb2.SLOT_STATUS_CLOSED, SlotEvent.SETTLED): state_pb2.SLOT_STATUS_SETTLED,
    },
    state_pb2.SlotStatus.Name,
)
MARKET_ORDER = Lifecycle(
    "market order",
    MarketOrderStatus.PLACED,
    {
        (MarketOrderStatus.PLACED, MarketOrderEvent.EXECUTE): MarketOrderStatus.EXECUTED,
        (MarketOrderStatus.PLACED, MarketOrderEvent.LAPSE): MarketOrderStatus.LAPSED,
    },
)
LIMIT_ORDER = Lifecycle(
    "limit order",
    LimitOrderStatus.RESTING,
    {
        (LimitOrderStatus.RESTING, LimitOrderEvent.AMEND): LimitOrderStatus.RESTING,
        (LimitOrderStatus.RESTING, LimitOrderEvent.CANCEL): LimitOrderStatus.CANCELLED,
        (LimitOrderStatus.RESTING, LimitOrderEvent.BOOK_FILL): LimitOrderStatus.FILLED,
        (LimitOrderStatus.RESTING, LimitOrderEvent.BOOK_NOTHING): LimitOrderStatus.UNFILLED,
    },
)


def transition(ctx: Context, slot: int, info: state_pb2.Slot, event: SlotEvent) -> None:
    """Moves a slot to its next status and writes it."""
    info.status = SLOT.next(info.status, event)
    SLOTS.set(ctx, slot, info)


def get_limit_order_status(order: state_pb2.LimitOrder) -> LimitOrderStatus:
    """The status of a limit order on record."""
    if order.hold_id:
        return LimitOrderStatus.RESTING
    return LimitOrderStatus.FILLED if order.filled_wh else LimitOrderStatus.UNFILLED
