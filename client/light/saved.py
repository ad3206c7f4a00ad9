"""A saved proof of a line of settlement, verified without a node from a hash of validators.

The hash, and the chain id, come from elsewhere than the proof: from a contract, from another
distributor, or from an earlier visit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from blockenergy.dashboard.v1.account_pb2 import SavedProof, VotedBlock
from blockenergy.settlement.v1.query_pb2 import QueryLineResponse
from blockenergy.settlement.v1.state_pb2 import Line
from google.protobuf.message import DecodeError

from chain import light, settlement
from chain.runtime.encoding import bech32
from chain.runtime.trees.proofs import ProofOp, build_entry_proof
from chain.runtime.trees.simple import (
    compute_entry_hash,
    compute_group_roots,
    compute_root,
    compute_steps,
)
from client.light.client import LightError

# Lines of a slot whose root is kept with the first of their owners: a power of two.
GROUP_LINES = 64
_MODULE = settlement.MODULE.name
# From the line to the root over the lines of its slot, to that of the module, to the app hash.
_OPS_BY_ROOT = 3
_OTHER = "the proof is not of a line of settlement"


def make_line_key(slot: int, address: str) -> tuple[str, bytes]:
    """The module and the key in its tree of the line of an account in a slot."""
    return _MODULE, settlement.make_line_key(slot, bech32.decode(address))


def make_root_key(slot: int) -> tuple[str, bytes]:
    """The module and the key in its tree of the root over the lines of a slot."""
    return _MODULE, settlement.make_root_key(slot)


class LineGroup(NamedTuple):
    """Lines of a slot that are next to each other in the order of their owners: the address, in
    bytes, of the first owner, and the root over the lines.
    """

    first: bytes
    root: bytes


def group_lines(slot: int, lines: Iterable[tuple[str, Line]]) -> list[LineGroup]:
    """The groups of all lines of a slot, which are given by address."""
    entries = _list_entries(lines)
    roots = compute_group_roots(_list_leaves(slot, entries), GROUP_LINES)
    owners = [owner for owner, _ in entries[::GROUP_LINES]]
    return [LineGroup(*group) for group in zip(owners, roots, strict=True)]


def compute_lines_root(groups: Sequence[LineGroup]) -> bytes:
    """The root over the lines of a slot, which has one at least."""
    return compute_root([group.root for group in groups])


def find_group(groups: Sequence[LineGroup], address: str) -> int | None:
    """Which of a slot's groups has the line of an account, if it has one."""
    index = bisect_right([group.first for group in groups], bech32.decode(address)) - 1
    return index if index >= 0 else None


def prove_in_group(
    slot: int,
    groups: Sequence[LineGroup],
    index: int,
    lines: Iterable[tuple[str, Line]],
    address: str,
) -> tuple[bytes, ProofOp] | None:
    """A line as it was in the state, and the operation that proves it up to the root over all lines
    of its slot; None if the account has none.

    lines: all of the group at `index`, by address.
    """
    entries, own = _list_entries(lines), bech32.decode(address)
    at = bisect_left([owner for owner, _ in entries], own)
    if at == len(entries) or entries[at][0] != own:
        return None
    steps = compute_steps(_list_leaves(slot, entries), at)
    steps += compute_steps([group.root for group in groups], index)
    value = entries[at][1]
    return value, build_entry_proof(settlement.make_line_key(slot, own), value, steps)


def _list_entries(lines: Iterable[tuple[str, Line]]) -> list[tuple[bytes, bytes]]:
    return sorted((bech32.decode(owner), settlement.write_line(line)) for owner, line in lines)


def _list_leaves(slot: int, entries: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [
        compute_entry_hash(settlement.make_line_key(slot, owner), value) for owner, value in entries
    ]


def verify_saved(
    saved: SavedProof, chain_id: str, validators_hash: bytes
) -> tuple[QueryLineResponse, int]:
    """The line that a saved proof proves, and the block after which it is in the state, or else the
    root over the lines of its slot.

    Raises LightError if it does not follow from the hash of validators.
    """
    if saved.chain_id != chain_id:
        raise LightError(f"the proof is of chain {saved.chain_id!r}, not of {chain_id}")
    trusted, height = validators_hash, 0
    for block in saved.changes:
        _verify_block(block, chain_id, trusted, height)
        header = block.signed_header.header
        if light.compute_validators_hash(block.next_validators) != header.next_validators_hash:
            raise LightError(f"block {header.height} names other validators for the next one")
        trusted, height = header.next_validators_hash, header.height
    _verify_block(saved.block, chain_id, trusted, height)
    header = saved.block.signed_header.header
    slot, owner = _read_key(saved)
    _verify_value(saved, header.app_hash, slot)
    try:
        line = Line.FromString(saved.value)
    except DecodeError as error:
        raise LightError("the value is no line of settlement") from error
    return QueryLineResponse(slot=slot, owner=owner, line=line), header.height - 1


def _verify_block(block: VotedBlock, chain_id: str, trusted: bytes, after_height: int) -> None:
    signed, header = block.signed_header, block.signed_header.header
    if header.validators_hash != trusted:
        raise LightError(
            f"block {header.height} has other validators than those that are trusted: "
            f"{header.validators_hash.hex().upper()[:128]}"
        )
    if header.height <= after_height:
        raise LightError("the blocks of the proof are not in order")
    try:
        light.require_consistent(chain_id, signed, block.validators)
        light.verify_commit(chain_id, signed.commit, block.validators)
    except light.InvalidHeaderError as error:
        raise LightError(f"block {header.height} is not valid: {error}") from error


def _verify_value(saved: SavedProof, app_hash: bytes, slot: int) -> None:
    """That a line is in the state, or below the root over the lines of its slot, which is."""
    ops = [(op.type, op.key, op.data) for op in saved.proof_ops]
    try:
        if len(ops) == _OPS_BY_ROOT:
            root_key = settlement.make_root_key(slot)
            root = light.verify_value(app_hash, saved.module, root_key, ops[1:])
            value = light.verify_entry(root, saved.key, ops[0]) if root else None
        else:
            value = light.verify_value(app_hash, saved.module, saved.key, ops)
    except light.ProofError as error:
        raise LightError(f"the line is not proven: {error}") from error
    if not value or value != saved.value:
        raise LightError("the proof is of another value than it says")


def _read_key(saved: SavedProof) -> tuple[int, str]:
    if saved.module != _MODULE:
        raise LightError(_OTHER)
    try:
        slot, owner = settlement.read_line_key(saved.key)
    except ValueError:
        raise LightError(_OTHER) from None
    return slot, bech32.encode(owner)
