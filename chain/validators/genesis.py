"""What a genesis document must promise of validators, and how it goes with what consensus says."""

from __future__ import annotations

from collections.abc import Sequence

from blockenergy.validators.v1 import state_pb2

from chain import registry
from chain.runtime.consensus import ValidatorUpdate
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError, HasStore
from chain.validators import rules
from chain.validators.state import PARAMS, PROPOSAL_IDS, PROPOSALS, VALIDATORS

_BLOCKS_BETWEEN = (2, 1_000_000)


def validate_params(state: HasStore) -> None:
    """Raises GenesisError unless the limits make sense."""
    params = PARAMS.get(state)
    ranges = {
        "power_max": (1, rules.POWER_CEILING),
        "validators_max": (1, rules.VALIDATORS_CEILING),
        "vote_period_s": (1, rules.VOTE_PERIOD_MAX_S),
        "blocks_between_changes": _BLOCKS_BETWEEN,
        "proposals_max": (1, rules.PROPOSALS_CEILING),
    }
    for name, (least, most) in ranges.items():
        if not least <= getattr(params, name) <= most:
            raise GenesisError(f"validators.params.{name}: {least} to {most} is expected")


def init_validators(ctx: Context, validators: Sequence[ValidatorUpdate]) -> None:
    """Takes over the validators that consensus begins with. Those of the document have to be the
    same, with the same power; others get no operator. Raises GenesisError.
    """
    listed = {key for key, one in VALIDATORS.items(ctx) if one.power}
    for update in validators:
        address = rules.compute_address(update.pub_key)
        known = VALIDATORS.get(ctx, address)
        if known is None:
            record = state_pb2.Validator(
                pub_key=update.pub_key,
                power=update.power,
                target_power=update.power,
                status=state_pb2.STATUS_ACTIVE,
            )
            VALIDATORS.set(ctx, address, record)
        elif known.power != update.power:
            raise GenesisError(
                f"validators.validators {address}: power {known.power}, but the validators of the "
                f"genesis file have {update.power}"
            )
        listed.discard(address)
    if validators and listed:
        raise GenesisError(
            f"validators.validators {min(listed)}: not among the validators of the genesis file"
        )


def validate_genesis(state: HasStore) -> None:
    """Raises GenesisError unless validators and proposals make sense."""
    powerful = 0
    for address, validator in VALIDATORS.items(state):
        powerful += bool(validator.power)
        if error := rules.find_validator_error(address, validator):
            raise GenesisError(f"validators.validators {address}: not valid: {error}")
        if validator.operator and not _is_participant(state, validator.operator):
            raise GenesisError(f"validators.validators {address}: the operator is no participant")
    if powerful > rules.VALIDATORS_CEILING:
        raise GenesisError(f"validators.validators: more than {rules.VALIDATORS_CEILING}")
    count = 0
    for proposal_id, proposal in PROPOSALS.items(state):
        count += 1
        if not 0 < proposal_id <= PROPOSAL_IDS.last(state):
            raise GenesisError(f"validators.proposals {proposal_id}: behind last_proposal_id")
        approvals = list(proposal.approvals)
        if not approvals or len(set(approvals)) < len(approvals):
            raise GenesisError(f"validators.proposals {proposal_id}: approvals, each once")
        if not all(_is_participant(state, one) for one in (proposal.proposer, *approvals)):
            raise GenesisError(f"validators.proposals {proposal_id}: not a participant")
    if count > rules.PROPOSALS_CEILING:
        raise GenesisError(f"validators.proposals: {count}, max {rules.PROPOSALS_CEILING}")


def _is_participant(state: HasStore, account: str) -> bool:
    return registry.is_participant(state, bech32.decode(account))
