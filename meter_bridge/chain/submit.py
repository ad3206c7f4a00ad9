"""From the spool to the chain: due readings are submitted until the chain returns a final result.

A reading is due once the time of the latest block has passed the end of its slot: the next block
will accept it. Readings that arrive during a submission are batched into the next one.

    RECORDED, ALREADY_RECORDED     done
    TOO_EARLY, or no result        submitted again, with the same content
    anything else                  rejected, final: an error in the log and in health
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from blockenergy.metering.v1.state_pb2 import Reading, ReadingResult

from meter_bridge.chain.chain import (
    Chain,
    ChainRejectedError,
    ChainUnreachableError,
    ChainView,
    Head,
    Params,
    Result,
)
from meter_bridge.spool import Spool, SpoolFullError, WrongOwnerError

log = logging.getLogger(__name__)

POLL_S = 0.5
BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 5.0
PRUNE_S = 60.0


class Submitter:
    """Submits due readings on a thread of its own.

    `on_failure` receives an unexpected exception, after which nothing is submitted any more: the
    process should stop.
    """

    def __init__(
        self,
        chain: Chain,
        view: ChainView,
        spool: Spool,
        on_failure: Callable[[Exception], None],
        poll_s: float = POLL_S,
        backoff_max_s: float = BACKOFF_MAX_S,
    ) -> None:
        self._chain = chain
        self._view = view
        self._spool = spool
        self._on_failure = on_failure
        self._poll_s = poll_s
        self._backoff_max_s = backoff_max_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="submit", daemon=True)
        # Why readings do not reach the chain, in one sentence; empty while they do.
        self.problem = "The bridge has not reached the chain since it started."

    def start(self) -> None:
        """Starts to submit."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Starts no further submission."""
        self._stopping.set()

    def stop(self, wait_s: float) -> bool:
        """Lets the submission in progress finish; returns whether it did within `wait_s`.

        If not, the next process submits the same readings again.
        """
        self.ask_to_stop()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def run_once(self) -> bool:
        """Submits what is due, once; returns whether more is due right away.

        Errors: ChainUnreachableError, ChainRejectedError, WrongOwnerError, SpoolFullError.
        """
        params, head = self._view.refresh(self._require_owner)
        if self._view.account_problem:
            raise ChainRejectedError(self._view.account_problem)
        due = self._spool.take_due(*compute_due_slots(params, head), params.readings_max)
        if not due:
            return False
        results = self._chain.submit(due)
        # The last readings have no result if something failed on the way.
        submitted = list(zip(due, results, strict=False))
        self._spool.record(submitted)
        for reading, result in submitted:
            report(reading, result)
        is_progress = any(result.is_final for result in results)
        return is_progress and (len(results) < len(due) or len(due) == params.readings_max)

    def _require_owner(self, params: Params) -> None:
        """Errors: WrongOwnerError if the spool belongs to another chain or account."""
        self._spool.require_owner(params.chain_id, self._chain.bridge)

    def _run(self) -> None:
        """Submits until stopped; backs off after consecutive failures."""
        backoff_s = BACKOFF_MIN_S
        pruned_s = time.monotonic()
        try:
            while not self._stopping.is_set():
                try:
                    pause_s = 0.0 if self.run_once() else self._poll_s
                    self._set_problem("")
                    backoff_s = BACKOFF_MIN_S
                except (
                    ChainUnreachableError,
                    ChainRejectedError,
                    WrongOwnerError,
                    SpoolFullError,
                ) as error:
                    self._set_problem(str(error))
                    self._view.forget_params()
                    pause_s, backoff_s = backoff_s, min(2 * backoff_s, self._backoff_max_s)
                if time.monotonic() - pruned_s >= PRUNE_S:
                    pruned_s = time.monotonic()
                    self._prune()
                self._stopping.wait(pause_s)
        except Exception as error:
            log.critical("submissions have stopped: %s", error, exc_info=error)
            self._on_failure(error)

    def _set_problem(self, problem: str) -> None:
        """Keeps the problem for health, and logs it when it changes."""
        # Who reads the log and asks then is told the same.
        before, self.problem = self.problem, problem
        if problem and problem != before:
            log.warning("readings are waiting: %s", problem)
        elif before and not problem:
            log.info("readings are being submitted")

    def _prune(self) -> None:
        """Removes old decided readings."""
        try:
            while self._spool.prune() and not self._stopping.is_set():
                pass
        except SpoolFullError as error:
            log.warning("old readings cannot be removed: %s", error)


def compute_due_slots(params: Params, head: Head) -> tuple[int, int]:
    """The first slot whose readings the chain still accepts, and the last one that has ended."""
    return head.first_slot, head.time_s // params.slot_length_s - 1


def report(reading: Reading, result: Result) -> None:
    """Logs a rejection as an error."""
    if result.is_final and not result.is_recorded:
        log.error(
            "rejected: %s for meter %s, slot %d, at height %d",
            ReadingResult.Name(result.code),
            reading.meter_id,
            reading.slot,
            result.height,
        )
