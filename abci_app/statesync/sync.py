"""What a node does for state sync: it offers snapshots, or takes one itself, and says which blocks
may be deleted.
"""

from __future__ import annotations

import json
from pathlib import Path

from abci_app.query_budget import BlocksFirst
from abci_app.statesync.format import CHUNK_BYTES
from abci_app.statesync.maker import INTERVAL, SnapshotMaker, Source
from abci_app.statesync.restore import StateRestore
from abci_app.storage.node_state import NodeState

SNAPSHOTS_FOLDER = "snapshots"


class StateSync:
    """State sync of the node in a home. `interval`: blocks between two snapshots, 0 for none;
    `retain_blocks`: how many blocks CometBFT is to keep, 0 for all.
    """

    def __init__(
        self,
        state: NodeState,
        home: Path,
        interval: int = INTERVAL,
        retain_blocks: int = 0,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._state = state
        self._genesis = home / "config" / "genesis.json"
        self._retain_blocks = retain_blocks
        self.maker = SnapshotMaker(home / SNAPSHOTS_FOLDER, interval, chunk_bytes)
        self.restore = StateRestore(state, self._find_chain_id)

    def note_commit(self, first: BlocksFirst) -> int:
        """Begins a snapshot if one is due; returns the lowest height of which the block must stay,
        0 for all. `first`: who goes before the writing of it.
        """
        height = self._state.committed.height
        self.maker.note_commit(height, self._open_source, first)
        if not self._retain_blocks:
            return 0
        # Who restores a snapshot fetches the blocks behind it from us.
        oldest = self.maker.get_oldest() or height
        return max(0, min(height - self._retain_blocks + 1, oldest))

    def _open_source(self) -> Source:
        committed = self._state.committed
        # Closed by the maker.
        snapshot = self._state.take_snapshot()
        return Source(snapshot, committed.chain_id, committed.height, committed.time_s)

    def _find_chain_id(self) -> str:
        """Errors: OSError, ValueError."""
        document = json.loads(self._genesis.read_bytes())
        if not isinstance(document, dict) or not isinstance(document.get("chain_id"), str):
            raise ValueError(f"{self._genesis} names no chain")
        return str(document["chain_id"])
