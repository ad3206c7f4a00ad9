"""Slots: delivery periods of equal length (market time units). Slot n begins at n * length."""

from __future__ import annotations


def slot_at(time_s: int, length_s: int) -> int:
    """The slot in delivery at a time in seconds since 1970."""
    return time_s // length_s


def start_s(slot: int, length_s: int) -> int:
    """When the delivery of a slot begins."""
    return slot * length_s


def end_s(slot: int, length_s: int) -> int:
    """When the delivery of a slot ends and the next one begins."""
    return (slot + 1) * length_s
