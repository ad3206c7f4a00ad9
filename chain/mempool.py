"""A node's mempool as CheckTx sees it: who has how much in it, and what may still enter.

This is the node's own policy; blocks do not depend on it. Promises that nobody fills the mempool:
lanes have rooms of their own, in a room an account may take a part of what is still free, so that
others find room however many send, and the first transaction of an account finds room however few
more may wait.
"""

from __future__ import annotations

from blockenergy.options.v1 import options_pb2 as options

from chain.runtime.context import BlockInfo
from chain.runtime.errors import SdkError, require
from chain.runtime.state.store import CacheStore, Reader
from chain.runtime.tx import DecodedTx

_KIB = 1024
# What CometBFT's mempool is to hold (max_txs_bytes in config.toml). All of it fits into a block of
# ours, so that a proposer chooses among everything that waits.
CAPACITY_BYTES = 7 * _KIB * _KIB
_READINGS_BYTES, _CANCELLATIONS_BYTES, _FIRST_BYTES = 2048 * _KIB, 512 * _KIB, 512 * _KIB
# For what accounts of no special lane send beyond their first.
MORE_BYTES_MAX = CAPACITY_BYTES - _READINGS_BYTES - _CANCELLATIONS_BYTES - _FIRST_BYTES


class _Room:
    """Bytes for the transactions of a lane.

    An account may have one of `parts` of what is free: with n accounts that take all they can, one
    in n / parts + 1 bytes stays free.
    """

    def __init__(self, free_bytes: int, parts: int) -> None:
        self._free_bytes = free_bytes
        self._parts = parts
        self._taken_bytes: dict[bytes, int] = {}

    def allows(self, tx: DecodedTx) -> bool:
        """Whether the account has not got its share."""
        taken = self._taken_bytes.get(tx.signer, 0)
        return taken + tx.size_bytes <= self._free_bytes // self._parts

    def holds(self, signer: bytes) -> bool:
        """Whether anything of the account waits here."""
        return signer in self._taken_bytes

    def add(self, tx: DecodedTx) -> None:
        """Takes the room of a transaction."""
        self._free_bytes -= tx.size_bytes
        self._taken_bytes[tx.signer] = self._taken_bytes.get(tx.signer, 0) + tx.size_bytes


class Mempool:
    """What has passed CheckTx since the last commit. `store` is the state as it is behind that,
    `block` the one that is to hold it. `more_bytes`: room for what accounts send beyond their
    first.
    """

    def __init__(self, below: Reader, block: BlockInfo, more_bytes: int = MORE_BYTES_MAX) -> None:
        self.store = CacheStore(below)
        self.block = block
        # In the order in which they have passed.
        self.passed: list[bytes] = []
        self._first = _Room(_FIRST_BYTES, 8)
        self._rooms: dict[int, _Room] = {
            options.LANE_READINGS: _Room(_READINGS_BYTES, 2),
            options.LANE_CANCELLATIONS: _Room(_CANCELLATIONS_BYTES, 8),
            options.LANE_UNSPECIFIED: _Room(more_bytes, 8),
        }

    def require_room(self, tx: DecodedTx) -> None:
        """Rejects a new transaction of an account that has its share already."""
        require(self._find_room(tx).allows(tx), SdkError.MEMPOOL_IS_FULL)

    def add(self, tx: DecodedTx) -> None:
        """Notes a transaction that has passed."""
        self.passed.append(tx.raw)
        self._find_room(tx).add(tx)

    def _find_room(self, tx: DecodedTx) -> _Room:
        is_first = tx.lane == options.LANE_UNSPECIFIED and not self._first.holds(tx.signer)
        return self._first if is_first and self._first.allows(tx) else self._rooms[tx.lane]
