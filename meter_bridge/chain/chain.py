"""What a bridge needs of the chain, and a cached view of it.

A `Chain` is called from several threads at once. It only transports requests and results: what
they mean for a reading is decided in intake and submit.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from blockenergy.metering.v1.state_pb2 import (
    READING_ALREADY_RECORDED,
    READING_RECORDED,
    READING_TOO_EARLY,
    Reading,
    ReadingResult,
)

T = TypeVar("T")

# Max meters in the cache, and max ids that are not ours, about 200 bytes each.
METERS_MAX = 200_000
UNKNOWN_METERS_MAX = 20_000
# A meter's key changes only when it is exchanged, and the chain checks again whether it was
# suspended or moved.
METER_FRESH_S = 600.0
# After a wrong signature; also the least time between two look-ups of one meter.
RECHECKED_METER_FRESH_S = 10.0
# A meter that is not ours may be registered at any moment.
UNKNOWN_METER_FRESH_S = 10.0
# After a failure, look-ups fail at once for this long instead of waiting for the chain.
PAUSE_S = 2.0
PARAMS_FRESH_S = 60.0


class ChainUnreachableError(Exception):
    """The chain did not respond. The text is one sentence."""


class ChainRejectedError(Exception):
    """The chain rejected a whole submission without examining its readings."""


@dataclass(frozen=True)
class Head:
    """The latest known block, and the first slot whose readings are accepted then."""

    height: int
    time_s: int
    first_slot: int


@dataclass(frozen=True)
class Params:
    """The chain parameters that a bridge needs."""

    chain_id: str
    slot_length_s: int
    # Max readings in one submission.
    readings_max: int


@dataclass(frozen=True)
class Meter:
    """A registered meter."""

    # The address that submits its readings.
    bridge: str
    pub_key: bytes
    is_active: bool


@dataclass(frozen=True)
class Result:
    """The chain's result for one reading, from the block at `height`."""

    code: ReadingResult
    height: int

    @property
    def is_recorded(self) -> bool:
        """Whether the chain has the reading."""
        return self.code in (READING_RECORDED, READING_ALREADY_RECORDED)

    @property
    def is_final(self) -> bool:
        """Whether submitting the same reading again cannot change the result."""
        return self.code != READING_TOO_EARLY


class Chain(Protocol):
    """One chain, used from the account of one bridge.

    Every method raises ChainUnreachableError if there is no response, or one from another chain.
    """

    @property
    def bridge(self) -> str:
        """The address of the bridge's account."""

    def get_head(self) -> Head:
        """The latest block."""

    def get_params(self) -> Params:
        """The parameters in force."""

    def get_meter(self, meter_id: str) -> Meter | None:
        """The meter with this id, or None."""

    def find_account_problem(self) -> str:
        """Why the chain would reject every submission of this bridge, in one sentence; empty if it
        would not.
        """

    def submit(self, readings: Sequence[Reading]) -> Sequence[Result]:
        """Submits up to `Params.readings_max` readings and waits until they are in blocks.

        Returns one result per reading, in order; the last ones are missing if something failed on
        the way. A reading without a result may still be recorded, and can be submitted again.

        Errors: ChainRejectedError or ChainUnreachableError if not even the first has a result.
        """


class ChainView:
    """The latest known state of the chain, from memory where possible."""

    def __init__(self, chain: Chain, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._chain = chain
        self._monotonic = monotonic
        self._lock = threading.Lock()
        # With the time of the look-up.
        self._meters: OrderedDict[str, tuple[Meter, float]] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._pause_until_s = 0.0
        self._params_until_s = 0.0
        # None until the chain has been reached once.
        self.params: Params | None = None
        self.head: Head | None = None
        self.account_problem = ""

    def refresh(self, approve: Callable[[Params], None]) -> tuple[Params, Head]:
        """Fetches the latest block, and the parameters when they may have changed.

        New parameters become visible once `approve` has returned; its exceptions propagate.
        Errors: ChainUnreachableError.
        """
        params = self.params
        if params is None or self._monotonic() >= self._params_until_s:
            params = self._chain.get_params()
            approve(params)
            self.account_problem = self._chain.find_account_problem()
            self._params_until_s = self._monotonic() + PARAMS_FRESH_S
        head = self._chain.get_head()
        # Nodes behind a load balancer can be at different heights.
        if self.head is None or head.time_s > self.head.time_s:
            self.head = head
        self.params = params
        return params, self.head

    def forget_params(self) -> None:
        """Makes the next refresh fetch the parameters: something contradicted them."""
        self._params_until_s = 0.0

    def find_meter(self, meter_id: str, fresh_s: float = METER_FRESH_S) -> Meter | None:
        """The meter if it is active and ours, as of at most `fresh_s` ago; from the cache while the
        chain is unreachable.

        Errors: ChainUnreachableError if it is not in the cache.
        """
        now_s = self._monotonic()
        with self._lock:
            known = self._meters.get(meter_id)
            unknown_until_s = self._unknown.get(meter_id, now_s)
        is_fresh = known is not None and now_s < known[1] + fresh_s
        if known is not None and (is_fresh or now_s < self._pause_until_s):
            return known[0]
        if now_s < unknown_until_s:
            return None
        try:
            return self._look_up(meter_id)
        except ChainUnreachableError:
            if known is None:
                raise
            return known[0]

    def _look_up(self, meter_id: str) -> Meter | None:
        """Queries the chain and caches the response."""
        if self._monotonic() < self._pause_until_s:
            raise ChainUnreachableError("The chain did not respond a moment ago.")
        try:
            meter = self._chain.get_meter(meter_id)
        except ChainUnreachableError:
            self._pause_until_s = self._monotonic() + PAUSE_S
            raise
        is_ours = meter is not None and meter.bridge == self._chain.bridge and meter.is_active
        now_s = self._monotonic()
        with self._lock:
            self._meters.pop(meter_id, None)
            self._unknown.pop(meter_id, None)
            if meter is not None and is_ours:
                remember(self._meters, meter_id, (meter, now_s), METERS_MAX)
                return meter
            until_s = now_s + UNKNOWN_METER_FRESH_S
            remember(self._unknown, meter_id, until_s, UNKNOWN_METERS_MAX)
            return None


def remember(memory: OrderedDict[str, T], key: str, value: T, count_max: int) -> None:
    """Adds an entry; evicts the oldest if the cache is full."""
    memory[key] = value
    if len(memory) > count_max:
        memory.popitem(last=False)
