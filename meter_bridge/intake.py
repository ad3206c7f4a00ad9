"""Checks pushed readings and hands accepted ones to the spool.

A reading is accepted if it is well-formed, its slot has ended, its meter is registered to this
bridge, the meter's key has signed it for this chain, and its deadline has not passed. The chain
checks all of this again; rejecting here saves the fee and tells the sender at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    PushReadingRequest,
    PushRequest,
    PushResponse,
    PushResult,
    PushTelegramRequest,
)
from blockenergy.metering.v1.state_pb2 import Reading

from chain.metering import HASH_BYTES, is_signed
from meter_bridge import formats, readings
from meter_bridge.chain import (
    METER_FRESH_S,
    RECHECKED_METER_FRESH_S,
    ChainUnreachableError,
    ChainView,
    Meter,
    Params,
)
from meter_bridge.formats.encoding.local_time import LocalTime
from meter_bridge.formats.telegram import METER_ID, METER_ID_FORM, TelegramError
from meter_bridge.spool import Spool, SpoolFullError

# The largest register on the chain, and the largest number in the spool.
NUMBER_MAX = (1 << 63) - 1
SIGNATURE_BYTES = 64
# Results that a wrong clock may be the cause of.
TIMING = {
    bridge_pb2.PUSH_NOT_AT_SLOT_END,
    bridge_pb2.PUSH_TOO_EARLY,
    bridge_pb2.PUSH_TOO_LATE,
}
# A disk that takes longer has failed.
SPOOL_WAIT_S = 30.0


class PushRejectedError(Exception):
    """A reading is not accepted. The text is one sentence."""

    def __init__(self, result: PushResult, detail: str) -> None:
        super().__init__(detail)
        self.result = result


@dataclass(frozen=True)
class Pending:
    """A pushed reading whose response is ready, or will be once the reading is on disk."""

    response: PushResponse
    spooled: Future[PushResult] | None = None

    def wait(self) -> PushResponse:
        """The response.

        Errors: SpoolBrokenError, or TimeoutError if the disk does not respond.
        """
        if self.spooled is not None:
            try:
                self.response.result = self.spooled.result(SPOOL_WAIT_S)
            except SpoolFullError as error:
                self.response.result = bridge_pb2.PUSH_SPOOL_FULL
                self.response.detail = str(error)
        return self.response


class Intake:
    """Accepts or rejects what meters push.

    `clock` returns seconds since 1970. `local_time` is that of the meters' clocks.
    `tolerance_s` is how far from the end of its slot a telegram may be taken, and how far a
    meter's clock may be ahead of ours; None for a tenth of a slot, max one minute.
    """

    def __init__(
        self,
        view: ChainView,
        spool: Spool,
        clock: Callable[[], float],
        local_time: LocalTime,
        tolerance_s: int | None = None,
    ) -> None:
        self._view = view
        self._spool = spool
        self._clock = clock
        self._local_time = local_time
        self._tolerance_s = tolerance_s

    def push(self, request: PushRequest) -> Pending:
        """Accepts or rejects a reading or a telegram."""
        match request.WhichOneof("item"):
            case "reading":
                return self.push_reading(request.reading)
            case "telegram":
                return self.push_telegram(request.telegram)
            case _:
                return reject(
                    Reading(),
                    bridge_pb2.PUSH_MALFORMED,
                    "The request contains no reading or telegram.",
                )

    def push_reading(self, request: PushReadingRequest) -> Pending:
        """Accepts or rejects a signed reading."""
        try:
            return self._accept(request.reading, self._require_params())
        except PushRejectedError as error:
            return reject(request.reading, error.result, str(error))

    def push_telegram(self, request: PushTelegramRequest) -> Pending:
        """Accepts or rejects a telegram, with the meter's signature over its reading."""
        reading, time_s = Reading(), 0
        try:
            params = self._require_params()
            telegram = formats.parse_telegram(request.format, request.telegram, self._local_time)
            time_s = telegram.time_s
            reading = readings.compute_reading(telegram, params.slot_length_s, request.meter_id)
            reading.signature = request.signature
            readings.require_at_slot_end(
                telegram, reading.slot, params.slot_length_s, self._get_tolerance_s(params)
            )
            return self._accept(reading, params)
        except PushRejectedError as error:
            result, detail = error.result, str(error)
        except TelegramError as error:
            result, detail = bridge_pb2.PUSH_MALFORMED, str(error)
        except readings.NotAtSlotEndError as error:
            result, detail = bridge_pb2.PUSH_NOT_AT_SLOT_END, str(error)
        if result in TIMING:
            detail = self._name_clock(detail, time_s)
        return reject(reading, result, detail)

    def _name_clock(self, detail: str, time_s: int) -> str:
        """The sentence, and how far the telegram's clock is from ours if that may be the cause."""
        params, off_s = self._require_params(), time_s - self._get_now_s()
        if abs(off_s) <= self._get_tolerance_s(params):
            return detail
        side = "ahead of" if off_s > 0 else "behind"
        return (
            f"{detail.removesuffix('.')}; the meter's clock in the telegram is {abs(off_s)} s "
            f"{side} the bridge's, so if it was taken just now set the meter's clock or check "
            "--utc-offsets."
        )

    def get_slot_length_s(self) -> int:
        """The length of a slot; 0 until the chain was reached."""
        params = self._view.params
        return params.slot_length_s if params else 0

    def _accept(self, reading: Reading, params: Params) -> Pending:
        """Hands a valid reading to the spool; errors: PushRejectedError."""
        validate_basic(reading)
        self._require_ended(reading, params)
        self._require_signed(reading, params)
        self._require_in_time(reading, params)
        response = PushResponse(meter_id=reading.meter_id, slot=reading.slot)
        return Pending(response, self._spool.add(reading))

    def _require_params(self) -> Params:
        params = self._view.params
        if params is None:
            raise PushRejectedError(
                bridge_pb2.PUSH_CHAIN_UNREACHABLE,
                "The bridge has not reached the chain since it started; push again later.",
            )
        return params

    def _require_ended(self, reading: Reading, params: Params) -> None:
        """Allows for a meter's clock that is ahead."""
        early_s = compute_end_s(reading, params) - self._get_now_s() - self._get_tolerance_s(params)
        if early_s > 0:
            raise PushRejectedError(
                bridge_pb2.PUSH_TOO_EARLY,
                f"Slot {reading.slot} has not ended; push the reading again in {early_s} s.",
            )

    def _get_now_s(self) -> int:
        """Our time, or the chain's if ours is behind."""
        head = self._view.head
        return max(int(self._clock()), head.time_s if head else 0)

    def _require_signed(self, reading: Reading, params: Params) -> None:
        # The meter may have been exchanged for one with another key a moment ago.
        is_valid = any(
            is_signed(self._find_meter(reading, fresh_s).pub_key, params.chain_id, reading)
            for fresh_s in (METER_FRESH_S, RECHECKED_METER_FRESH_S)
        )
        if not is_valid:
            raise PushRejectedError(
                bridge_pb2.PUSH_WRONG_SIGNATURE,
                f"The signature is not valid for meter {reading.meter_id}, this reading and "
                f"chain {params.chain_id}; sign the reading again.",
            )

    def _find_meter(self, reading: Reading, fresh_s: float) -> Meter:
        """The meter as it was known at most `fresh_s` ago; errors: PushRejectedError."""
        try:
            meter = self._view.find_meter(reading.meter_id, fresh_s)
        except ChainUnreachableError as error:
            raise PushRejectedError(
                bridge_pb2.PUSH_CHAIN_UNREACHABLE,
                f"Meter {reading.meter_id} cannot be looked up: {error} Push again later.",
            ) from error
        if meter is None:
            raise PushRejectedError(
                bridge_pb2.PUSH_METER_UNKNOWN,
                f"Meter {reading.meter_id} is not an active meter of this bridge; "
                "ask the registrar.",
            )
        return meter

    def _require_in_time(self, reading: Reading, params: Params) -> None:
        """Only the chain makes a reading late: its time never runs ahead, and it counts no halts.

        A reading that was accepted in time may be pushed again at any time.
        """
        head = self._view.head
        if head is None or reading.slot >= head.first_slot:
            return
        if self._spool.find(reading.meter_id, reading.slot) is None:
            late_s = head.time_s - compute_end_s(reading, params)
            raise PushRejectedError(
                bridge_pb2.PUSH_TOO_LATE,
                f"Slot {reading.slot} ended {late_s} s ago and readings are accepted from slot "
                f"{head.first_slot} on; the next reading covers its energy.",
            )

    def _get_tolerance_s(self, params: Params) -> int:
        if self._tolerance_s is None:
            return readings.compute_tolerance_s(params.slot_length_s)
        return self._tolerance_s


def validate_basic(reading: Reading) -> None:
    """Stateless checks; errors: PushRejectedError."""
    if METER_ID.fullmatch(reading.meter_id) is None:
        raise malformed(f"A meter id has {METER_ID_FORM}.")
    if max(reading.slot, reading.import_register_wh, reading.export_register_wh) > NUMBER_MAX:
        raise malformed("The slot or a register is larger than 2^63 - 1.")
    if len(reading.signature) != SIGNATURE_BYTES:
        raise malformed(
            f"The signature has {len(reading.signature)} bytes; it needs {SIGNATURE_BYTES}."
        )
    if len(reading.telegram_hash) not in (0, HASH_BYTES):
        raise malformed(f"The hash of a telegram has {HASH_BYTES} bytes.")


def malformed(detail: str) -> PushRejectedError:
    """A rejection because the reading is not well-formed."""
    return PushRejectedError(bridge_pb2.PUSH_MALFORMED, detail)


def reject(reading: Reading, result: PushResult, detail: str) -> Pending:
    """The response to a rejected push, with whatever could be parsed."""
    has_id = METER_ID.fullmatch(reading.meter_id) is not None
    return Pending(
        PushResponse(
            result=result,
            detail=detail,
            meter_id=reading.meter_id if has_id else "",
            slot=reading.slot,
        )
    )


def compute_end_s(reading: Reading, params: Params) -> int:
    """When the slot of a reading ends, in seconds since 1970."""
    return (reading.slot + 1) * params.slot_length_s
