"""Limits of what one call asks for."""

from __future__ import annotations

from dashboard.errors import ApiError, Code

SLOTS_MAX = 400
_SLOT_END = 1 << 62


def require_range(first_slot: int, last_slot: int) -> range:
    """The slots of a range, both ends included; ApiError if it is empty or too long."""
    if not 0 < first_slot <= last_slot < _SLOT_END:
        raise ApiError(Code.INVALID_REQUEST, "a range of slots is first_slot and last_slot")
    if last_slot - first_slot >= SLOTS_MAX:
        raise ApiError(Code.TOO_LARGE)
    return range(first_slot, last_slot + 1)
