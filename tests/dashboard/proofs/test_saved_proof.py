"""A saved proof of a real network verifies without a node, and nothing that was altered does."""

from __future__ import annotations

import random

import pytest
import rooted_proof
from blockenergy.dashboard.v1.account_pb2 import SavedProof, VotedBlock
from google.protobuf.message import DecodeError
from saved_proofs import ALTERED, CARL, CHAIN, PROOF, ROOTED, SLOT, TRUSTED, trust

from client.light.client import LightError
from client.light.saved import make_line_key, verify_saved


def test_it_says_what_carl_was_charged() -> None:
    found, height = verify_saved(PROOF, CHAIN, TRUSTED)
    assert (found.slot, found.owner, height) == (SLOT, CARL, 872)
    assert (found.line.bought_wh, found.line.charged) == (2_000, 239_790)
    assert make_line_key(SLOT, CARL) == (PROOF.module, PROOF.key)


def test_a_removed_line_is_proven_by_the_root() -> None:
    found, height = verify_saved(ROOTED, ROOTED.chain_id, trust(ROOTED))
    assert (found.slot, found.owner, height) == (rooted_proof.SLOT, rooted_proof.OWNER, 899)
    assert found.line.charged == 2
    forged = SavedProof()
    forged.CopyFrom(ROOTED)
    del forged.proof_ops[1:2]
    with pytest.raises(LightError):
        verify_saved(forged, ROOTED.chain_id, trust(ROOTED))


@pytest.mark.parametrize("proof", [PROOF, ROOTED], ids=["line", "root"])
def test_no_altered_byte_says_anything_else(proof: SavedProof) -> None:
    """What an alteration leaves as it was is what validators do not sign: their own order of
    proposing, and the third of the signatures that is not needed.
    """
    content, rng = proof.SerializeToString(), random.Random(1)
    expected, refuted = verify_saved(proof, proof.chain_id, trust(proof)), 0
    for _ in range(ALTERED):
        altered = bytearray(content)
        altered[rng.randrange(len(altered))] ^= 1 << rng.randrange(8)
        try:
            read_altered = SavedProof.FromString(bytes(altered))
            said = verify_saved(read_altered, proof.chain_id, trust(proof))
        except (LightError, DecodeError):
            refuted += 1
            continue
        assert said == expected
    assert refuted > ALTERED // 2


def alter(name: str) -> tuple[SavedProof, str, bytes]:
    """A proof that somebody has forged, and what the reader trusts."""
    forged = SavedProof()
    forged.CopyFrom(PROOF)
    chain_id, trusted = CHAIN, TRUSTED
    if name == "other line":
        forged.value = PROOF.value[:-1] + b"\x02"
    elif name == "other owner":
        forged.key = make_line_key(SLOT, "energy150rtrmj2f8vl9tem8qpfw36ylw5jg9j2akym6m")[1]
    elif name == "other slot":
        forged.key = make_line_key(SLOT + 1, CARL)[1]
    elif name == "other module":
        forged.module = "bank"
    elif name == "other app hash":
        forged.block.signed_header.header.app_hash = bytes(32)
    elif name == "other chain":
        chain_id = "energy-street-1"
    elif name == "other validators":
        trusted = bytes(32)
    elif name == "too few votes":
        for vote in list(forged.block.signed_header.commit.signatures)[:2]:
            vote.signature = bytes(64)
    elif name == "no votes":
        del forged.block.signed_header.commit.signatures[:]
    elif name == "fewer validators":
        del forged.block.validators[1:]
    elif name == "no proof":
        del forged.proof_ops[:]
    elif name == "half a proof":
        del forged.proof_ops[1:]
    elif name == "a change that nobody has signed":
        change = VotedBlock(signed_header=forged.block.signed_header)
        change.validators.extend(forged.block.validators)
        change.next_validators.extend(forged.block.validators[:1])
        forged.changes.append(change)
    elif name == "the same block as a change":
        forged.changes.append(forged.block)
    return forged, chain_id, trusted


@pytest.mark.parametrize(
    "name",
    [
        *("other line", "other owner", "other slot", "other module", "other app hash"),
        *("other chain", "other validators", "too few votes", "no votes", "fewer validators"),
        *("no proof", "half a proof", "a change that nobody has signed"),
        "the same block as a change",
    ],
)
def test_a_forged_proof_is_rejected(name: str) -> None:
    with pytest.raises(LightError):
        verify_saved(*alter(name))
