"""Which of the transactions that wait make a block.

When not all fit, lanes and accounts share it. Promises that each lane gets a part of every block
that others cannot take, that within a lane the account goes first that has had the least gas so
far, and that an account's transactions keep their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from blockenergy.options.v1 import options_pb2 as options

from chain import ante, auth
from chain.ruleset import Ruleset
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding import bech32, codec
from chain.runtime.errors import ChainError
from chain.runtime.state.store import CacheStore, Reader
from chain.runtime.tx import DecodedTx

# The lanes in their order, with the parts of a block, in permille, that each may fill before the
# others had their turn, so that those behind always find a quarter of it.
_LANES = (
    (options.LANE_READINGS, 500),
    (options.LANE_CANCELLATIONS, 250),
    (options.LANE_UNSPECIFIED, 1000),
)
# The part of a block that a lane is sure of, in permille.
_SURE = 250
_PERMILLE = 1000
# Gas that the account has had in this block, when its next transaction arrived, the account.
_Turn = tuple[int, int, bytes]


class BlockSize(NamedTuple):
    """How large a proposal may be, and how much gas its proposer wants in it."""

    max_bytes: int
    gas: int


def fits_in_block(
    reader: Reader, block: BlockInfo, txs: Sequence[bytes], size: BlockSize, ruleset: Ruleset
) -> bool:
    """Whether transactions that have passed CheckTx fit in a block together."""
    if sum(map(size_in_block, txs)) > size.max_bytes:
        return False
    params = auth.get_params(Context(CacheStore(reader), block))
    gas = sum([auth.compute_gas(ante.decode(raw, params, ruleset), params) for raw in txs])
    return gas <= min(size.gas, params.gas_per_block_max)


def is_valid(reader: Reader, block: BlockInfo, txs: Iterable[bytes], ruleset: Ruleset) -> bool:
    """Whether each transaction passes behind those before it, within the gas of a block."""
    ctx = Context(CacheStore(reader), block)
    params = auth.get_params(ctx)
    gas_left = params.gas_per_block_max
    try:
        for raw in txs:
            tx = ante.decode(raw, params, ruleset)
            gas_left -= ante.check(Context(ctx.store, block, tx.signer), tx, params)
            if gas_left < 0:
                return False
    except ChainError:
        return False
    return True


def select(
    reader: Reader,
    block: BlockInfo,
    txs: Sequence[bytes],
    size: BlockSize,
    checked: bool,
    ruleset: Ruleset,
) -> list[bytes]:
    """The transactions to propose, of those that wait in the order in which they arrived.

    checked: they have passed CheckTx for this height in this order. Then any of them pass if those
    of the same account before them do, because CheckTx looks at the account alone. Only the fee
    collector's may rely on what others have paid.
    """
    selection = _Selection(Context(CacheStore(reader), block), size, checked)
    selection.add_waiting(txs, ruleset)
    for lane, _ in _LANES:
        selection.add_large(lane)
    for lane, permille in _LANES:
        selection.fill(lane, permille)
    for lane, _ in _LANES:
        selection.fill(lane, _PERMILLE)
    return selection.chosen


def size_in_block(raw: bytes) -> int:
    """Bytes that a transaction takes in a block: itself, a tag and its length."""
    return len(raw) + 1 + len(codec.write_varint(len(raw)))


class _Selection:
    """A block that is being filled."""

    def __init__(self, ctx: Context, size: BlockSize, checked: bool) -> None:
        self.chosen: list[bytes] = []
        self._ctx = ctx
        self._checked = checked
        self._params = auth.get_params(ctx)
        self._whole = min(size.gas, self._params.gas_per_block_max), size.max_bytes
        self._gas_left, self._bytes_left = self._whole
        # What other validators accept beyond the gas that is wanted.
        self._gas_beyond = self._params.gas_per_block_max - self._gas_left
        # Of each account, what waits in the order of its arrival.
        self._queues: dict[bytes, deque[tuple[int, DecodedTx]]] = {}
        self._turns: dict[int, list[_Turn]] = {lane: [] for lane, _ in _LANES}

    def add_waiting(self, txs: Sequence[bytes], ruleset: Ruleset) -> None:
        """Takes what waits, apart from what cannot even be decoded."""
        for number, raw in enumerate(txs):
            try:
                tx = ante.decode(raw, self._params, ruleset)
            except ChainError:
                continue
            self._queues.setdefault(tx.signer, deque()).append((number, tx))
        for signer in self._queues:
            self._take_turn(signer, 0)
        if bech32.decode(self._params.fee_collector) in self._queues:
            self._checked = False

    def add_large(self, lane: int) -> None:
        """Chooses the oldest transaction of a lane that does not fit into the part of a block which
        the lane is sure of. It would wait for good; so it comes on top of the gas that is wanted.
        """
        sure = self._whole[0] * _SURE // _PERMILLE
        most = self._gas_beyond + self._gas_left
        for turn in sorted(self._turns[lane], key=lambda turn: turn[1]):
            gas, size = self._measure(turn)
            if sure < gas <= most and size <= self._bytes_left:
                self._turns[lane].remove(turn)
                heapify(self._turns[lane])
                if self._choose(turn, gas, size):
                    beyond = min(gas, self._gas_beyond)
                    self._gas_beyond -= beyond
                    self._gas_left += beyond
                return

    def fill(self, lane: int, permille: int) -> None:
        """Chooses transactions of a lane, up to this part of a block.

        Of an account whose next transaction does not fit, nothing more is chosen here.
        """
        gas_left, bytes_left = (
            min(whole * permille // _PERMILLE, left)
            for whole, left in zip(self._whole, (self._gas_left, self._bytes_left), strict=True)
        )
        turns, waiting = self._turns[lane], []
        while turns:
            turn = heappop(turns)
            gas, size = self._measure(turn)
            if gas > gas_left or size > bytes_left:
                waiting.append(turn)
            elif self._choose(turn, gas, size):
                gas_left, bytes_left = gas_left - gas, bytes_left - size
        self._turns[lane] = waiting
        heapify(waiting)

    def _measure(self, turn: _Turn) -> tuple[int, int]:
        """Gas and bytes of the transaction whose turn it is."""
        tx = self._queues[turn[2]][0][1]
        return auth.compute_gas(tx, self._params), size_in_block(tx.raw)

    def _choose(self, turn: _Turn, gas: int, size: int) -> bool:
        """Takes a transaction out of its queue, and into the block if it passes."""
        gas_before, _, signer = turn
        _, tx = self._queues[signer].popleft()
        passes = self._checked or self._passes(tx)
        if passes:
            self.chosen.append(tx.raw)
            self._gas_left, self._bytes_left = self._gas_left - gas, self._bytes_left - size
            gas_before += gas
        self._take_turn(signer, gas_before)
        return passes

    def _passes(self, tx: DecodedTx) -> bool:
        try:
            ante.check(Context(self._ctx.store, self._ctx.block, tx.signer), tx, self._params)
        except ChainError:
            return False
        return True

    def _take_turn(self, signer: bytes, gas_before: int) -> None:
        """Lets an account wait in the lane of its next transaction, if it has one."""
        if queue := self._queues[signer]:
            number, tx = queue[0]
            heappush(self._turns[tx.lane], (gas_before, number, signer))
