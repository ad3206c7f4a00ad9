"""Proofs at past heights: each leads to the app hash that the chain had then."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof, ExistenceProof
from hypothesis import given, settings
from hypothesis import strategies as st

from abci_app.storage.node_state import NodeState, Provable
from abci_app.storage.persistence import Database
from abci_app.storage.snapshot import HeightError
from chain import app, light
from chain.runtime.context import BlockInfo
from chain.runtime.trees.proofs import ProofOp, UnprovableError
from chain.runtime.trees.top import ROW
from tests.clients.ics23.test_ics23 import Case, verify  # noqa: F401 - a fixture

BANK, MARKET = (app.KEYSPACE.get_range(name)[0] for name in ("bank", "market"))
# An index is readable at every height as well, and in no tree.
(INDEX, *_) = (index.prefix for module in app.MODULES for index in module.schema.indexes)
KEYS = st.builds(
    bytes.__add__, st.sampled_from([BANK + b"\x01", MARKET + b"\x01", INDEX]), st.binary(max_size=1)
)
VALUES = st.none() | st.binary(min_size=1, max_size=3)
COMMITS = st.lists(st.dictionaries(KEYS, VALUES, max_size=6), min_size=1, max_size=8)

Changes = Mapping[bytes, bytes | None]
State = dict[bytes, bytes]


class Chain:
    """A chain of blocks that change what they are told to, and what it was at each height."""

    def __init__(self, folder: Path, history_heights: int = 1000) -> None:
        self.database = Database.open(folder, create=True, history_heights=history_heights)
        self.node = NodeState(self.database, proof_wait_s=0.01)
        self.states: list[State] = [{}]
        self.hashes: list[bytes] = [b""]
        if not self.node.committed.height:
            self.node.begin_chain(BlockInfo("chain", 1, 7), {})

    def finalize(self, changes: Changes) -> bytes:
        height = self.node.next_height
        return self.node.set_pending(BlockInfo("chain", height, 100 + height), changes)

    def commit(self, changes: Changes) -> None:
        self.hashes.append(self.finalize(changes))
        self.node.commit()
        merged = self.states[-1] | changes
        self.states.append({key: value for key, value in merged.items() if value is not None})


@contextmanager
def open_chain(folder: Path, history_heights: int = 1000) -> Iterator[Chain]:
    chain = Chain(folder, history_heights)
    try:
        yield chain
    finally:
        chain.database.close()


def fold(leaf: bytes, proof: ExistenceProof) -> bytes:
    node = sha256(leaf).digest()
    for op in proof.path:
        node = sha256(op.prefix + node + op.suffix).digest()
    return node


def fold_leaf(proof: ExistenceProof) -> bytes:
    digests = sha256(proof.key).digest() + sha256(proof.value).digest()
    return fold(b"\x00" + digests, proof)


def require_proof(
    key: bytes, content: Mapping[bytes, bytes], ops: list[ProofOp], app_hash: bytes
) -> None:
    """The proof shows what the content has under the key, and leads to the app hash."""
    key_proof, store_proof = (CommitmentProof.FromString(op.data) for op in ops)
    root, name = store_proof.exist.value, store_proof.exist.key
    leaf = b"\x00" + bytes([len(name)]) + name + b"\x20" + sha256(root).digest()
    assert fold(leaf, store_proof.exist) == app_hash
    if key in content:
        assert (key_proof.exist.key, key_proof.exist.value) == (key, content[key])
        assert fold_leaf(key_proof.exist) == root
        return
    assert key_proof.nonexist.key == key
    order = sorted([*content, key], key=lambda each: sha256(each).digest())
    at = order.index(key)
    expected = [order[at - 1] if at else b"", order[at + 1] if at + 1 < len(order) else b""]
    assert [key_proof.nonexist.left.key, key_proof.nonexist.right.key] == expected
    for side in (key_proof.nonexist.left, key_proof.nonexist.right):
        if side.key:
            assert side.value == content[side.key]
            assert fold_leaf(side) == root


def require_height(chain: Chain, height: int, keys: list[bytes], module: str = "bank") -> None:
    state = chain.states[height]
    (number,) = app.KEYSPACE.get_range(module)[0]
    content = {key[1:]: value for key, value in state.items() if key[0] == number}
    content = {
        key: content[key] for key in content if app.KEYSPACE.is_in_tree(bytes([number]) + key)
    }
    with chain.node.open_provable(height) as provable:
        assert provable.committed == ("chain", height, 100 + height, chain.hashes[height])
        for key in keys:
            assert provable.reader.get(bytes([number]) + key) == content.get(key)
            if content:
                require_proof(key, content, provable.prove(module, key), chain.hashes[height])
            else:
                with pytest.raises(UnprovableError, match="the store is empty"):
                    provable.prove(module, key)


# Each block waits for the disk.
@settings(deadline=None)
@given(COMMITS, st.integers(0, 8))
def test_every_height_is_proven_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Changes], restart_at: int
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    with open_chain(folder) as chain:
        for changes in commits:
            # A block that was executed before the one that is decided leaves no trace.
            chain.finalize({BANK + b"\x01lost": b"1"})
            chain.commit(changes)
            if len(chain.states) == restart_at:
                chain.database.close()
                states, hashes = chain.states, chain.hashes
                chain.__init__(folder)  # type: ignore[misc]
                chain.states, chain.hashes = states, hashes
        keys = sorted({key[1:] for changes in commits for key in changes if key[:1] == BANK})
        others = sorted({key[1:] for changes in commits for key in changes if key[:1] == MARKET})
        for height in range(1, len(chain.states)):
            require_height(chain, height, [*keys, b"\x01absent"])
            require_height(chain, height, others, "market")


def make_commits(chance: random.Random) -> Iterator[Changes]:
    """A module that grows far beyond the row of its tree, changes, and shrinks to nothing."""
    keys = [BANK + b"\x01%d" % number for number in range(6 * ROW)]
    for first in range(0, len(keys), ROW):
        yield dict.fromkeys(keys[first : first + ROW], b"first")
        yield {}
    for _ in range(6):
        chosen = chance.sample(keys, 300)
        yield {key: chance.choice([None, b"%d" % chance.randrange(10**6)]) for key in chosen}
    yield dict.fromkeys(keys[:-3])
    yield dict.fromkeys(chance.sample(keys, 50), b"again")
    yield dict.fromkeys(keys)
    yield {keys[0]: b"last"}


def test_heights_of_a_tree_that_grows_and_shrinks(
    tmp_path: Path,
    verify: Callable[[list[Case]], list[str]],  # noqa: F811 - the fixture
) -> None:
    chance = random.Random(25)
    cases = []
    with open_chain(tmp_path) as chain:
        for changes in make_commits(chance):
            chain.commit(changes)
        for height in range(1, len(chain.states)):
            content = {key[1:]: value for key, value in chain.states[height].items()}
            there = chance.sample(sorted(content), min(4, len(content)))
            keys = [*there, *(b"\x01%d" % chance.randrange(8 * ROW) for _ in range(4))]
            require_height(chain, height, keys)
            with chain.node.open_provable(height) as provable:
                cases += [make_case(provable, key, content.get(key)) for key in keys if content]
    assert sum(case.value is None for case in cases) == 50
    assert set(verify(cases)) == {"accept"}


def make_case(provable: Provable, key: bytes, value: bytes | None) -> Case:
    smt, simple = provable.prove("bank", key)
    app_hash = provable.committed.app_hash
    return Case(app_hash, simple.key, key, value, smt.data, simple.data)


def test_blocks_may_come_while_an_old_height_is_proven(tmp_path: Path) -> None:
    key = BANK + b"\x01key"
    with open_chain(tmp_path, history_heights=3) as chain:
        chain.commit({key: b"1", BANK + b"\x01other": b"1"})
        with chain.node.open_provable() as provable:
            chain.commit({key: b"2"})
            chain.commit({key: None})
            content = {b"\x01key": b"1", b"\x01other": b"1"}
            require_proof(b"\x01key", content, provable.prove("bank", b"\x01key"), chain.hashes[1])
            chain.commit({key: b"3"})
            chain.commit({})
            with pytest.raises(HeightError, match=r"height 1 \(kept: 2 to 5\)"):
                provable.prove("bank", b"\x01key")


def test_without_history_the_latest_height_is_proven(tmp_path: Path) -> None:
    with open_chain(tmp_path, history_heights=0) as chain:
        for number in range(3):
            chain.commit({BANK + b"\x01key": b"%d" % number})
        require_height(chain, 3, [b"\x01key", b"\x01absent"])
        with pytest.raises(HeightError, match=r"height 2 \(kept: 3 to 3\)"):
            require_height(chain, 2, [b"\x01key"])


def test_every_height_of_the_ordered_store_is_proven(
    tmp_path: Path,
    verify: Callable[[list[Case]], list[str]],  # noqa: F811 - the fixture
) -> None:
    """Through a restart and blocks that change other modules only."""
    chance = random.Random(26)
    prefix, _ = app.KEYSPACE.get_range("ibc")
    keys = [prefix + b"clients/%d" % number for number in range(40)]
    with open_chain(tmp_path) as chain:
        for number in range(30):
            chosen = chance.sample(keys, chance.randrange(6)) if number % 3 else []
            chain.finalize({keys[0]: b"lost"})
            changes = {key: chance.choice([None, b"%d" % number]) for key in chosen}
            chain.commit({prefix + b"next": b"%d" % number, **changes, BANK + b"\x01a": b"1"})
    hashes, states = chain.hashes, chain.states
    with open_chain(tmp_path) as chain:
        cases = []
        for height in range(1, len(states)):
            with chain.node.open_provable(height) as provable:
                for key in chance.sample(keys, 6):
                    ops, value = provable.prove("ibc", key[1:]), states[height].get(key)
                    cases.append(
                        Case(hashes[height], b"ibc", key[1:], value, ops[0].data, ops[1].data)
                    )
                    shown = [(op.type, op.key, op.data) for op in ops]
                    assert light.verify_value(hashes[height], "ibc", key[1:], shown) == value
        assert {case.value is None for case in cases} == {True, False}
        assert set(verify(cases)) == {"accept"}
