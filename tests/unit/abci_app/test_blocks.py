"""Blocks as CometBFT describes them, and as the rules see them."""

import pytest
from tendermint.abci import types_pb2 as abci
from tendermint.crypto.keys_pb2 import PublicKey
from tendermint.types.validator_pb2 import BLOCK_ID_FLAG_ABSENT, BLOCK_ID_FLAG_COMMIT

from abci_app.blocks import make_block_info, make_validator_updates
from chain.runtime.consensus import Evidence, EvidenceType, ValidatorUpdate, Vote
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError

ALPHA = abci.Validator(address=b"a" * 20, power=10)
BETA = abci.Validator(address=b"b" * 20, power=20)
FLAGS = (ALPHA, BLOCK_ID_FLAG_COMMIT), (BETA, BLOCK_ID_FLAG_ABSENT)
DOUBLE = abci.Misbehavior(
    type=abci.DUPLICATE_VOTE, validator=BETA, height=6, time={"seconds": 90}, total_voting_power=30
)
PARTS = {
    "height": 7,
    "time": {"seconds": 100, "nanos": 5},
    "misbehavior": [DOUBLE],
    "proposer_address": b"a" * 20,
}


def test_a_block_is_the_same_before_and_after_it_is_decided() -> None:
    extended = abci.ExtendedCommitInfo(
        votes=[abci.ExtendedVoteInfo(validator=one, block_id_flag=flag) for one, flag in FLAGS]
    )
    commit = abci.CommitInfo(
        votes=[abci.VoteInfo(validator=one, block_id_flag=flag) for one, flag in FLAGS]
    )
    expected = BlockInfo(
        "c-1",
        7,
        100,
        b"a" * 20,
        (Vote(b"a" * 20, 10, True), Vote(b"b" * 20, 20, False)),
        (Evidence(EvidenceType.DUPLICATE_VOTE, b"b" * 20, 20, 6, 90, 30),),
    )
    decided = make_block_info("c-1", abci.RequestFinalizeBlock(**PARTS), commit)
    offered = make_block_info("c-1", abci.RequestProcessProposal(**PARTS), commit)
    own = make_block_info("c-1", abci.RequestPrepareProposal(**PARTS), extended)
    assert decided == offered == own == expected


def test_the_validators_of_a_genesis_have_ed25519_keys() -> None:
    good = abci.ValidatorUpdate(pub_key=PublicKey(ed25519=bytes(32)), power=10)
    assert make_validator_updates([good]) == [ValidatorUpdate(bytes(32), 10)]
    with pytest.raises(GenesisError, match="Ed25519"):
        make_validator_updates([abci.ValidatorUpdate(pub_key=PublicKey(secp256k1=bytes(33)))])
