"""Validators and their powers; whom a proposal needs, and what executing it does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from blockenergy.validators.v1 import errors_pb2, events_pb2, state_pb2

from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.validators import rules
from chain.validators.state import PARAMS, PROPOSALS, VALIDATORS

ValidatorsError = ErrorCodes("validators", errors_pb2.Error.DESCRIPTOR)
# Who acts when a proposal passes: no key has this address.
VOTE_ADDRESS = hashlib.sha256(b"blockenergy.validators.v1").digest()[: bech32.ADDRESS_BYTES]
VOTE_ACCOUNT = bech32.encode(VOTE_ADDRESS)


def list_powerful(state: HasStore) -> Iterator[tuple[str, state_pb2.Validator]]:
    """Validators that have power; to be read only."""
    return ((key, one) for key, one in VALIDATORS.items(state) if one.power)


def require_operator(state: HasStore, account: str) -> None:
    """Rejects an account that operates no validator with power."""
    found = any(one.operator == account for _, one in list_powerful(state))
    require(found, ValidatorsError.NOT_AN_OPERATOR)


def has_passed(state: HasStore, proposal: state_pb2.Proposal) -> bool:
    """Whether operators of more than two thirds of the power have approved, as it is now."""
    approvals = set(proposal.approvals)
    powers = [(one.operator in approvals, one.power) for _, one in list_powerful(state)]
    approved = sum(power for is_approved, power in powers if is_approved)
    return rules.has_two_thirds(approved, sum(power for _, power in powers))


def require_space(state: HasStore) -> None:
    """Rejects one more proposal than may wait."""
    most = PARAMS.get_shared(state).proposals_max
    count = sum(1 for _ in PROPOSALS.items(state))
    require(count < most, ValidatorsError.TOO_MANY_PROPOSALS, f"{most} in all")


def end_proposal(
    ctx: Context, proposal_id: int, outcome: state_pb2.Outcome, codespace: str = "", code: int = 0
) -> None:
    """Ends a proposal; with a code if it could not be executed."""
    PROPOSALS.delete(ctx, proposal_id)
    ctx.emit(
        events_pb2.EventProposalEnded(
            proposal_id=proposal_id, outcome=outcome, codespace=codespace, code=code
        )
    )
