"""A fake chain, a clock and meter keys for tests of the bridge."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from blockenergy.metering.v1 import state_pb2
from blockenergy.metering.v1.state_pb2 import Reading, ReadingResult

from client.signing.keys import MeterKey
from meter_bridge.chain import (
    ChainRejectedError,
    ChainUnreachableError,
    Head,
    Meter,
    Params,
    Result,
)
from meter_bridge.client.connection import sign_reading

CHAIN_ID = "street-1"
SLOT_LENGTH_S = 60
DEADLINE_S = 120
BRIDGE = "energy1bridge"
PARAMS = Params(CHAIN_ID, SLOT_LENGTH_S, readings_max=50)
# Accepts readings for years.
PATIENT_DEADLINE_S = 10**8
PATIENT_PARAMS = Params(CHAIN_ID, SLOT_LENGTH_S, readings_max=1_000)
# The slot that has just ended when a test starts, and its end.
SLOT = 30_000_000
NOW_S = (SLOT + 1) * SLOT_LENGTH_S


@dataclass
class Clock:
    """A clock that a test moves."""

    now_s: float = NOW_S

    def __call__(self) -> float:
        return self.now_s


def make_key(meter_id: str) -> MeterKey:
    """The key of a meter, the same in every process."""
    return MeterKey(meter_id.encode().rjust(32, b"."))


def make_reading(
    meter_id: str = "HOME-07", slot: int = SLOT, import_wh: int = 1_000, export_wh: int = 0
) -> Reading:
    """A signed reading."""
    reading = Reading(
        meter_id=meter_id, slot=slot, import_register_wh=import_wh, export_register_wh=export_wh
    )
    return sign_reading(make_key(meter_id), CHAIN_ID, reading)


@dataclass
class FakeChain:
    """Accepts one reading per meter and slot before the deadline, unless a test says otherwise."""

    bridge: str = BRIDGE
    head: Head = field(default_factory=lambda: Head(100, NOW_S, 0))
    params: Params = PARAMS
    deadline_s: int = DEADLINE_S
    meters: dict[str, Meter] = field(default_factory=dict)
    recorded: dict[tuple[str, int], Reading] = field(default_factory=dict)
    # The number of readings of each submission.
    submissions: list[int] = field(default_factory=list)
    look_ups: int = 0
    # Faults injected by a test.
    is_reachable: bool = True
    takes_submissions: bool = True
    # How many submissions are recorded whose results are then lost.
    responses_to_lose: int = 0
    # Rejects whole submissions with this sentence.
    rejection: str = ""
    # Why the registrar does not know this bridge.
    account_problem: str = ""
    # A fixed result for all readings of a meter.
    results: dict[str, ReadingResult] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add_meter(self, meter_id: str = "HOME-07", bridge: str = BRIDGE) -> None:
        """Registers a meter."""
        self.meters[meter_id] = Meter(bridge, make_key(meter_id).pub_key, is_active=True)

    def pass_time(self, seconds: int) -> None:
        """Makes a block this much later than the last one."""
        self.head = Head(self.head.height + 1, self.head.time_s + seconds, 0)

    def get_head(self) -> Head:
        self._require_reachable()
        counted_s = max(0, self.head.time_s - self.deadline_s)
        return replace(self.head, first_slot=counted_s // self.params.slot_length_s)

    def get_params(self) -> Params:
        self._require_reachable()
        return self.params

    def get_meter(self, meter_id: str) -> Meter | None:
        self.look_ups += 1
        self._require_reachable()
        return self.meters.get(meter_id)

    def find_account_problem(self) -> str:
        self._require_reachable()
        return self.account_problem

    def submit(self, readings: Sequence[Reading]) -> Sequence[Result]:
        self._require_reachable()
        if not self.takes_submissions:
            raise ChainUnreachableError("The chain makes no blocks.")
        if self.rejection:
            raise ChainRejectedError(self.rejection)
        assert 0 < len(readings) <= self.params.readings_max
        with self.lock:
            self.submissions.append(len(readings))
            results = [Result(self._record(reading), self.head.height) for reading in readings]
            if self.responses_to_lose:
                self.responses_to_lose -= 1
                raise ChainUnreachableError("The response was lost.")
        return results

    def _record(self, reading: Reading) -> ReadingResult:
        if reading.meter_id in self.results:
            return self.results[reading.meter_id]
        before = self.recorded.get((reading.meter_id, reading.slot))
        if before is not None:
            is_same = before == reading
            return state_pb2.READING_ALREADY_RECORDED if is_same else state_pb2.READING_CONFLICT
        age_s = self.head.time_s - (reading.slot + 1) * self.params.slot_length_s
        if age_s < 0:
            return state_pb2.READING_TOO_EARLY
        if age_s >= self.deadline_s:
            return state_pb2.READING_TOO_LATE
        self.recorded[reading.meter_id, reading.slot] = reading
        return state_pb2.READING_RECORDED

    def _require_reachable(self) -> None:
        if not self.is_reachable:
            raise ChainUnreachableError("The chain is unreachable.")
