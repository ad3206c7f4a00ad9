"""The gateway in front of a scripted node: what it passes on, and what it stands."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest
from blockenergy.authz.v1.state_pb2 import TradeAuthorization
from cosmos.authz.v1beta1.authz_pb2 import GrantAuthorization
from cosmos.authz.v1beta1.query_pb2 import QueryGranterGrantsResponse
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from loopback_node import LoopbackNode, NodeError

from chain import app
from client.node.rpc import Rpc
from gateway.grpc_server import GrpcLimits, GrpcServer
from gateway.http_server import HttpLimits, HttpServer
from gateway.methods import get_methods
from gateway.node import Node
from gateway.rest import Rest
from gateway.routes import get_routes

DEADLINE_S = 10
BALANCE = "/cosmos/bank/v1beta1/balances/energy1a/by_denom?denom=ibc/A"
BALANCE_PATH = "/cosmos.bank.v1beta1.Query/Balance"
LIMITS = HttpLimits(connections_max=6, connections_per_address_max=4, request_s=0.5)
COIN = Coin(denom="ueur", amount="5")
PAGE = "https://app.example"


def answer_query(params: dict[str, Any]) -> dict[str, Any]:
    """A balance, or a rejection for somebody who is not there."""
    assert params["path"] == BALANCE_PATH
    request = QueryBalanceRequest.FromString(bytes.fromhex(params["data"]))
    if request.address == "nobody":
        return {"response": {"code": 9, "codespace": "sdk", "log": "who?", "height": "7"}}
    if request.address == "fault":
        return {"response": {"code": 111222, "codespace": "sdk", "log": "oh", "height": "7"}}
    coin = Coin(denom=request.denom, amount=params["height"])
    value = QueryBalanceResponse(balance=coin).SerializeToString()
    return {"response": {"value": base64.b64encode(value).decode(), "height": "7"}}


@pytest.fixture
def loopback() -> Iterator[LoopbackNode]:
    node = LoopbackNode()
    node.responses["abci_query"] = answer_query
    with node.running():
        yield node


@pytest.fixture
def node(loopback: LoopbackNode) -> Node:
    return Node(Rpc(loopback.url, 2.0))


@pytest.fixture
def rest(node: Node) -> Iterator[HttpServer]:
    rest = Rest(node, [PAGE, "http://localhost:*"])
    server = HttpServer("127.0.0.1", 0, rest.answer, node.close_thread, LIMITS)
    yield server
    server.close()


@pytest.fixture
def channel(node: Node) -> Iterator[grpc.Channel]:
    limits = GrpcLimits(calls_max=4, calls_per_client_max=2, request_s=0.5)
    server = GrpcServer("127.0.0.1:0", node, limits)
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    server.close()


def ask(
    rest: HttpServer, path: str, body: bytes | None = None, verb: str = "", **headers: str
) -> tuple[int, Any, Any]:
    """Status, JSON and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=DEADLINE_S)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(verb or ("GET" if body is None else "POST"), path, body, names)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content) if content else None, response.headers


def test_a_query_reaches_the_chain_and_its_answer_the_caller(rest: HttpServer) -> None:
    status, content, headers = ask(rest, BALANCE, x_cosmos_block_height="12")
    assert (status, content) == (200, {"balance": {"denom": "ibc/A", "amount": "12"}})
    assert headers["Grpc-Metadata-X-Cosmos-Block-Height"] == "7"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/cosmos/gov/v1/params/voting", None, 501, 12),
        (BALANCE, b"{}", 501, 12),
        ("/cosmos/bank/v1beta1/balances//by_denom", None, 501, 12),
        ("/cosmos/tx/v1beta1/txs", b"{", 400, 3),
        ("/cosmos/tx/v1beta1/txs", b"[]", 400, 3),
        ("/cosmos/tx/v1beta1/txs", b"[" * 100_000, 400, 3),
        ("/cosmos/tx/v1beta1/txs", b'{"tx":1}', 400, 3),
        ("/cosmos/tx/v1beta1/txs", b'{"tx_bytes":"QQ=="}', 400, 3),
        ("/cosmos/tx/v1beta1/txs", b'{"mode":"BROADCAST_MODE_SYNC"}', 400, 3),
        ("/cosmos/tx/v1beta1/txs", None, 400, 3),
        ("/cosmos/tx/v1beta1/txs/xyz", None, 400, 3),
        ("/cosmos/tx/v1beta1/txs?query=x&limit=101", None, 400, 3),
        ("/cosmos/bank/v1beta1/supply?pagination.limit=many", None, 400, 3),
        ("/cosmos/bank/v1beta1/supply?pagination.reverse=perhaps", None, 400, 3),
        ("/cosmos/base/tendermint/v1beta1/blocks/-1", None, 400, 3),
        ("/cosmos/base/tendermint/v1beta1/blocks/first", None, 400, 3),
        (BALANCE + "&x=1" * 200, None, 400, 3),
        (BALANCE.replace("energy1a", "nobody"), None, 404, 5),
        (BALANCE.replace("energy1a", "fault"), None, 500, 13),
        # The scripted node knows nothing else.
        ("/cosmos/base/tendermint/v1beta1/syncing", None, 503, 14),
    ],
)
def test_what_cannot_be_answered_has_a_status_and_a_sentence(
    rest: HttpServer, path: str, body: bytes | None, status: int, code: int
) -> None:
    found, content, _ = ask(rest, path, body)
    assert (found, content["code"], content["details"]) == (status, code, [])
    assert content["message"]
    assert "Traceback" not in content["message"]


def test_rights_and_allowances_are_asked_for_as_the_sdk_has_them(
    rest: HttpServer, loopback: LoopbackNode
) -> None:
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any]) -> dict[str, Any]:
        method = get_methods()[params["path"]]
        request = method.request.FromString(bytes.fromhex(params["data"]))
        asked.append({"path": params["path"], **json_format.MessageToDict(request)})
        return {"response": {"value": "", "height": "7"}}

    loopback.responses["abci_query"] = note
    authz, feegrant = "/cosmos/authz/v1beta1/grants", "/cosmos/feegrant/v1beta1"
    for address in (
        f"{authz}?granter=a&grantee=b&msg_type_url=%2Fx.MsgY&pagination.limit=5",
        f"{authz}/granter/a",
        f"{authz}/grantee/b",
        f"{feegrant}/allowance/a/b",
        f"{feegrant}/allowances/b",
        f"{feegrant}/issued/a",
    ):
        assert ask(rest, address)[0] == 200
    authz, feegrant = "/cosmos.authz.v1beta1.Query", "/cosmos.feegrant.v1beta1.Query"
    pair, page = {"granter": "a", "grantee": "b"}, {"limit": "5"}
    assert asked == [
        {"path": f"{authz}/Grants", **pair, "msgTypeUrl": "/x.MsgY", "pagination": page},
        {"path": f"{authz}/GranterGrants", "granter": "a"},
        {"path": f"{authz}/GranteeGrants", "grantee": "b"},
        {"path": f"{feegrant}/Allowance", **pair},
        {"path": f"{feegrant}/Allowances", "grantee": "b"},
        {"path": f"{feegrant}/AllowancesByGranter", "granter": "a"},
    ]


def test_a_right_is_shown_with_what_it_allows(rest: HttpServer, loopback: LoopbackNode) -> None:
    grant = GrantAuthorization(granter="a", grantee="b")
    grant.authorization.type_url = "/blockenergy.authz.v1.TradeAuthorization"
    grant.authorization.value = TradeAuthorization(money_per_day=5).SerializeToString()
    value = QueryGranterGrantsResponse(grants=[grant]).SerializeToString()
    answer = {"response": {"value": base64.b64encode(value).decode(), "height": "7"}}
    loopback.responses["abci_query"] = lambda params: answer
    status, content, _ = ask(rest, "/cosmos/authz/v1beta1/grants/granter/a")
    (shown,) = content["grants"]
    assert (status, shown["granter"], shown["grantee"]) == (200, "a", "b")
    assert shown["authorization"]["@type"] == grant.authorization.type_url
    assert shown["authorization"]["money_per_day"] == "5"


def test_a_height_that_is_none_is_rejected(rest: HttpServer) -> None:
    for height in ("-1", "x", "9" * 30):
        assert ask(rest, BALANCE, x_cosmos_block_height=height)[0] == 400


def test_only_listed_pages_may_read_answers(rest: HttpServer) -> None:
    def allowed(**headers: str) -> Any:
        verb = "OPTIONS" if headers.pop("preflight", "") else ""
        return ask(rest, BALANCE, verb=verb, **headers)[2]["Access-Control-Allow-Origin"]

    for origin in (PAGE, "http://localhost:3000"):
        assert allowed(Origin=origin) == origin
        assert allowed(Origin=origin, preflight="yes") == origin
    for origin in (f"{PAGE}.evil.example", "https://localhost:3000", "null"):
        assert allowed(Origin=origin) is None
    assert allowed() is None


def test_bodies_have_a_limit(rest: HttpServer) -> None:
    large = str(LIMITS.body_bytes_max + 1)
    assert ask(rest, "/cosmos/tx/v1beta1/simulate", b"", Content_Length=large)[0] == 413
    assert ask(rest, "/cosmos/tx/v1beta1/simulate", b"", Content_Length="-1")[0] == 400
    chunked = {"Transfer_Encoding": "chunked"}
    assert ask(rest, "/cosmos/tx/v1beta1/simulate", b"0\r\n\r\n", **chunked)[0] == 411
    assert ask(rest, f"/{'x' * 10_000}")[0] == 414
    assert ask(rest, BALANCE, verb="DELETE")[0] == 501
    assert ask(rest, BALANCE, **{f"x{number}": "y" for number in range(200)})[0] == 431


def test_who_is_slow_loses_the_connection(rest: HttpServer) -> None:
    for beginning in (b"", b"GET / HT", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n12"):
        with socket.create_connection(("127.0.0.1", rest.port), timeout=DEADLINE_S) as connection:
            connection.sendall(beginning)
            # A drop now and then is no excuse.
            dripping = threading.Timer(0.2, connection.sendall, [b"1"])
            dripping.start()
            assert connection.recv(100) == b""
            dripping.join()


def test_one_address_has_only_its_share_of_connections(rest: HttpServer) -> None:
    open_ones = [
        socket.create_connection(("127.0.0.1", rest.port), timeout=DEADLINE_S) for _ in range(4)
    ]
    with socket.create_connection(("127.0.0.1", rest.port), timeout=DEADLINE_S) as one_more:
        assert one_more.recv(100).startswith(b"HTTP/1.1 503")
    for connection in open_ones:
        connection.close()
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            assert ask(rest, BALANCE)[0] == 200
            break
        except (AssertionError, OSError):
            assert time.monotonic() < deadline_s


def test_a_node_that_is_away_is_not_named(rest: HttpServer, loopback: LoopbackNode) -> None:
    loopback.misbehave = lambda handler: setattr(handler, "close_connection", True)
    status, content, _ = ask(rest, BALANCE)
    assert (status, content["code"]) == (503, 14)
    assert "127.0.0.1" not in content["message"]


def test_an_answer_of_another_form_is_an_error(rest: HttpServer, loopback: LoopbackNode) -> None:
    loopback.responses["abci_query"] = lambda params: {"response": 5}
    assert ask(rest, BALANCE)[0] == 503
    # Not a message of this type.
    loopback.responses["abci_query"] = lambda params: {"response": {"value": "/w==", "height": "7"}}
    assert ask(rest, BALANCE)[:2] == (
        500,
        {"code": 13, "message": "internal error", "details": []},
    )


@pytest.mark.parametrize(
    ("said", "code"), [("tx already exists in cache", 19), ("mempool is full: 5", 20)]
)
def test_what_the_node_does_not_take_has_the_code_that_wallets_know(
    rest: HttpServer, loopback: LoopbackNode, said: str, code: int
) -> None:
    def reject(params: dict[str, Any]) -> dict[str, Any]:
        raise NodeError(said)

    loopback.responses["broadcast_tx_sync"] = reject
    body = b'{"tx_bytes":"QQ==","mode":"BROADCAST_MODE_SYNC"}'
    status, content, _ = ask(rest, "/cosmos/tx/v1beta1/txs", body)
    response = content["tx_response"]
    assert (status, response["codespace"], response["code"]) == (200, "sdk", code)
    assert response["raw_log"] == said


def test_a_call_waits_for_its_place_and_then_gives_up(
    loopback: LoopbackNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.node.PLACE_WAIT_S", 0.05)
    arrived, leave = threading.Event(), threading.Event()

    def wait(params: dict[str, Any]) -> dict[str, Any]:
        arrived.set()
        assert leave.wait(DEADLINE_S)
        return answer_query(params)

    loopback.responses["abci_query"] = wait
    rest = Rest(Node(Rpc(loopback.url, DEADLINE_S), calls_max=1), [])
    server = HttpServer("127.0.0.1", 0, rest.answer, lambda: None, replace(LIMITS, request_s=9))
    first = threading.Thread(target=ask, args=(server, BALANCE))
    first.start()
    assert arrived.wait(DEADLINE_S)
    assert ask(server, BALANCE)[0] == 429
    leave.set()
    first.join()
    assert ask(server, BALANCE)[0] == 200
    server.close()


def call(channel: grpc.Channel, path: str, request: bytes, **options: Any) -> bytes:
    return channel.unary_unary(path)(request, timeout=DEADLINE_S, **options)


def test_grpc_passes_bytes_on(channel: grpc.Channel) -> None:
    request = QueryBalanceRequest(address="energy1a", denom="ueur").SerializeToString()
    metadata = (("x-cosmos-block-height", "5"),)
    answer = QueryBalanceResponse.FromString(
        call(channel, BALANCE_PATH, request, metadata=metadata)
    )
    assert answer.balance == COIN


@pytest.mark.parametrize(
    ("path", "request_bytes", "code"),
    [
        ("/cosmos.gov.v1.Query/Proposals", b"", grpc.StatusCode.UNIMPLEMENTED),
        (BALANCE_PATH, QueryBalanceRequest(address="nobody").SerializeToString(),
         grpc.StatusCode.NOT_FOUND),
        ("/cosmos.tx.v1beta1.Service/GetTx", b"\xff", grpc.StatusCode.INVALID_ARGUMENT),
        ("/cosmos.tx.v1beta1.Service/GetTx", b"", grpc.StatusCode.INVALID_ARGUMENT),
        ("/cosmos.tx.v1beta1.Service/GetTx", bytes(3 << 20), grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("/cosmos.base.tendermint.v1beta1.Service/GetSyncing", b"", grpc.StatusCode.UNAVAILABLE),
    ],
)  # fmt: skip
def test_grpc_has_the_status_of_each_error(
    channel: grpc.Channel, path: str, request_bytes: bytes, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(channel, path, request_bytes)
    assert caught.value.code() is code


def test_calls_whose_request_never_comes_are_ended(channel: grpc.Channel) -> None:
    ended = threading.Event()

    def never() -> Iterator[bytes]:
        ended.wait(DEADLINE_S)
        yield from ()

    calls = [channel.stream_unary(BALANCE_PATH).future(never()) for _ in range(2)]
    assert {call.code() for call in calls} == {grpc.StatusCode.CANCELLED}
    ended.set()
    request = QueryBalanceRequest(address="energy1a", denom="ueur").SerializeToString()
    assert call(channel, BALANCE_PATH, request)


def test_reflection_tells_what_there_is(channel: grpc.Channel) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    question = reflection_pb2.ServerReflectionRequest
    asked = [
        question(list_services=""),
        question(file_containing_symbol="cosmos.bank.v1beta1.Query"),
    ]
    listed, described = stub.ServerReflectionInfo(iter(asked), timeout=DEADLINE_S)
    names = {service.name for service in listed.list_services_response.service}
    assert {"cosmos.bank.v1beta1.Query", "blockenergy.market.v1.Query"} <= names
    assert described.file_descriptor_response.file_descriptor_proto


def test_every_query_of_the_chain_has_a_method_and_an_address() -> None:
    served = {route.method.path for route in get_routes()}
    for path in (*app.RULES.queries, app.SIMULATE_PATH):
        assert path in get_methods()
        assert path in served
