"""Processes that run and stop together, restarted when one of them ends.

A node is such a unit: CometBFT exits when its connection to the application breaks, and an
application that could not write its state must not continue. Processes are started one after the
other, each as soon as the previous one is ready.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import NamedTuple

from node_config.localnet.process import Process

BACKOFF_S, BACKOFF_MAX_S = 0.2, 10.0
# Max failures in a row, without STABLE_S of uptime in between, before the unit is given up.
FAILURES_MAX = 10
STABLE_S = 10.0
# Exit statuses after which another start would end in the same way: wrong usage, and a chain that
# needs another release.
FINAL_STATUSES = frozenset({2, 8})
# Grace period for a killed process to exit; a large one releases its memory first.
CAUSE_S = 0.3


class Stage(NamedTuple):
    """A process, and the check that the next one can be started."""

    process: Process
    is_ready: Callable[[], bool]


class Unit:
    """Stages in start order. Not thread-safe: its network holds the lock."""

    def __init__(self, name: str, stages: Sequence[Stage], say: Callable[[str], None]) -> None:
        self.name = name
        self.stages = list(stages)
        self.is_wanted = False
        self.is_given_up = False
        # Failures in a row, and the reason of the last one.
        self.failures = 0
        self.problem = ""
        self._say = say
        self._started = 0
        self._start_at_s = 0.0
        self._up_since_s = 0.0

    def step(self, now_s: float) -> None:
        """One step: starts the next process, handles one that ended, or does nothing."""
        if not self.is_wanted or self.is_given_up:
            return
        if any(not stage.process.is_running() for stage in self.stages[: self._started]):
            self._fail(now_s)
        elif self._started < len(self.stages):
            if now_s >= self._start_at_s and self._is_previous_ready():
                self.stages[self._started].process.start()
                self._started += 1
                self._up_since_s = now_s
        elif self.failures and now_s - self._up_since_s > STABLE_S:
            self.failures = 0

    def is_up(self) -> bool:
        """Whether all processes run and the last one is ready."""
        return self._started == len(self.stages) and self.stages[-1].is_ready()

    def forget(self) -> None:
        """Resets the unit after its processes were stopped on purpose."""
        self.is_wanted = False
        self.is_given_up = False
        self.failures = 0
        self._started = 0
        self._start_at_s = 0.0

    def _is_previous_ready(self) -> bool:
        return self._started == 0 or self.stages[self._started - 1].is_ready()

    def _fail(self, now_s: float) -> None:
        """Kills its remaining processes and schedules the restart."""
        processes = [stage.process for stage in self.stages[: self._started]]
        # A dependent can exit before the process that caused it.
        for process in processes:
            if not process.is_running() or process.ends_within(CAUSE_S):
                break
        ended = [process for process in processes if not process.is_running()]
        final = [process for process in ended if process.status in FINAL_STATUSES]
        # What else has ended says less.
        self.problem = "; ".join(process.describe_end() for process in final or ended)
        for stage in self.stages[: self._started]:
            stage.process.send(signal.SIGKILL)
            stage.process.wait_or_kill(STABLE_S)
        self._started = 0
        self.failures += 1
        if final:
            self.is_given_up = True
            self._say(f"{self.problem}; {self.name} is not restarted")
            return
        if self.failures > FAILURES_MAX:
            self.is_given_up = True
            self._say(
                f"{self.problem}; {self.name} has failed {self.failures} times in a row and "
                "is not restarted"
            )
            return
        wait_s = min(BACKOFF_MAX_S, BACKOFF_S * 2 ** (self.failures - 1))
        self._start_at_s = now_s + wait_s
        self._say(f"{self.problem}; {self.name} restarts in {wait_s:g} s")
