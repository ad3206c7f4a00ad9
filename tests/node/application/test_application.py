"""The application as CometBFT drives it: genesis, mempool, proposals, blocks, restarts, proofs."""

from __future__ import annotations

from pathlib import Path

import pytest
from blockenergy.market.v1.query_pb2 import (
    QueryParamsRequest,
    QueryParamsResponse,
)
from cosmos.auth.v1beta1.query_pb2 import QueryAccountRequest
from tendermint.abci import types_pb2 as abci

from chain.bank.state import BALANCES
from chain.registry.state import METERS_BY_OWNER
from chain.runtime.state.collections import GenesisError
from tests.clients.ics23.test_ics23 import Case, verify  # noqa: F401 - a fixture
from tests.node.application.driven_node import ANNA, BEN, CHAIN_ID, Node, pay
from tests.support.streets.people import wallet


def test_genesis_can_come_twice_and_the_first_block_holds_it(tmp_path: Path) -> None:
    node = Node(tmp_path / "state")
    assert node.init_chain() == node.init_chain()
    info = node.app.info(abci.RequestInfo())
    assert (info.last_block_height, info.last_block_app_hash) == (0, b"")
    first = node.block(1)
    node.stop()
    node.start()
    info = node.app.info(abci.RequestInfo())
    assert (info.last_block_height, info.last_block_app_hash) == (1, first.app_hash)
    node.stop()


def test_peers_are_let_in_from_genesis_on(tmp_path: Path) -> None:
    """Without peers there is no first block."""
    listed, other = "a" * 40, "b" * 40
    node = Node(tmp_path / "state", changes={f"peers.peers[{listed}]": {"operator": "distributor"}})

    def get_codes() -> list[int]:
        questions = (f"id/{listed}", f"id/{other}", "addr/192.0.2.7:26656")
        return [node.query(f"/p2p/filter/{question}", b"").code for question in questions]

    assert get_codes() == [0, 0, 0], "a node without a state knows no list"
    node.init_chain()
    assert get_codes() == [0, 2, 0]
    node.block(1)
    assert get_codes() == [0, 2, 0]
    node.stop()
    node.start()
    assert get_codes() == [0, 2, 0]
    node.stop()


def test_a_wrong_genesis_stops_with_the_place_and_the_reason(tmp_path: Path) -> None:
    node = Node(tmp_path / "state")
    with pytest.raises(GenesisError, match=r"app_state\.upgrade is missing"):
        node.app.init_chain(abci.RequestInitChain(chain_id=CHAIN_ID, app_state_bytes=b"{}"))
    with pytest.raises(GenesisError, match="not JSON"):
        node.app.init_chain(abci.RequestInitChain(chain_id=CHAIN_ID, app_state_bytes=b"{"))
    node.stop()


def test_executing_a_height_again_gives_the_same_hash_and_writes_nothing(node: Node) -> None:
    before = node.app.info(abci.RequestInfo())
    one = node.finalize(2, [pay(0)])
    other = node.finalize(2, [pay(0, amount=6)])
    again = node.finalize(2, [pay(0)])
    assert one.app_hash == again.app_hash != other.app_hash
    assert node.app.info(abci.RequestInfo()) == before


def test_a_node_killed_before_commit_comes_back_to_the_same_hash(node: Node) -> None:
    lost = node.finalize(2, [pay(0)])
    node.stop()
    node.start()
    assert node.app.info(abci.RequestInfo()).last_block_height == 1
    assert node.block(2, [pay(0)]).app_hash == lost.app_hash


def test_one_sender_may_queue_transactions_in_sequence(node: Node) -> None:
    assert [node.check(pay(sequence)).code for sequence in (0, 1, 2)] == [0, 0, 0]
    assert node.check(pay(2, amount=7)).code == 32
    node.block(2, [pay(0)])
    # After the commit the rest is checked again, from the new state.
    assert [node.check(pay(sequence), recheck=True).code for sequence in (0, 1, 2)] == [32, 0, 0]


def test_checking_and_proposing_leave_the_state_alone(node: Node) -> None:
    expected = node.finalize(2, [pay(0)]).app_hash
    node.check(pay(0))
    assert node.prepare([pay(0)]) == [pay(0)]
    assert node.accepts([pay(0)])
    assert node.finalize(2, [pay(0)]).app_hash == expected


def test_a_proposal_holds_what_is_admitted_in_its_order_and_fits(node: Node) -> None:
    good = [pay(0), pay(1), pay(2)]
    mixed = [b"garbage", good[0], good[0], pay(7), good[1], pay(2, chain_id="other"), good[2]]
    assert node.prepare(mixed) == good
    assert node.accepts(good)
    size = len(good[1]) + 3
    assert node.prepare(good, max_tx_bytes=2 * size) == good[:2]
    assert node.prepare(good, max_tx_bytes=len(good[0])) == []


@pytest.mark.parametrize(
    "txs",
    [
        pytest.param([b""], id="empty"),
        pytest.param([b"\x00garbage"], id="garbage"),
        pytest.param([pay(0), pay(0)], id="twice"),
        pytest.param([pay(1), pay(0)], id="wrong order"),
        pytest.param([pay(0, chain_id="other")], id="other chain"),
        pytest.param([pay(0)[:-1] + b"\x00"], id="altered signature"),
        pytest.param([b"x" * (1 << 20) + b"x"], id="oversized"),
    ],
)
def test_a_bad_proposal_is_rejected_and_its_block_would_not_stop_the_node(
    node: Node, txs: list[bytes]
) -> None:
    assert not node.accepts(txs)
    assert any(result.code for result in node.block(2, txs).tx_results)


def test_queries_return_a_response_or_an_error_code(node: Node) -> None:
    path = "/blockenergy.market.v1.Query/Params"
    good = node.query(path, QueryParamsRequest().SerializeToString())
    assert good.code == 0
    assert good.height == 1
    assert QueryParamsResponse.FromString(good.value).params.settlement_denom == "ueur"
    assert node.query("/nonsense", b"").code == 6
    assert node.query(path, b"\xff").code == 18
    assert node.query(path, b"", height=7).code == 26
    assert node.query("/store/nonsense/key", b"x").code == 6
    assert node.query("/store/bank/key", b"").code == 18
    assert node.query("//store/bank/key", b"x").code == 6
    unknown = QueryAccountRequest(address=wallet("nobody").text)
    rejected = node.query("/cosmos.auth.v1beta1.Query/Account", unknown.SerializeToString())
    assert rejected.code == 22
    assert "rpc error: code = NotFound" in rejected.log
    assert rejected.height == 1


def test_raw_state_has_proofs_that_an_independent_verifier_accepts(
    node: Node,
    verify,  # noqa: ANN001, F811 - the fixture's own type
) -> None:
    app_hash = node.block(2, [pay(0)]).app_hash
    cases = []
    for owner in (ANNA, BEN, wallet("nobody")):
        key = BALANCES.prefix[1:] + BALANCES.key.encode((owner.address, "ueur"))
        answer = node.query("/store/bank/key", key, prove=True)
        assert answer.code == 0
        assert node.query("store/bank/key", key, prove=True) == answer
        smt, simple = answer.proof_ops.ops
        value = answer.value or None
        cases.append(Case(app_hash, simple.key, smt.key, value, smt.data, simple.data))
    assert [case.value is None for case in cases] == [False, False, True]
    assert set(verify(cases)) == {"accept"}
    wrong = [case._replace(app_hash=bytes(32)) for case in cases]
    assert "accept" not in verify(wrong)


def test_indexes_are_in_no_proof(node: Node) -> None:
    key = next(iter(node.database.items(METERS_BY_OWNER.prefix)))[0][1:]
    rejected = node.query("/store/registry/key", key, prove=True)
    assert rejected.code == 18
    assert "is an index" in rejected.log


def test_proofs_wait_for_the_commit(node: Node) -> None:
    node.finalize(2, [pay(0)])
    key = BALANCES.prefix[1:] + BALANCES.key.encode((ANNA.address, "ueur"))
    rejected = node.query("/store/bank/key", key, prove=True)
    assert rejected.code == 18
    assert "ask again" in rejected.log


def test_what_passes_the_recheck_is_what_the_next_proposal_has(node: Node) -> None:
    node.block(2, [pay(0), pay(1)])
    # One is out of order, two are none.
    waiting = [pay(2), pay(3), b"", pay(5), b"noise" * 40, pay(4)]
    codes = [node.check(tx, recheck=True).code for tx in waiting]
    assert [code == 0 for code in codes] == [True, True, False, False, False, True]
    assert node.app._get_passed(9, 3) == [pay(2), pay(3), pay(4)]


def test_a_proposal_never_has_more_than_fits(node: Node) -> None:
    txs = [pay(0), pay(1)]
    assert all(node.check(tx).code == 0 for tx in txs)
    assert node.prepare(txs) == txs
    assert node.prepare(txs, max_tx_bytes=len(txs[0]) + 3) == txs[:1]
