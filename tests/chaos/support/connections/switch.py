"""An Ethernet switch that loses, delays and reorders frames, or does not connect some ports at all.

It stands in for `tc netem`, which many kernels lack: what happens to the packets is the same, and
TCP has to make up for it in the same way.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import random
import select
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Self

FRAME_BYTES_MAX = 65_536
FRAMES_PER_READ = 64
ADDRESS_BYTES = 6
# The lowest bit of the first byte marks an address of many.
GROUP_BIT = 1
IDLE_S = 0.05


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to every frame: chances from 0 to 1, times in seconds."""

    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    # This share is not delayed, and overtakes the others.
    reorder: float = 0.0


FINE = Weather()


class Switch:
    """Works on a thread of its own while the block runs; `ports` are the cables by name."""

    def __init__(self, ports: Mapping[str, int], chance: random.Random) -> None:
        self._ports = dict(ports)
        self._names = {descriptor: name for name, descriptor in ports.items()}
        self._chance = chance
        self._places: dict[bytes, int] = {}
        # When a frame is due, which came first among equals, and where it goes.
        self._waiting: list[tuple[float, int, int, bytes]] = []
        self._numbers = count()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="switch")
        self.weather = FINE
        # Pairs of ports between which nothing passes.
        self.severed: frozenset[frozenset[str]] = frozenset()
        self.passed = self.lost = self.overtaken = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def sever(self, group: Sequence[str], others: Sequence[str]) -> None:
        """Nothing passes between the two groups."""
        self.severed = frozenset(frozenset({one, other}) for one in group for other in others)

    def heal(self) -> None:
        """Everything passes, at once and in order."""
        self.severed = frozenset()
        self.weather = FINE

    def _run(self) -> None:
        descriptors = list(self._names)
        while not self._stopping.is_set():
            wait_s = self._waiting[0][0] - time.monotonic() if self._waiting else IDLE_S
            ready, _, _ = select.select(descriptors, [], [], min(IDLE_S, max(0.0, wait_s)))
            for descriptor in ready:
                self._take(descriptor)
            self._send_due()

    def _take(self, descriptor: int) -> None:
        """Takes in what a port has sent."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(FRAMES_PER_READ):
                frame = os.read(descriptor, FRAME_BYTES_MAX)
                target, source = frame[:ADDRESS_BYTES], frame[ADDRESS_BYTES : 2 * ADDRESS_BYTES]
                self._places[source] = descriptor
                known = self._places.get(target)
                if known is not None and not target[0] & GROUP_BIT:
                    self._plan(frame, descriptor, known)
                else:
                    for other in self._names:
                        if other != descriptor:
                            self._plan(frame, descriptor, other)

    def _plan(self, frame: bytes, source: int, target: int) -> None:
        """Decides what becomes of a frame."""
        weather = self.weather
        pair = frozenset({self._names[source], self._names[target]})
        if pair in self.severed or self._chance.random() < weather.loss:
            self.lost += 1
            return
        due_s = time.monotonic()
        if self._chance.random() >= weather.reorder:
            due_s += weather.delay_s + self._chance.uniform(0.0, weather.jitter_s)
        elif self._waiting:
            self.overtaken += 1
        heapq.heappush(self._waiting, (due_s, next(self._numbers), target, frame))

    def _send_due(self) -> None:
        """Hands on the frames whose time has come; a port that is full loses them."""
        now_s = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now_s:
            _, _, target, frame = heapq.heappop(self._waiting)
            try:
                os.write(target, frame)
                self.passed += 1
            except BlockingIOError:
                self.lost += 1
