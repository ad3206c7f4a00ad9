"""What a source of telegrams is: it delivers the bytes of meters until it is told to stop.

A source knows the transport and nothing of the formats. It delivers whole telegrams, as far as the
transport shows where one ends; what it delivers twice, or late, does no harm.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)

# Longer bursts than any telegram of a stream.
BURST_BYTES_MAX = 64 * 1024
RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0


class SourceError(Exception):
    """A source cannot deliver for now. The text is one sentence."""


class Delivery(Protocol):
    """Where a source delivers; called from its own thread."""

    def deliver(self, raw: bytes, received_s: int) -> bool:
        """Takes in a telegram that arrived at a time; returns whether it was understood."""

    def get_cursor(self, name: str) -> str:
        """What was kept under a name, also over restarts; empty at first."""

    def keep_cursor(self, name: str, value: str) -> None:
        """Keeps a text durably."""

    def report(self, problem: str) -> None:
        """Reports why nothing arrives; an empty text once it does again."""


class Source(Protocol):
    """One way to a meter. Its fields are the options of its table in the configuration."""

    @property
    def is_protected(self) -> bool:
        """Whether a bit that changes on the way is noticed, whatever the format."""

    def validate(self) -> None:
        """Checks the options, without touching the outside; raises ValueError with a sentence."""

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        """Delivers until `stop` is set or the transport fails.

        Errors: SourceError; it is run again after a pause.
        """


def run_again(source: Source, delivery: Delivery, stop: threading.Event) -> None:
    """Runs a source until it is to stop, with longer and longer pauses after failures."""
    pause_s = RETRY_MIN_S
    while not stop.is_set():
        started_s = time.monotonic()
        try:
            source.run(delivery, stop)
        except SourceError as error:
            delivery.report(str(error))
        except Exception as error:
            # One broken source must not end the others.
            log.critical("internal error", exc_info=error)
            delivery.report(f"The source is broken: {type(error).__name__}.")
        else:
            continue
        # What ran for long has only just failed.
        if time.monotonic() - started_s > RETRY_MAX_S:
            pause_s = RETRY_MIN_S
        stop.wait(pause_s)
        pause_s = min(2 * pause_s, RETRY_MAX_S)


def deliver_bursts(
    read: Callable[[], bytes],
    delivery: Delivery,
    stop: threading.Event,
    get_time: Callable[[], float],
) -> None:
    """Delivers what arrives between two silences. `read` waits for a silence at most, and returns
    no bytes after one; meters pause between telegrams.
    """
    burst = bytearray()
    received_s = 0
    while not stop.is_set():
        chunk = read()
        if chunk:
            received_s = received_s if burst else int(get_time())
            burst += chunk
        if burst and (not chunk or len(burst) > BURST_BYTES_MAX):
            delivery.report("")
            delivery.deliver(bytes(burst), received_s)
            burst.clear()
