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
from client.files.json_input import parse_json
from client.node.call_deadline import CallDeadline, HttpConnection, HttpsConnection
from client.node.rpc_types import (
    MALFORMED,
    Block,
    BlockResults,
    BroadcastResult,
    Json,
    Mempool,
    NodeStatus,
    QueryResult,
    TxResult,
    parse_block,
    parse_block_results,
    parse_block_search,
    parse_broadcast_result,
    parse_mempool,
    parse_query_result,
    parse_status,
    parse_tx_result,
    parse_tx_search,
)

T = TypeVar("T")

DEFAULT_NODE = "tcp://127.0.0.1:26657"
DEFAULT_TIMEOUT_S = 10.0
# More than the largest block with its results, and more than any other response.
BLOCK_BYTES_MAX = 256 * 1024 * 1024
RESPONSE_BYTES_MAX = 16 * 1024 * 1024
_LARGE = frozenset({"block", "block_results", "tx", "tx_search", "unconfirmed_txs"})
POLL_INTERVAL_S = 0.1
# What CometBFT lists at once.
MEMPOOL_LISTED_MAX = 100
_SCHEMES = {"tcp": False, "http": False, "https": True}


class Rpc:
    """A node at an address such as `tcp://127.0.0.1:26657`.

    `timeout_s` is the longest that a call may take. Raises UsageError for an invalid address.
    """

    def __init__(self, node: str = DEFAULT_NODE, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        try:
            parts = urlsplit(node)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        is_plain = node.isascii() and node.isprintable()
        if not (host and port and is_plain and parts.scheme in _SCHEMES):
            raise UsageError(f"{node!r} is not a node address such as {DEFAULT_NODE}")
        self.node = node
        self._host, self._port = host, port
        self._is_tls = _SCHEMES[parts.scheme]
        self._path = parts.path or "/"
        self._timeout_s = timeout_s
        # Each thread has a connection of its own, with the deadline of its present call.
        self._local = threading.local()
        self._ids = itertools.count(1)

    def status(self) -> NodeStatus:
        """The node's identity and its latest block."""
        return self.read(parse_status, "status", {})

    def abci_query(
        self, path: str, data: bytes, *, height: int = 0, prove: bool = False
    ) -> QueryResult:
        """Queries the state after the block at a height, by default the latest. An error of the
        application is returned in the result, not raised.
        """
        params = {"path": path, "data": data.hex(), "height": str(height), "prove": prove}
        return self.read(parse_query_result, "abci_query", params)

    def broadcast_tx_sync(self, tx: bytes) -> BroadcastResult:
        """Submits a transaction and waits until the node has checked it."""
        return self.read(parse_broadcast_result, "broadcast_tx_sync", {"tx": _base64(tx)})

    def broadcast_tx_async(self, tx: bytes) -> BroadcastResult:
        """Submits a transaction without waiting for anything."""
        return self.read(parse_broadcast_result, "broadcast_tx_async", {"tx": _base64(tx)})

    def tx(self, tx_hash: bytes) -> TxResult | None:
        """A transaction that is in a block, or None; needs the node's transaction index."""
        try:
            return self.read(parse_tx_result, "tx", {"hash": _base64(tx_hash)})
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

    def tx_search(self, query: str, *, limit: int, latest_first: bool) -> tuple[TxResult, ...]:
        """Transactions by their events, at most `limit`; needs the node's transaction index."""
        order = "desc" if latest_first else "asc"
        params = {"query": query, "page": "1", "per_page": str(limit), "order_by": order}
        return self.read(parse_tx_search, "tx_search", params)

    def block_search(self, query: str) -> tuple[int, ...]:
        """Heights of the first blocks by their events; needs the node's index."""
        return self.read(parse_block_search, "block_search", {"query": query, "per_page": "1"})

    def unconfirmed_txs(self) -> Mempool:
        """The transactions that wait for a block; a node lists only the first of them."""
        params = {"limit": str(MEMPOOL_LISTED_MAX)}
        return self.read(parse_mempool, "unconfirmed_txs", params)

    def block(self, height: int | None = None) -> Block:
        """The block at a height, or the latest one."""
        return self.read(parse_block, "block", _at(height))

    def block_results(self, height: int | None = None) -> BlockResults:
        """The results of a block's transactions, with all events."""
        return self.read(parse_block_results, "block_results", _at(height))

    def call(self, method: str, params: Mapping[str, object]) -> Json:
        """Calls any method of the node; returns the `result` of the response."""
        is_repeatable = not method.startswith("broadcast_")
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        bytes_max = BLOCK_BYTES_MAX if method in _LARGE else RESPONSE_BYTES_MAX
        self._get_deadline().begin()
        response = self._parse(
            self._post(json.dumps(body).encode(), bytes_max, is_repeatable=is_repeatable)
        )
        error = response.get("error")
        if error:
            known = error if isinstance(error, dict) else {}
            detail = f"{known.get('data') or known.get('message') or error}"
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

    def read(self, parse: Callable[[Json], T], method: str, params: Mapping[str, object]) -> T:
        """Calls a method; returns what `parse` makes of the result. It may raise one of MALFORMED,
        which becomes an RpcError.
        """
        result = self.call(method, params)
        try:
            return parse(result)
        except MALFORMED as error:
            raise RpcError(
                f"the response of {self.node} to {method} does not have the expected form "
                f"({type(error).__name__}: {error}); is it a CometBFT 0.38 node?"
            ) from error

    def _post(self, body: bytes, bytes_max: int, *, is_repeatable: bool) -> bytes:
        """Sends a request; retries once if the node has closed a kept-alive connection.

        A request that changes something is never sent twice here: the caller must find out whether
        the node received it.
        """
        connection = self._get_kept_connection()
        try:
            return self._post_once(connection or self._open_connection(), body, bytes_max)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            is_closed = isinstance(error, http.client.RemoteDisconnected | ConnectionError)
            if not (connection and is_closed and is_repeatable):
                raise self._describe(error) from error
        return self._post(body, bytes_max, is_repeatable=False)

    def _post_once(
        self, connection: http.client.HTTPConnection, body: bytes, bytes_max: int
    ) -> bytes:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response: bytes = connection.getresponse().read(bytes_max + 1)
        if len(response) > bytes_max:
            self.close()
            raise RpcError(f"the response of {self.node} is larger than {bytes_max} bytes")
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
        factory = HttpsConnection if self._is_tls else HttpConnection
        connection = factory(self._host, self._port, self._get_deadline())
        self._local.connection = connection
        return connection

    def _get_deadline(self) -> CallDeadline:
        """The deadline of this thread's present call."""
        deadline: CallDeadline | None = getattr(self._local, "deadline", None)
        if deadline is None:
            deadline = self._local.deadline = CallDeadline(self._timeout_s)
        return deadline

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
            parsed = parse_json(response)
            if isinstance(parsed, dict):
                return parsed
        raise RpcError(f"the response of {self.node} is not JSON-RPC; is it a CometBFT node?")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _at(height: int | None) -> dict[str, object]:
    return {} if height is None else {"height": str(height)}
