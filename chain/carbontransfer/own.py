"""Certificates of this chain on others.

For each Wh that leaves one is locked here, counted by the client that it left over. Only what is
counted comes back over that client, whatever the other chain says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from blockenergy.carbontransfer.v1 import packet_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2

from chain import certificates, metering
from chain.carbontransfer.keeper import CarbonTransferError
from chain.carbontransfer.state import ESCROWS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address


def make_lots(state: HasStore, taken: Iterable[certificates.Taken]) -> Iterator[packet_pb2.Lot]:
    """What the other chain has to know of certificates that go there."""
    length_s = metering.get_params(state).slot_length_s
    for one in taken:
        yield packet_pb2.Lot(
            slot=one.slot,
            producer=bech32.encode(one.producer),
            wh=one.wh,
            start_s=slots.start_s(one.slot, length_s),
            end_s=slots.end_s(one.slot, length_s),
            energy_source=one.series.energy_source,
            zone=one.series.zone,
            expiry_s=certificates.get_expiry_s(state, one.slot),
        )


def lock(ctx: Context, client_id: str, taken: Sequence[certificates.Taken]) -> None:
    """Locks certificates that leave over a client."""
    certificates.send_abroad(ctx, taken)
    for one in taken:
        key = (one.slot, (one.producer, client_id))
        ESCROWS.set(ctx, key, (ESCROWS.get(ctx, key) or 0) + one.wh)


def come_home(
    ctx: Context,
    client_id: str,
    entries: Sequence[certificates_pb2.Entry],
    receiver: bytes,
) -> None:
    """Unlocks certificates for their receiver; rejects more than has left over the client."""
    for entry in entries:
        producer = decode_address(entry.producer)
        left_wh = ESCROWS.get(ctx, (entry.slot, (producer, client_id))) or 0
        fits = 0 < entry.wh <= left_wh
        require(fits, CarbonTransferError.MORE_THAN_LEFT, f"slot {entry.slot}: {left_wh} Wh")
        known = certificates.has_series(ctx, entry.slot, producer)
        require(known, CarbonTransferError.EXPIRED, f"slot {entry.slot}")
        _unlock(ctx, client_id, entry.slot, producer, receiver, entry.wh)


def take_back(
    ctx: Context, client_id: str, lots: Sequence[packet_pb2.Lot], sender: bytes
) -> list[certificates_pb2.Entry]:
    """Unlocks for their sender what the other chain has not taken, and returns it: without what has
    expired, and no more than is counted.
    """
    entries = []
    for lot in lots:
        producer = bech32.decode(lot.producer)
        left_wh = ESCROWS.get(ctx, (lot.slot, (producer, client_id))) or 0
        wh = min(lot.wh, left_wh)
        if wh and certificates.has_series(ctx, lot.slot, producer):
            _unlock(ctx, client_id, lot.slot, producer, sender, wh)
            entries.append(certificates_pb2.Entry(slot=lot.slot, producer=lot.producer, wh=wh))
    return entries


def prune(ctx: Context, limit: int) -> None:
    """Forgets what is abroad of series that have expired, the oldest first."""
    for _ in range(limit):
        found = next(ESCROWS.items(ctx), None)
        if found is None or certificates.has_series(ctx, found[0][0], found[0][1][0]):
            return
        ESCROWS.delete(ctx, found[0])


def _unlock(
    ctx: Context, client_id: str, slot: int, producer: bytes, recipient: bytes, wh: int
) -> None:
    key = (slot, (producer, client_id))
    left_wh = (ESCROWS.get(ctx, key) or 0) - wh
    if left_wh:
        ESCROWS.set(ctx, key, left_wh)
    else:
        ESCROWS.delete(ctx, key)
    certificates.bring_home(ctx, slot, producer, recipient, wh)
