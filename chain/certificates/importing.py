"""Certificates that another registry has issued, and that are immobilised there.

It issues for devices that it backs, for which the chain issues nothing. So what it may bring in is
the exact export of a slot that the chain has issued nothing for, once.
"""

from __future__ import annotations

import hashlib

from blockenergy.certificates.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.credits.v1 import state_pb2 as credits_pb2

from chain import carbon, credits, registry, settlement
from chain.certificates.keeper import (
    CertificatesError,
    add_holding,
    find_series,
    require_alive,
    set_holding,
    set_series,
)
from chain.certificates.state import PARAMS, SERIES
from chain.runtime.context import Context
from chain.runtime.encoding import bech32, codec
from chain.runtime.errors import require
from chain.runtime.tx import decode_address
from chain.runtime.units import WH_PER_MWH

# Sums of entries stay within the numbers of records.
_WH_MAX = 1 << 60


def import_certificates(
    ctx: Context, msg: tx_pb2.MsgImportCertificates
) -> tx_pb2.MsgImportCertificatesResponse:
    """Brings in certificates of another registry, each unit once."""
    credits.require_operator(ctx, msg.registry, credits_pb2.REGISTRY_UNIT_MWH, msg.operator)
    units = credits.count_units(msg.first_serial, msg.last_serial)
    wh, most_wh = sum(entry.wh for entry in msg.entries), min(units * WH_PER_MWH, _WH_MAX)
    require(0 < wh <= most_wh, CertificatesError.UNITS_INVALID, f"1 to {most_wh} Wh")
    receipt = _make_receipt(msg, wh)
    if not credits.is_new_receipt(ctx, msg.registry, msg.receipt, receipt):
        return tx_pb2.MsgImportCertificatesResponse()
    credits.require_new_serials(ctx, msg.registry, msg.first_serial, msg.last_serial)
    recipient = decode_address(msg.recipient)
    registry.require_active(ctx, recipient)
    _require_entries(ctx, msg)
    credits.add_receipt(ctx, msg.registry, msg.receipt, receipt)
    withheld_wh = sum(_bring_in(ctx, msg.registry, entry, recipient) for entry in msg.entries)
    ctx.emit(
        events_pb2.EventCertificatesImported(
            registry=msg.registry,
            receipt=msg.receipt,
            recipient=msg.recipient,
            entries=msg.entries,
            withheld_wh=withheld_wh,
        )
    )
    return tx_pb2.MsgImportCertificatesResponse()


def _make_receipt(msg: tx_pb2.MsgImportCertificates, wh: int) -> credits_pb2.Receipt:
    entries = codec.encode(tx_pb2.MsgImportCertificates(entries=msg.entries))
    return credits_pb2.Receipt(
        recipient=msg.recipient,
        wh=wh,
        first_serial=msg.first_serial,
        last_serial=msg.last_serial,
        entries_hash=hashlib.sha256(entries).digest(),
    )


def _require_entries(ctx: Context, msg: tx_pb2.MsgImportCertificates) -> None:
    """Rejects entries that are for more than the devices of their account have exported."""
    most = PARAMS.get_shared(ctx).entries_per_message_max
    require(len(msg.entries) <= most, CertificatesError.ENTRIES_INVALID, f"1 to {most}")
    named = {(entry.slot, entry.meter_id) for entry in msg.entries}
    require(len(named) == len(msg.entries), CertificatesError.ENTRIES_INVALID, "one is named twice")
    imported: dict[tuple[int, bytes], int] = {}
    for entry in msg.entries:
        device = carbon.require_device(ctx, entry.meter_id)
        backed = device.backing_registry == msg.registry
        backed = backed and carbon.is_in_force(ctx, entry.meter_id, device, entry.slot)
        require(backed, CertificatesError.DEVICE_NOT_BACKED, entry.meter_id)
        key = (entry.slot, bech32.decode(device.owner))
        left_wh = _count_left(ctx, msg.registry, *key) - imported.get(key, 0)
        detail = f"slot {entry.slot}: {max(0, left_wh)} Wh"
        require(0 < entry.wh <= left_wh, CertificatesError.EXPORT_EXCEEDED, detail)
        imported[key] = imported.get(key, 0) + entry.wh


def _count_left(ctx: Context, registry_name: str, slot: int, producer: bytes) -> int:
    """What can be brought in for an account and a slot, in Wh."""
    require_alive(ctx, slot)
    # What the chain knows of older slots is removed bit by bit: of some, a line alone is left.
    kept = slot >= settlement.get_history_from(ctx)
    require(kept, settlement.SettlementError.LINE_UNKNOWN, f"slot {slot}")
    line = settlement.require_line(ctx, slot, producer)
    require(not line.inexact, CertificatesError.LINE_INEXACT, f"slot {slot}")
    series = SERIES.get_shared(ctx, (slot, producer)) or state_pb2.Series()
    fits = series.origin in ("", registry_name)
    require(fits, CertificatesError.ORIGIN_DIFFERS, f"slot {slot}")
    cap_wh = carbon.compute_backed_cap_wh(ctx, slot, line.zone, producer)
    return min(cap_wh, line.export_wh - line.renewable_wh) - series.imported_wh


def _bring_in(
    ctx: Context, registry_name: str, entry: state_pb2.ImportedEntry, recipient: bytes
) -> int:
    """Writes what came in for a slot and device; returns what of it was withheld."""
    device = carbon.require_device(ctx, entry.meter_id)
    producer = bech32.decode(device.owner)
    found = find_series(ctx, entry.slot, producer)
    if found is None:
        line = settlement.require_line(ctx, entry.slot, producer)
        found = state_pb2.Series(zone=line.zone, energy_source=device.energy_source)
    if found.issued_wh and not SERIES.has(ctx, (entry.slot, producer)):
        set_holding(ctx, (entry.slot, (producer, producer)), found.issued_wh)
    withheld_wh = carbon.withhold(ctx, entry.meter_id, entry.wh)
    found.origin = registry_name
    found.imported_wh += entry.wh
    found.issued_wh += entry.wh
    found.made_wh += entry.wh
    found.withdrawn_wh += withheld_wh
    set_series(ctx, entry.slot, producer, found)
    add_holding(ctx, (entry.slot, (producer, recipient)), entry.wh - withheld_wh)
    return withheld_wh
