"""Messages of admins, issuers and owners of credits; the others are in registries.py, issuing.py,
trading.py and exporting.py.
"""

from __future__ import annotations

from blockenergy.credits.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, carbon, registry
from chain.credits import keeper, registries, rules
from chain.credits.exporting import confirm_export, lock_credits, reject_export
from chain.credits.issuing import create_batch, mint_credits, seal_batch
from chain.credits.keeper import CreditsError
from chain.credits.registries import set_registry
from chain.credits.state import BATCHES, CLASS_COUNT, CLASSES, PARAMS, PROJECTS
from chain.credits.trading import buy_credits, offer_credits
from chain.runtime.context import Context
from chain.runtime.errors import require
from chain.runtime.tx import decode_address

__all__ = [
    "buy_credits",
    "confirm_export",
    "create_batch",
    "lock_credits",
    "mint_credits",
    "offer_credits",
    "reject_export",
    "seal_batch",
    "set_registry",
]

_ISSUERS_MAX = 16


def create_class(ctx: Context, msg: tx_pb2.MsgCreateClass) -> tx_pb2.MsgCreateClassResponse:
    """Creates a class; the signer becomes its admin and its first issuer."""
    named = rules.is_class(msg.class_id) and rules.is_name(msg.methodology)
    require(named, CreditsError.NAME_INVALID)
    if msg.origin:
        registries.require_operator(ctx, msg.origin, state_pb2.REGISTRY_UNIT_TONNE, msg.admin)
    require(not CLASSES.has(ctx, msg.class_id), CreditsError.CLASS_EXISTS)
    most = PARAMS.get_shared(ctx).classes_max
    require(CLASS_COUNT.last(ctx) < most, CreditsError.TOO_MANY, f"max {most} classes")
    entry = state_pb2.Class(
        admin=msg.admin, issuers=[msg.admin], methodology=msg.methodology, origin=msg.origin
    )
    CLASS_COUNT.next(ctx)
    _set_class(ctx, msg.class_id, entry)
    return tx_pb2.MsgCreateClassResponse()


def set_issuers(ctx: Context, msg: tx_pb2.MsgSetIssuers) -> tx_pb2.MsgSetIssuersResponse:
    """Names the issuers of a class anew."""
    entry = keeper.require_class(ctx, msg.class_id)
    require(msg.admin == entry.admin, CreditsError.NOT_ADMIN)
    issuers = list(msg.issuers)
    known = all(registry.is_participant(ctx, decode_address(issuer)) for issuer in issuers)
    valid = 0 < len(set(issuers)) == len(issuers) <= _ISSUERS_MAX and known
    require(valid, CreditsError.ISSUERS_INVALID)
    del entry.issuers[:]
    entry.issuers.extend(issuers)
    _set_class(ctx, msg.class_id, entry)
    return tx_pb2.MsgSetIssuersResponse()


def set_eligible(ctx: Context, msg: tx_pb2.MsgSetEligible) -> tx_pb2.MsgSetEligibleResponse:
    """Says whether carbon charges can be offset with a class."""
    carbon.require_authority(ctx, msg.authority)
    entry = keeper.require_class(ctx, msg.class_id)
    entry.eligible = msg.eligible
    _set_class(ctx, msg.class_id, entry)
    return tx_pb2.MsgSetEligibleResponse()


def create_project(ctx: Context, msg: tx_pb2.MsgCreateProject) -> tx_pb2.MsgCreateProjectResponse:
    """Creates a project of a class."""
    entry = keeper.require_issuer(ctx, msg.class_id, msg.issuer)
    require(rules.is_name(msg.project), CreditsError.NAME_INVALID, "the project")
    require(rules.is_jurisdiction(msg.jurisdiction), CreditsError.JURISDICTION_INVALID)
    key = (msg.class_id, msg.project)
    require(not PROJECTS.has(ctx, key), CreditsError.REFERENCE_USED)
    most = PARAMS.get_shared(ctx).projects_per_class_max
    require(entry.projects < most, CreditsError.TOO_MANY, f"max {most} projects")
    entry.projects += 1
    CLASSES.set(ctx, msg.class_id, entry)
    PROJECTS.set(ctx, key, state_pb2.Project(jurisdiction=msg.jurisdiction))
    ctx.emit(
        events_pb2.EventProjectCreated(
            class_id=msg.class_id, project=msg.project, jurisdiction=msg.jurisdiction
        )
    )
    return tx_pb2.MsgCreateProjectResponse()


def retire_credits(ctx: Context, msg: tx_pb2.MsgRetireCredits) -> tx_pb2.MsgRetireCreditsResponse:
    """Retires credits: they count for what their owner, or the beneficiary, emitted."""
    keeper.require_batch(ctx, msg.batch)
    require(msg.grams, CreditsError.GRAMS_INVALID)
    keeper.require_reason(msg.jurisdiction, msg.purpose)
    if msg.beneficiary:
        registry.require_active(ctx, decode_address(msg.beneficiary))
    bank.require_balance(ctx, ctx.signer, keeper.get_denom(msg.batch), msg.grams)
    retirement = state_pb2.Retirement(
        owner=msg.owner,
        batch=msg.batch,
        grams=msg.grams,
        jurisdiction=msg.jurisdiction,
        purpose=msg.purpose,
        beneficiary=msg.beneficiary,
        time_s=ctx.block.time_s,
    )
    number = keeper.retire(ctx, ctx.signer, msg.batch, retirement)
    return tx_pb2.MsgRetireCreditsResponse(retirement=number)


def cancel_credits(ctx: Context, msg: tx_pb2.MsgCancelCredits) -> tx_pb2.MsgCancelCreditsResponse:
    """Ends credits without a claim."""
    batch = keeper.require_batch(ctx, msg.batch)
    require(msg.grams, CreditsError.GRAMS_INVALID)
    require(rules.is_word(msg.purpose), CreditsError.NAME_INVALID, "the purpose")
    # The last check: a balance that is too small.
    bank.burn(ctx, ctx.signer, keeper.get_denom(msg.batch), msg.grams)
    batch.cancelled_g += msg.grams
    BATCHES.set(ctx, msg.batch, batch)
    ctx.emit(
        events_pb2.EventCreditsCancelled(
            owner=msg.owner, batch=msg.batch, grams=msg.grams, purpose=msg.purpose
        )
    )
    return tx_pb2.MsgCancelCreditsResponse()


def _set_class(ctx: Context, class_id: str, entry: state_pb2.Class) -> None:
    CLASSES.set(ctx, class_id, entry)
    ctx.emit(events_pb2.EventClassSet(class_id=class_id, entry=entry))
