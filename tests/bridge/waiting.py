"""Waits for a condition, with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

DEADLINE_S = 120


def wait_until(condition: Callable[[], bool]) -> None:
    """Returns once the condition holds."""
    pause = threading.Event()
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "the condition did not come true in time"
        pause.wait(0.01)
