"""The node behind the gateway: all calls to it, and never more than a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TypeVar

from client.errors import RpcError
from client.node.rpc import Rpc
from client.node.rpc_types import BroadcastResult, Json
from gateway.errors import GatewayError, Status, make_error, make_node_error

T = TypeVar("T")

CALLS_MAX = 8
# How long a call waits for its place.
PLACE_WAIT_S = 5.0


class Node:
    """A node's RPC. Raises GatewayError: busy, no answer, an answer that nobody can read."""

    def __init__(self, rpc: Rpc, calls_max: int = CALLS_MAX) -> None:
        self._rpc = rpc
        self._places = threading.BoundedSemaphore(calls_max)

    def query(self, path: str, request: bytes, height: int) -> tuple[bytes, int]:
        """The chain's answer to a query, and the height of the state that it is from."""
        result = _raise_error(
            self._call(lambda: self._rpc.abci_query(path, request, height=height))
        )
        if result.code:
            raise make_error(result.codespace, result.code, result.log)
        return result.value, result.height

    def read(
        self, parse: Callable[[Json], T], method: str, params: Mapping[str, object] | None = None
    ) -> T:
        """What `parse` makes of the result of a method of the RPC."""
        return _raise_error(self.try_read(parse, method, params or {}))

    def try_read(
        self, parse: Callable[[Json], T], method: str, params: Mapping[str, object]
    ) -> T | RpcError:
        """The same, but an error that the node answers with is returned."""
        return self._call(lambda: self._rpc.read(parse, method, params))

    def broadcast(self, tx: bytes, *, wait: bool) -> BroadcastResult | RpcError:
        """Hands in a transaction; an error that the node answers with is returned."""
        send = self._rpc.broadcast_tx_sync if wait else self._rpc.broadcast_tx_async
        return self._call(lambda: send(tx))

    def _call(self, call: Callable[[], T]) -> T | RpcError:
        if not self._places.acquire(timeout=PLACE_WAIT_S):
            raise GatewayError(Status.RESOURCE_EXHAUSTED, "the gateway is busy; try again later")
        try:
            return call()
        except RpcError as error:
            if error.detail:
                return error
            raise make_node_error(error) from error
        finally:
            self._places.release()

    def close_thread(self) -> None:
        """Closes the connection that this thread has with the node."""
        self._rpc.close()


def _raise_error(found: T | RpcError) -> T:
    if isinstance(found, RpcError):
        raise make_node_error(found) from found
    return found
