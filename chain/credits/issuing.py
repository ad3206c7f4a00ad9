"""Batches, and minting with the receipts of another registry."""

from __future__ import annotations

from blockenergy.credits.v1 import events_pb2, state_pb2, tx_pb2

from chain import bank, registry
from chain.credits import keeper, registries, rules
from chain.credits.keeper import CreditsError
from chain.credits.state import BATCHES, PROJECTS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.tx import decode_address
from chain.runtime.units import AMOUNT_MAX


def create_batch(ctx: Context, msg: tx_pb2.MsgCreateBatch) -> tx_pb2.MsgCreateBatchResponse:
    """Creates a batch; credits made here are minted with it, and it is sealed."""
    entry = keeper.require_issuer(ctx, msg.class_id, msg.issuer)
    project = PROJECTS.get(ctx, (msg.class_id, msg.project))
    if project is None:
        raise ChainError(CreditsError.PROJECT_UNKNOWN)
    ended = msg.vintage_start_s < msg.vintage_end_s <= ctx.block.time_s
    require(ended, CreditsError.VINTAGE_INVALID)
    is_native = not entry.origin
    given = bool(msg.recipient) and 0 < msg.grams <= AMOUNT_MAX
    fits = given if is_native else not (msg.recipient or msg.grams)
    require(fits, CreditsError.ISSUANCE_INVALID)
    if is_native:
        registry.require_active(ctx, decode_address(msg.recipient))
    project.batches += 1
    batch_id = rules.make_batch_name(
        msg.class_id, msg.project, msg.vintage_start_s, msg.vintage_end_s, project.batches
    )
    # The last check: the bank has a limit of its own.
    bank.create_denom(ctx, keeper.get_denom(batch_id), "", keeper.SYMBOL, keeper.DECIMALS)
    PROJECTS.set(ctx, (msg.class_id, msg.project), project)
    batch = state_pb2.Batch(
        class_id=msg.class_id,
        project=msg.project,
        vintage_start_s=msg.vintage_start_s,
        vintage_end_s=msg.vintage_end_s,
        open=not is_native,
    )
    ctx.emit(events_pb2.EventBatchCreated(batch_id=batch_id, batch=batch))
    if is_native:
        _mint(ctx, batch_id, batch, msg.recipient, msg.grams, "")
    BATCHES.set(ctx, batch_id, batch)
    return tx_pb2.MsgCreateBatchResponse(batch=batch_id)


def mint_credits(ctx: Context, msg: tx_pb2.MsgMintCredits) -> tx_pb2.MsgMintCreditsResponse:
    """Mints credits for units that are immobilised in the registry of origin."""
    batch = keeper.require_batch(ctx, msg.batch)
    require(batch.open, CreditsError.BATCH_SEALED)
    origin = keeper.require_class(ctx, batch.class_id).origin
    registries.require_operator(ctx, origin, state_pb2.REGISTRY_UNIT_TONNE, msg.operator)
    receipt = state_pb2.Receipt(
        batch=msg.batch,
        recipient=msg.recipient,
        grams=msg.grams,
        first_serial=msg.first_serial,
        last_serial=msg.last_serial,
    )
    if not registries.is_new_receipt(ctx, origin, msg.receipt, receipt):
        return tx_pb2.MsgMintCreditsResponse()
    units_g = registries.count_units(msg.first_serial, msg.last_serial) * rules.GRAMS_PER_TONNE
    require(0 < msg.grams <= units_g, CreditsError.GRAMS_INVALID, f"1 to {units_g} g")
    registries.require_new_serials(ctx, origin, msg.first_serial, msg.last_serial)
    registry.require_active(ctx, decode_address(msg.recipient))
    registries.add_receipt(ctx, origin, msg.receipt, receipt)
    _mint(ctx, msg.batch, batch, msg.recipient, msg.grams, msg.receipt)
    BATCHES.set(ctx, msg.batch, batch)
    return tx_pb2.MsgMintCreditsResponse()


def seal_batch(ctx: Context, msg: tx_pb2.MsgSealBatch) -> tx_pb2.MsgSealBatchResponse:
    """Ends minting in a batch, for good."""
    batch = keeper.require_batch(ctx, msg.batch)
    keeper.require_issuer(ctx, batch.class_id, msg.issuer)
    require(batch.open, CreditsError.BATCH_SEALED)
    batch.open = False
    BATCHES.set(ctx, msg.batch, batch)
    ctx.emit(events_pb2.EventBatchSealed(batch=msg.batch))
    return tx_pb2.MsgSealBatchResponse()


def _mint(
    ctx: Context, batch_id: str, batch: state_pb2.Batch, recipient: str, grams: int, receipt: str
) -> None:
    """Mints credits, and counts them in their batch, which the caller writes."""
    bank.mint(ctx, decode_address(recipient), keeper.get_denom(batch_id), grams)
    batch.minted_g += grams
    ctx.emit(
        events_pb2.EventCreditsMinted(
            batch=batch_id, recipient=recipient, grams=grams, receipt=receipt
        )
    )
