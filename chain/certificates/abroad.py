"""Certificates of this chain on other chains: locked until they come home or expire.

What may leave is what may go to another registry: of the chain's own issue, and only from
generation that is metered by itself (exporting.py). A withdrawal finds what is abroad used: the
device owes it, and nobody abroad loses anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blockenergy.certificates.v1 import state_pb2

from chain.certificates.exporting import require_generation_only
from chain.certificates.keeper import (
    CertificatesError,
    Taken,
    add_holding,
    require_entries,
    take,
)
from chain.certificates.state import SERIES
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore


def require_leaving(ctx: Context, holder: bytes, entries: Sequence[state_pb2.Entry]) -> list[Taken]:
    """What entries name; rejects what the holder does not have, and what may not leave."""
    taken = require_entries(ctx, holder, entries)
    for one in taken:
        require(not one.series.origin, CertificatesError.ORIGIN_DIFFERS, f"slot {one.slot}")
        require_generation_only(ctx, one.producer, one.slot)
    return taken


def send_abroad(ctx: Context, taken: Sequence[Taken]) -> None:
    """Locks certificates that leave."""
    for one in taken:
        one.series.abroad_wh += one.wh
        take(ctx, one)


def has_series(state: HasStore, slot: int, producer: bytes) -> bool:
    """Whether a series is on record: once it has expired it is not."""
    return SERIES.has(state, (slot, producer))


def bring_home(ctx: Context, slot: int, producer: bytes, recipient: bytes, wh: int) -> None:
    """Unlocks certificates of a series on record of which as many are abroad."""
    series = SERIES.get(ctx, (slot, producer))
    assert series is not None
    series.abroad_wh -= wh
    SERIES.set(ctx, (slot, producer), series)
    add_holding(ctx, (slot, (producer, recipient)), wh)


def list_abroad(state: HasStore) -> Iterator[tuple[int, bytes, int]]:
    """Slot, producer and Wh abroad of all series on record."""
    return ((slot, producer, series.abroad_wh) for (slot, producer), series in SERIES.items(state))
