"""Queries at past heights, as a wallet, a light client or a bridge to another chain sends them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blockenergy.market.v1.query_pb2 import QueryParamsRequest, QuerySlotRequest, QuerySlotResponse
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse
from tendermint.abci import types_pb2 as abci

from abci_app.storage.persistence import Database
from abci_app.storage.snapshot import HeightError
from chain.bank.state import BALANCES
from tests.clients.ics23.test_ics23 import Case, verify  # noqa: F401 - a fixture
from tests.node.application.driven_node import BEN, TIME_S, Node, pay

BALANCE = "/cosmos.bank.v1beta1.Query/Balance"
KEY = BALANCES.prefix[1:] + BALANCES.key.encode((BEN.address, "ueur"))
HEIGHTS = range(1, 7)


@pytest.fixture
def hashes(node: Node) -> list[bytes]:
    """Ben gets something in each block; the app hash of each height, from 1 on."""
    first = node.app.info(abci.RequestInfo()).last_block_app_hash
    return [b"", first, *(node.block(height, [pay(height - 2)]).app_hash for height in HEIGHTS[1:])]


def get_balance(node: Node, height: int) -> int:
    request = QueryBalanceRequest(address=BEN.text, denom="ueur").SerializeToString()
    answer = node.query(BALANCE, request, height=height)
    assert (answer.code, answer.height) == (0, height)
    return int(QueryBalanceResponse.FromString(answer.value).balance.amount)


@pytest.mark.usefixtures("hashes")
def test_each_height_is_answered_as_it_was(node: Node) -> None:
    first = get_balance(node, 1)
    assert [get_balance(node, height) for height in HEIGHTS] == [first + 5 * at for at in range(6)]
    node.stop()
    node.start()
    assert [get_balance(node, height) for height in HEIGHTS] == [first + 5 * at for at in range(6)]


def test_each_height_is_proven_under_its_own_app_hash(
    node: Node,
    hashes: list[bytes],
    verify: Callable[[list[Case]], list[str]],  # noqa: F811 - the fixture
) -> None:
    cases = []
    for height in HEIGHTS:
        for key in (KEY, KEY + b"absent"):
            answer = node.query("/store/bank/key", key, height=height, prove=True)
            assert (answer.code, answer.height) == (0, height)
            smt, simple = answer.proof_ops.ops
            value = answer.value or None
            cases.append(Case(hashes[height], simple.key, smt.key, value, smt.data, simple.data))
    assert len({case.value for case in cases}) == 1 + len(HEIGHTS)
    assert set(verify(cases)) == {"accept"}
    later = [
        case._replace(app_hash=other.app_hash)
        for case, other in zip(cases, cases[2:], strict=False)
    ]
    assert "accept" not in verify(later)


def test_a_query_sees_the_time_of_its_height(node: Node) -> None:
    """The same slot takes orders before its gate closes, and not after."""
    path = "/blockenergy.market.v1.Query/Slot"
    request = QuerySlotRequest(slot=TIME_S // 60 + 1).SerializeToString()

    def ask(height: int) -> QuerySlotResponse:
        return QuerySlotResponse.FromString(node.query(path, request, height=height).value)

    closes_at = ask(1).gate_closure_at_s - TIME_S
    for height in range(2, closes_at + 1):
        node.block(height)
    taken = [ask(height).takes_orders for height in range(1, closes_at + 1)]
    assert taken == [True] * (closes_at - 1) + [False]


@pytest.mark.usefixtures("hashes")
@pytest.mark.parametrize("height", [7, -1, 2**63 - 1])
def test_a_height_that_is_not_kept_is_named_with_those_that_are(node: Node, height: int) -> None:
    for path, data in (
        ("/blockenergy.market.v1.Query/Params", QueryParamsRequest().SerializeToString()),
        ("/store/bank/key", KEY),
    ):
        answer = node.query(path, data, height=height)
        assert answer.code == 26
        assert answer.log.startswith(f"height {height} (kept: 1 to 6): ")
    assert node.query("/store/bank/key", KEY, height=height, prove=True).code == 26


def test_a_block_is_taken_back_as_if_it_had_never_been(node: Node, hashes: list[bytes]) -> None:
    """State, app hash and history; the block is executed again with the same result."""
    last = HEIGHTS[-1]
    node.stop()
    with Database.open(node.folder) as database:
        database.undo_last()
        assert database.last() == (last - 1, hashes[last - 1])
    node.start()
    assert [get_balance(node, height) for height in HEIGHTS[:-1]] == [
        get_balance(node, 1) + 5 * at for at in range(last - 1)
    ]
    assert node.block(last, [pay(last - 2)]).app_hash == hashes[last]
    node.stop()
    with Database.open(node.folder) as database:
        for height in reversed(HEIGHTS[:-1]):
            database.undo_last()
            assert database.last() == (height, hashes[height])
        with pytest.raises(HeightError, match="height 0"):
            database.undo_last()
    node.start()
    assert get_balance(node, 1)
