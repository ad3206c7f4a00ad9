"""Classes and batches as messages and other modules use them."""

from __future__ import annotations

from blockenergy.credits.v1 import errors_pb2, events_pb2, state_pb2

from chain import bank
from chain.credits import rules
from chain.credits.state import BATCHES, CLASSES, LAST_RETIREMENT, PARAMS, RETIREMENTS
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore

CreditsError = ErrorCodes("credits", errors_pb2.Error.DESCRIPTOR)
# Has the credits that wait for the answer of their registry.
LOCKED = bank.module_account("locked credits")
SYMBOL, DECIMALS = "tCO2e", 6


def get_denom(batch: str) -> str:
    """The denomination of a batch."""
    return f"{bank.CREDIT_PREFIX}{batch}"


def require_class(state: HasStore, class_id: str) -> state_pb2.Class:
    """A class; rejects an unknown one."""
    found = CLASSES.get(state, class_id)
    if found is None:
        raise ChainError(CreditsError.CLASS_UNKNOWN)
    return found


def require_batch(state: HasStore, batch_id: str) -> state_pb2.Batch:
    """A batch; rejects an unknown one."""
    found = BATCHES.get(state, batch_id)
    if found is None:
        raise ChainError(CreditsError.BATCH_UNKNOWN)
    return found


def require_issuer(state: HasStore, class_id: str, address: str) -> state_pb2.Class:
    """A class; rejects who is not an issuer of it."""
    found = require_class(state, class_id)
    require(address in found.issuers, CreditsError.NOT_ISSUER)
    return found


def require_offsetting(state: HasStore, batch_id: str, time_s: int) -> None:
    """Rejects a batch that carbon charges cannot be offset with."""
    batch = require_batch(state, batch_id)
    require(not batch.HasField("foreign"), CreditsError.NOT_ELIGIBLE)
    require(require_class(state, batch.class_id).eligible, CreditsError.NOT_ELIGIBLE)
    oldest_s = time_s - PARAMS.get_shared(state).vintage_age_max_s
    require(batch.vintage_end_s >= oldest_s, CreditsError.TOO_OLD)


def get_balance(state: HasStore, owner: bytes, batch_id: str) -> int:
    """Credits of a batch that an account can spend, in g."""
    return bank.get_balance(state, owner, get_denom(batch_id))


def retire(ctx: Context, owner: bytes, batch_id: str, retirement: state_pb2.Retirement) -> int:
    """Retires credits, which the balance of their owner covers; returns their record's number."""
    batch = require_batch(ctx, batch_id)
    bank.burn(ctx, owner, get_denom(batch_id), retirement.grams)
    batch.retired_g += retirement.grams
    BATCHES.set(ctx, batch_id, batch)
    number = LAST_RETIREMENT.next(ctx)
    RETIREMENTS.set(ctx, number, retirement)
    ctx.emit(events_pb2.EventCreditsRetired(number=number, retirement=retirement))
    return number


def consume(ctx: Context, owner: bytes, batch_id: str, grams: int, purpose: str) -> int:
    """Retires credits for a purpose of the chain; returns the number of the record."""
    retirement = state_pb2.Retirement(
        owner=bech32.encode(owner),
        batch=batch_id,
        grams=grams,
        purpose=purpose,
        time_s=ctx.block.time_s,
    )
    return retire(ctx, owner, batch_id, retirement)


def require_reason(jurisdiction: str, purpose: str) -> None:
    """Rejects a jurisdiction or a purpose of a retirement that is not valid."""
    require(rules.is_jurisdiction(jurisdiction), CreditsError.JURISDICTION_INVALID)
    require(rules.is_word(purpose), CreditsError.NAME_INVALID, "the purpose")
