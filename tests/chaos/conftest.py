"""One seed for a run, printed with every result: CHAOS_SEED=N make chaos repeats its choices."""

from __future__ import annotations

import os
import random

import pytest

from tests.chaos.support.observed.figures import NOTES, note

SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Every choice of a test: the same for the same seed, whichever other tests run."""
    if not NOTES:
        note(f"CHAOS_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if NOTES:
        terminalreporter.section("faults")
        for line in NOTES:
            terminalreporter.line(line)
