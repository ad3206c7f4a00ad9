"""Series and holdings: what is held, and taking it.

A series that nobody has touched is not on record: it follows from the line of its producer, as long
as its slot can be claimed in. The first act on it writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from blockenergy.certificates.v1 import errors_pb2, state_pb2

from chain import metering, settlement
from chain.certificates.state import HOLDINGS, LAST_CLOSED, PARAMS, SERIES, TOUCHED
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address

# Sums of statements are below it: fields have 64 bits.
SUM_LIMIT = 1 << 63
CertificatesError = ErrorCodes("certificates", errors_pb2.Error.DESCRIPTOR)


class Taken(NamedTuple):
    """An entry that its holder has; series: a copy, for the caller to change and write."""

    slot: int
    producer: bytes
    holder: bytes
    wh: int
    held_wh: int
    series: state_pb2.Series


def is_open(state: HasStore, slot: int) -> bool:
    """Whether a settled slot can be claimed in."""
    first = settlement.get_next_slot(state) - PARAMS.get_shared(state).claim_slots
    return slot >= first and slot > LAST_CLOSED.last(state)


def find_series(state: HasStore, slot: int, producer: bytes) -> state_pb2.Series | None:
    """The series of a producer, on record or not; None if there is none."""
    series = SERIES.get(state, (slot, producer))
    if series is not None or not is_open(state, slot):
        return series
    line = settlement.get_line(state, slot, producer)
    free_wh = line.renewable_wh - line.self_wh - line.given_wh if line else 0
    if line is None or not line.renewable_wh:
        return None
    return state_pb2.Series(
        zone=line.zone,
        issued_wh=free_wh,
        made_wh=line.renewable_wh,
        energy_source=line.energy_source,
    )


def get_held_wh(
    state: HasStore, slot: int, producer: bytes, holder: bytes, series: state_pb2.Series
) -> int:
    """What an account holds of a series; all of one that nobody has touched is its producer's."""
    if SERIES.has(state, (slot, producer)):
        holding = HOLDINGS.get_shared(state, (slot, (producer, holder)))
        return holding.wh if holding else 0
    return series.issued_wh if holder == producer else 0


def get_gone_wh(series: state_pb2.Series) -> int:
    """What of a series nobody holds: it has ended, is elsewhere, or waits for another registry."""
    ended_wh = series.retired_wh + series.cancelled_wh + series.withdrawn_wh + series.expired_wh
    return ended_wh + series.locked_wh + series.exported_wh + series.abroad_wh


def list_holdings(
    state: HasStore, slot: int, producer: bytes
) -> Iterator[tuple[bytes, state_pb2.Holding]]:
    """The holders of a series on record, in the order of their addresses."""
    found = HOLDINGS.under(slot).items(state, start=(producer, b""))
    of_series = takewhile(lambda entry: entry[0][0] == producer, found)
    return ((holder, holding) for (_, holder), holding in of_series)


def require_entries(ctx: Context, holder: bytes, entries: Sequence[state_pb2.Entry]) -> list[Taken]:
    """What entries name; rejects any that the holder does not have, and too many or too small
    ones.
    """
    params = PARAMS.get_shared(ctx)
    most = params.entries_per_message_max
    require(0 < len(entries) <= most, CertificatesError.ENTRIES_INVALID, f"1 to {most}")
    named = {(entry.slot, entry.producer) for entry in entries}
    require(len(named) == len(entries), CertificatesError.ENTRIES_INVALID, "one is named twice")
    return [_require_entry(ctx, params, holder, entry) for entry in entries]


def take(ctx: Context, taken: Taken) -> None:
    """Writes a series as the caller has changed it, and what its holder has left."""
    set_series(ctx, taken.slot, taken.producer, taken.series)
    key = (taken.slot, (taken.producer, taken.holder))
    set_holding(ctx, key, taken.held_wh - taken.wh)


def set_series(ctx: Context, slot: int, producer: bytes, series: state_pb2.Series) -> None:
    """Writes a series; the first time what the chain has issued of it counts as touched."""
    key = (slot, producer)
    if not SERIES.has(ctx, key) and is_open(ctx, slot):
        issued_wh = series.issued_wh - series.imported_wh
        TOUCHED.set(ctx, slot, (TOUCHED.get(ctx, slot) or 0) + issued_wh)
    SERIES.set(ctx, key, series)


def give(ctx: Context, taken: Taken, recipient: bytes) -> None:
    """Moves certificates to another holder."""
    take(ctx, taken)
    add_holding(ctx, (taken.slot, (taken.producer, recipient)), taken.wh)


def add_holding(ctx: Context, key: tuple[int, tuple[bytes, bytes]], wh: int) -> None:
    """Adds to what is held."""
    held = HOLDINGS.get_shared(ctx, key)
    set_holding(ctx, key, (held.wh if held else 0) + wh)


def set_holding(ctx: Context, key: tuple[int, tuple[bytes, bytes]], wh: int) -> None:
    """Writes what is held; nothing has no entry."""
    if wh:
        HOLDINGS.set(ctx, key, state_pb2.Holding(wh=wh))
    else:
        HOLDINGS.delete(ctx, key)


def get_expiry_s(state: HasStore, slot: int) -> int:
    """From this block time on the certificates of a slot have expired."""
    end_s = slots.end_s(slot, metering.get_params(state).slot_length_s)
    return end_s + PARAMS.get_shared(state).certificate_life_s


def require_alive(ctx: Context, slot: int) -> None:
    """Rejects a slot that is not settled, or whose certificates have expired."""
    settled = slot < settlement.get_next_slot(ctx)
    require(settled, CertificatesError.SLOT_NOT_SETTLED, f"slot {slot}")
    alive = ctx.block.time_s < get_expiry_s(ctx, slot)
    require(alive, CertificatesError.EXPIRED, f"slot {slot}")


def _require_entry(
    ctx: Context, params: state_pb2.Params, holder: bytes, entry: state_pb2.Entry
) -> Taken:
    producer, name = decode_address(entry.producer), f"slot {entry.slot}"
    require_alive(ctx, entry.slot)
    series = find_series(ctx, entry.slot, producer)
    if series is None:
        raise ChainError(CertificatesError.NOT_HELD, name)
    held_wh = get_held_wh(ctx, entry.slot, producer, holder, series)
    require(0 < entry.wh <= held_wh, CertificatesError.NOT_HELD, f"{name}: {held_wh} Wh")
    is_large = entry.wh >= params.entry_min_wh or entry.wh == held_wh
    require(is_large, CertificatesError.ENTRY_TOO_SMALL, f"min {params.entry_min_wh} Wh")
    return Taken(entry.slot, producer, holder, entry.wh, held_wh, series)
