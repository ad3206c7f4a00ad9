"""Whose meters there are and on which feeders, as the node says; read anew when it changes."""

from __future__ import annotations

from collections.abc import Iterable

from blockenergy.registry.v1 import query_pb2, state_pb2
from google.protobuf.message import Message

from client.errors import RejectedError
from client.node.rpc import Rpc
from client.queries import query, query_pages

_PACKAGE = "blockenergy.registry."
_PAGE = 1000
_OWNERS_MAX = 100_000


class Registry:
    """Participants and feeders of a node. Raises RpcError if it fails."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._owners: dict[str, str] = {}
        self._participants: dict[str, state_pb2.Participant] | None = None
        self._parents: dict[str, str] = {}

    def hear(self, events: Iterable[Message]) -> None:
        """Forgets what it knows if one of the events is about the registry."""
        if any(event.DESCRIPTOR.full_name.startswith(_PACKAGE) for event in events):
            self._owners.clear()
            self._participants = None

    def find_owner(self, meter_id: str) -> str:
        """The owner of a meter; empty if there is no such meter."""
        if meter_id not in self._owners:
            if len(self._owners) >= _OWNERS_MAX:
                self._owners.clear()
            request = query_pb2.QueryMeterRequest(meter_id=meter_id)
            try:
                found = query(self._rpc, request, query_pb2.QueryMeterResponse).meter.owner
            except RejectedError:
                found = ""
            self._owners[meter_id] = found
        return self._owners[meter_id]

    def find_participant(self, address: str) -> state_pb2.Participant | None:
        """The participant with an address, or None."""
        self._load()
        assert self._participants is not None
        return self._participants.get(address)

    def list_way_up(self, feeder: str) -> list[str]:
        """A feeder and those above it, up to the grid supply point."""
        self._load()
        way: list[str] = []
        while feeder in self._parents and len(way) < len(self._parents):
            way.append(feeder)
            feeder = self._parents[feeder]
        return way

    def _load(self) -> None:
        if self._participants is not None:
            return
        feeders = query_pb2.QueryFeedersRequest()
        feeders.pagination.limit = _PAGE
        self._parents = {
            one.feeder: one.info.parent
            for page in query_pages(self._rpc, feeders, query_pb2.QueryFeedersResponse)
            for one in page.feeders
        }
        participants = query_pb2.QueryParticipantsRequest()
        participants.pagination.limit = _PAGE
        self._participants = {
            one.address: one.participant
            for page in query_pages(self._rpc, participants, query_pb2.QueryParticipantsResponse)
            for one in page.participants
        }
