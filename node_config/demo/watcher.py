"""Follows the chain block by block: counts what its events report and queries its slots."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field, replace

from blockenergy.market.v1 import events_pb2 as market
from blockenergy.market.v1.query_pb2 import (
    QuerySlotResponse,
    QuerySlotsRequest,
    QuerySlotsResponse,
)
from blockenergy.metering.v1 import events_pb2 as metering
from blockenergy.settlement.v1 import events_pb2 as settlement
from blockenergy.settlement.v1.state_pb2 import SlotResult
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from google.protobuf.message import Message

from client.catalog import get_module
from client.errors import RpcError
from client.node.rpc import Rpc
from client.queries import query_pages
from client.watch import WatchedBlock, watch_blocks

RETRY_S = 0.5
_PAGE = PageRequest(limit=100)


@dataclass(slots=True)
class Progress:
    """The chain after a block: its slots as queried, and counts that no query returns."""

    height: int = 0
    app_hash: bytes = b""
    txs: int = 0
    orders: int = 0
    readings_rejected: int = 0
    # All events of forecasts and prediction markets.
    forecasts: list[Message] = field(default_factory=list)
    # Those of certificates.
    certificates: list[Message] = field(default_factory=list)
    # By address, in smallest units.
    fees: Counter[str] = field(default_factory=Counter)
    # What closing positions has cost, by address.
    closed: Counter[str] = field(default_factory=Counter)
    # By slot.
    readings: Counter[int] = field(default_factory=Counter)
    slots: dict[int, QuerySlotResponse] = field(default_factory=dict)
    results: dict[int, SlotResult] = field(default_factory=dict)

    def apply(self, block: WatchedBlock, slots: dict[int, QuerySlotResponse]) -> None:
        """Adds the next block; `slots` are those of the state after it, or after a later one."""
        self.height = block.height
        self.app_hash = block.app_hash
        self.txs += len(block.tx_codes)
        self.slots.update(slots)
        for payer, coin in block.fees:
            self.fees[payer] += int(coin.amount)
        for event in block.events:
            if isinstance(event, market.EventOrderExecuted | market.EventOrderLapsed):
                self.orders += 1
            elif isinstance(event, market.EventPositionClosed):
                self.closed[event.owner] += event.loss
            elif isinstance(event, metering.EventReadingRecorded):
                self.readings[event.slot] += 1
            elif isinstance(event, metering.EventReadingRejected):
                self.readings_rejected += 1
            elif isinstance(event, settlement.EventSlotSettled):
                self.results[event.slot] = event.result
            elif get_module(event.DESCRIPTOR.full_name) == "forecast":
                self.forecasts.append(event)
            elif get_module(event.DESCRIPTOR.full_name) == "certificates":
                self.certificates.append(event)

    def copy(self) -> Progress:
        """A snapshot: it does not change with this one."""
        return replace(
            self,
            fees=self.fees.copy(),
            closed=self.closed.copy(),
            forecasts=list(self.forecasts),
            certificates=list(self.certificates),
            readings=self.readings.copy(),
            slots=dict(self.slots),
            results=dict(self.results),
        )

    def count_settled(self, slots: range) -> int:
        """How many of these slots are settled."""
        return sum(1 for slot in slots if slot in self.results)

    def get_money_settled(self, slot: int) -> int:
        """What consumers have paid for a slot; 0 until it is settled."""
        if slot not in self.results:
            return 0
        return self.slots[slot].info.cost + self.results[slot].imbalance_charge


class Watcher:
    """Keeps the progress of the chain as one node reports it."""

    def __init__(self, rpc_url: str) -> None:
        self._progress = Progress()
        self._lock = threading.Lock()
        self._rpc = Rpc(rpc_url)

    def get_progress(self) -> Progress:
        """A snapshot."""
        with self._lock:
            return self._progress.copy()

    def run(self, stop: threading.Event) -> None:
        """Adds every block from the first one on until `stop` is set."""
        while not stop.is_set():
            try:
                for block in watch_blocks(self._rpc, self._progress.height + 1, stop=stop):
                    slots = self._get_slots()
                    with self._lock:
                        self._progress.apply(block, slots)
            except RpcError:
                # The node is restarting; the next block is requested again.
                stop.wait(RETRY_S)

    def _get_slots(self) -> dict[int, QuerySlotResponse]:
        pages = query_pages(self._rpc, QuerySlotsRequest(pagination=_PAGE), QuerySlotsResponse)
        return {found.slot: found for page in pages for found in page.slots}
