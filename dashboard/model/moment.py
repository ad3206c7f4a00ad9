"""What the node says at its latest block: asked for once for each block, and shared by all calls.

All queries of a call are answered from the state of that block, so that its figures fit together.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from blockenergy.auth.v1 import query_pb2 as auth_pb2
from blockenergy.auth.v1.state_pb2 import Params as AuthParams
from blockenergy.bank.v1 import query_pb2 as bank_pb2
from blockenergy.bank.v1.state_pb2 import Denom
from blockenergy.market.v1 import query_pb2 as market_pb2
from blockenergy.metering.v1 import query_pb2 as metering_pb2
from google.protobuf.message import Message

from client.cli.common import NS_PER_S
from client.errors import ClientError
from client.node.rpc import Rpc
from client.queries import get_state_height, query, query_pages

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Message)

POLL_INTERVAL_S = 0.25
RETRY_INTERVAL_S = 2.0
OPEN_SLOTS_MAX = 1000
CACHED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Moment:
    """The chain after a block. slots: that in delivery and the open ones, as far as they are on
    record. cache, shared: what calls have read and computed of this state.
    """

    chain_id: str
    height: int
    time_s: int
    slot: int
    slot_length_s: int
    slot_stands_for_s: int
    denom_name: str
    denom: Denom
    auth: AuthParams
    slots: tuple[market_pb2.QuerySlotResponse, ...]
    cache: dict[tuple[str, bytes], Message] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)


class Present:
    """The latest moment of a node; `follow` keeps it so. Raises ClientError if the node fails."""

    def __init__(self, rpc: Rpc) -> None:
        self.rpc = rpc
        self._listeners: list[Callable[[], None]] = []
        self.moment = self._read(get_state_height(rpc))

    def listen(self, listener: Callable[[], None]) -> None:
        """Calls the listener, in the thread of `follow`, after each change."""
        self._listeners.append(listener)

    def follow(self, stop: threading.Event) -> None:
        """Reads each new block until told to stop. While the node fails, the moment stays as it
        is, and says of when it is.
        """
        wait_s = POLL_INTERVAL_S
        while not stop.wait(wait_s):
            wait_s = POLL_INTERVAL_S
            try:
                self.refresh()
            except ClientError as error:
                log.warning("%s; trying again", error.sentence)
                wait_s = RETRY_INTERVAL_S

    def refresh(self) -> None:
        """Reads the latest block, if there is another than before."""
        height = get_state_height(self.rpc)
        if height != self.moment.height:
            self.moment = self._read(height)
            for listener in self._listeners:
                listener()

    def ask(self, moment: Moment, request: Message, response_type: type[R]) -> R:
        """The answer to a query from the state of a moment; RejectedError as the chain has it."""
        key = (request.DESCRIPTOR.full_name, request.SerializeToString(deterministic=True))
        found = moment.cache.get(key)
        if found is None:
            found = query(self.rpc, request, response_type, height=moment.height)
            if len(moment.cache) < CACHED_MAX:
                moment.cache[key] = found
        assert isinstance(found, response_type)
        return found

    def _read(self, height: int) -> Moment:
        block = self.rpc.block(height)
        time_s = block.time_ns // NS_PER_S

        def ask(request: Message, response_type: type[R]) -> R:
            return query(self.rpc, request, response_type, height=height)

        metering = ask(metering_pb2.QueryParamsRequest(), metering_pb2.QueryParamsResponse).params
        market = ask(market_pb2.QueryParamsRequest(), market_pb2.QueryParamsResponse).params
        name = market.settlement_denom
        denom = ask(bank_pb2.QueryDenomRequest(denom=name), bank_pb2.QueryDenomResponse).info
        slot = time_s // metering.slot_length_s
        return Moment(
            chain_id=block.chain_id,
            height=height,
            time_s=time_s,
            slot=slot,
            slot_length_s=metering.slot_length_s,
            slot_stands_for_s=metering.represented_duration_s,
            denom_name=name,
            denom=denom,
            auth=ask(auth_pb2.QueryParamsRequest(), auth_pb2.QueryParamsResponse).params,
            slots=tuple(read_slots(self.rpc, height, slot, OPEN_SLOTS_MAX)),
        )


def read_slots(
    rpc: Rpc, height: int, first_slot: int, count: int
) -> list[market_pb2.QuerySlotResponse]:
    """Slots on record from one on, at most `count`."""
    request = market_pb2.QuerySlotsRequest(first_slot=first_slot)
    request.pagination.limit = min(count, 200)
    found: list[market_pb2.QuerySlotResponse] = []
    for page in query_pages(rpc, request, market_pb2.QuerySlotsResponse, height=height):
        found += page.slots
        if len(found) >= count:
            break
    return found[:count]
