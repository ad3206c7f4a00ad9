"""What the bridge needs of the chain, whoever provides it, and what it last saw of it.

A `Chain` is asked by several threads at once. It only carries questions and answers: what they
mean for a reading is decided in intake and submit.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from blockenergy.metering.v1.state_pb2 import Reading, ReadingResult

T = TypeVar("T")

# Meters whose registration is remembered at the most.
METERS_MAX = 200_000
# A meter's key never changes; that it was suspended or moved, the chain itself checks again.
METER_FRESH_S = 600.0
# A meter that is not ours may be registered at any moment.
STRANGER_FRESH_S = 10.0
# After a failure nobody else waits for the chain for so long.
PAUSE_S = 2.0
PARAMS_FRESH_S = 60.0


class ChainUnreachableError(Exception):
    """The chain gave no answer. The text is one sentence."""


class ChainRefusedError(Exception):
    """The chain refused a whole submission; none of its readings was looked at."""


@dataclass(frozen=True)
class Head:
    """The latest block that is known."""

    height: int
    time_s: int


@dataclass(frozen=True)
class Params:
    """The rules of the chain that a bridge has to know."""

    chain_id: str
    slot_length_s: int
    # Readings of a slot are taken until so long after its end, in block time.
    reading_deadline_s: int
    # Readings that one submission may have.
    readings_max: int


@dataclass(frozen=True)
class Meter:
    """A meter in the registry."""

    # The address that submits its readings.
    bridge: str
    pub_key: bytes
    is_active: bool


@dataclass(frozen=True)
class Answer:
    """What the chain said of one reading, in the block at `height`."""

    result: ReadingResult
    height: int


class Chain(Protocol):
    """One chain, seen from the account of one bridge.

    Every method raises ChainUnreachableError when there is no answer, or one of another chain.
    """

    @property
    def bridge(self) -> str:
        """The address of the bridge's account."""

    def get_head(self) -> Head:
        """The latest block."""

    def get_params(self) -> Params:
        """The rules in force."""

    def get_meter(self, meter_id: str) -> Meter | None:
        """A meter, or None if there is none of this id."""

    def submit(self, readings: Sequence[Reading]) -> Sequence[Answer]:
        """Submits readings, at most `Params.readings_max`, and waits until they are in blocks.

        Gives one answer per reading, in order; the last ones may be missing if something failed
        on the way. What has no answer may yet be recorded, and can be submitted again.

        Errors: ChainRefusedError, or ChainUnreachableError, if the first has no answer.
        """


class ChainView:
    """What is known of the chain right now, without waiting for it where that can be avoided."""

    def __init__(self, chain: Chain, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._chain = chain
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._meters: OrderedDict[str, tuple[Meter, float]] = OrderedDict()
        self._strangers: OrderedDict[str, float] = OrderedDict()
        self._pause_until_s = 0.0
        self._params_until_s = 0.0
        # None until the chain was reached for the first time.
        self.params: Params | None = None
        self.head: Head | None = None

    def refresh(self, approve: Callable[[Params], None]) -> tuple[Params, Head]:
        """Asks the chain for its head, and for its rules when they may have changed.

        Nobody sees new rules before `approve` has returned; what it raises comes out here.
        Errors: ChainUnreachableError.
        """
        params = self.params
        if params is None or self._monotonic() >= self._params_until_s:
            params = self._chain.get_params()
            approve(params)
            self._params_until_s = self._monotonic() + PARAMS_FRESH_S
        head = self._chain.get_head()
        # Of several nodes behind one address, one may be a little behind the other.
        if self.head is None or head.time_s > self.head.time_s:
            self.head = head
        self.params = params
        return params, self.head

    def forget_params(self) -> None:
        """Has the rules read again at the next refresh, because something did not go by them."""
        self._params_until_s = 0.0

    def find_meter(self, meter_id: str) -> Meter | None:
        """The meter if it is active and this bridge's; from memory where the chain is not reached.

        Errors: ChainUnreachableError if the chain is needed to tell.
        """
        now_s = self._monotonic()
        with self._lock:
            known = self._meters.get(meter_id)
            stranger_until_s = self._strangers.get(meter_id, now_s)
        if known is not None and (now_s < known[1] or now_s < self._pause_until_s):
            return known[0]
        if now_s < stranger_until_s:
            return None
        try:
            return self._look_up(meter_id)
        except ChainUnreachableError:
            if known is None:
                raise
            return known[0]

    def _look_up(self, meter_id: str) -> Meter | None:
        """Asks the chain and remembers the answer."""
        if self._monotonic() < self._pause_until_s:
            raise ChainUnreachableError("The chain did not answer a moment ago.")
        try:
            meter = self._chain.get_meter(meter_id)
        except ChainUnreachableError:
            self._pause_until_s = self._monotonic() + PAUSE_S
            raise
        is_ours = meter is not None and meter.bridge == self._chain.bridge and meter.is_active
        now_s = self._monotonic()
        with self._lock:
            self._meters.pop(meter_id, None)
            self._strangers.pop(meter_id, None)
            if meter is not None and is_ours:
                remember(self._meters, meter_id, (meter, now_s + METER_FRESH_S))
                return meter
            remember(self._strangers, meter_id, now_s + STRANGER_FRESH_S)
            return None


def remember(memory: OrderedDict[str, T], key: str, value: T) -> None:
    """Adds an entry and forgets the oldest when there are too many."""
    memory[key] = value
    if len(memory) > METERS_MAX:
        memory.popitem(last=False)
