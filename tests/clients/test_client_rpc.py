"""The RPC client: typed results, one sentence per failure, kept-alive connections."""

import base64
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, Never

import pytest
from loopback_node import LoopbackNode, NodeError, reply

from client.errors import RpcError, UsageError
from client.node.rpc import Rpc
from client.node.rpc_types import Event, parse_time_ns

# Taken from a CometBFT 0.38 node, shortened.
STATUS = {
    "node_info": {"id": "ab12", "network": "blockenergy-1", "moniker": "v0", "version": "0.38.26"},
    "sync_info": {
        "latest_block_height": "12",
        "latest_app_hash": "0A0B",
        "latest_block_time": "2026-10-01T12:00:00.000000005Z",
        "catching_up": False,
    },
    "validator_info": {"address": "C0FFEE", "voting_power": "10"},
}
EXECUTION = {
    "code": 5,
    "codespace": "market",
    "log": "closed",
    "data": "CgE=",
    "gas_wanted": "100",
    "gas_used": "90",
    "events": [{"type": "tx", "attributes": [{"key": "fee", "value": "1ueur", "index": True}]}],
}


@pytest.fixture
def node() -> Iterator[LoopbackNode]:
    with LoopbackNode().running() as running:
        yield running


def test_status(node: LoopbackNode) -> None:
    node.responses["status"] = lambda _: STATUS
    status = Rpc(node.url).status()
    assert (status.chain_id, status.latest_height) == ("blockenergy-1", 12)
    assert status.latest_app_hash == b"\x0a\x0b"
    assert status.latest_time_ns == 1_790_856_000_000_000_005


def test_node_without_blocks() -> None:
    assert parse_time_ns("0001-01-01T00:00:00Z") == 0
    with pytest.raises(ValueError, match="UTC"):
        parse_time_ns("2026-10-01T12:00:00+02:00")


def test_a_query_with_proof(node: LoopbackNode) -> None:
    def response(params: dict[str, Any]) -> dict[str, Any]:
        assert params == {
            "path": "/store/bank/key",
            "data": "0102",
            "height": "6",
            "prove": True,
        }
        ops = [{"type": "ics23:smt", "key": "AQI=", "data": "Aw=="}]
        return {"response": {"value": "BA==", "height": "7", "proofOps": {"ops": ops}}}

    node.responses["abci_query"] = response
    result = Rpc(node.url).abci_query("/store/bank/key", b"\x01\x02", height=6, prove=True)
    assert (result.code, result.value, result.height) == (0, b"\x04", 7)
    assert result.proof.ops[0].data == b"\x03"


def test_included_and_missing_transaction(node: LoopbackNode) -> None:
    node.responses["tx"] = lambda _: {
        "hash": "AA" * 32,
        "height": "9",
        "index": 1,
        "tx": "AQ==",
        "tx_result": EXECUTION,
    }
    found = Rpc(node.url).tx(b"\xaa" * 32)
    assert found is not None
    assert found.result.events == (Event("tx", (("fee", "1ueur"),)),)
    assert (found.result.code, found.result.gas_used) == (5, 90)

    def absent(_: object) -> Never:
        raise NodeError("tx (AA) not found, err: %!w(<nil>)")

    node.responses["tx"] = absent
    assert Rpc(node.url).tx(b"\xaa" * 32) is None


def test_waiting_for_a_transaction_times_out(node: LoopbackNode) -> None:
    def absent(_: object) -> Never:
        raise NodeError("tx (AA) not found")

    node.responses["tx"] = absent
    with pytest.raises(RpcError, match=r"not in a block after 0\.2 s"):
        Rpc(node.url).wait_for_tx(b"\xaa" * 32, 0.2)


def test_a_block_without_transactions_and_its_results(node: LoopbackNode) -> None:
    header = {
        "chain_id": "blockenergy-1",
        "height": "3",
        "time": "2026-10-01T12:00:00Z",
        "app_hash": "0A",
        "proposer_address": "0B",
    }
    node.responses["block"] = lambda params: {
        "block_id": {"hash": "0C"},
        "block": {"header": header | {"height": params["height"]}, "data": {"txs": []}},
    }
    node.responses["block_results"] = lambda params: {
        "height": params["height"],
        "txs_results": None,
        "finalize_block_events": EXECUTION["events"],
        "app_hash": base64.b64encode(b"\x0a").decode(),
    }
    rpc = Rpc(node.url)
    assert rpc.block(3).txs == ()
    results = rpc.block_results(3)
    assert (results.tx_results, len(results.block_events)) == ((), 1)
    assert results.app_hash == rpc.block(3).app_hash


def test_error_of_the_node_is_in_the_sentence(node: LoopbackNode) -> None:
    def full(_: object) -> Never:
        raise NodeError("mempool is full: number of txs 5000")

    node.responses["broadcast_tx_sync"] = full
    with pytest.raises(RpcError, match="mempool is full") as caught:
        Rpc(node.url).broadcast_tx_sync(b"\x01")
    assert caught.value.detail == "mempool is full: number of txs 5000"


@pytest.mark.parametrize(
    "address",
    ["", "localhost", "127.0.0.1:26657", "ftp://a:1", "tcp://a:b", "tcp://[a:1", "tcp://ü:1"],
)
def test_invalid_node_address(address: str) -> None:
    with pytest.raises(UsageError, match="tcp://127"):
        Rpc(address)


def test_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(RpcError, match="cannot be reached"):
        Rpc(f"tcp://127.0.0.1:{port}").status()


def test_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        rpc = Rpc(f"tcp://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.1)
        with pytest.raises(RpcError, match=r"within 0\.1 s"):
            rpc.status()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"result": 5}', b"\xff"])
def test_response_that_is_not_json_rpc(node: LoopbackNode, body: bytes) -> None:
    node.misbehave = lambda handler: reply(handler, body)
    with pytest.raises(RpcError, match="CometBFT"):
        Rpc(node.url).status()


@pytest.mark.parametrize(
    "result",
    [{}, STATUS | {"sync_info": None}, STATUS | {"sync_info": {"latest_block_height": "x"}}],
)
def test_malformed_result(node: LoopbackNode, result: dict[str, Any]) -> None:
    node.responses["status"] = lambda _: result
    with pytest.raises(RpcError, match="does not have the expected form"):
        Rpc(node.url).status()


def test_connection_is_kept_alive_per_thread(node: LoopbackNode) -> None:
    node.responses["status"] = lambda _: STATUS
    rpc = Rpc(node.url)
    for _ in range(3):
        rpc.status()
    assert len(node.connections) == 1
    thread = threading.Thread(target=rpc.status)
    thread.start()
    thread.join(10)
    assert len(node.connections) == 2


def test_connection_closed_by_the_node_is_reopened(node: LoopbackNode) -> None:
    node.responses["status"] = lambda _: STATUS
    rpc = Rpc(node.url)
    rpc.status()

    def close_once(handler: BaseHTTPRequestHandler) -> None:
        node.misbehave = None
        handler.close_connection = True

    node.misbehave = close_once
    assert rpc.status().latest_height == 12
    assert (len(node.connections), len(node.requests)) == (2, 3)


def test_node_that_closes_every_connection_is_an_error(node: LoopbackNode) -> None:
    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    node.misbehave = close
    with pytest.raises(RpcError, match="cannot be reached"):
        Rpc(node.url).status()
    assert len(node.requests) == 1


def test_transaction_is_never_resent_silently(node: LoopbackNode) -> None:
    node.responses["status"] = lambda _: STATUS
    rpc = Rpc(node.url)
    rpc.status()

    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    node.misbehave = close
    with pytest.raises(RpcError, match="cannot be reached"):
        rpc.broadcast_tx_sync(b"\x01")
    assert node.requests == ["status", "broadcast_tx_sync"]
