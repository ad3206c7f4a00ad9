"""Messages of sellers and buyers of credits: offered on hold, delivered against payment."""

from __future__ import annotations

from blockenergy.credits.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, market, registry
from chain.credits import keeper, rules
from chain.credits.keeper import CreditsError
from chain.credits.state import OFFERS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address
from chain.runtime.units import ceil_div

_PRICE_MAX_PER_TONNE = 10**12


def offer_credits(ctx: Context, msg: tx_pb2.MsgOfferCredits) -> tx_pb2.MsgOfferCreditsResponse:
    """Offers credits of a batch at a fixed price; 0 grams end the offer."""
    keeper.require_batch(ctx, msg.batch)
    key = (msg.batch, ctx.signer)
    old = OFFERS.get(ctx, key)
    denom = keeper.get_denom(msg.batch)
    if msg.grams:
        in_range = 0 < msg.price_per_tonne <= _PRICE_MAX_PER_TONNE
        require(in_range, CreditsError.PRICE_INVALID, f"max {_PRICE_MAX_PER_TONNE}")
        hold_id = _hold(ctx, denom, msg.grams, old)
        offer = state_pb2.CreditOffer(
            price_per_tonne=msg.price_per_tonne, grams=msg.grams, hold_id=hold_id
        )
        OFFERS.set(ctx, key, offer)
    elif old is None:
        raise ChainError(CreditsError.OFFER_UNKNOWN)
    else:
        bank.void(ctx, ctx.signer, old.hold_id)
        OFFERS.delete(ctx, key)
    ctx.emit(
        events_pb2.EventCreditsOffered(
            seller=msg.seller,
            batch=msg.batch,
            grams=msg.grams,
            price_per_tonne=msg.price_per_tonne,
        )
    )
    return tx_pb2.MsgOfferCreditsResponse()


def buy_credits(ctx: Context, msg: tx_pb2.MsgBuyCredits) -> tx_pb2.MsgBuyCreditsResponse:
    """Buys offered credits, and if wanted retires them for the buyer."""
    seller = decode_address(msg.seller)
    require(seller != ctx.signer, CreditsError.OWN_OFFER)
    offer = OFFERS.get(ctx, (msg.batch, seller))
    if offer is None:
        raise ChainError(CreditsError.OFFER_UNKNOWN)
    registry.require_active(ctx, seller)
    require(msg.grams, CreditsError.GRAMS_INVALID)
    require(msg.grams <= offer.grams, CreditsError.OFFER_TOO_SMALL, f"{offer.grams} g are left")
    cost = ceil_div(msg.grams * offer.price_per_tonne, rules.GRAMS_PER_TONNE)
    require(cost <= msg.cost_limit, CreditsError.LIMIT_EXCEEDED, f"{cost} millionths")
    if msg.retire:
        keeper.require_reason(msg.jurisdiction, msg.purpose)
    # The last check: a balance that is too small.
    bank.transfer(ctx, ctx.signer, seller, market.get_params(ctx).settlement_denom, cost)
    _deliver(ctx, msg, seller, offer)
    ctx.emit(
        events_pb2.EventCreditsSold(
            seller=msg.seller, buyer=msg.buyer, batch=msg.batch, grams=msg.grams, cost=cost
        )
    )
    number = 0
    if msg.retire:
        retirement = state_pb2.Retirement(
            owner=msg.buyer,
            batch=msg.batch,
            grams=msg.grams,
            jurisdiction=msg.jurisdiction,
            purpose=msg.purpose,
            time_s=ctx.block.time_s,
        )
        number = keeper.retire(ctx, ctx.signer, msg.batch, retirement)
    return tx_pb2.MsgBuyCreditsResponse(cost=cost, retirement=number)


def _hold(ctx: Context, denom: str, grams: int, old: state_pb2.CreditOffer | None) -> int:
    """Puts exactly the credits of an offer on hold; rejects what the balance does not cover."""
    if old is None:
        return bank.reserve(ctx, ctx.signer, denom, grams, deposit=bank.get_deposit(ctx))
    if grams > old.grams:
        bank.extend(ctx, ctx.signer, old.hold_id, grams - old.grams)
    else:
        bank.release(ctx, ctx.signer, old.hold_id, old.grams - grams)
    return old.hold_id


def _deliver(
    ctx: Context, msg: tx_pb2.MsgBuyCredits, seller: bytes, offer: state_pb2.CreditOffer
) -> None:
    """Takes credits out of an offer, which ends when nothing is left."""
    key, left_g = (msg.batch, seller), offer.grams - msg.grams
    if left_g:
        bank.release(ctx, seller, offer.hold_id, msg.grams)
        bank.transfer(ctx, seller, ctx.signer, keeper.get_denom(msg.batch), msg.grams)
        offer.grams = left_g
        OFFERS.set(ctx, key, offer)
    else:
        bank.post(ctx, seller, offer.hold_id, ctx.signer, msg.grams)
        OFFERS.delete(ctx, key)
