"""A node's mempool as CheckTx sees it: who has how much in it, and what may still enter.

This is the node's own policy; blocks do not depend on it. Promises that nobody fills the mempool:
an account may take a part of what is still free, so that others find room however many send, and
readings find room when nothing else does.
"""

from __future__ import annotations

from blockenergy.options.v1 import options_pb2 as options

from chain.runtime.context import BlockInfo
from chain.runtime.errors import SdkError, require
from chain.runtime.store import CacheStore, Reader
from chain.runtime.tx import DecodedTx

# What CometBFT's mempool is to hold (max_txs_bytes in config.toml). All of it fits into a block of
# ours, so that a proposer chooses among everything that waits.
CAPACITY_BYTES = 6 * 1024 * 1024
# Into how many parts what is free is divided for a transaction of a lane; an account may have one
# of them. With n accounts that take all they can of 8 parts, one in n + 8 bytes stays free.
_PARTS: dict[int, int] = {
    options.LANE_READINGS: 1,
    options.LANE_CANCELLATIONS: 2,
    options.LANE_UNSPECIFIED: 8,
}


class Mempool:
    """What has passed CheckTx since the last commit. `store` is the state as it is behind that,
    `block` the one that is to hold it.
    """

    def __init__(
        self, below: Reader, block: BlockInfo, capacity_bytes: int = CAPACITY_BYTES
    ) -> None:
        self.store = CacheStore(below)
        self.block = block
        # In the order in which they have passed.
        self.passed: list[bytes] = []
        self._free_bytes = capacity_bytes
        self._taken_bytes: dict[bytes, int] = {}

    def require_room(self, tx: DecodedTx) -> None:
        """Rejects a new transaction of an account that has its share already."""
        share = self._free_bytes // _PARTS[tx.lane]
        taken = self._taken_bytes.get(tx.signer, 0)
        require(taken + tx.size_bytes <= share, SdkError.MEMPOOL_IS_FULL)

    def add(self, tx: DecodedTx) -> None:
        """Notes a transaction that has passed."""
        self.passed.append(tx.raw)
        self._free_bytes -= tx.size_bytes
        self._taken_bytes[tx.signer] = self._taken_bytes.get(tx.signer, 0) + tx.size_bytes
