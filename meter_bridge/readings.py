"""From a telegram to a reading: the registers at the end of one slot.

Slot s lasts from s * slot_length_s to (s + 1) * slot_length_s, in seconds since 1970. A telegram
belongs to the slot whose end is nearest to its time. Meter and bridge must derive the same slot
independently, so the tolerance can only reject a telegram, never move it to another slot.
"""

from __future__ import annotations

from blockenergy.metering.v1.state_pb2 import Reading

from meter_bridge.formats.telegram import Telegram, TelegramError

TOLERANCE_PERMILLE = 100
TOLERANCE_MAX_S = 60


class NotAtSlotEndError(Exception):
    """A telegram was not taken at the end of a slot. The text is one sentence."""


def compute_reading(telegram: Telegram, slot_length_s: int, meter_id: str = "") -> Reading:
    """The reading of the slot whose end is nearest, not yet signed.

    `meter_id` takes the place of the identifier in the telegram. Errors: TelegramError if there is
    neither, NotAtSlotEndError if the slot ended before 1970.
    """
    if not (meter_id or telegram.meter_id):
        raise TelegramError(
            "The telegram has no identifier that can be a meter id (0-0:96.1.1, 0-0:42.0.0 or "
            "0-0:96.1.0); tell the gateway the id of the meter, as with --meter-id."
        )
    ends = (telegram.time_s + slot_length_s // 2) // slot_length_s
    if ends < 1:
        raise NotAtSlotEndError("The telegram's time is before the first slot.")
    return Reading(
        meter_id=meter_id or telegram.meter_id,
        slot=ends - 1,
        import_register_wh=telegram.import_register_wh,
        export_register_wh=telegram.export_register_wh,
    )


def rank(telegram: Telegram, slot_length_s: int) -> tuple[int, bool]:
    """How good a telegram is for its slot, the best first: the nearest to the end, and of two that
    are equally near the one after it.
    """
    off_s = (telegram.time_s + slot_length_s // 2) % slot_length_s - slot_length_s // 2
    return abs(off_s), off_s < 0


def compute_tolerance_s(slot_length_s: int) -> int:
    """Default max distance of a telegram from the end of its slot: 10 % of the slot, max 60 s."""
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
            f"the tolerance is {tolerance_s} s."
        )
