"""Signatures verified ahead of the calls that need them, in a process of their own.

Nothing depends on it: what is good is noted in the decoded transaction, where the rules look before
they verify for themselves. Which check will be needed is a guess from the state; a wrong guess
costs time and changes no answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from abci_app.signature_worker import Batch, SignatureTask, SignatureWorker
from chain import app
from chain.mempool import Mempool
from chain.runtime.context import BlockInfo
from chain.runtime.state.store import CacheStore


class SignaturePrefetcher:
    """Hands signatures to a worker, and waits for those that are needed now; without a worker it
    does nothing, and the rules verify. CheckTx's methods are called by one thread.
    """

    def __init__(self, worker: SignatureWorker | None) -> None:
        self._worker = worker
        # Of transactions that CheckTx will be called for, in their order.
        self._batches: deque[Batch] = deque()

    def submit(self, mempool: Mempool, txs: Sequence[bytes]) -> None:
        """Begins to verify new transactions that CheckTx will be called for."""
        self._batches += self._submit(
            app.find_signer_data(mempool.store, mempool.block, raw, mempool) for raw in txs
        )

    def wait_for(self, raw: bytes) -> None:
        """Returns when the signature of a submitted transaction has been verified, or cannot be."""
        while self._batches and not app.RULES.is_verified(raw):
            self._wait(self._batches.popleft())

    def verify(self, store: CacheStore, block: BlockInfo, txs: Sequence[bytes]) -> None:
        """Verifies what has not been verified yet; a block from another node has many."""
        for batch in self._submit(app.find_signer_data(store, block, raw) for raw in txs):
            self._wait(batch)

    def _submit(self, found: Iterable[SignatureTask | None]) -> list[Batch]:
        if self._worker is None:
            return []
        return self._worker.submit(task for task in found if task is not None)

    def _wait(self, batch: Batch) -> None:
        assert self._worker is not None
        self._worker.wait(batch)
