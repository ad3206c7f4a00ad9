"""From the spool to the chain: what is due is submitted until the chain has answered for it.

A reading is due when the time of the latest block has passed the end of its slot, because the next
block then takes it. While one submission waits for its block, the next readings gather: the more
there are, the fewer transactions each of them costs.

    RECORDED, ALREADY_RECORDED     done
    TOO_EARLY, or no answer        submitted again, with the same content
    anything else                  refused for good: an alarm in the log and in health
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from blockenergy.bridge.v1.bridge_pb2 import SPOOL_DONE, SPOOL_REFUSED
from blockenergy.metering.v1.state_pb2 import (
    READING_ALREADY_RECORDED,
    READING_RECORDED,
    READING_RESULT_UNSPECIFIED,
    READING_TOO_EARLY,
    Reading,
    ReadingResult,
)

from meter_bridge.chain import (
    Answer,
    Chain,
    ChainRefusedError,
    ChainUnreachableError,
    ChainView,
    Head,
    Params,
)
from meter_bridge.spool import Spool, SpoolFullError, Verdict, WrongOwnerError

log = logging.getLogger(__name__)

POLL_S = 0.5
BACKOFF_MIN_S = 0.5
BACKOFF_MAX_S = 5.0
PRUNE_S = 60.0

RECORDED = {READING_RECORDED, READING_ALREADY_RECORDED}
UNDECIDED = {READING_TOO_EARLY, READING_RESULT_UNSPECIFIED}


class Submitter:
    """Submits for as long as it runs, on a thread of its own.

    `on_failure` is called with an exception that nobody expected; it is the place to stop the
    process, because nothing is submitted any more.
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
        # One sentence while something keeps readings from the chain, empty while nothing does.
        self.problem = "The bridge has not reached the chain since it started."

    def start(self) -> None:
        """Begins to submit."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Has no further submission begin."""
        self._stopping.set()

    def stop(self, wait_s: float) -> bool:
        """Lets the submission in progress finish; returns whether it did within `wait_s`.

        One that did not is submitted again by the next process, with the same content.
        """
        self.ask_to_stop()
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def run_once(self) -> bool:
        """Submits what is due, once; returns whether more may be due at once.

        Errors: ChainUnreachableError, ChainRefusedError, WrongOwnerError, SpoolFullError.
        """
        params, head = self._view.refresh(self._require_owner)
        due = self._spool.take_due(*compute_due_slots(params, head), params.readings_max)
        if not due:
            return False
        answers = self._chain.submit(due)
        self._spool.record(make_verdicts(due, answers))
        for reading, answer in zip(due, answers, strict=False):
            report(reading, answer)
        is_progress = any(answer.result not in UNDECIDED for answer in answers)
        return is_progress and (len(answers) < len(due) or len(due) == params.readings_max)

    def _require_owner(self, params: Params) -> None:
        """Errors: WrongOwnerError if the spool's readings are not for this chain and account."""
        self._spool.require_owner(params.chain_id, self._chain.bridge)

    def _run(self) -> None:
        """Submits until stopped; waits longer after each failure in a row."""
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
                    ChainRefusedError,
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
            log.critical("nothing is submitted any more: %s", error, exc_info=error)
            self._on_failure(error)

    def _set_problem(self, problem: str) -> None:
        """Keeps the sentence for health, and logs it when it changes."""
        if problem and problem != self.problem:
            log.warning("readings wait: %s", problem)
        elif self.problem and not problem:
            log.info("readings are submitted")
        self.problem = problem

    def _prune(self) -> None:
        """Removes what was decided long ago; a full disk may even need it."""
        try:
            while self._spool.prune() and not self._stopping.is_set():
                pass
        except SpoolFullError as error:
            log.warning("old readings cannot be removed: %s", error)


def compute_due_slots(params: Params, head: Head) -> tuple[int, int]:
    """The first slot whose readings the chain may still take, and the last one that has ended."""
    first_open_slot = (head.time_s - params.reading_deadline_s) // params.slot_length_s
    return max(0, first_open_slot), head.time_s // params.slot_length_s - 1


def make_verdicts(due: list[Reading], answers: Sequence[Answer]) -> list[Verdict]:
    """What the answers decide; a reading without a decision stays as it is."""
    return [
        Verdict(
            meter_id=reading.meter_id,
            slot=reading.slot,
            state=SPOOL_DONE if answer.result in RECORDED else SPOOL_REFUSED,
            result=answer.result,
            height=answer.height,
        )
        for reading, answer in zip(due, answers, strict=False)
        if answer.result not in UNDECIDED
    ]


def report(reading: Reading, answer: Answer) -> None:
    """Raises an alarm for a refusal."""
    if answer.result not in RECORDED and answer.result != READING_TOO_EARLY:
        log.error(
            "refused: the chain answers %s for meter %s, slot %d, at height %d",
            ReadingResult.Name(answer.result),
            reading.meter_id,
            reading.slot,
            answer.height,
        )
