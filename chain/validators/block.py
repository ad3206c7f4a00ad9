"""What happens to validators in every block: evidence before it, changes and lapses after it."""

from __future__ import annotations

from blockenergy.validators.v1 import events_pb2, state_pb2

from chain.runtime.consensus import ConsensusUpdates, ValidatorUpdate
from chain.runtime.context import Context
from chain.validators import rules
from chain.validators.keeper import end_proposal
from chain.validators.state import CHANGED_AT, PARAMS, PROPOSALS, VALIDATORS


def begin_block(ctx: Context) -> None:
    """Tombstones the validators against whom the block has evidence."""
    for found in ctx.block.evidence:
        address = found.validator.hex()
        validator = VALIDATORS.get(ctx, address)
        if validator is not None and validator.status != state_pb2.STATUS_TOMBSTONED:
            validator.status = state_pb2.STATUS_TOMBSTONED
            validator.target_power = 0
            VALIDATORS.set(ctx, address, validator)


def end_block(ctx: Context) -> ConsensusUpdates | None:
    """Ends proposals whose time is over, and takes the next step to the powers decided on."""
    for proposal_id, proposal in list(PROPOSALS.items(ctx)):
        if ctx.block.time_s >= proposal.deadline_s:
            end_proposal(ctx, proposal_id, state_pb2.OUTCOME_LAPSED)
    records = dict(VALIDATORS.items(ctx))
    if all(one.power == one.target_power for one in records.values()):
        return None
    expelled = frozenset(
        address
        for address, one in records.items()
        if one.status == state_pb2.STATUS_TOMBSTONED and one.power
    )
    waits = PARAMS.get_shared(ctx).blocks_between_changes
    is_due = ctx.block.height >= CHANGED_AT.get(ctx) + waits
    powers = {address: one.power for address, one in records.items() if one.power}
    targets = {address: one.target_power for address, one in records.items()} if is_due else {}
    step = rules.plan_step(powers, targets, expelled)
    return _take(ctx, step) if step else None


def _take(ctx: Context, step: dict[str, int]) -> ConsensusUpdates:
    updates = []
    for address, power in sorted(step.items()):
        validator = VALIDATORS.get(ctx, address)
        assert validator is not None
        validator.power = power
        VALIDATORS.set(ctx, address, validator)
        updates.append(ValidatorUpdate(validator.pub_key, power))
        ctx.emit(
            events_pb2.EventValidatorChanged(
                validator=address, power=power, status=validator.status
            )
        )
    CHANGED_AT.set(ctx, ctx.block.height)
    return ConsensusUpdates(validators=tuple(updates))
