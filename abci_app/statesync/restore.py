"""Takes the state of a height from the snapshot of other nodes.

Each chunk is checked against the hash that came with the offer, put on disk and into the trees at
once. The last one is taken only if the app hash that results is the one that CometBFT's light
client has verified; indexes are built then, and height and app hash come last. A node that dies
before has no height, and begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import sha256

from blockenergy.statesync.v1.snapshot_pb2 import Metadata
from tendermint.abci import types_pb2 as abci

from abci_app.statesync.format import (
    FORMAT,
    SnapshotError,
    decode_chunk,
    read_metadata,
    require_in_tree,
)
from abci_app.storage.node_state import NodeState
from chain.runtime.context import BlockInfo

_OFFER = abci.ResponseOfferSnapshot.Result
_APPLY = abci.ResponseApplySnapshotChunk.Result

log = logging.getLogger(__name__)


class StateRestore:
    """The restoring of one node's state; its methods are called by one thread.

    find_chain_id: the chain that the node's genesis.json names; raises OSError or ValueError if it
    cannot be read.
    """

    def __init__(self, state: NodeState, find_chain_id: Callable[[], str]) -> None:
        self._state = state
        self._find_chain_id = find_chain_id
        self._snapshot = abci.Snapshot()
        self._metadata = Metadata()
        self._app_hash = b""
        self._next = 0
        self._last_key = b""

    def offer(self, snapshot: abci.Snapshot, app_hash: bytes) -> abci.ResponseOfferSnapshot:
        """Whether to send the chunks of a snapshot. What was taken of another before is forgotten.

        app_hash: of the snapshot's height, verified.
        """
        self._metadata = Metadata()
        if self._state.committed.height:
            log.error("a snapshot is offered to a node that has a state already")
            return abci.ResponseOfferSnapshot(result=_OFFER.ABORT)
        if snapshot.format != FORMAT:
            return abci.ResponseOfferSnapshot(result=_OFFER.REJECT_FORMAT)
        try:
            metadata = read_metadata(snapshot)
            if metadata.chain_id != self._find_chain_id():
                raise SnapshotError(f"it is of the chain {metadata.chain_id!r}")
        except (OSError, ValueError) as error:
            log.warning("the snapshot of height %d is rejected: %s", snapshot.height, error)
            return abci.ResponseOfferSnapshot(result=_OFFER.REJECT)
        self._state.begin_restore()
        self._snapshot, self._metadata, self._app_hash = snapshot, metadata, app_hash
        self._next, self._last_key = 0, b""
        return abci.ResponseOfferSnapshot(result=_OFFER.ACCEPT)

    def apply(self, index: int, chunk: bytes, sender: str) -> abci.ResponseApplySnapshotChunk:
        """Takes the next chunk, from the peer that has sent it."""
        hashes = self._metadata.chunk_hashes
        if index != self._next or index >= len(hashes):
            log.error("chunk %d comes when %d is due", index, self._next)
            return abci.ResponseApplySnapshotChunk(result=_APPLY.ABORT)
        if sha256(chunk).digest() != hashes[index]:
            log.warning("chunk %d from %s is not the one that was offered", index, sender)
            return abci.ResponseApplySnapshotChunk(
                result=_APPLY.RETRY, refetch_chunks=[index], reject_senders=[sender]
            )
        try:
            entries = require_in_tree(decode_chunk(chunk), self._last_key)
            self._state.add_restored(entries)
            self._last_key = next(reversed(entries), self._last_key)
            self._next += 1
            if self._next == len(hashes):
                self._finish()
        except ValueError as error:
            log.warning("the snapshot of height %d is rejected: %s", self._snapshot.height, error)
            self._metadata = Metadata()
            return abci.ResponseApplySnapshotChunk(result=_APPLY.REJECT_SNAPSHOT)
        return abci.ResponseApplySnapshotChunk(result=_APPLY.ACCEPT)

    def _finish(self) -> None:
        height, of = self._snapshot.height, self._metadata
        if self._state.restored_app_hash != self._app_hash:
            raise SnapshotError("its state does not have the app hash of the chain")
        self._state.finish_restore(BlockInfo(of.chain_id, height, of.time_s))
        log.info("the state of height %d is restored", height)
