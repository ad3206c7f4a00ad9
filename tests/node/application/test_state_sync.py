"""State sync, driven as CometBFT drives it: snapshots made, given to a new node, and damaged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from blockenergy.statesync.v1.snapshot_pb2 import Metadata
from tendermint.abci import types_pb2 as abci

from abci_app.statesync.format import FORMAT, decode_chunk, describe, encode_entry
from chain import app
from chain.runtime.state.collections import Index
from tests.node.application.driven_node import CHAIN_ID, Node, pay

INTERVAL = 3
OFFER = abci.ResponseOfferSnapshot.Result
APPLY = abci.ResponseApplySnapshotChunk.Result
NodeMaker = Callable[..., Node]


class Offered(NamedTuple):
    """A snapshot, its chunks, and the app hash that the light client has verified."""

    snapshot: abci.Snapshot
    chunks: list[bytes]
    app_hash: bytes


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[NodeMaker]:
    """Makes nodes, each in a home of its own with the chain's genesis.json."""
    nodes: list[Node] = []

    def make(name: str, retain_blocks: int = 0) -> Node:
        config = tmp_path / name / "config"
        config.mkdir(parents=True)
        (config / "genesis.json").write_text(json.dumps({"chain_id": CHAIN_ID}))
        nodes.append(
            Node(tmp_path / name / "state", snapshot_interval=INTERVAL, retain_blocks=retain_blocks)
        )
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()


def run_chain(node: Node, heights: int = INTERVAL) -> None:
    """Somebody pays in each block."""
    node.begin()
    for height in range(2, heights + 1):
        node.block(height, [pay(height - 2)])


def get_offered(node: Node) -> list[abci.Snapshot]:
    return list(node.app.list_snapshots(abci.RequestListSnapshots()).snapshots)


def wait_for_snapshot(node: Node) -> abci.Snapshot:
    node.wait_for_snapshot()
    return get_offered(node)[0]


def load(node: Node, snapshot: abci.Snapshot, chunk: int) -> bytes:
    request = abci.RequestLoadSnapshotChunk(
        height=snapshot.height, format=snapshot.format, chunk=chunk
    )
    return bytes(node.app.load_snapshot_chunk(request).chunk)


@pytest.fixture
def provider(make_node: NodeMaker) -> Node:
    """A node that has made a snapshot of its last height."""
    node = make_node("provider")
    run_chain(node)
    wait_for_snapshot(node)
    return node


@pytest.fixture
def offered(provider: Node) -> Offered:
    snapshot = wait_for_snapshot(provider)
    chunks = [load(provider, snapshot, number) for number in range(snapshot.chunks)]
    assert len(chunks) > 5
    return Offered(snapshot, chunks, get_app_hash(provider))


def get_app_hash(node: Node) -> bytes:
    return bytes(node.app.info(abci.RequestInfo()).last_block_app_hash)


def offer(node: Node, snapshot: abci.Snapshot, app_hash: bytes) -> str:
    request = abci.RequestOfferSnapshot(snapshot=snapshot, app_hash=app_hash)
    return OFFER.Name(node.app.offer_snapshot(request).result)


def apply(node: Node, number: int, chunk: bytes) -> abci.ResponseApplySnapshotChunk:
    request = abci.RequestApplySnapshotChunk(index=number, chunk=chunk, sender="a peer")
    return node.app.apply_snapshot_chunk(request)


def restore(node: Node, offered: Offered) -> list[str]:
    """What a node says to each chunk of a snapshot that it accepts; up to the first that fails."""
    assert offer(node, offered.snapshot, offered.app_hash) == "ACCEPT"
    said: list[str] = []
    for number, chunk in enumerate(offered.chunks):
        said.append(APPLY.Name(apply(node, number, chunk).result))
        if said[-1] != "ACCEPT":
            break
    return said


def test_a_new_node_goes_on_from_a_snapshot_as_all_others_do(
    provider: Node, make_node: NodeMaker, offered: Offered
) -> None:
    joined = make_node("joined")
    assert set(restore(joined, offered)) == {"ACCEPT"}
    assert joined.app.info(abci.RequestInfo()) == provider.app.info(abci.RequestInfo())
    joined.stop()
    joined.start()
    for node in (joined, provider):
        assert app.check_invariants(node.database) == []
    assert dict(joined.database.items()) == dict(provider.database.items())
    for height in range(INTERVAL + 1, 2 * INTERVAL + 1):
        txs = [pay(height - 2)]
        assert joined.check(txs[0]).code == 0
        assert joined.block(height, txs) == provider.block(height, txs)


def test_two_nodes_write_the_same_bytes(
    provider: Node, make_node: NodeMaker, offered: Offered
) -> None:
    other = make_node("other")
    run_chain(other)
    assert wait_for_snapshot(other) == offered.snapshot
    for number, chunk in enumerate(offered.chunks):
        assert load(other, offered.snapshot, number) == chunk


def test_two_snapshots_are_kept_and_unfinished_ones_are_deleted(make_node: NodeMaker) -> None:
    node = make_node("long")
    run_chain(node)
    for height in range(INTERVAL + 1, 4 * INTERVAL + 1):
        node.block(height)
        if height % INTERVAL == 0:
            node.wait_for_snapshot()
    assert [snapshot.height for snapshot in get_offered(node)] == [4 * INTERVAL, 3 * INTERVAL]
    unfinished = node.folder.parent / "snapshots" / "15.part"
    unfinished.mkdir()
    node.stop()
    node.start()
    assert not unfinished.exists()


def test_a_chunk_that_is_not_there_is_empty(provider: Node, offered: Offered) -> None:
    assert load(provider, offered.snapshot, len(offered.chunks)) == b""
    for change in ({"height": 2}, {"format": 2}):
        other = abci.Snapshot()
        other.CopyFrom(offered.snapshot)
        other.MergeFrom(abci.Snapshot(**change))
        assert load(provider, other, 0) == b""


def change_snapshot(offered: Offered, **changes: object) -> abci.Snapshot:
    changed = abci.Snapshot()
    changed.CopyFrom(offered.snapshot)
    changed.MergeFrom(abci.Snapshot(**changes))  # type: ignore[arg-type]
    return changed


def test_offers_that_do_not_fit_are_rejected(make_node: NodeMaker, offered: Offered) -> None:
    node = make_node("joined")
    metadata = Metadata.FromString(offered.snapshot.metadata)
    foreign = describe(INTERVAL, "another-chain", metadata.time_s, metadata.chunk_hashes)
    empty = describe(INTERVAL, CHAIN_ID, metadata.time_s, [])
    genesis = describe(0, CHAIN_ID, metadata.time_s, metadata.chunk_hashes)
    rejected = {
        "another chain": foreign,
        "no chunks": empty,
        "height 0": genesis,
        "other chunks": change_snapshot(offered, chunks=offered.snapshot.chunks + 1),
        "other hash": change_snapshot(offered, hash=bytes(32)),
        "no metadata": change_snapshot(offered, metadata=b"\xff"),
    }
    for what, snapshot in rejected.items():
        assert offer(node, snapshot, offered.app_hash) == "REJECT", what
    later = change_snapshot(offered, format=FORMAT + 1)
    assert offer(node, later, offered.app_hash) == "REJECT_FORMAT"


def test_a_node_with_a_state_takes_none(provider: Node, offered: Offered) -> None:
    assert offer(provider, offered.snapshot, offered.app_hash) == "ABORT"
    assert APPLY.Name(apply(provider, 0, offered.chunks[0]).result) == "ABORT"


def test_a_chunk_on_the_way_is_checked_and_fetched_again(
    make_node: NodeMaker, offered: Offered
) -> None:
    node = make_node("joined")
    assert offer(node, offered.snapshot, offered.app_hash) == "ACCEPT"
    for number, chunk in enumerate(offered.chunks):
        flipped = bytes([chunk[0] ^ 1]) + chunk[1:]
        for wrong in (flipped, chunk[:-1], chunk + b"x", b""):
            answer = apply(node, number, wrong)
            assert answer.result == APPLY.RETRY
            assert list(answer.refetch_chunks) == [number]
            assert list(answer.reject_senders) == ["a peer"]
        assert apply(node, number, chunk).result == APPLY.ACCEPT
    assert get_app_hash(node) == offered.app_hash


def lie(offered: Offered, chunks: Sequence[bytes]) -> Offered:
    """The snapshot of a peer that made its own hashes for other chunks."""
    metadata = Metadata.FromString(offered.snapshot.metadata)
    hashes = [sha256(chunk).digest() for chunk in chunks]
    snapshot = describe(INTERVAL, CHAIN_ID, metadata.time_s, hashes)
    return Offered(snapshot, list(chunks), offered.app_hash)


def get_indexes() -> list[Index[Any, Any, Any]]:
    return [index for module in app.MODULES for index in module.schema.indexes]


def make_lies(offered: Offered) -> dict[str, list[bytes]]:
    chunks = offered.chunks
    first, last = decode_chunk(chunks[0]), list(decode_chunk(chunks[-1]))
    key, value = next(first)
    key_of_index = next(index.prefix for index in get_indexes()) + b"key"
    richer = b"".join(encode_entry(*entry) for entry in last[:-1])
    richer += encode_entry(last[-1][0], last[-1][1] + b"\x01")
    return {
        "one changed value": [*chunks[:-1], richer],
        "chunks in another order": [chunks[1], chunks[0], *chunks[2:]],
        "a chunk twice": [chunks[0], *chunks],
        "a chunk too few": chunks[:-1],
        "a chunk cut short": [chunks[0][:-1], *chunks[1:]],
        "an entry twice": [encode_entry(key, value), *chunks],
        "an entry of an index": [*chunks, encode_entry(b"\xff" + key_of_index, b"")],
        "an index": [encode_entry(key_of_index, b""), *chunks],
        "the node's own record": [encode_entry(b"\x00", b"0 other"), *chunks],
        "a key without bytes": [encode_entry(b"", b""), *chunks],
        "a key of a module alone": [encode_entry(b"\x01", b""), *chunks],
        "nothing at all": [b""],
    }


def test_a_peer_that_lies_costs_one_attempt(make_node: NodeMaker, offered: Offered) -> None:
    node = make_node("joined")
    for what, chunks in make_lies(offered).items():
        assert restore(node, lie(offered, chunks))[-1] == "REJECT_SNAPSHOT", what
        assert node.app.info(abci.RequestInfo()).last_block_height == 0
    assert set(restore(node, offered)) == {"ACCEPT"}
    assert get_app_hash(node) == offered.app_hash


def test_meanwhile_it_knows_no_peers_and_takes_no_transactions(
    make_node: NodeMaker, offered: Offered
) -> None:
    node = make_node("joined")
    assert offer(node, offered.snapshot, offered.app_hash) == "ACCEPT"
    apply(node, 0, offered.chunks[0])
    assert "no state yet" in node.check(pay(0)).log
    assert node.query("/p2p/filter/addr/127.0.0.1:22810", b"").code == 0
    assert "no block yet" in node.query("/blockenergy.market.v1.Query/Params", b"").log


def test_a_node_that_stops_half_way_begins_anew(make_node: NodeMaker, offered: Offered) -> None:
    """At every chunk: with a new snapshot, or with genesis."""
    node = make_node("joined")
    for count in range(1, len(offered.chunks)):
        assert offer(node, offered.snapshot, offered.app_hash) == "ACCEPT"
        for number, chunk in enumerate(offered.chunks[:count]):
            assert apply(node, number, chunk).result == APPLY.ACCEPT
        node.stop()
        node.start()
        assert list(node.database.items()) == []
        assert APPLY.Name(apply(node, count, offered.chunks[count]).result) == "ABORT"
    node.begin()
    assert node.app.info(abci.RequestInfo()).last_block_height == 1


def test_blocks_are_kept_for_those_who_restore_a_snapshot(make_node: NodeMaker) -> None:
    """Two blocks are to be kept, and those since the oldest snapshot that is offered."""
    node = make_node("pruned", retain_blocks=2)
    node.begin()
    kept_from = []
    for height in range(2, 4 * INTERVAL):
        node.block(height)
        kept_from.append(node.retain_height)
        if height % INTERVAL == 0:
            node.wait_for_snapshot()
    assert kept_from == [1, 2, 3, 3, 3, 3, 3, 3, 6, 6]
    all_kept = make_node("whole")
    run_chain(all_kept)
    assert all_kept.retain_height == 0
