"""Optimistic execution: a proposal is executed while consensus still votes on it.

Nothing depends on it. The result is used if exactly this block is decided, and then it is what
executing it now would give, because that is a function of the committed state and the block; else
it is thrown away.
"""

from __future__ import annotations

import logging
import threading
from typing import NamedTuple

from abci_app.query_budget import BlocksFirst
from chain import app
from chain.runtime.context import BlockInfo
from chain.runtime.state.store import Reader

# A smaller block is executed while a thread for it would start.
TXS_MIN = 16

log = logging.getLogger(__name__)


class Proposal(NamedTuple):
    """What the result of a block follows from, beside the state: that is the same as long as its
    object and the height are, because it changes with a commit only.
    """

    block: BlockInfo
    txs: list[bytes]


class OptimisticExecution:
    """Executes one proposal at a time on a thread of its own, and before queries. One thread calls
    its methods.
    """

    def __init__(self, blocks: BlocksFirst | None = None) -> None:
        self._blocks = blocks or BlocksFirst()
        self._proposal: Proposal | None = None
        self._state: Reader | None = None
        self._thread: threading.Thread | None = None
        self._result: app.BlockResult | None = None

    def begin(self, reader: Reader, block: BlockInfo, txs: list[bytes]) -> None:
        """Begins to execute a proposal on a state that stays as it is until `take`; one that is
        in hand is finished first, and this one is left.
        """
        if self._thread is not None or len(txs) < TXS_MIN:
            return
        self._state, self._proposal = reader, Proposal(block, txs)
        self._thread = threading.Thread(
            target=self._execute, args=(reader, block, txs), name="optimistic", daemon=True
        )
        self._thread.start()

    def take(self, reader: Reader, block: BlockInfo, txs: list[bytes]) -> app.BlockResult | None:
        """The result of a decided block, None if it is not known. Afterwards nothing is in hand."""
        self.wait()
        fits = self._state is reader and self._proposal == Proposal(block, txs)
        result = self._result if fits else None
        self._state = self._proposal = self._thread = self._result = None
        return result

    def wait(self) -> None:
        """Returns when nothing is being executed, so that the state may be closed."""
        if self._thread is not None:
            self._thread.join()

    def _execute(self, reader: Reader, block: BlockInfo, txs: list[bytes]) -> None:
        try:
            with self._blocks.call():
                self._result = app.finalize_block(reader, block, txs)
        except Exception:
            # What is wrong shows again, and loudly, if the block is decided.
            log.warning("a proposal for block %d cannot be executed", block.height, exc_info=True)
