"""The JSON-RPC interface of a CometBFT node: one class, results as typed values.

`Rpc` is thread-safe: each thread has a connection of its own, kept open between calls. Every
failure is an RpcError with a sentence: node unreachable, timeout, malformed response, or an error
reported by the node.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit

from client.errors import RpcError, UsageError
from client.rpc_types import (
    Block,
    BlockResults,
    BroadcastResult,
    Json,
    NodeStatus,
    QueryResult,
    TxResult,
    parse_block,
    parse_block_results,
    parse_broadcast_result,
    parse_query_result,
    parse_status,
    parse_tx_result,
)

T = TypeVar("T")

DEFAULT_NODE = "tcp://127.0.0.1:26657"
DEFAULT_TIMEOUT_S = 10.0
# More than the largest block with its results.
RESPONSE_BYTES_MAX = 256 * 1024 * 1024
POLL_INTERVAL_S = 0.1
_SCHEMES = {"tcp": False, "http": False, "https": True}


class Rpc:
    """A node at an address such as `tcp://127.0.0.1:26657`.

    `timeout_s` applies to each step of the connection. Raises UsageError for an invalid address.
    """

    def __init__(self, node: str = DEFAULT_NODE, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        parts = urlsplit(node)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in _SCHEMES or not parts.hostname or port is None:
            raise UsageError(f"{node!r} is not a node address such as {DEFAULT_NODE}")
        self.node = node
        self._host, self._port = parts.hostname, port
        self._is_tls = _SCHEMES[parts.scheme]
        self._path = parts.path or "/"
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._ids = itertools.count(1)

    def status(self) -> NodeStatus:
        """The node's identity and its latest block."""
        return self._read(parse_status, "status", {})

    def abci_query(
        self, path: str, data: bytes, *, height: int = 0, prove: bool = False
    ) -> QueryResult:
        """Queries the state after the block at a height, by default the latest. An error of the
        application is returned in the result, not raised.
        """
        params = {"path": path, "data": data.hex(), "height": str(height), "prove": prove}
        return self._read(parse_query_result, "abci_query", params)

    def broadcast_tx_sync(self, tx: bytes) -> BroadcastResult:
        """Submits a transaction and waits until the node has checked it."""
        return self._read(parse_broadcast_result, "broadcast_tx_sync", {"tx": _base64(tx)})

    def broadcast_tx_async(self, tx: bytes) -> BroadcastResult:
        """Submits a transaction without waiting for anything."""
        return self._read(parse_broadcast_result, "broadcast_tx_async", {"tx": _base64(tx)})

    def tx(self, tx_hash: bytes) -> TxResult | None:
        """A transaction that is in a block, or None; needs the node's transaction index."""
        try:
            return self._read(parse_tx_result, "tx", {"hash": _base64(tx_hash)})
        except RpcError as error:
            if "not found" in error.detail:
                return None
            raise

    def wait_for_tx(self, tx_hash: bytes, wait_s: float) -> TxResult:
        """Waits until a transaction is in a block; RpcError if that takes longer than `wait_s`."""
        deadline = time.monotonic() + wait_s
        while (result := self.tx(tx_hash)) is None:
            if time.monotonic() >= deadline:
                raise RpcError(
                    f"transaction {tx_hash.hex().upper()} is not in a block after {wait_s:g} s; "
                    "it may still be included, so look it up before sending again"
                )
            time.sleep(POLL_INTERVAL_S)
        return result

    def block(self, height: int | None = None) -> Block:
        """The block at a height, or the latest one."""
        return self._read(parse_block, "block", _at(height))

    def block_results(self, height: int | None = None) -> BlockResults:
        """The results of a block's transactions, with all events."""
        return self._read(parse_block_results, "block_results", _at(height))

    def call(self, method: str, params: Mapping[str, object]) -> Json:
        """Calls any method of the node; returns the `result` of the response."""
        is_repeatable = not method.startswith("broadcast_")
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        response = self._parse(self._post(json.dumps(body).encode(), is_repeatable=is_repeatable))
        error = response.get("error")
        if error:
            detail = f"{error.get('data') or error.get('message') or error}"
            raise RpcError(f"the node at {self.node} responds: {detail}", detail)
        result = response.get("result")
        if not isinstance(result, dict):
            raise RpcError(f"the response of {self.node} has no result; is it a CometBFT node?")
        return result

    def close(self) -> None:
        """Closes this thread's connection; the next call opens another."""
        connection = getattr(self._local, "connection", None)
        self._local.connection = None
        if connection is not None:
            connection.close()

    def _read(self, parse: Callable[[Json], T], method: str, params: Mapping[str, object]) -> T:
        result = self.call(method, params)
        try:
            return parse(result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RpcError(
                f"the response of {self.node} to {method} does not have the expected form "
                f"({type(error).__name__}: {error}); is it a CometBFT 0.38 node?"
            ) from error

    def _post(self, body: bytes, *, is_repeatable: bool) -> bytes:
        """Sends a request; retries once if the node has closed a kept-alive connection.

        A request that changes something is never sent twice here: the caller must find out whether
        the node received it.
        """
        connection = self._get_kept_connection()
        try:
            return self._post_once(connection or self._open_connection(), body)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            is_closed = isinstance(error, http.client.RemoteDisconnected | ConnectionError)
            if not (connection and is_closed and is_repeatable):
                raise self._describe(error) from error
        return self._post(body, is_repeatable=False)

    def _post_once(self, connection: http.client.HTTPConnection, body: bytes) -> bytes:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response: bytes = connection.getresponse().read(RESPONSE_BYTES_MAX + 1)
        if len(response) > RESPONSE_BYTES_MAX:
            self.close()
            raise RpcError(f"the response of {self.node} is larger than {RESPONSE_BYTES_MAX} bytes")
        return response

    def _get_kept_connection(self) -> http.client.HTTPConnection | None:
        """This thread's connection, unless the node has closed it since its last response."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None or connection.sock is None:
            return None
        # No response is pending, so readable data means that the node closed the connection.
        if select.select([connection.sock], [], [], 0)[0]:
            self.close()
            return None
        return connection

    def _open_connection(self) -> http.client.HTTPConnection:
        factory = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = factory(self._host, self._port, timeout=self._timeout_s)
        self._local.connection = connection
        return connection

    def _describe(self, error: Exception) -> RpcError:
        if isinstance(error, TimeoutError):
            return RpcError(
                f"the node at {self.node} did not respond within {self._timeout_s:g} s; try again "
                "or check the node's log"
            )
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return RpcError(
            f"the node at {self.node} cannot be reached ({reason}); start it, or set --node"
        )

    def _parse(self, response: bytes) -> Json:
        with contextlib.suppress(ValueError):
            parsed = json.loads(response)
            if isinstance(parsed, dict):
                return parsed
        raise RpcError(f"the response of {self.node} is not JSON-RPC; is it a CometBFT node?")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _at(height: int | None) -> dict[str, object]:
    return {} if height is None else {"height": str(height)}
