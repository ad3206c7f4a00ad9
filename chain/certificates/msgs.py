"""Messages of holders and buyers of certificates; the others are in offset.py, recording.py,
withdrawal.py, importing.py and exporting.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.certificates.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, market, registry
from chain.certificates.claims import plan_retirement, retire
from chain.certificates.exporting import (
    confirm_certificate_export,
    lock_certificates,
    reject_certificate_export,
)
from chain.certificates.importing import import_certificates
from chain.certificates.keeper import CertificatesError, Taken, give, require_entries, take
from chain.certificates.offset import offset
from chain.certificates.recording import record_statement
from chain.certificates.state import PRICES
from chain.certificates.withdrawal import withdraw_certificates
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address
from chain.runtime.units import WH_PER_KWH, ceil_div

__all__ = [
    "confirm_certificate_export",
    "import_certificates",
    "lock_certificates",
    "offset",
    "record_statement",
    "reject_certificate_export",
    "withdraw_certificates",
]

_PRICE_MAX_PER_KWH = 10**9


def transfer_certificates(
    ctx: Context, msg: tx_pb2.MsgTransferCertificates
) -> tx_pb2.MsgTransferCertificatesResponse:
    """Gives certificates to another participant."""
    recipient = decode_address(msg.recipient)
    require(recipient != ctx.signer, CertificatesError.RECIPIENT_INVALID)
    registry.require_active(ctx, recipient)
    for taken in require_entries(ctx, ctx.signer, msg.entries):
        give(ctx, taken, recipient)
    ctx.emit(
        events_pb2.EventCertificatesTransferred(
            holder=msg.holder, recipient=msg.recipient, entries=msg.entries
        )
    )
    return tx_pb2.MsgTransferCertificatesResponse()


def retire_certificates(
    ctx: Context, msg: tx_pb2.MsgRetireCertificates
) -> tx_pb2.MsgRetireCertificatesResponse:
    """Retires certificates for what an account used in their slots."""
    consumer = decode_address(msg.consumer) if msg.consumer else ctx.signer
    taken = require_entries(ctx, ctx.signer, msg.entries)
    plan = plan_retirement(ctx, consumer, taken)
    refund = retire(ctx, consumer, taken, plan)
    _announce_retired(ctx, ctx.signer, consumer, msg.entries, refund)
    return tx_pb2.MsgRetireCertificatesResponse(refund=refund)


def cancel_certificates(
    ctx: Context, msg: tx_pb2.MsgCancelCertificates
) -> tx_pb2.MsgCancelCertificatesResponse:
    """Ends certificates without a claim on metered use."""
    for taken in require_entries(ctx, ctx.signer, msg.entries):
        taken.series.cancelled_wh += taken.wh
        take(ctx, taken)
    ctx.emit(events_pb2.EventCertificatesCancelled(holder=msg.holder, entries=msg.entries))
    return tx_pb2.MsgCancelCertificatesResponse()


def set_certificate_price(
    ctx: Context, msg: tx_pb2.MsgSetCertificatePrice
) -> tx_pb2.MsgSetCertificatePriceResponse:
    """Sets what the signer asks for all its certificates; 0 ends the offer."""
    fits = msg.price_per_kwh <= _PRICE_MAX_PER_KWH
    require(fits, CertificatesError.PRICE_INVALID, f"max {_PRICE_MAX_PER_KWH} millionths")
    if msg.price_per_kwh:
        PRICES.set(ctx, ctx.signer, state_pb2.Asked(price_per_kwh=msg.price_per_kwh))
    else:
        require(PRICES.has(ctx, ctx.signer), CertificatesError.PRICE_INVALID, "no offer")
        PRICES.delete(ctx, ctx.signer)
    ctx.emit(
        events_pb2.EventCertificatePriceSet(holder=msg.holder, price_per_kwh=msg.price_per_kwh)
    )
    return tx_pb2.MsgSetCertificatePriceResponse()


def buy_certificates(
    ctx: Context, msg: tx_pb2.MsgBuyCertificates
) -> tx_pb2.MsgBuyCertificatesResponse:
    """Buys certificates at the price that their holder asks."""
    seller = decode_address(msg.seller)
    require(seller != ctx.signer, CertificatesError.OWN_CERTIFICATES)
    asked = PRICES.get_shared(ctx, seller)
    if asked is None:
        raise ChainError(CertificatesError.NOT_FOR_SALE)
    registry.require_active(ctx, seller)
    taken = require_entries(ctx, seller, msg.entries)
    cost = _compute_cost(taken, asked)
    require(cost <= msg.cost_limit, CertificatesError.LIMIT_EXCEEDED, f"{cost} millionths")
    plan = plan_retirement(ctx, ctx.signer, taken) if msg.retire else []
    # The last check: a balance that is too small.
    denom = market.get_params(ctx).settlement_denom
    bank.transfer(ctx, ctx.signer, seller, denom, cost)
    ctx.emit(
        events_pb2.EventCertificatesSold(
            seller=msg.seller, buyer=msg.buyer, entries=msg.entries, cost=cost
        )
    )
    refund = 0
    if msg.retire:
        refund = retire(ctx, ctx.signer, taken, plan)
        _announce_retired(ctx, ctx.signer, ctx.signer, msg.entries, refund)
    else:
        for one in taken:
            give(ctx, one, ctx.signer)
    return tx_pb2.MsgBuyCertificatesResponse(cost=cost, refund=refund)


def _compute_cost(taken: list[Taken], asked: state_pb2.Asked) -> int:
    """What certificates cost, rounded up once, in favour of the seller."""
    return ceil_div(sum(one.wh for one in taken) * asked.price_per_kwh, WH_PER_KWH)


def _announce_retired(
    ctx: Context, holder: bytes, consumer: bytes, entries: Sequence[state_pb2.Entry], refund: int
) -> None:
    ctx.emit(
        events_pb2.EventCertificatesRetired(
            holder=bech32.encode(holder),
            consumer=bech32.encode(consumer),
            entries=entries,
            refund=refund,
        )
    )
