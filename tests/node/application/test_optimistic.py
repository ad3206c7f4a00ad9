"""Blocks that are executed before they are decided come out as those that are executed after."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from tendermint.abci import types_pb2 as abci

from abci_app import optimistic
from chain import app
from tests.node.application.driven_node import TIME_S, Node, pay, place_order

DEADLINE_S = 20.0
TXS = [pay(number) for number in range(20)]


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each execution: height and number of transactions."""
    calls: list[tuple[int, int]] = []
    execute = app.finalize_block

    def note(reader: Any, block: Any, txs: Any) -> Any:
        calls.append((block.height, len(txs)))
        return execute(reader, block, txs)

    monkeypatch.setattr(app, "finalize_block", note)
    return calls


def expect(tmp_path: Path, txs: list[bytes]) -> abci.ResponseFinalizeBlock:
    """What a node that hears of the second block only when it is decided says of it."""
    other = Node(tmp_path / "other")
    other.begin()
    response = other.block(2, txs)
    other.stop()
    return response


def test_an_own_proposal_is_executed_once(
    node: Node, tmp_path: Path, executed: list[tuple[int, int]]
) -> None:
    assert node.prepare(TXS) == TXS
    assert node.accepts(TXS)
    response = node.block(2, TXS)
    assert executed == [(2, 20)]
    assert response == expect(tmp_path, TXS)
    assert {result.code for result in response.tx_results} == {0}
    # The next block begins from what this one left.
    assert {result.code for result in node.block(3, [pay(20)]).tx_results} == {0}


def test_a_proposal_of_another_validator_is_executed_once(
    node: Node, tmp_path: Path, executed: list[tuple[int, int]]
) -> None:
    assert node.accepts(TXS)
    response = node.block(2, TXS)
    assert executed == [(2, 20)]
    assert response == expect(tmp_path, TXS)


@pytest.mark.parametrize("decided", [TXS[:19], TXS[:3], []])
def test_another_block_is_decided(node: Node, tmp_path: Path, decided: list[bytes]) -> None:
    node.prepare(TXS)
    assert node.block(2, decided) == expect(tmp_path, decided)
    assert {result.code for result in node.block(3, [pay(len(decided))]).tx_results} == {0}


def test_the_same_transactions_are_decided_at_another_time(
    node: Node, tmp_path: Path, executed: list[tuple[int, int]]
) -> None:
    node.prepare(TXS, at_s=TIME_S + 1)
    assert node.block(2, TXS) == expect(tmp_path, TXS)
    assert executed[:2] == [(2, 20), (2, 20)]


def test_a_second_proposal_of_a_height_is_left_until_it_is_decided(
    node: Node, tmp_path: Path, executed: list[tuple[int, int]]
) -> None:
    node.prepare(TXS)
    assert node.accepts(TXS[:18])
    assert node.block(2, TXS[:18]) == expect(tmp_path, TXS[:18])
    assert executed[:2] == [(2, 20), (2, 18)]


def test_a_few_transactions_are_not_worth_it(node: Node, executed: list[tuple[int, int]]) -> None:
    few = TXS[: optimistic.TXS_MIN - 1]
    node.prepare(few)
    node.block(2, few)
    assert executed == [(2, len(few))]


def test_a_chain_that_begins_anew_is_another_state(node: Node, tmp_path: Path) -> None:
    fresh = Node(tmp_path / "fresh")
    first = fresh.init_chain()
    fresh.prepare(TXS, height=1)
    # CometBFT sends the genesis again after a crash before the first commit.
    assert fresh.init_chain() == first
    response = fresh.block(1, TXS)
    assert {result.code for result in response.tx_results} == {0}
    assert {result.code for result in fresh.block(2, [pay(20)]).tx_results} == {0}
    fresh.stop()


def test_a_block_that_clears_an_auction_is_executed_once_as_well(
    node: Node, executed: list[tuple[int, int]]
) -> None:
    slot = TIME_S // 60 + 1
    node.block(2, [place_order(slot)])
    del executed[:]
    txs = [pay(number) for number in range(1, 21)]
    assert node.prepare(txs, height=3, at_s=slot * 60) == txs
    request = abci.RequestFinalizeBlock(height=3, hash=b"what nobody knew", txs=txs)
    request.time.seconds = slot * 60
    response = node.app.finalize_block(request).decode()
    assert executed == [(3, 20)]
    assert {result.code for result in response.tx_results} == {0}


def test_a_fault_shows_when_the_block_is_decided(
    node: Node, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_off(*_: Any) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(app, "finalize_block", break_off)
        node.prepare(TXS)
        with pytest.raises(OSError, match="Input/output"):
            node.block(2, TXS)
    assert "cannot be executed" in caplog.text
    assert {result.code for result in node.block(2, TXS).tx_results} == {0}


def test_the_state_stays_open_until_a_proposal_is_executed(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going = threading.Event(), threading.Event()
    execute = app.finalize_block

    def wait_first(*arguments: Any) -> Any:
        begun.set()
        assert going.wait(DEADLINE_S)
        return execute(*arguments)

    monkeypatch.setattr(app, "finalize_block", wait_first)
    node.prepare(TXS)
    assert begun.wait(DEADLINE_S)
    closing = threading.Thread(target=node.app.close)
    closing.start()
    assert closing.is_alive()
    going.set()
    closing.join(DEADLINE_S)
    assert not closing.is_alive()
