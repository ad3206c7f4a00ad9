"""Withdrawing certificates that were issued in error, because a meter was found wrong."""

from __future__ import annotations

from itertools import islice

from blockenergy.certificates.v1 import events_pb2, tx_pb2

from chain import carbon
from chain.certificates.keeper import (
    CertificatesError,
    find_series,
    get_expiry_s,
    get_held_wh,
    list_holdings,
    set_holding,
    set_series,
)
from chain.certificates.state import SERIES
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require

# The gas of the message stands for that many.
_HOLDERS_MAX = 100


def withdraw_certificates(
    ctx: Context, msg: tx_pb2.MsgWithdrawCertificates
) -> tx_pb2.MsgWithdrawCertificatesResponse:
    """Takes back certificates of a device, from their producer first; the rest it owes.

    Of very many holders only some lose theirs, and nothing is owed yet: send it again for the rest.
    """
    device = carbon.require_device(ctx, msg.meter_id)
    producer = bech32.decode(device.owner)
    series = find_series(ctx, msg.slot, producer)
    # A series that has expired is not on record, and its line may still be there.
    if series is None or ctx.block.time_s >= get_expiry_s(ctx, msg.slot):
        raise ChainError(CertificatesError.NOTHING_TO_WITHDRAW)
    left_wh = series.made_wh - series.withdrawn_wh - series.debt_wh
    fits = 0 < msg.wh <= left_wh
    require(fits, CertificatesError.NOTHING_TO_WITHDRAW, f"1 to {left_wh} Wh")
    is_new = not SERIES.has(ctx, (msg.slot, producer))
    own_wh = get_held_wh(ctx, msg.slot, producer, producer, series)
    taken_wh = min(own_wh, msg.wh)
    if is_new or taken_wh:
        set_holding(ctx, (msg.slot, (producer, producer)), own_wh - taken_wh)
    seen_all, others_wh = _take_from_others(ctx, msg.slot, producer, msg.wh - taken_wh)
    taken_wh += others_wh
    debt_wh = msg.wh - taken_wh if seen_all else 0
    series.withdrawn_wh += taken_wh
    series.debt_wh += debt_wh
    set_series(ctx, msg.slot, producer, series)
    carbon.add_debt(ctx, msg.meter_id, debt_wh)
    ctx.emit(
        events_pb2.EventCertificatesWithdrawn(
            slot=msg.slot, meter_id=msg.meter_id, withdrawn_wh=taken_wh, debt_wh=debt_wh
        )
    )
    return tx_pb2.MsgWithdrawCertificatesResponse(withdrawn_wh=taken_wh, debt_wh=debt_wh)


def _take_from_others(ctx: Context, slot: int, producer: bytes, wh: int) -> tuple[bool, int]:
    """Takes from holders in the order of their addresses; says whether it saw all of them, and
    what it took.
    """
    left_wh = wh
    found = list(islice(list_holdings(ctx, slot, producer), _HOLDERS_MAX + 1))
    for holder, holding in found[:_HOLDERS_MAX]:
        if holder == producer:
            continue
        taken_wh = min(holding.wh, left_wh)
        left_wh -= taken_wh
        set_holding(ctx, (slot, (producer, holder)), holding.wh - taken_wh)
    return len(found) <= _HOLDERS_MAX or not left_wh, wh - left_wh
