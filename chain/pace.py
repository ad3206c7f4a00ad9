"""How much work a proposer puts into a block, and how much may wait: what blocks have got through.

This is the node's own policy; blocks do not depend on it. Promises that full blocks take about the
time they are meant to take, whatever they are full of and however slow the machines are, so that
what is sent next does not wait long for what was sent before.
"""

from __future__ import annotations

from chain.mempool import MORE_BYTES_MAX

# From a proposal to its commit, by default.
TARGET_MS = 120
# What is assumed before the first block; and what a block may have however slow they are.
_GAS_PER_MS, _GAS_MIN = 160_000, 3_000_000
# What one block may change, in permille.
_DOWN, _UP, _PERMILLE = 500, 1_100, 1_000
_MORE_BYTES_MIN = 64 * 1024
# A transaction takes 20 to 100 units of gas for each of its bytes, so that two blocks may wait.
_GAS_PER_BYTE = 32


class Pace:
    """Follows the blocks of one node; target_ms: what a full block is to take."""

    def __init__(self, target_ms: int = TARGET_MS) -> None:
        self._target_ms = target_ms
        # What the next block is to have.
        self.gas = target_ms * _GAS_PER_MS

    @property
    def more_bytes(self) -> int:
        """How many bytes may wait of what accounts send beyond their first transaction."""
        return min(max(self.gas // _GAS_PER_BYTE, _MORE_BYTES_MIN), MORE_BYTES_MAX)

    def note_block(self, gas_used: int, took_ms: int) -> None:
        """Learns from a block; one that was less than half full tells nothing."""
        if gas_used * 2 < self.gas:
            return
        if took_ms > self._target_ms:
            permille = max(_DOWN, self._target_ms * _PERMILLE // took_ms)
            self.gas = max(_GAS_MIN, self.gas * permille // _PERMILLE)
        else:
            self.gas = min(self.gas, gas_used) * _UP // _PERMILLE
