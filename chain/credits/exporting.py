"""Credits on their way back to the registry that they came from.

They are locked until that registry has answered. No time limit ends a lock: a unit that exists
abroad again and is freed here would exist twice.
"""

from __future__ import annotations

from blockenergy.credits.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank
from chain.credits import keeper, registries, rules
from chain.credits.keeper import LOCKED, CreditsError
from chain.credits.state import BATCHES, LAST_LOCK, LOCKS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore


def lock_credits(ctx: Context, msg: tx_pb2.MsgLockCredits) -> tx_pb2.MsgLockCreditsResponse:
    """Locks credits that go back to the registry that they came from."""
    batch = keeper.require_batch(ctx, msg.batch)
    require(not batch.HasField("foreign"), CreditsError.ORIGIN_DIFFERS)
    origin = keeper.require_class(ctx, batch.class_id).origin
    require(origin, CreditsError.ORIGIN_DIFFERS)
    require(msg.grams, CreditsError.GRAMS_INVALID)
    require(rules.is_word(msg.foreign_account), CreditsError.NAME_INVALID, "the foreign account")
    # The last check: a balance that is too small.
    bank.transfer(ctx, ctx.signer, LOCKED, keeper.get_denom(msg.batch), msg.grams)
    batch.locked_g += msg.grams
    BATCHES.set(ctx, msg.batch, batch)
    number = LAST_LOCK.next(ctx)
    lock = state_pb2.Lock(
        owner=msg.owner, batch=msg.batch, grams=msg.grams, foreign_account=msg.foreign_account
    )
    LOCKS.set(ctx, number, lock)
    ctx.emit(events_pb2.EventCreditsLocked(number=number, lock=lock))
    return tx_pb2.MsgLockCreditsResponse(lock=number)


def confirm_export(ctx: Context, msg: tx_pb2.MsgConfirmExport) -> tx_pb2.MsgConfirmExportResponse:
    """Ends locked credits: they exist in their registry again."""
    lock, batch, origin = _require_lock(ctx, msg.lock, msg.operator)
    registries.require_unused_receipt(ctx, origin, msg.receipt)
    receipt = state_pb2.Receipt(batch=lock.batch, grams=lock.grams)
    registries.add_receipt(ctx, origin, msg.receipt, receipt)
    bank.burn(ctx, LOCKED, keeper.get_denom(lock.batch), lock.grams)
    batch.locked_g -= lock.grams
    batch.exported_g += lock.grams
    BATCHES.set(ctx, lock.batch, batch)
    LOCKS.delete(ctx, msg.lock)
    ctx.emit(events_pb2.EventExportConfirmed(number=msg.lock, receipt=msg.receipt))
    return tx_pb2.MsgConfirmExportResponse()


def reject_export(ctx: Context, msg: tx_pb2.MsgRejectExport) -> tx_pb2.MsgRejectExportResponse:
    """Returns locked credits to their owner."""
    lock, batch, _ = _require_lock(ctx, msg.lock, msg.operator)
    owner, denom = bech32.decode(lock.owner), keeper.get_denom(lock.batch)
    bank.transfer(ctx, LOCKED, owner, denom, lock.grams)
    batch.locked_g -= lock.grams
    BATCHES.set(ctx, lock.batch, batch)
    LOCKS.delete(ctx, msg.lock)
    ctx.emit(events_pb2.EventExportRejected(number=msg.lock))
    return tx_pb2.MsgRejectExportResponse()


def _require_lock(
    state: HasStore, number: int, operator: str
) -> tuple[state_pb2.Lock, state_pb2.Batch, str]:
    """A lock with its batch and registry; rejects one that has ended, and who is no operator."""
    lock = LOCKS.get(state, number)
    if lock is None:
        raise ChainError(CreditsError.LOCK_ENDED)
    batch = keeper.require_batch(state, lock.batch)
    origin = keeper.require_class(state, batch.class_id).origin
    registries.require_operator(state, origin, state_pb2.REGISTRY_UNIT_TONNE, operator)
    return lock, batch, origin
