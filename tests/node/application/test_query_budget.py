"""What a query may use up, and that blocks go before queries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from blockenergy.bank.v1.query_pb2 import QueryHoldsRequest
from blockenergy.registry.v1.query_pb2 import QueryParticipantsRequest
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest
from cosmos.tx.v1beta1.service_pb2 import SimulateRequest
from tendermint.abci import types_pb2 as abci

from abci_app import node as node_module
from abci_app import query_budget
from abci_app.protocol.server import Server
from abci_app.query_budget import BlocksFirst, BudgetedSource, QueryBudget, QueryTooLargeError
from abci_app.storage.snapshot import Snapshot
from chain import app
from chain.bank.state import BALANCES
from tests.node.application.driven_node import BEN, Node, pay
from tests.node.application.toy import Client, KeyValueApplication

DEADLINE_S = 10.0
PARTICIPANTS = "/blockenergy.registry.v1.Query/Participants"
BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
KEY = BALANCES.prefix[1:] + BALANCES.key.encode((BEN.address, "ueur"))


def limit(monkeypatch: pytest.MonkeyPatch, **limits: Any) -> None:
    monkeypatch.setattr(node_module, "QueryBudget", partial(QueryBudget, **limits))


@pytest.mark.parametrize("limits", [{"steps": 5}, {"size_bytes": 200}])
def test_a_list_that_takes_too_much_is_rejected_and_a_part_of_it_is_not(
    node: Node, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]
) -> None:
    request = QueryParticipantsRequest()
    assert node.query(PARTICIPANTS, request.SerializeToString()).code == 0
    limit(monkeypatch, **limits)
    answer = node.query(PARTICIPANTS, request.SerializeToString())
    assert (answer.code, answer.codespace, answer.value) == (18, "sdk", b"")
    assert answer.log.startswith("the query takes too much work; ask for less")
    request.pagination.limit = 1
    assert node.query(PARTICIPANTS, request.SerializeToString()).code == 0


def test_a_simulation_has_the_same_budget(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    request = SimulateRequest(tx_bytes=pay(0)).SerializeToString()
    assert node.query(app.SIMULATE_PATH, request).code == 0
    limit(monkeypatch, steps=3)
    assert node.query(app.SIMULATE_PATH, request).log.startswith("the query takes too much work")


@pytest.mark.parametrize("prove", [False, True])
def test_what_lies_many_blocks_back_is_rejected_and_what_is_near_is_not(
    node: Node, monkeypatch: pytest.MonkeyPatch, prove: bool
) -> None:
    for height in range(2, 30):
        node.block(height, [pay(height - 2)])
    limit(monkeypatch, steps=25)
    answer = node.query("/store/bank/key", KEY, height=1, prove=prove)
    if prove:
        assert (answer.code, answer.proof_ops.ops) == (18, [])
        assert "a later height" in answer.log
    # One seek finds what the first block behind a height replaced.
    else:
        assert answer.code == 0
    assert node.query("/store/bank/key", KEY, height=28, prove=prove).code == 0
    # A range reads the records of each block.
    holds = QueryHoldsRequest(owner=BEN.text).SerializeToString()
    limit(monkeypatch, steps=25)
    assert node.query("/blockenergy.bank.v1.Query/Holds", holds, height=1).code == 18
    assert node.query("/blockenergy.bank.v1.Query/Holds", holds, height=28).code == 0


def test_a_proof_reads_what_was_noted_with_a_block_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for height in range(2, 6):
        node.block(height, [pay(height - 2)])
    read: list[tuple[int, bytes]] = []
    get_note = Snapshot.get_note

    def count(self: Snapshot, height: int, name: bytes) -> bytes | None:
        read.append((height, name))
        return get_note(self, height, name)

    monkeypatch.setattr(Snapshot, "get_note", count)
    for key in (KEY, KEY + b"absent"):
        read.clear()
        assert node.query("/store/bank/key", key, height=1, prove=True).code == 0
        assert sorted(read) == sorted(set(read))
        assert {height for height, _ in read} == {2, 3, 4, 5}


@pytest.mark.parametrize("path", ["/store/bank/key", BALANCE])
def test_a_request_of_many_bytes_is_rejected(node: Node, path: str) -> None:
    answer = node.query(path, bytes(app.REQUEST_BYTES_MAX + 1))
    assert answer.code == 18
    assert "more than 4096 bytes" in answer.log


def test_an_answer_never_repeats_a_long_path(node: Node) -> None:
    for path in ("/store/" + "x" * 100_000, "y" * 100_000):
        assert len(node.query(path, b"k").log) < 500


class Endless:
    """A database that has an entry for every key, for ever."""

    def __init__(self) -> None:
        self.read = 0

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None:
        self.read += 1
        return b"value"


def test_processor_time_ends_what_reads_little_and_computes_much() -> None:
    source = Endless()
    budgeted = BudgetedSource(source, QueryBudget(steps=10_000, processor_s=0.0))  # type: ignore[arg-type]
    with pytest.raises(QueryTooLargeError):
        all(budgeted.get(b"key", verify_checksums=True) for _ in range(10_000))
    assert source.read <= query_budget.STEPS_TIMED


class Watched(BlocksFirst):
    """Tells when a query has begun to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def wait(self, timeout_s: float) -> None:
        self.waits.set()
        super().wait(timeout_s)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def ask_for_balance(node: Node) -> abci.ResponseQuery:
    request = QueryBalanceRequest(address=BEN.text, denom="ueur").SerializeToString()
    return node.query(BALANCE, request)


def test_a_query_pauses_while_a_block_is_in_hand(
    node: Node, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(query_budget, "PAUSE_MAX_S", 6 * DEADLINE_S)
    blocks = node.app._blocks = Watched()
    with blocks.call():
        answer = pool.submit(ask_for_balance, node)
        assert blocks.waits.wait(DEADLINE_S)
        assert not answer.done()
    assert answer.result(DEADLINE_S).code == 0


def test_a_query_goes_on_where_blocks_leave_no_gap(
    node: Node, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor
) -> None:
    monkeypatch.setattr(query_budget, "PAUSE_MAX_S", 0.01)
    with node.app._blocks.call():
        answer = pool.submit(ask_for_balance, node)
        assert answer.result(DEADLINE_S).code == 0


def test_every_call_about_a_block_goes_first(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optimistic execution as well, on its own thread."""
    seen: dict[str, bool] = {}

    def watch(name: str) -> None:
        original = getattr(app, name)

        def run(*args: Any, **kwargs: Any) -> Any:
            seen[f"{name} on {threading.current_thread().name}"] = node.app._blocks.in_hand
            return original(*args, **kwargs)

        monkeypatch.setattr(app, name, run)

    for name in ("prepare_proposal", "process_proposal", "finalize_block"):
        watch(name)
    node.prepare([pay(0)])
    assert node.accepts([pay(0)])
    node.block(2, [pay(0)])
    txs = [pay(number) for number in range(1, 20)]
    request = abci.RequestProcessProposal(height=3, txs=txs)
    node.app.process_proposal(request)
    node.app.close()
    main = threading.current_thread().name
    assert seen == {
        f"prepare_proposal on {main}": True,
        f"process_proposal on {main}": True,
        f"finalize_block on {main}": True,
        "finalize_block on optimistic": True,
    }
    assert not node.app._blocks.in_hand


class Slow(KeyValueApplication):
    """Answers a second query only when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        if request.data == b"slow":
            assert self.go.wait(DEADLINE_S)
        return super().query(request)


def test_a_query_never_waits_for_one_that_came_behind_it() -> None:
    application = Slow()
    with Server(application, "tcp://127.0.0.1:0") as server, Client(server.address) as client:
        queries = [abci.RequestQuery(data=data) for data in (b"quick", b"slow")]
        client.send(*queries, abci.RequestFlush())
        (first,) = client.receive(1)
        assert first.query.key == b"quick"
        application.go.set()
        second, flush = client.receive(2)
        assert (second.query.key, flush.WhichOneof("value")) == (b"slow", "flush")
