"""`blockenergy query market clearing SLOT --verify`: the clearing is recomputed locally."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockenergy.market.v1.query_pb2 import QueryClearingResponse
from loopback_node import LoopbackNode

from chain import app
from chain.runtime.errors import ChainError
from client import cli
from client.cli.market import verify_clearing
from tests.support.streets.auctions import ask, bid, close
from tests.support.streets.settling import opened

Spoil = Callable[[QueryClearingResponse], None]


class AuctionNode:
    """A node of a street where one slot was cleared; `spoil` tampers with its response."""

    def __init__(self, node: LoopbackNode) -> None:
        changes = {
            "registry.feeders[north]": {"capacity_w": 3_000, "grid_fee_per_kwh": 1_000},
            "registry.feeders[south]": {"thin_market": True},
        }
        self.world, self.slot = opened(changes)
        self.world.block(
            bid(self.world, "ben", self.slot, 5_000, 250_000),
            bid(self.world, "anna", self.slot, 500, 250_000, full_price_per_kwh=100_000),
            bid(self.world, "clara", self.slot, 1_000, 250_000),
            ask(self.world, "dirk", self.slot, 1_000, 100_000),
            ask(self.world, "eva", self.slot, 1_000, 120_000),
            bid(self.world, "clara", self.slot, 500, 90_000),
        )
        close(self.world, self.slot)
        self.spoil: Spoil | None = None
        self.url = node.url
        node.responses["abci_query"] = self._answer

    def _answer(self, params: dict[str, Any]) -> dict[str, Any]:
        path, data = params["path"], bytes.fromhex(params["data"])
        try:
            value = app.query(self.world.store, self.world.block_info, path, data)
        except ChainError as raised:
            error = raised.error
            rejected = {"code": error.code, "codespace": error.codespace, "log": raised.log}
            return {"response": rejected}
        if self.spoil and path == verify_clearing.PATH:
            response = QueryClearingResponse.FromString(value)
            self.spoil(response)
            value = response.SerializeToString()
        return {"response": {"value": base64.b64encode(value).decode()}}


@pytest.fixture
def node() -> Iterator[AuctionNode]:
    with LoopbackNode().running() as running:
        yield AuctionNode(running)


def verify(node: AuctionNode, *more: str) -> int:
    slot = str(node.slot)
    return cli.main(["query", "market", "clearing", slot, "--verify", "--node", node.url, *more])


def test_optimal_clearing_exits_with_0_and_one_sentence(
    node: AuctionNode, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Several pages.
    monkeypatch.setattr(verify_clearing, "PAGE_ORDERS", 2)
    assert verify(node) == 0
    assert capsys.readouterr().out == (
        f"The clearing of slot {node.slot} is optimal: no other outcome of its 6 limit orders is "
        "better than trading 4 kWh.\n"
    )


def test_optimal_clearing_as_json(node: AuctionNode, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(node, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "slot": str(node.slot),
        "orders": "6",
        "volume_wh": "4000",
        "verified": True,
        "problems": [],
    }


def raise_fill(response: QueryClearingResponse) -> None:
    response.clearing.fills_wh[0] += 1


def move_price(response: QueryClearingResponse) -> None:
    response.clearing.nodes[1].price_per_kwh -= 10_000


def forget_rent(response: QueryClearingResponse) -> None:
    response.clearing.nodes[1].congestion_rent = 0


def forget_order(response: QueryClearingResponse) -> None:
    del response.clearing.fills_wh[0]


def forget_everything(response: QueryClearingResponse) -> None:
    response.Clear()


def draw_a_ring(response: QueryClearingResponse) -> None:
    response.clearing.nodes[1].parent = 1


@pytest.mark.parametrize(
    "spoil", [raise_fill, move_price, forget_rent, forget_order, forget_everything, draw_a_ring]
)
def test_wrong_clearing_exits_with_1(
    node: AuctionNode, capsys: pytest.CaptureFixture[str], spoil: Spoil
) -> None:
    node.spoil = spoil
    assert verify(node) == 1
    shown = capsys.readouterr()
    assert " is wrong: " in shown.out
    assert not shown.err
    assert verify(node, "-o", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["problems"]
    assert not found["verified"]


def test_slot_without_an_auction_is_an_error(
    node: AuctionNode, capsys: pytest.CaptureFixture[str]
) -> None:
    node.slot += 1
    assert verify(node) == 1
    assert "CLEARING_UNKNOWN" in capsys.readouterr().err


@pytest.mark.parametrize("slots", [[], ["5", "--slot", "6"]])
def test_slot_must_be_given_once(slots: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["query", "market", "clearing", *slots]) == 2
    assert "one slot" in capsys.readouterr().err


def test_without_verify_it_shows_the_record(
    node: AuctionNode, capsys: pytest.CaptureFixture[str]
) -> None:
    for slot in ([str(node.slot)], ["--slot", str(node.slot)]):
        arguments = ["query", "market", "clearing", *slot, "--node", node.url, "-o", "json"]
        assert cli.main(arguments) == 0
        assert json.loads(capsys.readouterr().out)["clearing"]["volume_wh"] == "4000"
