"""Runs a source in a test, and keeps what it delivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from meter_bridge.sources import Source, run_again


@dataclass
class Taken:
    """A delivery that keeps what it is given."""

    telegrams: list[bytes] = field(default_factory=list)
    cursors: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    understands: Callable[[bytes], bool] = lambda _: True

    def deliver(self, raw: bytes, received_s: int) -> bool:
        self.telegrams.append(raw)
        return self.understands(raw)

    def get_cursor(self, name: str) -> str:
        return self.cursors.get(name, "")

    def keep_cursor(self, name: str, value: str) -> None:
        self.cursors[name] = value

    def report(self, problem: str) -> None:
        if problem:
            self.problems.append(problem)


@contextmanager
def reading(source: Source, taken: Taken | None = None) -> Iterator[Taken]:
    """What a source delivers while the block runs."""
    source.validate()
    taken = taken or Taken()
    stop = threading.Event()
    thread = threading.Thread(target=run_again, args=(source, taken, stop), daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()
