"""Certificates of other chains here, by the client that they came over.

Nothing here depends on what the other chain is worth: its certificates match no metered use, lower
no charge, and are in no figure of a statement. They can be held, transferred, retired with a record
that says where they come from, and sent home.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

from blockenergy.carbontransfer.v1 import events_pb2, packet_pb2, state_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2

from chain import registry
from chain.carbontransfer import keeper
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import (
    FOREIGN_HOLDINGS,
    FOREIGN_SERIES,
    FOREIGN_SERIES_BY_EXPIRY,
    SeriesKey,
)
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address

# As the life of certificates of this chain.
_LIFE_MAX_S = 547 * SECONDS_PER_DAY
# A certificate is of an hour at most.
_SLOT_MAX_S = 3_600
# Sums stay within the numbers of records.
_SUM_MAX_WH = 1 << 60


class Held(NamedTuple):
    """An entry that its holder has; series: a copy, for the caller to change and write."""

    key: SeriesKey
    holder: bytes
    wh: int
    held_wh: int
    series: state_pb2.ForeignSeries


def receive(ctx: Context, client_id: str, lot: packet_pb2.Lot, receiver: bytes) -> None:
    """Gives a receiver certificates of another chain; rejects what cannot be."""
    key = ((client_id, lot.slot), decode_address(lot.producer))
    series = FOREIGN_SERIES.get(ctx, key)
    if series is None:
        series = state_pb2.ForeignSeries(
            start_s=lot.start_s,
            end_s=lot.end_s,
            energy_source=lot.energy_source,
            zone=lot.zone,
            expiry_s=lot.expiry_s,
        )
    _require_sound(ctx, series, lot)
    # The other chain may change how long its certificates live.
    series.expiry_s = min(series.expiry_s, lot.expiry_s)
    series.received_wh += lot.wh
    FOREIGN_SERIES.set(ctx, key, series)
    _add_holding(ctx, key, receiver, lot.wh)


def require_held(
    ctx: Context, client_id: str, holder: bytes, entries: Sequence[certificates_pb2.Entry]
) -> list[Held]:
    """What entries name; rejects what the holder does not have."""
    keeper.require_route(ctx, client_id)
    keeper.require_entries(entries)
    return [_require_held(ctx, client_id, holder, entry) for entry in entries]


def take(ctx: Context, held: Held) -> None:
    """Writes a series as the caller has changed it, and what its holder has left."""
    FOREIGN_SERIES.set(ctx, held.key, held.series)
    _set_holding(ctx, held.key, held.holder, held.held_wh - held.wh)


def give(ctx: Context, held: Held, recipient: bytes) -> None:
    """Moves certificates to another holder."""
    _set_holding(ctx, held.key, held.holder, held.held_wh - held.wh)
    _add_holding(ctx, held.key, recipient, held.wh)


def take_back(
    ctx: Context, client_id: str, entries: Sequence[certificates_pb2.Entry], sender: bytes
) -> list[certificates_pb2.Entry]:
    """Gives their sender again what has not come home, and returns it: without what has expired."""
    given = []
    for entry in entries:
        key = ((client_id, entry.slot), bech32.decode(entry.producer))
        series = FOREIGN_SERIES.get(ctx, key)
        # A series that has expired may have come again.
        wh = min(entry.wh, series.returned_wh) if series else 0
        if series is None or not wh:
            continue
        series.returned_wh -= wh
        FOREIGN_SERIES.set(ctx, key, series)
        _add_holding(ctx, key, sender, wh)
        given.append(certificates_pb2.Entry(slot=entry.slot, producer=entry.producer, wh=wh))
    return given


def get_held_wh(series: state_pb2.ForeignSeries) -> int:
    """What all accounts together hold of a series."""
    ended_wh = series.returned_wh + series.retired_wh + series.expired_wh
    return series.received_wh - ended_wh


def list_holders(state: HasStore, key: SeriesKey) -> Iterator[tuple[bytes, int]]:
    """The holders of a series and what each has, in the order of their addresses."""
    place, producer = key
    found = FOREIGN_HOLDINGS.under(place).items(state, start=(producer, b""))
    of_series = takewhile(lambda entry: entry[0][0] == producer, found)
    return ((holder, holding.wh) for (_, holder), holding in of_series)


def expire(ctx: Context, limit: int) -> int:
    """Ends series whose life is over, the oldest first; returns how many entries it removed."""
    removed = 0
    while removed < limit:
        found = next(FOREIGN_SERIES_BY_EXPIRY.items(ctx, before=ctx.block.time_s + 1), None)
        if found is None:
            break
        removed += _expire_series(ctx, found[1], limit - removed)
    return removed


def _expire_series(ctx: Context, key: SeriesKey, limit: int) -> int:
    """Removes what is held of a series, and then the series; returns how many entries."""
    held = list(islice(list_holders(ctx, key), limit))
    wh = sum(held_wh for _, held_wh in held)
    for holder, _ in held:
        _set_holding(ctx, key, holder, 0)
    (client_id, slot), producer = key
    if wh:
        ctx.emit(
            events_pb2.EventForeignCertificatesExpired(
                client_id=client_id, slot=slot, producer=bech32.encode(producer), wh=wh
            )
        )
    if len(held) < limit:
        FOREIGN_SERIES.delete(ctx, key)
        return len(held) + 1
    series = FOREIGN_SERIES.get(ctx, key)
    assert series is not None
    series.expired_wh += wh
    FOREIGN_SERIES.set(ctx, key, series)
    return len(held)


def _require_sound(ctx: Context, series: state_pb2.ForeignSeries, lot: packet_pb2.Lot) -> None:
    """Rejects certificates that nobody could have issued, or that differ from what came before."""
    name = f"slot {lot.slot}"
    fits = 0 < lot.wh <= _SUM_MAX_WH - series.received_wh
    fits = fits and 0 < lot.end_s - lot.start_s <= _SLOT_MAX_S
    fits = fits and registry.is_renewable(lot.energy_source)
    require(fits, CarbonTransferError.PACKET_INVALID, name)
    left_s = lot.expiry_s - ctx.block.time_s
    require(0 < left_s <= _LIFE_MAX_S, CarbonTransferError.EXPIRED, name)
    known = (series.start_s, series.end_s, series.energy_source, series.zone)
    same = known == (lot.start_s, lot.end_s, lot.energy_source, lot.zone)
    require(same, CarbonTransferError.SERIES_DIFFERS, name)


def _require_held(
    ctx: Context, client_id: str, holder: bytes, entry: certificates_pb2.Entry
) -> Held:
    key = ((client_id, entry.slot), decode_address(entry.producer))
    series, name = FOREIGN_SERIES.get(ctx, key), f"slot {entry.slot}"
    if series is None:
        raise ChainError(CarbonTransferError.NOT_HELD, f"{name}: 0 Wh")
    require(ctx.block.time_s < series.expiry_s, CarbonTransferError.EXPIRED, name)
    held_wh = _get_held_wh(ctx, key, holder)
    require(0 < entry.wh <= held_wh, CarbonTransferError.NOT_HELD, f"{name}: {held_wh} Wh")
    return Held(key, holder, entry.wh, held_wh, series)


def _get_held_wh(state: HasStore, key: SeriesKey, holder: bytes) -> int:
    place, producer = key
    holding = FOREIGN_HOLDINGS.get_shared(state, (place, (producer, holder)))
    return holding.wh if holding else 0


def _add_holding(ctx: Context, key: SeriesKey, holder: bytes, wh: int) -> None:
    _set_holding(ctx, key, holder, _get_held_wh(ctx, key, holder) + wh)


def _set_holding(ctx: Context, key: SeriesKey, holder: bytes, wh: int) -> None:
    place, producer = key
    if wh:
        FOREIGN_HOLDINGS.set(ctx, (place, (producer, holder)), certificates_pb2.Holding(wh=wh))
    else:
        FOREIGN_HOLDINGS.delete(ctx, (place, (producer, holder)))
