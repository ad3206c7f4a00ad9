"""The command line on a real network: orders, transactions, events, and pages in a browser."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from blockenergy.market.v1 import query_pb2
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER

from client.node import chain_pin
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from tests.support.running.command_line import run_here
from tests.support.running.networks import quick, running_network

pytestmark = pytest.mark.network

DEADLINE_S = 60.0
EXIT_LAPSED = 5


class User:
    """Somebody with an account on a network, and the command line."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.node = network.rpc_urls[0]
        self._variables = {"BLOCKENERGY_HOME": str(folder), "BLOCKENERGY_NODE": self.node}

    def run(self, *arguments: str, code: int = 0) -> Any:
        """The JSON that a command prints; each line of its own for `watch`."""
        done = run_here([*arguments, "-o", "json"], self._variables)
        assert done.returncode == code, done.stderr
        if arguments[0] == "watch":
            return [json.loads(line) for line in done.stdout.splitlines()]
        return json.loads(done.stdout or done.stderr)

    def send(self, message: str, *arguments: str, code: int = 0) -> Any:
        """The outcome of a transaction of the market."""
        return self.run("tx", "market", message, *arguments, "--from", "anna", "--yes", code=code)


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    folder = tmp_path_factory.mktemp("command-line")
    keyring = Keyring(folder / "home" / "keys")
    anna = keyring.add("anna", AccountKey.generate(), None)
    with running_network(
        folder / "net",
        preset=quick("localnet"),
        accounts=[GenesisAccount(anna.address, (ROLE_PROSUMER,), 500_000_000)],
        meters=[GenesisMeter("m-1", anna.address, "feeder-1", 17_000, MeterKey(b"m" * 32).pub_key)],
    ) as network:
        chain_pin.pin(keyring.folder, chain_pin.read_pin(network.layout.keys))
        yield User(folder / "home", network)


@pytest.fixture
def slot(user: User) -> str:
    """The last slot that takes orders, so that its gate stays open for a while."""
    rpc, end_s = Rpc(user.node), time.monotonic() + DEADLINE_S
    while True:
        slots = query(rpc, query_pb2.QuerySlotsRequest(), query_pb2.QuerySlotsResponse).slots
        open_slots = [one.slot for one in slots if one.takes_orders]
        if len(open_slots) > 2:
            return str(open_slots[-1])
        assert time.monotonic() < end_s
        time.sleep(0.1)


def buy(user: User, slot: str, quantity: str, limit: str, code: int = 0) -> Any:
    order = ("--slot", slot, "--quantity", quantity, "--price-limit", limit)
    return user.send("buy", *order, code=code)


def test_an_order_within_its_limit_is_executed(user: User, slot: str) -> None:
    sent = buy(user, slot, "1kWh", "0.30")
    [order] = sent["orders"]
    assert (order["status"], order["traded_wh"]) == ("executed", "1000")
    assert int(order["amount"]) > 0
    assert user.run("query", "market", "order", order["order_id"]) == order
    found = user.run("query", "tx", sent["hash"])
    assert (found["status"], found["height"], found["orders"]) == (
        "executed",
        sent["height"],
        [order],
    )
    assert [one["type"] for one in found["messages"]] == ["blockenergy.market.v1.MsgBuy"]
    assert found["events"] == sent["events"]


def test_an_order_beyond_its_limit_lapses_with_a_reason(user: User, slot: str) -> None:
    sent = buy(user, slot, "1kWh", "0.09", code=EXIT_LAPSED)
    [order] = sent["orders"]
    assert (order["status"], order["traded_wh"]) == ("lapsed", "0")
    assert "its limit is 0.09/kWh" in order["reason"]
    assert user.run("query", "market", "order", order["order_id"], code=EXIT_LAPSED) == order
    # The transaction itself was executed: it placed the order.
    assert user.run("query", "tx", sent["hash"])["status"] == "executed"


def test_a_limit_order_rests_until_it_is_cancelled(user: User, slot: str) -> None:
    what = ("--slot", slot, "--side", "buy", "--quantity", "2kWh", "--price-limit", "0.10")
    [order] = user.send("place-limit-order", *what)["orders"]
    assert order["status"] == "resting"
    find = ("query", "market", "order", order["order_id"])
    assert user.run(*find)["status"] == "resting"
    amended = ("--quantity", "3kWh", "--price-limit", "0.11")
    user.send("amend-limit-order", "--slot", slot, "--order-id", order["order_id"], *amended)
    assert user.run(*find)["quantity_wh"] == "3000"
    user.send("cancel-limit-order", "--slot", slot, "--order-id", order["order_id"])
    assert user.run(*find)["status"] == "cancelled"


def test_a_transaction_that_is_not_waited_for_is_found_by_its_hash(user: User, slot: str) -> None:
    order = ("--slot", slot, "--quantity", "1kWh", "--price-limit", "0.30")
    sent = user.send("buy", *order, "--no-wait")
    assert sent["height"] == "0"
    rpc = Rpc(user.node)
    rpc.wait_for_tx(bytes.fromhex(sent["hash"]), DEADLINE_S)
    found = user.run("query", "tx", sent["hash"])
    assert [one["status"] for one in found["orders"]] == ["executed"]
    user.run("query", "tx", "00" * 32, code=7)


def test_watching_sees_the_order_and_what_became_of_it(user: User, slot: str) -> None:
    sent = buy(user, slot, "1kWh", "0.09", code=EXIT_LAPSED)
    order_id = sent["orders"][0]["order_id"]
    seen = user.run("watch", "--from-height", sent["height"], "--order", order_id, "--count", "2")
    assert [(one["type"].rpartition(".")[2], one["origin"]) for one in seen] == [
        ("EventOrderPlaced", "tx 0"),
        ("EventOrderLapsed", "block"),
    ]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:8000", True),
        ("https://localhost.example:443", False),
        ("http://127.0.0.1.example:80", False),
    ],
)
def test_only_pages_of_this_machine_may_use_the_rpc(user: User, origin: str, allowed: bool) -> None:
    address = urlsplit(user.node)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=DEADLINE_S)
    try:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "content-type"}  # fmt: skip
        connection.request("OPTIONS", "/", headers=asked)
        preflight = connection.getresponse()
        preflight.read()
        connection.request("POST", "/", b'{"jsonrpc":"2.0","id":1,"method":"health"}',
                           {"Origin": origin, "Content-Type": "application/json"})  # fmt: skip
        answered = connection.getresponse()
        answered.read()
    finally:
        connection.close()
    for response in (preflight, answered):
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)
