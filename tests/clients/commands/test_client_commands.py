"""Commands against a node that a test scripts: what they ask, print, sign and return."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Never

import pytest
from blockenergy.bank.v1.query_pb2 import (
    QueryBalancesResponse,
    QueryDenomResponse,
    QueryDenomsResponse,
)
from blockenergy.bank.v1.state_pb2 import Denom
from blockenergy.market.v1.events_pb2 import EventOrderLapsed, EventSlotOpened
from blockenergy.registry.v1.query_pb2 import QueryParticipantsResponse
from google.protobuf.message import Message
from loopback_node import LoopbackNode, LostResponseError, NodeError
from test_client_rpc import STATUS
from test_client_watch import to_abci

from client.cli.completion import SHELLS
from client.node import chain_pin
from client.signing import tx
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60
Run = Callable[..., subprocess.CompletedProcess[str]]
CHAIN_ID = STATUS["node_info"]["network"]
BUY = ("tx", "market", "buy", "--slot", "5", "--quantity", "5kWh", "--price-limit", "0.24",
       "--from", "alice", "--yes")  # fmt: skip
HASH = "AB" * 32


@pytest.fixture
def node() -> Iterator[LoopbackNode]:
    with LoopbackNode().running() as running:
        running.responses["status"] = lambda _: STATUS
        yield running


def answer(responses: dict[str, Message]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Responses to queries by the last part of their path."""

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        value = responses[request["path"].rpartition("/")[2]].SerializeToString()
        return {"response": {"value": base64.b64encode(value).decode()}}

    return respond


def absent(_: object) -> Never:
    raise NodeError("tx (AB) not found, err: %!w(<nil>)")


class TestTextsThatAreNotUtf8:
    @pytest.mark.parametrize("place", [0, 2, 12])
    @pytest.mark.usefixtures("keys")
    def test_an_argument(self, run: Run, place: int) -> None:
        arguments: list[str | bytes] = [*BUY]
        arguments.insert(place, b"Gr\xfc\xdfe")
        done = run(*arguments)
        assert done.returncode == 2
        assert done.stderr == (
            "blockenergy: Gr\\udcfc\\udcdfe is not UTF-8 text; write it in UTF-8\n"
        )

    @pytest.mark.usefixtures("keys")
    def test_a_passphrase(self, run: Run) -> None:
        arguments = ("keys", "add", "bob")
        done = run(*arguments, BLOCKENERGY_PASSPHRASE=b"Gr\xfc\xdfe")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "$BLOCKENERGY_PASSPHRASE is not UTF-8" in done.stderr

    @pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
    def test_standard_input(self, run: Run, errors: str) -> None:
        command = ("keys", "add", "bob", "--recover", "--no-passphrase")
        done = run(*command, stdin=b"\xff\xfe\n", PYTHONIOENCODING=f"utf-8:{errors}")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "standard input is not UTF-8" in done.stderr

    def test_the_address_of_a_node(self, run: Run) -> None:
        done = run("status", BLOCKENERGY_NODE=b"tcp://\xff:1")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_is_not_utf_8(run: Run, node: LoopbackNode, encoding: str) -> None:
    info = STATUS["node_info"] | {"moniker": "Zür\u202eich €"}
    node.responses["status"] = lambda _: STATUS | {"node_info": info}
    for option in ((), ("-o", "json")):
        done = run("status", "--node", node.url, *option, PYTHONIOENCODING=f"{encoding}:strict")
        assert done.returncode == 0
        assert "\\u202eich \\u20ac" in done.stdout
    assert run("localnet", "--help", PYTHONIOENCODING=encoding).returncode == 0


def test_hidden_characters_of_others_are_shown(run: Run, node: LoopbackNode) -> None:
    participants = QueryParticipantsResponse()
    participants.participants.add(address="energy1a").participant.feeder = "A\u202eB\u200b\x1b[2J"
    node.responses["abci_query"] = answer({"Participants": participants})
    command = ("query", "registry", "participants", "--node", node.url)
    assert "A\\u202eB\\u200b\\x1b[2J" in run(*command).stdout
    as_json = run(*command, "-o", "json").stdout
    assert "A\\u202eB\\u200b\\u001b[2J" in as_json
    assert (
        json.loads(as_json)["participants"][0]["participant"]["feeder"] == "A\u202eB\u200b\x1b[2J"
    )


class TestTheChainThatIsSignedFor:
    @pytest.mark.usefixtures("keys")
    def test_a_node_that_claims_another_chain_gets_no_signature(
        self, run: Run, node: LoopbackNode
    ) -> None:
        claimed = STATUS["node_info"] | {"network": "valuable-1"}
        node.responses["status"] = lambda _: STATUS | {"node_info": claimed}
        done = run(*BUY, "--node", node.url)
        assert done.returncode == 2
        assert f"is on chain valuable-1, not on {CHAIN_ID}" in done.stderr
        assert set(node.requests) == {"status"}

    def test_nothing_is_signed_while_no_chain_is_pinned(
        self, run: Run, node: LoopbackNode, keyring: Keyring
    ) -> None:
        keyring.add("alice", AccountKey.generate(), None)
        done = run(*BUY, "--node", node.url)
        assert done.returncode == 2
        assert "no chain id is pinned" in done.stderr
        assert node.requests == []

    def test_the_first_one_that_is_given_is_pinned(
        self, run: Run, node: LoopbackNode, keyring: Keyring
    ) -> None:
        keyring.add("alice", AccountKey.generate(), None)
        # The node does not answer more than its status, so nothing is sent.
        assert run(*BUY, "--node", node.url, "--chain-id", "other-1").returncode == 2
        assert chain_pin.read_pin(keyring.folder) == ""
        run(*BUY, "--node", node.url, "--chain-id", CHAIN_ID)
        assert chain_pin.read_pin(keyring.folder) == CHAIN_ID
        assert run("keys", "chain-id").stdout == f"chain id  {CHAIN_ID}\n"
        assert run("keys", "chain-id", "other-2").returncode == 0
        assert chain_pin.read_pin(keyring.folder) == "other-2"
        assert run("keys", "chain-id", "other 2").returncode == 2


class TestTransactionsByHash:
    def test_pending_is_told_apart_from_unknown(self, run: Run, node: LoopbackNode) -> None:
        waiting = b"a transaction"
        listed = base64.b64encode(waiting).decode()
        node.responses |= {
            "tx": absent,
            "unconfirmed_txs": lambda _: {"n_txs": "1", "total": "1", "txs": [listed]},
        }
        pending = tx.compute_hash(waiting).hex()
        found = run("query", "tx", pending, "--node", node.url, "-o", "json")
        assert (found.returncode, json.loads(found.stdout)["status"]) == (6, "pending")
        unknown = run("query", "tx", HASH, "--node", node.url, "-o", "json")
        error = json.loads(unknown.stderr)["error"]
        assert (unknown.returncode, error["exit_code"]) == (7, 7)
        assert "does not know transaction" in error["sentence"]

    def test_a_long_queue_is_not_called_unknown(self, run: Run, node: LoopbackNode) -> None:
        node.responses |= {
            "tx": absent,
            "unconfirmed_txs": lambda _: {"n_txs": "0", "total": "5", "txs": []},
        }
        done = run("query", "tx", HASH, "--node", node.url)
        assert done.returncode == 6
        assert "5 more transactions wait" in done.stderr

    @pytest.mark.parametrize("text", ["", "AB", "x" * 64, HASH + "0"])
    def test_what_is_no_hash(self, run: Run, text: str) -> None:
        done = run("query", "tx", text)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)

    def test_an_order_that_nobody_placed(self, run: Run, node: LoopbackNode) -> None:
        node.responses["tx_search"] = lambda _: {"txs": [], "total_count": "0"}
        done = run("query", "market", "order", "5", "--node", node.url)
        assert (done.returncode, done.stderr.count("\n")) == (7, 1)


class TestAmounts:
    def test_are_shown_with_the_symbol_and_exact_as_json(
        self, run: Run, node: LoopbackNode
    ) -> None:
        balances = QueryBalancesResponse()
        for denom in ("ueur", "fake", "point"):
            balances.free.add(denom=denom, amount="12500000")
        # Anybody who may create a denomination can give it the symbol of another one.
        denoms = QueryDenomsResponse(
            denoms=[
                QueryDenomResponse(denom="ueur", info=Denom(symbol="EUR", decimals=6)),
                QueryDenomResponse(denom="fake", info=Denom(symbol="PT", decimals=2)),
                QueryDenomResponse(denom="point", info=Denom(symbol="PT", decimals=0)),
            ]
        )
        node.responses["abci_query"] = answer({"Balances": balances, "Denoms": denoms})
        command = ("query", "bank", "balances", "--address", AccountKey.generate().address)
        assert "12.50 EUR, 12500000fake, 12500000point" in run(*command, "--node", node.url).stdout
        as_json = run(*command, "--node", node.url, "-o", "json").stdout
        assert json.loads(as_json)["free"][0] == {"denom": "ueur", "amount": "12500000"}


def test_the_key_of_another_folder_is_found_by_its_name(
    run: Run, node: LoopbackNode, keyring: Keyring, tmp_path: Path
) -> None:
    """A registrar signs with the network's keys, and names a participant by the own key."""
    anna = keyring.add("anna", AccountKey.generate(), None)
    operators = Keyring(tmp_path / "net")
    registrar = operators.add("registrar", AccountKey.generate(), None)
    asked: list[str] = []

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(bytes.fromhex(request["data"]).decode(errors="replace"))
        return {"response": {"value": ""}}

    node.responses["abci_query"] = respond
    for name in ("anna", "registrar"):
        command = ("query", "registry", "participant", "--address", name)
        done = run(*command, "--keyring", str(operators.folder), "--node", node.url)
        assert done.returncode == 0
    assert anna.address in asked[0]
    assert registrar.address in asked[1]


class TestWatching:
    def watch(
        self,
        run: Run,
        node: LoopbackNode,
        *options: str,
        before: Callable[[int], None] = lambda _: None,
    ) -> subprocess.CompletedProcess[str]:
        def get_results(params: dict[str, Any]) -> dict[str, Any]:
            height = int(params["height"])
            before(height)
            events = [EventSlotOpened(slot=height), EventOrderLapsed(order_id=height, owner="a")]
            listed = [
                {
                    "type": event.type,
                    "attributes": [{"key": key, "value": value} for key, value in event.attributes],
                }
                for event in map(to_abci, events)
            ]
            return {"height": str(height), "txs_results": [], "finalize_block_events": listed}

        node.responses["block_results"] = get_results
        return run("watch", "--node", node.url, "--from-height", "3", "-o", "json", *options)

    @pytest.mark.parametrize(
        ("options", "heights"),
        [
            ((), [3, 3, 4]),
            (("--event", "order-lapsed"), [3, 4, 5]),
            (("--event", "slot-opened", "--event", "order-lapsed"), [3, 3, 4]),
            (("--order", "6", "--count", "1"), [6]),
            (("--slot", "4", "--count", "1"), [4]),
            (("--module", "market", "--event", "slot-opened"), [3, 4, 5]),
        ],
    )
    def test_filters(
        self, run: Run, node: LoopbackNode, options: tuple[str, ...], heights: list[int]
    ) -> None:
        done = self.watch(run, node, "--count", "3", *options)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [int(line["height"]) for line in lines] == heights
        assert {line["origin"] for line in lines} == {"block"}

    def test_a_name_that_does_not_exist(self, run: Run, node: LoopbackNode) -> None:
        done = self.watch(run, node, "--event", "order-lost")
        assert done.returncode == 2
        assert "order-lapsed" in json.loads(done.stderr)["error"]["sentence"]

    def test_a_node_that_was_away_is_waited_for(self, run: Run, node: LoopbackNode) -> None:
        lost: list[int] = []

        def lose_some(height: int) -> None:
            # A lost response is asked for once more on a new connection, so one is not enough.
            if height == 6 and len(lost) < 3:
                lost.append(height)
                raise LostResponseError

        done = self.watch(run, node, "--count", "8", "--event", "slot-opened", before=lose_some)
        heights = [json.loads(line)["height"] for line in done.stdout.splitlines()]
        assert heights == [str(height) for height in range(3, 11)]
        assert len(lost) == 3
        assert done.stderr.count("waiting for it") == 1


def test_the_version(run: Run) -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("blockenergy ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_gets_a_script(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_ARGCOMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("blockenergy ", {"tx", "query", "watch", "completion"}),
        ("blockenergy tx market bu", {"buy", "buy-offer"}),
        ("blockenergy tx market buy --q", {"--quantity"}),
        ("blockenergy query market o", {"offers", "order"}),
    ],
)
def test_completions_come_from_the_parser(tmp_path: Path, line: str, expected: set[str]) -> None:
    # A shell reads them from descriptor 8.
    with (tmp_path / "completions").open("w+b") as file:
        code = (
            f"import os, sys; os.dup2({file.fileno()}, 8); os.dup2(1, 9)\n"
            "from client.cli import main; sys.exit(main())"
        )
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")]),
                "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n",
                "COMP_LINE": line, "COMP_POINT": str(len(line)),
            },
            pass_fds=[file.fileno()],
            timeout=DEADLINE_S,
            check=True,
        )  # fmt: skip
        file.seek(0)
        found = {one.strip() for one in file.read().decode().splitlines()}
    assert expected <= found
    assert all(one.startswith(line.rpartition(" ")[2]) for one in found)
