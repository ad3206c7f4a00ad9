"""How much work a proposer puts into a block, and how much may wait: what blocks have got through.

This is the node's own policy; blocks do not depend on it. Promises that full blocks take about the
time they are meant to take, whatever they are full of and however slow the machines are, so that
what is sent next does not wait long for what was sent before.
"""

from __future__ import annotations

from chain.mempool import MORE_BYTES_MAX

# Of a full block, from its proposal to its commit, beyond what an empty one takes.
TARGET_MS = 120
# What is assumed before the first block; and what a block may have however slow they are.
_GAS_PER_MS, _GAS_MIN = 160_000, 3_000_000
# What one block may change, in permille.
_DOWN, _UP, _FULL, _PERMILLE = 500, 1_100, 750, 1_000
# A block with less than this part of the gas counts as one that has nothing in it.
_EMPTY_PART, _EMPTY_WEIGHT = 16, 4
_MORE_BYTES_MIN = 64 * 1024
# Of transfers and orders about two blocks may wait: they take 30 to 100 units for each byte.
_GAS_PER_BYTE = 32


class Pace:
    """Follows the blocks of one node; target_ms: what a full block is to take."""

    def __init__(self, target_ms: int = TARGET_MS) -> None:
        self._target_ms = target_ms
        # What a block takes whatever is in it: messages between validators, and their votes.
        self._empty_ms = 0
        # What the next block is to have.
        self.gas = max(_GAS_MIN, target_ms * _GAS_PER_MS)

    @property
    def more_bytes(self) -> int:
        """How many bytes may wait of what accounts send beyond their first transaction."""
        return min(max(self.gas // _GAS_PER_BYTE, _MORE_BYTES_MIN), MORE_BYTES_MAX)

    def note_block(self, gas_used: int, took_ms: int) -> None:
        """Learns from a block: what a full one would have taken, if this one was at least half
        full, and what the least takes, if there was next to nothing in it.
        """
        if gas_used * _EMPTY_PART < self.gas:
            self._empty_ms += (took_ms - self._empty_ms) // _EMPTY_WEIGHT
        if gas_used * 2 < self.gas:
            return
        full_ms = max(0, took_ms - self._empty_ms) * self.gas // gas_used
        if full_ms > self._target_ms:
            permille = max(_DOWN, self._target_ms * _PERMILLE // full_ms)
            self.gas = max(_GAS_MIN, self.gas * permille // _PERMILLE)
        elif gas_used * _PERMILLE >= self.gas * _FULL:
            self.gas = self.gas * _UP // _PERMILLE
