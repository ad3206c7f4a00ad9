"""From a telegram to the reading that it stands for: the registers at the end of one slot.

Slot s runs from s * slot_length_s to (s + 1) * slot_length_s, in seconds since 1970. A telegram
stands for the slot whose end is nearest to its time. Meter and bridge have to find the same slot
without talking about it, so the tolerance can only refuse a telegram, never move it to another
slot.
"""

from __future__ import annotations

from blockenergy.bridge.v1.bridge_pb2 import TELEGRAM_FORMAT_DSMR_P1, TelegramFormat
from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge import dsmr
from meter_bridge.telegram import LocalTime, Telegram, TelegramError

PARSERS = {TELEGRAM_FORMAT_DSMR_P1: dsmr.parse}

TOLERANCE_PERMILLE = 100
TOLERANCE_MAX_S = 60


class NotAtSlotEndError(Exception):
    """A telegram was not taken at the end of a slot. The text is one sentence."""


def parse_telegram(form: TelegramFormat, raw: bytes, local_time: LocalTime) -> Telegram:
    """Reads a telegram of any format that is known.

    Errors: TelegramError.
    """
    parser = PARSERS.get(form)
    if parser is None:
        raise TelegramError("The telegram's format is not known; it must be named, as DSMR P1.")
    return parser(raw, local_time)


def compute_reading(telegram: Telegram, slot_length_s: int) -> Reading:
    """The reading of the slot whose end is nearest, not yet signed.

    Errors: NotAtSlotEndError if that slot ended before 1970.
    """
    ends = (telegram.time_s + slot_length_s // 2) // slot_length_s
    if ends < 1:
        raise NotAtSlotEndError("The telegram's time is before the first slot.")
    return Reading(
        meter_id=telegram.meter_id,
        slot=ends - 1,
        import_register_wh=telegram.import_register_wh,
        export_register_wh=telegram.export_register_wh,
    )


def compute_tolerance_s(slot_length_s: int) -> int:
    """The rule for how far from the end of its slot a telegram may be taken: 10 %, at most 60 s."""
    return min(slot_length_s * TOLERANCE_PERMILLE // 1000, TOLERANCE_MAX_S)


def require_at_slot_end(
    telegram: Telegram, slot: int, slot_length_s: int, tolerance_s: int
) -> None:
    """Errors: NotAtSlotEndError if the telegram was taken too far from the end of the slot."""
    off_s = telegram.time_s - (slot + 1) * slot_length_s
    if abs(off_s) > tolerance_s:
        side = "after" if off_s > 0 else "before"
        raise NotAtSlotEndError(
            f"The telegram was taken {abs(off_s)} s {side} the end of slot {slot}; "
            f"{tolerance_s} s are allowed."
        )
