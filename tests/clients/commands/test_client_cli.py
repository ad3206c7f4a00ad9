"""The command line: help from the definitions, exit codes, one sentence per failure."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from blockenergy.market.v1 import query_pb2 as market_query
from blockenergy.metering.v1 import query_pb2 as metering_query
from loopback_node import LoopbackNode
from test_client_rpc import STATUS

from client.catalog import get_messages, get_queries
from client.definitions import get_first_sentence

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60
STATUS_TIME_S = int(datetime(2026, 10, 1, 12, tzinfo=UTC).timestamp())
Run = Callable[..., subprocess.CompletedProcess[str]]

BUY = ("tx", "market", "buy", "--slot", "5", "--quantity", "5kWh", "--price-limit", "0.24")


def test_help_names_every_command(run: Run) -> None:
    top = run("--help")
    assert top.returncode == 0
    for name in ("keys", "tx", "query", "status", "localnet", "meter"):
        assert f"  {name} " in top.stdout
    for command, table in (("tx", get_messages()), ("query", get_queries())):
        for module, operations in table.items():
            text = " ".join(run(command, module, "--help").stdout.split())
            for operation in operations.values():
                assert f"{operation.name} {get_first_sentence(operation.comment)}" in text


def test_help_of_a_message_comes_from_its_definition(run: Run) -> None:
    text = " ".join(run("tx", "market", "buy", "--help").stdout.split())
    operation = get_messages()["market"]["buy"]
    assert operation.comment in text
    assert "The buyer signs, as a consumer or prosumer." in text
    assert "--price-limit PRICE Maximum price, grid fees included. (0.24, in the" in text
    assert "--quantity ENERGY (5kWh, 250Wh or 1.2MWh)" in text


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "COMMAND"),
        (("fly",), "fly"),
        (("tx", "market"), "COMMAND"),
        (("tx", "market", "bid"), "bid"),
        (("tx", "market", "buy", "--slot", "5"), "--quantity"),
        ((*BUY, "--from", "alice", "--colour", "red"), "--colour"),
        ((*BUY[:-1], "0.2x", "--from", "alice", "--yes"), "--price-limit"),
        ((*BUY[:-1], "-0.01", "--from", "alice", "--yes"), "'-0.01' is negative"),
        ((*BUY, "--from", "alice"), "--yes"),
        ((*BUY, "--from", "alice", "--yes", "--gas", "much"), "--gas"),
        ((*BUY, "--from", "alice", "--yes", "--gas-prices", "5"), "--gas-prices"),
        ((*BUY, "--from", "alice", "--yes", "--gas-prices", "5ueur", "--fees", "5ueur"), "--fees"),
        ((*BUY, "--from", "alice", "--yes", "--node", "localhost"), "tcp://"),
        ((*BUY, "--from", "meter", "--yes"), "meter"),
        (("keys", "add", "bob"), "passphrase"),
        (("keys", "add", "alice", "--no-passphrase"), "another name"),
        (("keys", "add", "a/b", "--no-passphrase"), "a/b"),
        (("keys", "add", "bob", "--type", "meter", "--recover", "--no-passphrase"), "--recover"),
        (("keys", "add", "bob", "--recover", "--no-passphrase"), "mnemonic"),
    ],
)
@pytest.mark.usefixtures("keys")
def test_wrong_usage_exits_with_2_and_one_sentence(
    run: Run, arguments: tuple[str, ...], part: str
) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("query", "market", "params"),
        ("query", "bank", "balances", "--address", "alice"),
        (*BUY, "--from", "alice", "--yes"),
        ("tx", "bank", "send", "--to-address", "alice", "--amount", "12.5 EUR", "--from", "alice",
         "--yes"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("keys")
def test_unreachable_node_exits_with_3(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 3
    assert "cannot be reached" in done.stderr
    assert done.stdout == ""


@pytest.mark.usefixtures("keys")
def test_confirmation_may_be_a_variable(run: Run) -> None:
    """Nobody is asked, so the node is the next thing that is missing."""
    assert run(*BUY, "--from", "alice", BLOCKENERGY_YES="1").returncode == 3
    assert "--yes" in run(*BUY, "--from", "alice", BLOCKENERGY_YES="0").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "show", "bob"),
        (*BUY, "--from", "bob", "--yes"),
        (*BUY, "--from", "locked", "--yes"),
        ("query", "bank", "balances", "--address", "bob"),
        ("tx", "metering", "submit-readings", "--readings", "@no.json", "--from", "alice"),
    ],
)
@pytest.mark.usefixtures("keys")
def test_missing_file_or_key_exits_with_4(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1


def test_errors_as_json(run: Run) -> None:
    for arguments, code in ((("status", "-o", "json"), 3), (("fly", "--output=json"), 2)):
        done = run(*arguments)
        assert done.returncode == code
        error = json.loads(done.stderr)["error"]
        assert error["exit_code"] == code
        assert error["sentence"]


def test_internal_error_exits_with_70() -> None:
    code = (
        "import sys, client.cli.__main__ as cli\n"
        "def fail(args): raise ZeroDivisionError('oops')\n"
        "cli._show_status = fail\n"
        "sys.exit(cli.main(['status']))\n"
    )
    for debug, expected in (("", False), ("1", True)):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "proto" / "gen")]),
                "BLOCKENERGY_DEBUG": debug,
            },
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 70
        assert "ZeroDivisionError" in done.stderr
        assert ("Traceback" in done.stderr) is expected


def test_key_is_recovered_from_its_mnemonic(run: Run) -> None:
    made = json.loads(run("keys", "add", "alice", "--no-passphrase", "-o", "json").stdout)
    assert len(made["mnemonic"].split()) == 24
    again = run("keys", "add", "again", "--recover", "--no-passphrase", stdin=made["mnemonic"])
    assert made["address"] in again.stdout
    assert made["mnemonic"] not in again.stdout
    shown = json.loads(run("keys", "show", "again", "-o", "json").stdout)
    assert shown["address"] == made["address"]
    listed = json.loads(run("keys", "list", "-o", "json").stdout)
    assert [key["name"] for key in listed] == ["again", "alice"]


def test_keys_in_another_folder(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "other")
    assert run("keys", "add", "alice", "--no-passphrase", "--keyring", folder).returncode == 0
    assert run("keys", "list").stdout == "none\n"
    assert "alice" in run("keys", "list", "--keyring", folder).stdout


def test_error_of_the_chain_exits_with_1(run: Run) -> None:
    log = "The slot is not on record; check its number."
    rejection = {"code": 8, "codespace": "market", "log": log, "height": "5"}
    with LoopbackNode().running() as node:
        node.responses["abci_query"] = lambda _: {"response": rejection}
        text = run("query", "market", "slot", "--slot", "5", "--node", node.url)
        as_json = run("query", "market", "slot", "--slot", "5", "--node", node.url, "-o", "json")
    assert (text.returncode, as_json.returncode) == (1, 1)
    assert text.stderr == f"blockenergy: rejected (market 8, SLOT_UNKNOWN): {log}\n"
    error = json.loads(as_json.stderr)["error"]
    assert error == {
        "sentence": log,
        "exit_code": 1,
        "codespace": "market",
        "code": 8,
        "name": "SLOT_UNKNOWN",
    }


def test_relative_slots_count_from_the_current_one(run: Run) -> None:
    """Even if the chain does not store it: a new chain starts with the next slot."""
    params = metering_query.QueryParamsResponse()
    params.params.slot_length_s = 60
    asked: list[int] = []

    def response(request: dict[str, Any]) -> dict[str, Any]:
        data = bytes.fromhex(request["data"])
        if request["path"] == "/blockenergy.metering.v1.Query/Params":
            value = params.SerializeToString()
        else:
            asked.append(market_query.QuerySlotRequest.FromString(data).slot)
            value = market_query.QuerySlotResponse(slot=asked[-1]).SerializeToString()
        return {"response": {"value": base64.b64encode(value).decode()}}

    with LoopbackNode().running() as node:
        node.responses |= {"abci_query": response, "status": lambda _: STATUS}
        assert run("query", "market", "slot", "--slot", "+2", "--node", node.url).returncode == 0
    assert asked == [STATUS_TIME_S // 60 + 2]


def test_a_query_names_the_height_that_it_is_of(run: Run) -> None:
    asked: list[str] = []

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        asked.append(request["height"])
        return {"response": {"value": ""}}

    with LoopbackNode().running() as node:
        node.responses["abci_query"] = answer
        for more in ([], ["--height", "12"]):
            assert run("query", "market", "params", *more, "--node", node.url).returncode == 0
    assert asked == ["0", "12"]
    for height in ("0", "-1", "x"):
        rejected = run("query", "market", "params", "--height", height)
        assert rejected.returncode == 2
        assert f"invalid height value: '{height}'" in rejected.stderr
