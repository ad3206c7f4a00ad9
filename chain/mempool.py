"""A node's mempool as CheckTx sees it: who has how much in it, and what may still enter.

This is the node's own policy; blocks do not depend on it. Promises that no account fills the
mempool. Each lane has a room of its own, and in it an account may take a part of what is still
free. The first transaction of an account, if it is small, has its own room as well, so that there
is one for it however few more may wait.
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
# A larger one is not a first: 256 accounts with a first of this size would fill their room.
_FIRST_BYTES_MAX = 2 * _KIB
# For what accounts of no special lane send beyond their first.
MORE_BYTES_MAX = CAPACITY_BYTES - _READINGS_BYTES - _CANCELLATIONS_BYTES - _FIRST_BYTES


class _Room:
    """Bytes for the transactions of a lane.

    An account may have one of `parts` of what is free together with what it has. So n accounts that
    take all they can, one after the other, leave (parts / (parts + 1))^n of the room.
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
        self._first = _Room(_FIRST_BYTES, 1)
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
        if (
            tx.lane == options.LANE_UNSPECIFIED
            and tx.size_bytes <= _FIRST_BYTES_MAX
            and not self._first.holds(tx.signer)
            and self._first.allows(tx)
        ):
            return self._first
        return self._rooms[tx.lane]
