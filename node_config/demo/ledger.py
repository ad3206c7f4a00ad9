"""What the chain has reported so far, event by event.

It is fed with every block in order, so that what it shows is what the chain did.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from blockenergy.market.v1 import events_pb2 as market
from blockenergy.market.v1.state_pb2 import SIDE_BUY
from blockenergy.metering.v1 import events_pb2 as metering
from blockenergy.settlement.v1 import events_pb2 as settlement
from blockenergy.settlement.v1.state_pb2 import SlotResult
from google.protobuf.message import Message

from client.watch import WatchedBlock


@dataclass(slots=True)
class SlotRecord:
    """One slot and its progress."""

    slot: int
    price_per_kwh: int = 0
    bought_wh: int = 0
    sold_wh: int = 0
    cost: int = 0
    revenue: int = 0
    readings: int = 0
    # Set when the slot is settled.
    result: SlotResult | None = None

    @property
    def money_settled(self) -> int:
        """All that users of energy have paid for the slot; 0 until it is settled."""
        return self.cost + self.result.imbalance_charge if self.result is not None else 0


@dataclass(slots=True)
class Ledger:
    """Blocks, slots, positions and orders."""

    height: int = 0
    app_hash: bytes = b""
    txs: int = 0
    txs_failed: int = 0
    orders: int = 0
    readings_rejected: int = 0
    slots: dict[int, SlotRecord] = field(default_factory=dict)
    # Net energy bought, by owner and slot.
    positions_wh: dict[tuple[str, int], int] = field(default_factory=dict)
    # Ids of orders that were not executed.
    lapsed: set[int] = field(default_factory=set)

    def apply(self, block: WatchedBlock) -> None:
        """Adds the next block."""
        self.height = block.height
        self.app_hash = block.app_hash
        self.txs += len(block.tx_codes)
        self.txs_failed += sum(1 for code in block.tx_codes if code)
        for event in block.events:
            self._apply_event(event)

    def get_slot(self, slot: int) -> SlotRecord:
        """The record of a slot, empty if there is none yet."""
        return self.slots.setdefault(slot, SlotRecord(slot))

    def copy(self) -> Ledger:
        """An independent copy."""
        slots = {number: replace(record) for number, record in self.slots.items()}
        return replace(
            self, slots=slots, positions_wh=dict(self.positions_wh), lapsed=set(self.lapsed)
        )

    def count_settled(self, slots: range) -> int:
        """The number of these slots that are settled."""
        records = (self.slots.get(slot) for slot in slots)
        return sum(1 for record in records if record is not None and record.result is not None)

    def get_position_wh(self, owner: str, slot: int) -> int:
        """Net energy that an account has bought for a slot."""
        return self.positions_wh.get((owner, slot), 0)

    def _apply_event(self, event: Message) -> None:
        if isinstance(event, market.EventSlotOpened):
            self.get_slot(event.slot).price_per_kwh = event.price_per_kwh
        elif isinstance(event, market.EventSlotTraded):
            self.get_slot(event.slot).price_per_kwh = event.next_price_per_kwh
        elif isinstance(event, market.EventOrderExecuted):
            self._apply_execution(event)
        elif isinstance(event, market.EventOrderLapsed):
            self.orders += 1
            self.lapsed.add(event.order_id)
        elif isinstance(event, metering.EventReadingRecorded):
            self.get_slot(event.slot).readings += 1
        elif isinstance(event, metering.EventReadingRejected):
            self.readings_rejected += 1
        elif isinstance(event, settlement.EventSlotSettled):
            self.get_slot(event.slot).result = event.result

    def _apply_execution(self, event: market.EventOrderExecuted) -> None:
        record = self.get_slot(event.slot)
        self.orders += 1
        position_wh = self.get_position_wh(event.owner, event.slot)
        if event.side == SIDE_BUY:
            record.bought_wh += event.quantity_wh
            record.cost += event.amount
            position_wh += event.quantity_wh
        else:
            record.sold_wh += event.quantity_wh
            record.revenue += event.amount
            position_wh -= event.quantity_wh
        self.positions_wh[event.owner, event.slot] = position_wh
