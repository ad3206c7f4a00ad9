"""The state of a node: what is committed, and the block that is executed but not committed.

Promises that readers see committed heights only, each for as long as the database keeps it; that
executing a height again gives the same app hash; and that the trees in memory and the state on disk
are of the same height whenever nothing is pending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import islice
from typing import NamedTuple, TypeVar

from abci_app.query_budget import QueryBudget
from abci_app.storage.commitment import PastCommitment, make_notes
from abci_app.storage.persistence import Database
from abci_app.storage.snapshot import Snapshot
from chain import app
from chain.runtime.context import BlockInfo
from chain.runtime.state.store import MemoryStore, Reader
from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import ProofOp, build_proof_ops

# Records of the node itself. Module numbers begin with 1, so no module writes here, and the app
# hash leaves it out.
NODE_KEY = b"\x00"
# Between FinalizeBlock and Commit there are milliseconds; after this the block is not coming.
PROOF_WAIT_S = 5.0

# Index entries that are written together when a state is restored.
INDEX_ENTRIES_AT_ONCE = 50_000

T = TypeVar("T")


class NotReadyError(Exception):
    """The state cannot be asked now; the message says why."""


class Committed(NamedTuple):
    """The last committed block."""

    chain_id: str
    height: int
    time_s: int
    app_hash: bytes


class _Pending(NamedTuple):
    block: BlockInfo
    changes: Mapping[bytes, bytes | None]
    app_hash: bytes
    notes: Mapping[bytes, bytes]


class Provable(NamedTuple):
    """The state of a height, and what its app hash stands for."""

    reader: Snapshot
    committed: Committed
    commitment: PastCommitment

    def prove(self, module: str, tree_key: bytes) -> list[ProofOp]:
        """The proof of what a module has under a key of its tree, with the errors of
        `build_proof_ops`.
        """
        return build_proof_ops(
            self.commitment,
            module,
            tree_key,
            lambda key: self.reader.get(app.KEYSPACE.get_store_key(module, key)),
        )


class NodeState:
    """State on disk, the tree over it, and the block in hand."""

    def __init__(self, database: Database, proof_wait_s: float = PROOF_WAIT_S) -> None:
        self._proof_wait_s = proof_wait_s
        self._database = database
        self._multistore = Multistore(app.KEYSPACE.module_names.values())
        self._genesis: MemoryStore | None = None
        self._initial_height = 1
        self._pending: _Pending | None = None
        self._settled = threading.Condition()
        self.committed = self._read_committed()
        self._load_tree()

    @property
    def reader(self) -> Reader:
        """The committed state; before the first commit, the state of genesis."""
        return self._genesis or self._database

    @property
    def has_state(self) -> bool:
        """Whether there is a state to read: not before genesis, nor while one is restored."""
        return bool(self.committed.height) or self._genesis is not None

    @property
    def chain_id(self) -> str:
        """The chain that this node keeps."""
        return self.committed.chain_id

    @property
    def next_height(self) -> int:
        """The height of the block that comes next."""
        return self.committed.height + 1 if self.committed.height else self._initial_height

    def begin_chain(self, genesis: BlockInfo, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Takes the state of genesis, in memory until the first commit; returns its app hash.

        genesis: chain id, initial height and time.
        """
        self._multistore = Multistore(app.KEYSPACE.module_names.values())
        self._genesis = MemoryStore()
        self._genesis.apply(changes)
        self._initial_height = max(1, genesis.height)
        self.committed = Committed(genesis.chain_id, 0, genesis.time_s, b"")
        self._pending = None
        return self._multistore.update(app.KEYSPACE.split_by_module(changes))

    def set_pending(self, block: BlockInfo, changes: Mapping[bytes, bytes | None]) -> bytes:
        """Keeps an executed block for its commit; returns the new app hash. A block that was
        pending before is forgotten: it was executed, but never committed.
        """
        with self._settled:
            if self._pending is not None:
                self._multistore.undo()
                self._pending = None
            update = self._multistore.prepare(app.KEYSPACE.split_by_module(changes))
            notes = make_notes(self._multistore, update) if self._database.keeps_history else {}
            app_hash = self._multistore.apply(update)
            self._pending = _Pending(block, changes, app_hash, notes)
            return app_hash

    def commit(self) -> None:
        """Puts the pending block on disk."""
        with self._settled:
            assert self._pending is not None, "there is no executed block to commit"
            block, changes, app_hash, notes = self._pending
            record = {NODE_KEY: f"{block.time_s} {block.chain_id}".encode()}
            first: Mapping[bytes, bytes | None] = self._genesis.data if self._genesis else {}
            self._database.commit({**first, **changes, **record}, block.height, app_hash, notes)
            self.committed = Committed(block.chain_id, block.height, block.time_s, app_hash)
            self._genesis = None
            self._pending = None
            self._settled.notify_all()

    def begin_restore(self) -> None:
        """Begins with an empty state that is to be filled. Only before the first commit."""
        assert not self.committed.height, "the node has a state already"
        self._database.clear()
        self._multistore = Multistore(app.KEYSPACE.module_names.values())
        self._genesis = None

    def add_restored(self, entries: Mapping[bytes, bytes]) -> None:
        """Takes entries that the app hash covers; ValueError for a key that no tree takes."""
        self._multistore.update(app.KEYSPACE.split_by_module(entries))
        self._database.fill(entries)

    @property
    def restored_app_hash(self) -> bytes:
        """The app hash of what has been filled in."""
        return self._multistore.app_hash

    def finish_restore(self, block: BlockInfo) -> None:
        """Makes what has been filled in the committed state of a block."""
        indexes = app.make_index_entries(self._database)
        while entries := dict(islice(indexes, INDEX_ENTRIES_AT_ONCE)):
            self._database.fill(entries)
        self.set_pending(block, {})
        self.commit()

    def take_snapshot(self) -> Snapshot:
        """The committed state, to read from any thread; whoever takes it closes it."""
        return self._database.snapshot()

    @contextmanager
    def open_snapshot(
        self, height: int = 0, budget: QueryBudget | None = None
    ) -> Iterator[tuple[Snapshot, Committed]]:
        """The state of a height, by default the last one, unchanging while it is open.

        Errors: HeightError when the height cannot be read, NotReadyError before the first block,
        QueryTooLargeError when a budget is used up.
        """
        with self._database.snapshot(height, budget) as snapshot:
            committed = read_committed(snapshot)
            if not committed.height:
                raise NotReadyError("there is no block yet")
            yield snapshot, committed

    @contextmanager
    def open_provable(
        self, height: int = 0, budget: QueryBudget | None = None
    ) -> Iterator[Provable]:
        """As `open_snapshot`, with the trees of that height.

        Errors: as there, and NotReadyError when a block is executed and its commit does not come.
        """
        keeps_history = self._database.keeps_history
        if budget is not None and not keeps_history:
            budget.blocks = None
        # Blocks wait only while something is copied, unless nothing could undo the next one.
        with (
            nullcontext() if keeps_history else self._hold_settled(),
            self.open_snapshot(height, budget) as (snapshot, committed),
        ):
            commitment = PastCommitment(self, committed.height, committed.app_hash, budget)
            yield Provable(snapshot, committed, commitment)

    def copy_from_trees(
        self, take: Callable[[Multistore], T], height: int, budget: QueryBudget | None
    ) -> tuple[T, Snapshot]:
        """Implements TreeSource."""
        with self._hold_settled():
            return take(self._multistore), self._database.snapshot(height, budget)

    @contextmanager
    def _hold_settled(self) -> Iterator[None]:
        """Waits until the trees are of the last committed block, and keeps them so."""
        deadline_s = time.monotonic() + self._proof_wait_s
        with self._settled:
            while self._pending is not None:
                if not self._settled.wait(max(0.0, deadline_s - time.monotonic())):
                    raise NotReadyError("a block is being committed; ask again")
            yield

    def _read_committed(self) -> Committed:
        with self._database.snapshot() as snapshot:
            return read_committed(snapshot)

    def _load_tree(self) -> None:
        """Builds the tree from the state on disk and compares it with the app hash there."""
        if not self.committed.height:
            # What a restore has left that did not come to its end.
            self._database.clear()
            return
        for name in app.KEYSPACE.module_names.values():
            items = self._database.items(*app.KEYSPACE.get_range(name))
            in_tree = ((key[1:], value) for key, value in items if app.KEYSPACE.is_in_tree(key))
            self._multistore.load(name, in_tree)
        assert self._multistore.app_hash == self.committed.app_hash, (
            "the state on disk does not have the app hash that was committed with it"
        )


def read_committed(snapshot: Snapshot) -> Committed:
    """Which block a snapshot is of; height 0 before the first commit."""
    last = snapshot.last()
    if last is None:
        return Committed("", 0, 0, b"")
    record = snapshot.get(NODE_KEY)
    assert record is not None, "the record of the node is missing"
    time_s, chain_id = record.decode().split(" ", 1)
    return Committed(chain_id, last[0], int(time_s), last[1])
