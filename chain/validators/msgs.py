"""Messages of those who operate validators."""

from __future__ import annotations

from blockenergy.validators.v1 import events_pb2, state_pb2, tx_pb2

from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.validators.contents import Contents
from chain.validators.keeper import (
    ValidatorsError,
    end_proposal,
    has_passed,
    require_operator,
    require_space,
)
from chain.validators.state import PARAMS, PROPOSAL_IDS, PROPOSALS


class Msgs:
    """Messages about proposals with these contents."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents

    def propose(self, ctx: Context, msg: tx_pb2.MsgPropose) -> tx_pb2.MsgProposeResponse:
        """Proposes a decision."""
        require_operator(ctx, msg.proposer)
        require_space(ctx)
        # What would fail now is rejected.
        self._contents.run(ctx, msg.content.type_url, msg.content.value)
        proposal_id = PROPOSAL_IDS.next(ctx)
        proposal = state_pb2.Proposal(
            proposer=msg.proposer,
            type_url=msg.content.type_url,
            value=msg.content.value,
            deadline_s=ctx.block.time_s + PARAMS.get_shared(ctx).vote_period_s,
            approvals=[msg.proposer],
        )
        ctx.emit(
            events_pb2.EventProposed(
                proposal_id=proposal_id, proposer=msg.proposer, type_url=proposal.type_url
            )
        )
        outcome = self._settle(ctx, proposal_id, proposal)
        return tx_pb2.MsgProposeResponse(proposal_id=proposal_id, outcome=outcome)

    def approve(self, ctx: Context, msg: tx_pb2.MsgApprove) -> tx_pb2.MsgApproveResponse:
        """Approves a proposal."""
        proposal = _require_proposal(ctx, msg.proposal_id)
        require_operator(ctx, msg.approver)
        is_new = msg.approver not in proposal.approvals
        require(is_new, ValidatorsError.APPROVED_ALREADY)
        proposal.approvals.append(msg.approver)
        ctx.emit(events_pb2.EventApproved(proposal_id=msg.proposal_id, approver=msg.approver))
        outcome = self._settle(ctx, msg.proposal_id, proposal)
        return tx_pb2.MsgApproveResponse(outcome=outcome)

    def withdraw(self, ctx: Context, msg: tx_pb2.MsgWithdraw) -> tx_pb2.MsgWithdrawResponse:
        """Takes an approval back."""
        proposal = _require_proposal(ctx, msg.proposal_id)
        require(msg.approver in proposal.approvals, ValidatorsError.NOT_APPROVED)
        proposal.approvals.remove(msg.approver)
        ctx.emit(
            events_pb2.EventApprovalWithdrawn(proposal_id=msg.proposal_id, approver=msg.approver)
        )
        outcome = state_pb2.OUTCOME_PENDING
        if proposal.approvals:
            PROPOSALS.set(ctx, msg.proposal_id, proposal)
        else:
            outcome = state_pb2.OUTCOME_WITHDRAWN
            end_proposal(ctx, msg.proposal_id, outcome)
        return tx_pb2.MsgWithdrawResponse(outcome=outcome)

    def _settle(
        self, ctx: Context, proposal_id: int, proposal: state_pb2.Proposal
    ) -> state_pb2.Outcome:
        """Keeps a proposal, or executes it if it has passed; what fails then changes nothing."""
        if not has_passed(ctx, proposal):
            PROPOSALS.set(ctx, proposal_id, proposal)
            return state_pb2.OUTCOME_PENDING
        try:
            attempt = self._contents.run(ctx, proposal.type_url, proposal.value)
        except ChainError as error:
            failed = state_pb2.OUTCOME_FAILED
            end_proposal(ctx, proposal_id, failed, error.error.codespace, error.error.code)
            return failed
        attempt.store.merge_into(ctx.store)
        ctx.events += attempt.events
        end_proposal(ctx, proposal_id, state_pb2.OUTCOME_PASSED)
        return state_pb2.OUTCOME_PASSED


def _require_proposal(ctx: Context, proposal_id: int) -> state_pb2.Proposal:
    found = PROPOSALS.get(ctx, proposal_id)
    if found is None:
        raise ChainError(ValidatorsError.PROPOSAL_UNKNOWN, str(proposal_id))
    return found
