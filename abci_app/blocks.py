"""What consensus and the rules tell each other of a block: ABCI messages on one side, plain values
on the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from tendermint.abci import types_pb2 as abci
from tendermint.crypto.keys_pb2 import PublicKey
from tendermint.types.validator_pb2 import BLOCK_ID_FLAG_COMMIT

from chain.runtime.consensus import (
    ConsensusUpdates,
    Evidence,
    EvidenceType,
    ValidatorUpdate,
    Vote,
)
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError

# Any request that carries a block, and any form of the commit before it.
BlockRequest = abci.RequestPrepareProposal | abci.RequestProcessProposal | abci.RequestFinalizeBlock
LastCommit = abci.CommitInfo | abci.ExtendedCommitInfo

_EVIDENCE_TYPES = {member.value: member for member in EvidenceType}


def make_block_info(chain_id: str, request: BlockRequest, last_commit: LastCommit) -> BlockInfo:
    """The block of a request: the same before and after it is decided."""
    return BlockInfo(
        chain_id=chain_id,
        height=request.height,
        time_s=request.time.seconds,
        proposer=request.proposer_address,
        last_commit=tuple(_make_vote(vote) for vote in last_commit.votes),
        evidence=tuple(_make_evidence(found) for found in request.misbehavior),
    )


def make_validator_updates(updates: Iterable[abci.ValidatorUpdate]) -> list[ValidatorUpdate]:
    """The validators of a genesis; raises GenesisError for a key that is not Ed25519."""
    validators = []
    for update in updates:
        if update.pub_key.WhichOneof("sum") != "ed25519":
            raise GenesisError("validators: only Ed25519 keys are supported")
        validators.append(ValidatorUpdate(update.pub_key.ed25519, update.power))
    return validators


def make_consensus_updates(updates: ConsensusUpdates) -> abci.ResponseFinalizeBlock:
    """A reply with nothing but the updates of validators and consensus parameters."""
    reply = abci.ResponseFinalizeBlock(
        validator_updates=[
            abci.ValidatorUpdate(pub_key=PublicKey(ed25519=update.pub_key), power=update.power)
            for update in updates.validators
        ]
    )
    if updates.block_limits is not None:
        block = reply.consensus_param_updates.block
        block.max_bytes = updates.block_limits.max_bytes
        block.max_gas = updates.block_limits.max_gas
    if updates.evidence_limits is not None:
        evidence = reply.consensus_param_updates.evidence
        evidence.max_age_num_blocks = updates.evidence_limits.max_age_blocks
        evidence.max_age_duration.seconds = updates.evidence_limits.max_age_s
        evidence.max_bytes = updates.evidence_limits.max_bytes
    return reply


def _make_vote(vote: abci.VoteInfo | abci.ExtendedVoteInfo) -> Vote:
    signed = vote.block_id_flag == BLOCK_ID_FLAG_COMMIT
    return Vote(vote.validator.address, vote.validator.power, signed)


def _make_evidence(found: abci.Misbehavior) -> Evidence:
    return Evidence(
        type=_EVIDENCE_TYPES.get(found.type, EvidenceType.UNKNOWN),
        validator=found.validator.address,
        power=found.validator.power,
        height=found.height,
        time_s=found.time.seconds,
        total_power=found.total_voting_power,
    )
