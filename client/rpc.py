"""The JSON-RPC interface of a CometBFT node: one class, answers as typed values.

An `Rpc` may be used by several threads; each has a connection of its own, kept open between calls.
Every failure is an RpcError with a sentence: node not reachable, no answer in time, an answer that
cannot be read, or an error that the node itself reports.
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
ANSWER_BYTES_MAX = 256 * 1024 * 1024
POLL_INTERVAL_S = 0.1
_SCHEMES = {"tcp": False, "http": False, "https": True}


class Rpc:
    """A node at an address such as `tcp://127.0.0.1:26657`.

    Each call takes at most `timeout_s` per step of the connection. Raises UsageError for an address
    of another form.
    """

    def __init__(self, node: str = DEFAULT_NODE, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        parts = urlsplit(node)
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in _SCHEMES or not parts.hostname or port is None:
            raise UsageError(f"{node!r} is not the address of a node; write it like {DEFAULT_NODE}")
        self.node = node
        self._host, self._port = parts.hostname, port
        self._is_tls = _SCHEMES[parts.scheme]
        self._path = parts.path or "/"
        self._timeout_s = timeout_s
        self._local = threading.local()
        self._ids = itertools.count(1)

    def status(self) -> NodeStatus:
        """Who the node is and how far it has come."""
        return self._read(parse_status, "status", {})

    def abci_query(
        self, path: str, data: bytes, *, height: int = 0, prove: bool = False
    ) -> QueryResult:
        """Queries the state after the block at a height, by default the latest one; an error of the
        application is in the result.
        """
        params = {"path": path, "data": data.hex(), "height": str(height), "prove": prove}
        return self._read(parse_query_result, "abci_query", params)

    def broadcast_tx_sync(self, tx: bytes) -> BroadcastResult:
        """Hands a transaction over and waits until the node has checked it."""
        return self._read(parse_broadcast_result, "broadcast_tx_sync", {"tx": _base64(tx)})

    def broadcast_tx_async(self, tx: bytes) -> BroadcastResult:
        """Hands a transaction over without waiting for anything."""
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
                    f"transaction {tx_hash.hex().upper()} is in no block after {wait_s:g} s; "
                    "it may still get into one, so look for it before sending again"
                )
            time.sleep(POLL_INTERVAL_S)
        return result

    def block(self, height: int | None = None) -> Block:
        """The block at a height, or the latest one."""
        return self._read(parse_block, "block", _at(height))

    def block_results(self, height: int | None = None) -> BlockResults:
        """What the transactions of a block resulted in, with all events."""
        return self._read(parse_block_results, "block_results", _at(height))

    def call(self, method: str, params: Mapping[str, object]) -> Json:
        """Any method of the node; gives the `result` of its answer."""
        is_repeatable = not method.startswith("broadcast_")
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._parse(self._post(json.dumps(body).encode(), is_repeatable=is_repeatable))
        error = answer.get("error")
        if error:
            detail = f"{error.get('data') or error.get('message') or error}"
            raise RpcError(f"the node at {self.node} answers: {detail}", detail)
        result = answer.get("result")
        if not isinstance(result, dict):
            raise RpcError(f"the answer of {self.node} has no result; is it a CometBFT node?")
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
                f"the answer of {self.node} to {method} has another form than expected "
                f"({type(error).__name__}: {error}); is it a CometBFT 0.38 node?"
            ) from error

    def _post(self, body: bytes, *, is_repeatable: bool) -> bytes:
        """Sends a request; once more if the node closes a connection that was kept open.

        A request that changes something is never sent twice here: whether the node got it the first
        time is for the caller to find out.
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
        answer: bytes = connection.getresponse().read(ANSWER_BYTES_MAX + 1)
        if len(answer) > ANSWER_BYTES_MAX:
            self.close()
            raise RpcError(f"the answer of {self.node} is larger than {ANSWER_BYTES_MAX} bytes")
        return answer

    def _get_kept_connection(self) -> http.client.HTTPConnection | None:
        """This thread's connection, unless the node has closed it since its last answer."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None or connection.sock is None:
            return None
        # Nothing is due from the node now: what can be read is the end of the connection.
        if select.select([connection.sock], [], [], 0)[0]:
            self.close()
            return None
        return connection

    def _open_connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        self._local.connection = connection
        return connection

    def _describe(self, error: Exception) -> RpcError:
        if isinstance(error, TimeoutError):
            return RpcError(
                f"the node at {self.node} did not answer within {self._timeout_s:g} s; try again "
                "or look at the node's log"
            )
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return RpcError(
            f"the node at {self.node} cannot be reached ({reason}); start it, or name another one"
        )

    def _parse(self, answer: bytes) -> Json:
        with contextlib.suppress(ValueError):
            parsed = json.loads(answer)
            if isinstance(parsed, dict):
                return parsed
        raise RpcError(f"the answer of {self.node} is no JSON-RPC; is it a CometBFT node?")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _at(height: int | None) -> dict[str, object]:
    return {} if height is None else {"height": str(height)}
