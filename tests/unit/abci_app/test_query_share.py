"""All queries together have a part of a core; who asks now and then does not notice."""

from __future__ import annotations

from contextlib import suppress

import pytest

from abci_app import query_budget
from abci_app.query_budget import BURST_S, HELD_BACK_MAX_S, QueryShare


class Clock:
    """Stands for the module `time`: seconds pass only where a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.worked_s = 0.0
        self.slept_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def thread_time(self) -> float:
        return self.worked_s

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now_s += seconds

    def work(self, seconds: float) -> None:
        self.worked_s += seconds
        self.now_s += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(query_budget, "time", clock)
    return clock


def ask(share: QueryShare, clock: Clock, queries: int, each_s: float) -> None:
    for _ in range(queries):
        with share.query():
            clock.work(each_s)


def test_a_few_queries_do_not_wait(clock: Clock) -> None:
    ask(QueryShare(25), clock, queries=10, each_s=BURST_S / 10)
    assert clock.slept_s == 0


@pytest.mark.parametrize("percent", [10, 25, 80])
def test_who_asks_on_and_on_has_the_share_and_no_more(clock: Clock, percent: int) -> None:
    ask(QueryShare(percent), clock, queries=5000, each_s=0.01)
    assert clock.worked_s / clock.now_s == pytest.approx(percent / 100, rel=0.02)


def test_a_pause_earns_one_burst_and_no_more(clock: Clock) -> None:
    share = QueryShare(25)
    clock.now_s += 3600
    ask(share, clock, queries=10, each_s=BURST_S / 10)
    assert clock.slept_s == 0
    ask(share, clock, queries=1, each_s=0.1)
    assert clock.slept_s > 0


def test_no_query_keeps_the_next_one_waiting_for_long(clock: Clock) -> None:
    """CometBFT asks on the same connection whether a peer may connect, and waits 5 s for that."""
    share = QueryShare(1)
    ask(share, clock, queries=1, each_s=1.0)
    assert clock.slept_s == HELD_BACK_MAX_S
    ask(share, clock, queries=4, each_s=1.0)
    assert clock.slept_s == pytest.approx(5 * HELD_BACK_MAX_S)


def test_a_query_that_fails_counts_as_well(clock: Clock) -> None:
    share = QueryShare(25)
    with suppress(LookupError), share.query():
        clock.work(BURST_S + 1)
        raise LookupError
    assert clock.slept_s > 0
