"""A node that wants to hold or to break its caller: one sentence, within the time of a call."""

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loopback_node import LoopbackNode, reply
from test_client_rpc import EXECUTION, STATUS

from client.errors import RpcError
from client.node import rpc as rpc_module
from client.node.rpc import Rpc
from client.node.rpc_types import (
    MALFORMED,
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

BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "result": STATUS}).encode()
ANSWER = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY
# The whole answer would take several times as long as the call may, with no step near that long.
TIMEOUT_S, STEP_S = 0.5, 0.02


@pytest.fixture
def node() -> Iterator[LoopbackNode]:
    with LoopbackNode().running() as running:
        yield running


@pytest.mark.parametrize("at_once", [0, ANSWER.index(b"\r\n") + 2, ANSWER.index(BODY)])
def test_an_answer_byte_by_byte_does_not_hold_the_caller(at_once: int) -> None:
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(ANSWER[:at_once])
            for byte in ANSWER[at_once:]:
                if stop.wait(STEP_S):
                    return
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        try:
            rpc = Rpc(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout_s=TIMEOUT_S)
            with pytest.raises(RpcError, match=r"did not respond within 0\.5 s"):
                rpc.status()
        finally:
            stop.set()
            thread.join()


def test_an_answer_that_ends_with_the_connection_is_read_to_its_end(node: LoopbackNode) -> None:
    """A proxy may answer so; the second part arrives when the first has been read."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for part in (b" " * 20_000, b" " * 20_000 + BODY):
            handler.wfile.write(part)
            threading.Event().wait(STEP_S)

    node.misbehave = answer
    rpc = Rpc(node.url)
    for _ in range(2):
        assert rpc.status().latest_height == 12


def test_each_call_has_the_whole_time(node: LoopbackNode) -> None:
    node.responses["status"] = lambda _: STATUS
    rpc = Rpc(node.url, timeout_s=5)
    for _ in range(3):
        assert rpc.status().latest_height == 12
    assert len(node.connections) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"result":' + b"[" * 200_000,
        b'{"result": {}, "error": ["x"]}',
        b'{"error": "x"}',
        b'{"error": 5}',
        b'{"result": ' + b"9" * 10_000 + b"}",
    ],
)
def test_an_odd_answer_is_a_sentence(node: LoopbackNode, body: bytes) -> None:
    node.misbehave = lambda handler: reply(handler, body)
    with pytest.raises(RpcError) as caught:
        Rpc(node.url).status()
    assert "\n" not in caught.value.sentence


def test_an_answer_without_end_is_given_up(
    node: LoopbackNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc_module, "RESPONSE_BYTES_MAX", 1000)

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b" " * 65536)
        except OSError:
            handler.close_connection = True

    node.misbehave = flood
    with pytest.raises(RpcError, match="larger than 1000 bytes"):
        Rpc(node.url).status()


def test_endless_headers_are_given_up(node: LoopbackNode) -> None:
    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000)
        handler.close_connection = True

    node.misbehave = flood
    with pytest.raises(RpcError, match="got more than"):
        Rpc(node.url).status()
    assert http.client._MAXHEADERS < 1000  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
BLOCK = {
    "block_id": {"hash": "0C"},
    "block": {
        "header": {
            "chain_id": "c",
            "height": "3",
            "time": "2026-10-01T12:00:00Z",
            "app_hash": "0A",
            "proposer_address": "0B",
        },
        "data": {"txs": ["AQ=="]},
    },
}
TX = {"hash": "AA", "height": "9", "index": 1, "tx": "AQ==", "tx_result": EXECUTION}
RESULTS: list[tuple[Callable[[dict[str, Any]], object], dict[str, Any]]] = [
    (parse_status, STATUS),
    (parse_query_result, {"response": {"code": 0, "codespace": "", "log": "", "height": "1"}}),
    (parse_broadcast_result, {"hash": "AA", "code": 0, "codespace": "", "log": ""}),
    (parse_tx_result, TX),
    (parse_tx_search, {"txs": [TX], "total_count": "1"}),
    (parse_block, BLOCK),
    (parse_block_search, {"blocks": [BLOCK]}),
    (parse_block_results, {"height": "1", "txs_results": [EXECUTION], "app_hash": "AA=="}),
    (parse_mempool, {"n_txs": "1", "total": "1", "txs": ["AQ=="]}),
]


def replace_one(value: Any, choose: Callable[[int], int], other: Any) -> Any:
    """The value with one part of it, at any depth, replaced."""
    children = (
        list(value.items() if isinstance(value, dict) else enumerate(value))
        if (isinstance(value, dict | list) and value)
        else []
    )
    place = choose(len(children) + 1)
    if place == len(children):
        return other
    key, child = children[place]
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[key] = replace_one(child, choose, other)
    return changed


@pytest.mark.parametrize(("parse", "good"), RESULTS, ids=lambda one: getattr(one, "__name__", ""))
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), other=JSON)
def test_a_result_of_any_form_is_read_or_is_malformed(
    parse: Callable[[dict[str, Any]], object], good: dict[str, Any], data: st.DataObject, other: Any
) -> None:
    parse(good)
    changed = replace_one(good, lambda count: data.draw(st.integers(0, count - 1)), other)
    with contextlib.suppress(MALFORMED):
        parse(changed)
