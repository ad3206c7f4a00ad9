"""Statements by month that outlive the lines that they are made of."""

from __future__ import annotations

from blockenergy.certificates.v1 import events_pb2, state_pb2, tx_pb2

from chain import metering, settlement
from chain.certificates import statement
from chain.certificates.keeper import SUM_LIMIT, CertificatesError
from chain.certificates.state import LAST_CLOSED, RECORDED, STATEMENTS
from chain.certificates.statement import Sums
from chain.runtime import slots
from chain.runtime.calendar import get_month
from chain.runtime.context import Context
from chain.runtime.errors import require

_SLOTS_MAX = 200


def record_statement(
    ctx: Context, msg: tx_pb2.MsgRecordStatement
) -> tx_pb2.MsgRecordStatementResponse:
    """Adds slots in which nothing can be claimed any more to the signer's statements by month."""
    _require_next(ctx, msg)
    months = _add_up_months(ctx, msg)
    for month, (first, last, sums) in months.items():
        kept = STATEMENTS.get(ctx, (ctx.signer, month))
        whole = statement.add_up([_read(kept), sums])
        fits = max(whole) < SUM_LIMIT
        require(fits, CertificatesError.TOO_MANY_SLOTS, "the sums are too large")
        months[month] = (kept.first_slot if kept else first, last, whole)
    for month, (first, last, sums) in months.items():
        entry = state_pb2.RecordedStatement(
            first_slot=first, last_slot=last, sums=state_pb2.StatementSums(**sums._asdict())
        )
        STATEMENTS.set(ctx, (ctx.signer, month), entry)
    RECORDED.set(ctx, ctx.signer, state_pb2.Recorded(next_slot=msg.last_slot + 1))
    ctx.emit(
        events_pb2.EventStatementRecorded(
            account=msg.account, first_slot=msg.first_slot, last_slot=msg.last_slot
        )
    )
    return tx_pb2.MsgRecordStatementResponse()


def _require_next(ctx: Context, msg: tx_pb2.MsgRecordStatement) -> None:
    """Rejects slots that do not follow what is recorded, or are not final, or no longer kept."""
    in_range = msg.first_slot <= msg.last_slot < msg.first_slot + _SLOTS_MAX
    require(in_range, CertificatesError.TOO_MANY_SLOTS, f"max {_SLOTS_MAX}")
    recorded = RECORDED.get(ctx, ctx.signer)
    follows = recorded is None or recorded.next_slot == msg.first_slot
    detail = f"the next is {recorded.next_slot}" if recorded else ""
    require(follows, CertificatesError.NOT_CONTIGUOUS, detail)
    closed = LAST_CLOSED.last(ctx)
    require(msg.last_slot <= closed, CertificatesError.WINDOW_OPEN, f"closed up to {closed}")
    kept_from = settlement.get_history_from(ctx)
    require(msg.first_slot >= kept_from, CertificatesError.LINES_GONE, f"kept from {kept_from}")


def _add_up_months(
    ctx: Context, msg: tx_pb2.MsgRecordStatement
) -> dict[int, tuple[int, int, Sums]]:
    """First slot, last slot and sums of each month, in the order of the months."""
    length_s = metering.get_params(ctx).slot_length_s
    months: dict[int, tuple[int, int, Sums]] = {}
    for slot in range(msg.first_slot, msg.last_slot + 1):
        month = get_month(slots.start_s(slot, length_s))
        first, _, sums = months.get(month, (slot, slot, Sums()))
        more = statement.compute_slot_sums(ctx, slot, ctx.signer) or Sums()
        months[month] = (first, slot, statement.add_up([sums, more]))
    return months


def _read(entry: state_pb2.RecordedStatement | None) -> Sums:
    if entry is None:
        return Sums()
    return Sums(*(getattr(entry.sums, name) for name in Sums._fields))
