"""A saved proof of a line that the chain has removed: by the root over the lines of its slot."""

from __future__ import annotations

from blockenergy.dashboard.v1.account_pb2 import SavedProof, VotedBlock
from blockenergy.settlement.v1.state_pb2 import Line
from tendermint.crypto.proof_pb2 import ProofOp

from chain.runtime.trees.multistore import Multistore
from chain.runtime.trees.proofs import build_proof_ops
from client.light.saved import (
    compute_lines_root,
    group_lines,
    make_line_key,
    make_root_key,
    prove_in_group,
)
from tests.support.others.headers import make_block, make_signers, validators_of
from tests.support.streets import people

SLOT = 30_000_001
OWNER = people.address_text("ben")
HEIGHT = 900


def make_rooted_proof() -> SavedProof:
    """Ben's line among those of five households, in a state signed by four validators."""
    lines = [
        (people.address_text(name), Line(bought_wh=1_000 + number, cost=2, charged=2))
        for number, name in enumerate(people.HOUSEHOLDS)
    ]
    groups = group_lines(SLOT, lines)
    proven = prove_in_group(SLOT, groups, 0, lines, OWNER)
    assert proven is not None
    value, op = proven
    module, root_key = make_root_key(SLOT)
    content = {root_key: compute_lines_root(groups), b"\x01": b"progress"}
    trees = Multistore(["bank", "market", module])
    trees.update({module: content})
    ops = [op, *build_proof_ops(trees, module, root_key, content.get)]
    signers = make_signers([10, 10, 10, 10])
    block = make_block(HEIGHT, signers, app_hash=trees.app_hash)
    validators = validators_of(signers)
    return SavedProof(
        chain_id=block.signed.header.chain_id,
        module=module,
        key=make_line_key(SLOT, OWNER)[1],
        value=value,
        proof_ops=[ProofOp(type=one.type, key=one.key, data=one.data) for one in ops],
        block=VotedBlock(
            signed_header=block.signed, validators=validators, next_validators=validators
        ),
    )
