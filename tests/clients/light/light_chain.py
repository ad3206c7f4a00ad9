"""A made-up chain behind an RPC on loopback: blocks of tests/support/others/headers.py as a node
shows them.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from loopback_node import LoopbackNode, NodeError
from tendermint.types.types_pb2 import BlockID, Header, SignedHeader
from tendermint.types.validator_pb2 import Validator

from chain import light
from client.light.forks import _write_time
from tests.support.others.headers import Block, Signer, make_block, make_signers, validators_of

__all__ = ["Block", "Signer", "grow", "make_block", "make_signers", "serve"]


def grow(
    count: int, sets: Mapping[int, list[Signer]], fork_at: int = 0, **changes: object
) -> dict[int, Block]:
    """Blocks 1 to `count`, linked by their hashes. `sets` says from which height on who signs; from
    `fork_at` on, headers have the changes.
    """
    blocks: dict[int, Block] = {}
    signers = sets[1]
    previous = b"\x01" * 32
    for height in range(1, count + 1):
        signers = sets.get(height, signers)
        following = sets.get(height + 1, signers)
        extra: dict[str, object] = dict(changes) if fork_at and height >= fork_at else {}
        block = make_block(height, signers, following, last_hash=previous, **extra)
        previous = light.compute_header_hash(block.signed.header)
        blocks[height] = block
    return blocks


@contextlib.contextmanager
def serve(blocks: dict[int, Block]) -> Iterator[LoopbackNode]:
    """A node that shows these blocks; `evidence` of what is returned keeps what it is told."""
    node = LoopbackNode()
    node.evidence = []  # type: ignore[attr-defined]

    def get(params: dict[str, Any]) -> Block:
        height = int(params.get("height") or max(blocks))
        if height not in blocks:
            raise NodeError(f"height {height} must be less than or equal to {max(blocks)}")
        return blocks[height]

    def list_validators(params: dict[str, Any]) -> dict[str, Any]:
        height = int(params["height"])
        signers = blocks[height].signers if height in blocks else blocks[height - 1].next_signers
        shown = [describe_validator(one) for one in validators_of(signers)]
        return {"validators": shown, "total": str(len(shown))}

    def take_evidence(params: dict[str, Any]) -> dict[str, Any]:
        node.evidence.append(params["evidence"])  # type: ignore[attr-defined]
        return {"hash": ""}

    node.responses["commit"] = lambda params: {"signed_header": describe(get(params).signed)}
    node.responses["header"] = lambda params: {"header": describe_header(get(params).signed.header)}
    node.responses["validators"] = list_validators
    node.responses["broadcast_evidence"] = take_evidence
    with node.running():
        yield node


def describe(signed: SignedHeader) -> dict[str, Any]:
    commit = signed.commit
    votes = [
        {
            "block_id_flag": vote.block_id_flag,
            "validator_address": vote.validator_address.hex().upper(),
            "timestamp": describe_time(vote.timestamp),
            "signature": base64.b64encode(vote.signature).decode(),
        }
        for vote in commit.signatures
    ]
    return {
        "header": describe_header(signed.header),
        "commit": {
            "height": str(commit.height),
            "round": commit.round,
            "block_id": describe_id(commit.block_id),
            "signatures": votes,
        },
    }


def describe_header(header: Header) -> dict[str, Any]:
    described: dict[str, Any] = {
        field.name: getattr(header, field.name).hex().upper()
        for field in header.DESCRIPTOR.fields
        if isinstance(getattr(header, field.name), bytes)
    }
    return described | {
        "version": {"block": str(header.version.block), "app": str(header.version.app)},
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": describe_time(header.time),
        "last_block_id": describe_id(header.last_block_id),
    }


def describe_id(block_id: BlockID) -> dict[str, Any]:
    parts = block_id.part_set_header
    return {
        "hash": block_id.hash.hex().upper(),
        "parts": {"total": parts.total, "hash": parts.hash.hex().upper()},
    }


def describe_time(time: Any) -> str:
    if time.seconds < 0:
        return "0001-01-01T00:00:00Z"
    return _write_time(light.get_time_ns(time))


def describe_validator(validator: Validator) -> dict[str, Any]:
    key = base64.b64encode(validator.pub_key.ed25519).decode()
    return {
        "address": validator.address.hex().upper(),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": key},
        "voting_power": str(validator.voting_power),
        "proposer_priority": "0",
    }
