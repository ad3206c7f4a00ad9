"""Certificates on their way to another registry.

They are locked until that registry has answered. No time limit ends a lock: a certificate that
exists abroad and is freed here would exist twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.certificates.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.credits.v1 import state_pb2 as credits_pb2

from chain import carbon, credits, metering
from chain.certificates.keeper import (
    CertificatesError,
    add_holding,
    require_entries,
    take,
)
from chain.certificates.state import LAST_LOCK, LOCKS, SERIES
from chain.runtime import slots
from chain.runtime.calendar import get_month
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address
from chain.runtime.units import WH_PER_MWH

# The gas of the messages stands for that many.
_ENTRIES_MAX, _LOCKS_MAX = 100, 16


def lock_certificates(
    ctx: Context, msg: tx_pb2.MsgLockCertificates
) -> tx_pb2.MsgLockCertificatesResponse:
    """Locks certificates of a device and a month that go to another registry."""
    credits.require_registry(ctx, msg.registry, credits_pb2.REGISTRY_UNIT_MWH)
    named = credits.is_word(msg.foreign_account)
    require(named, credits.CreditsError.NAME_INVALID, "the foreign account")
    fits = len(msg.entries) <= _ENTRIES_MAX
    require(fits, CertificatesError.ENTRIES_INVALID, f"1 to {_ENTRIES_MAX}")
    _require_made_by(ctx, msg)
    taken = require_entries(ctx, ctx.signer, msg.entries)
    for one in taken:
        goes = one.series.origin in ("", msg.registry)
        require(goes, CertificatesError.ORIGIN_DIFFERS, f"slot {one.slot}")
    for one in taken:
        one.series.locked_wh += one.wh
        take(ctx, one)
    lock = state_pb2.Lock(
        holder=msg.holder,
        registry=msg.registry,
        foreign_account=msg.foreign_account,
        meter_id=msg.meter_id,
        month=msg.month,
        entries=msg.entries,
    )
    number = LAST_LOCK.next(ctx)
    LOCKS.set(ctx, number, lock)
    ctx.emit(events_pb2.EventCertificatesLocked(number=number, lock=lock))
    return tx_pb2.MsgLockCertificatesResponse(lock=number)


def confirm_certificate_export(
    ctx: Context, msg: tx_pb2.MsgConfirmCertificateExport
) -> tx_pb2.MsgConfirmCertificateExportResponse:
    """Ends whole MWh of locked certificates: they exist in another registry."""
    locks = _require_alike(ctx, msg.locks)
    name = locks[0].registry
    credits.require_operator(ctx, name, credits_pb2.REGISTRY_UNIT_MWH, msg.operator)
    credits.require_unused_receipt(ctx, name, msg.receipt)
    wh, locked_wh = msg.mwh * WH_PER_MWH, sum(_sum_wh(lock) for lock in locks)
    detail = f"{locked_wh} Wh are locked"
    require(0 < wh <= locked_wh, CertificatesError.NOT_WHOLE, detail)
    credits.add_receipt(ctx, name, msg.receipt, credits_pb2.Receipt(wh=wh))
    left_wh = wh
    for number, lock in zip(msg.locks, locks, strict=True):
        left_wh = _export(ctx, number, lock, left_wh)
    ctx.emit(
        events_pb2.EventCertificateExportConfirmed(
            registry=name, receipt=msg.receipt, locks=msg.locks, mwh=msg.mwh
        )
    )
    return tx_pb2.MsgConfirmCertificateExportResponse()


def reject_certificate_export(
    ctx: Context, msg: tx_pb2.MsgRejectCertificateExport
) -> tx_pb2.MsgRejectCertificateExportResponse:
    """Returns locked certificates to their holder."""
    lock = require_lock(ctx, msg.lock)
    credits.require_operator(ctx, lock.registry, credits_pb2.REGISTRY_UNIT_MWH, msg.operator)
    holder = bech32.decode(lock.holder)
    for entry in lock.entries:
        producer = bech32.decode(entry.producer)
        if _unlock(ctx, entry, exported_wh=0, wh=entry.wh):
            add_holding(ctx, (entry.slot, (producer, holder)), entry.wh)
        else:
            ctx.emit(
                events_pb2.EventCertificatesExpired(
                    slot=entry.slot, producer=entry.producer, wh=entry.wh
                )
            )
    LOCKS.delete(ctx, msg.lock)
    ctx.emit(events_pb2.EventCertificateExportRejected(number=msg.lock))
    return tx_pb2.MsgRejectCertificateExportResponse()


def require_lock(state: HasStore, number: int) -> state_pb2.Lock:
    """A lock; rejects one that has ended."""
    lock = LOCKS.get(state, number)
    if lock is None:
        raise ChainError(CertificatesError.LOCK_ENDED, f"lock {number}")
    return lock


def require_generation_only(ctx: Context, producer: bytes, slot: int) -> None:
    """Rejects a producer that has a device behind a meter that measures more than generation, or
    none in force in a slot.

    A series does not say which of its producer's devices made it, so all of them have to be such.
    """
    devices = carbon.list_devices_of(ctx, producer)
    only = all(device.generation_only for _, device in devices)
    only = only and any(carbon.is_in_force(ctx, *entry, slot) for entry in devices)
    require(only, CertificatesError.NOT_GENERATION_ONLY, f"slot {slot}")


def _require_made_by(ctx: Context, msg: tx_pb2.MsgLockCertificates) -> None:
    """Rejects entries that a device behind a meter for generation alone has not made in a month."""
    device = carbon.require_device(ctx, msg.meter_id)
    length_s = metering.get_params(ctx).slot_length_s
    for entry in msg.entries:
        made = decode_address(entry.producer) == bech32.decode(device.owner)
        made = made and get_month(slots.start_s(entry.slot, length_s)) == msg.month
        require(made, CertificatesError.NOT_OF_DEVICE, f"slot {entry.slot}")
        in_force = carbon.is_in_force(ctx, msg.meter_id, device, entry.slot)
        require(in_force, CertificatesError.NOT_GENERATION_ONLY, f"slot {entry.slot}")
        require_generation_only(ctx, bech32.decode(device.owner), entry.slot)


def _require_alike(state: HasStore, numbers: Sequence[int]) -> list[state_pb2.Lock]:
    """Locks that one receipt can be for."""
    counted = 0 < len(set(numbers)) == len(numbers) <= _LOCKS_MAX
    require(counted, CertificatesError.LOCKS_DIFFER)
    locks = [require_lock(state, number) for number in numbers]
    kinds = {(one.registry, one.foreign_account, one.meter_id, one.month) for one in locks}
    require(len(kinds) == 1, CertificatesError.LOCKS_DIFFER)
    return locks


def _sum_wh(lock: state_pb2.Lock) -> int:
    return sum(entry.wh for entry in lock.entries)


def _export(ctx: Context, number: int, lock: state_pb2.Lock, wh: int) -> int:
    """Ends certificates of a lock up to an amount; returns what is left of it."""
    rest = []
    for entry in list(lock.entries):
        gone_wh = min(wh, entry.wh)
        wh -= gone_wh
        if gone_wh:
            _unlock(ctx, entry, exported_wh=gone_wh, wh=gone_wh)
        entry.wh -= gone_wh
        if entry.wh:
            rest.append(entry)
    del lock.entries[:]
    lock.entries.extend(rest)
    if rest:
        LOCKS.set(ctx, number, lock)
    else:
        LOCKS.delete(ctx, number)
    return wh


def _unlock(ctx: Context, entry: state_pb2.Entry, *, exported_wh: int, wh: int) -> bool:
    """Notes in its series what is no longer locked; says whether the series is still there."""
    key = (entry.slot, bech32.decode(entry.producer))
    series = SERIES.get(ctx, key)
    if series is None:
        return False
    series.locked_wh -= wh
    series.exported_wh += exported_wh
    SERIES.set(ctx, key, series)
    return True
