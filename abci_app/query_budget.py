"""What one query may use up, and that blocks go first.

CometBFT passes on one query after another, from anyone. So that none of them keeps the others
waiting for long or fills the memory, each has a budget: entries read from the database, their
bytes, and processor time, for rules that compute much from little. And because all threads share
one interpreter, a query pauses wherever it reads while a block is being proposed, checked, executed
or committed. All queries together have a part of one core: who asks without end waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from abci_app.storage.leveldb import RawIterator, Source

# About a third of a second.
STEPS_MAX = 100_000
BYTES_MAX = 64 * 1024 * 1024
PROCESSOR_MAX_S = 1.0
# Processor time is looked at every so many steps.
STEPS_TIMED = 64
# Max time that a query waits for blocks, all in all: under a load without gaps it goes on as well.
PAUSE_MAX_S = 1.0
# What all queries together may have of a core in the long run, in percent; and what they may have
# at once before that counts, so that it is felt only by who asks on and on.
CORE_PERCENT = 10
BURST_S = 0.25
# At most this long a query keeps those behind it waiting. CometBFT lets four in (rpc.go), and asks
# on the same connection whether a peer may connect, for which it waits 5 s.
HELD_BACK_MAX_S = 0.2


class QueryTooLargeError(Exception):
    """A query has used up its budget; the message says what to do."""


class BlocksFirst:
    """Whether a call about a block is in hand, so that queries can wait until it is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._none_in_hand = threading.Event()
        self._none_in_hand.set()
        # To be looked at without a lock.
        self.in_hand = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """Queries pause while a call about a block is inside."""
        with self._lock:
            self._calls += 1
            self.in_hand = True
            self._none_in_hand.clear()
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    self.in_hand = False
                    self._none_in_hand.set()

    def wait(self, timeout_s: float) -> None:
        """Returns when no call about a block is in hand, or the time is up."""
        self._none_in_hand.wait(timeout_s)


class QueryShare:
    """The part of a core that all queries have together. One thread calls its method."""

    def __init__(self, percent: int = CORE_PERCENT) -> None:
        self._part = percent / 100
        self._credit_s = BURST_S
        self._since_s = time.monotonic()

    @contextmanager
    def query(self) -> Iterator[None]:
        """Around a query; afterwards it waits until queries have their share again."""
        begin_s = time.thread_time()
        try:
            yield
        finally:
            now_s = time.monotonic()
            earned_s = (now_s - self._since_s) * self._part
            credit_s = min(BURST_S, self._credit_s + earned_s)
            self._credit_s, self._since_s = credit_s - time.thread_time() + begin_s, now_s
            held_back_s = min(HELD_BACK_MAX_S, -self._credit_s / self._part)
            if held_back_s > 0:
                time.sleep(held_back_s)
            self._credit_s = max(self._credit_s, -HELD_BACK_MAX_S)


class QueryBudget:
    """What one query may use up, on the thread that makes it. Without `blocks` it never pauses,
    as it must not where a block waits for it.
    """

    def __init__(
        self,
        blocks: BlocksFirst | None = None,
        *,
        steps: int = STEPS_MAX,
        size_bytes: int = BYTES_MAX,
        processor_s: float = PROCESSOR_MAX_S,
    ) -> None:
        self.blocks = blocks
        self._steps = steps
        self._size_bytes = size_bytes
        self._end_s = time.thread_time() + processor_s
        self._pause_s = PAUSE_MAX_S

    def use(self, size_bytes: int = 0) -> None:
        """Counts one step and the bytes that it read. Errors: QueryTooLargeError."""
        self._steps -= 1
        self._size_bytes -= size_bytes
        late = not self._steps % STEPS_TIMED and time.thread_time() > self._end_s
        if late or self._steps < 0 or self._size_bytes < 0:
            raise QueryTooLargeError(
                "the query takes too much work; ask for less, or for a later height"
            )
        if self.blocks is not None and self.blocks.in_hand and self._pause_s > 0:
            self._pause(self.blocks)

    def _pause(self, blocks: BlocksFirst) -> None:
        begin_s = time.monotonic()
        blocks.wait(self._pause_s)
        self._pause_s -= time.monotonic() - begin_s


class BudgetedSource:
    """A source whose reads are counted."""

    def __init__(self, source: Source, budget: QueryBudget) -> None:
        self._source = source
        self._budget = budget

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None:
        """Implements Source, as what follows does."""
        value = self._source.get(key, verify_checksums=verify_checksums)
        self._budget.use(len(value or b""))
        return value

    @contextmanager
    def iterator(
        self, *, start: bytes | None, stop: bytes, reverse: bool, verify_checksums: bool
    ) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        entries = self._source.iterator(
            start=start, stop=stop, reverse=reverse, verify_checksums=verify_checksums
        )
        with entries as found:
            yield self._count(found)

    def raw_iterator(self, *, verify_checksums: bool, fill_cache: bool) -> RawIterator:
        found = self._source.raw_iterator(verify_checksums=verify_checksums, fill_cache=fill_cache)
        return _BudgetedIterator(found, self._budget)

    def close(self) -> None:
        self._source.close()

    def _count(self, entries: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        for key, value in entries:
            self._budget.use(len(key) + len(value))
            yield key, value


class _BudgetedIterator:
    def __init__(self, found: RawIterator, budget: QueryBudget) -> None:
        self._found = found
        self._budget = budget
        self.valid, self.key, self.close = found.valid, found.key, found.close

    def seek(self, target: bytes) -> None:
        self._budget.use()
        self._found.seek(target)

    def next(self) -> None:
        self._budget.use()
        self._found.next()

    def value(self) -> bytes:
        value = self._found.value()
        self._budget.use(len(value))
        return value
