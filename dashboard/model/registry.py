"""Whose meters there are, as the node says; read anew when it changes."""

from __future__ import annotations

from collections.abc import Iterable

from blockenergy.registry.v1 import query_pb2
from google.protobuf.message import Message

from client.errors import RejectedError
from client.node.rpc import Rpc
from client.queries import query

_PACKAGE = "blockenergy.registry."
_OWNERS_MAX = 100_000


class Registry:
    """Owners of meters. Raises RpcError if the node fails."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._owners: dict[str, str] = {}

    def hear(self, events: Iterable[Message]) -> None:
        """Forgets what it knows if one of the events is about the registry."""
        if any(event.DESCRIPTOR.full_name.startswith(_PACKAGE) for event in events):
            self._owners.clear()

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
