"""Queries of validators and proposals."""

from __future__ import annotations

from blockenergy.validators.v1 import query_pb2

from chain.runtime.context import Context
from chain.runtime.errors import ChainError
from chain.runtime.state.paging import get_page
from chain.validators.keeper import VOTE_ACCOUNT, ValidatorsError
from chain.validators.state import PARAMS, PROPOSALS, VALIDATORS


def params(ctx: Context, _: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    """The limits of the validator set."""
    return query_pb2.QueryParamsResponse(params=PARAMS.get(ctx))


def validator(
    ctx: Context, request: query_pb2.QueryValidatorRequest
) -> query_pb2.QueryValidatorResponse:
    """One validator."""
    found = VALIDATORS.get(ctx, request.address)
    if found is None:
        raise ChainError(ValidatorsError.VALIDATOR_UNKNOWN)
    return query_pb2.QueryValidatorResponse(address=request.address, validator=found)


def validators(
    ctx: Context, request: query_pb2.QueryValidatorsRequest
) -> query_pb2.QueryValidatorsResponse:
    """All validators."""
    page, pagination = get_page(ctx, VALIDATORS, request.pagination)
    entries = [query_pb2.QueryValidatorResponse(address=key, validator=one) for key, one in page]
    return query_pb2.QueryValidatorsResponse(validators=entries, pagination=pagination)


def proposal(
    ctx: Context, request: query_pb2.QueryProposalRequest
) -> query_pb2.QueryProposalResponse:
    """One proposal."""
    found = PROPOSALS.get(ctx, request.proposal_id)
    if found is None:
        raise ChainError(ValidatorsError.PROPOSAL_UNKNOWN)
    return query_pb2.QueryProposalResponse(proposal_id=request.proposal_id, proposal=found)


def proposals(
    ctx: Context, request: query_pb2.QueryProposalsRequest
) -> query_pb2.QueryProposalsResponse:
    """All proposals."""
    page, pagination = get_page(ctx, PROPOSALS, request.pagination)
    entries = [query_pb2.QueryProposalResponse(proposal_id=key, proposal=one) for key, one in page]
    return query_pb2.QueryProposalsResponse(proposals=entries, pagination=pagination)


def vote_account(
    ctx: Context, _: query_pb2.QueryVoteAccountRequest
) -> query_pb2.QueryVoteAccountResponse:
    """The account that acts when a proposal passes."""
    return query_pb2.QueryVoteAccountResponse(address=VOTE_ACCOUNT)
