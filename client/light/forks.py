"""Compares a verified block with what other nodes have, and tells the network of an attack.

An attack needs a third of the power of validators. Whoever sees two blocks of a height, both
verified, stops, trusts nothing new, keeps both in a file, and sends each side the evidence against
the other, so that the chain removes those who signed twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tendermint.types.types_pb2 import Header
from tendermint.types.validator_pb2 import BLOCK_ID_FLAG_COMMIT, Validator

from chain import light
from client.errors import ClientError, RpcError
from client.files import private_file
from client.light.provider import LightBlock, fetch_block
from client.node.rpc import POLL_INTERVAL_S, Rpc
from client.node.rpc_types import Json
from client.signing.keyring import get_home

log = logging.getLogger(__name__)

# Verifies a block of a node by a trusted one; returns what lies between.
VerifyBy = Callable[[Rpc, LightBlock, LightBlock], list[LightBlock]]
# How long a witness may be behind the primary.
BEHIND_MAX_S = 10.0
FILE = "light-attack.json"
# What a block's own header decides: where one differs, the validators made it up.
_STATE_HASHES = (
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
)


class AttackError(ClientError):
    """Two verified blocks of one height: validators have signed both."""

    exit_code = 1


def compare(
    primary: Rpc, witnesses: Sequence[Rpc], trace: Sequence[LightBlock], verify_by: VerifyBy
) -> None:
    """Returns if the witnesses have the same block as the end of a trace, or as many of them as
    answer. Raises AttackError for another verified block, and RpcError if no witness answers.
    """
    answered = 0
    for witness in witnesses:
        try:
            other = _fetch_when_there(witness, trace[-1].height)
        except RpcError as error:
            log.warning("a witness does not answer: %s", error)
            continue
        answered += 1
        if other.hash != trace[-1].hash:
            _examine(primary, witness, trace, other, verify_by)
    if witnesses and not answered:
        raise RpcError("no witness answers, so nothing new is trusted; try again later")


def _fetch_when_there(witness: Rpc, height: int) -> LightBlock:
    """A witness may be a block behind: it is asked again for a while."""
    deadline_s = time.monotonic() + BEHIND_MAX_S
    while True:
        try:
            return fetch_block(witness, height)
        except RpcError as error:
            if not error.detail or time.monotonic() > deadline_s:
                raise
        time.sleep(POLL_INTERVAL_S)


def _examine(
    primary: Rpc,
    witness: Rpc,
    trace: Sequence[LightBlock],
    other: LightBlock,
    verify_by: VerifyBy,
) -> None:
    """Finds where a witness parts from a trace. One that cannot prove its block is no matter."""
    common, ours, theirs = trace[0], trace[-1], other
    try:
        for block in trace[1:]:
            found = fetch_block(witness, block.height)
            if found.hash != block.hash:
                ours, theirs = block, found
                break
            common = block
        verify_by(witness, common, theirs)
    except ClientError as error:
        log.warning("the witness %s cannot prove its block: %s", witness.node, error)
        return
    for node, against, good in ((witness, ours, theirs), (primary, theirs, ours)):
        with contextlib.suppress(RpcError):
            evidence = make_evidence(common, against, good)
            node.call("broadcast_evidence", {"evidence": evidence})
    path = get_home() / FILE
    _keep(path, {"common": common.raw, "primary": ours.raw, "witness": theirs.raw})
    raise AttackError(
        f"validators have signed two blocks of height {ours.height}: {ours.hash.hex().upper()} at "
        f"{primary.node} and {theirs.hash.hex().upper()} at {witness.node}; nothing new is "
        f"trusted, both are in {path}, and the nodes have been told: ask the operator of the "
        "network"
    )


def _keep(path: Path, content: Json) -> None:
    try:
        private_file.replace(path, json.dumps(content) + "\n")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error)


def make_evidence(common: LightBlock, conflicting: LightBlock, good: LightBlock) -> Json:
    """The evidence against those who signed a conflicting block, as the RPC takes it.

    common: the last block that both sides have. good: the block of the other side.
    """
    made_up = is_made_up(conflicting.header, good.header)
    base = common if made_up else good
    guilty = _list_guilty(common, conflicting, good, made_up=made_up)
    time_ns = light.get_time_ns(base.header.time)
    return {
        "type": "tendermint/LightClientAttackEvidence",
        "value": {
            "ConflictingBlock": {
                "signed_header": conflicting.raw["signed_header"],
                "validator_set": {
                    "validators": conflicting.raw["validators"],
                    "proposer": conflicting.raw["validators"][0],
                },
            },
            "CommonHeight": str(base.height),
            "ByzantineValidators": [_find_raw(base, validator) for validator in guilty],
            "TotalVotingPower": str(sum(one.voting_power for one in base.validators)),
            "Timestamp": _write_time(time_ns),
        },
    }


def is_made_up(conflicting: Header, good: Header) -> bool:
    """Whether a header says what the state does not follow from: a lunatic attack."""
    return any(getattr(conflicting, name) != getattr(good, name) for name in _STATE_HASHES)


def _list_guilty(
    common: LightBlock, conflicting: LightBlock, good: LightBlock, *, made_up: bool
) -> list[Validator]:
    """Those who have certainly broken the rules, the most powerful first."""
    signed = _list_signers(conflicting)
    if made_up:
        guilty = [one for one in common.validators if light.compute_address(one) in signed]
    elif conflicting.signed_header.commit.round == good.signed_header.commit.round:
        both = signed & _list_signers(good)
        guilty = [one for one in conflicting.validators if light.compute_address(one) in both]
    else:
        # In another round nobody can be told from one who forgot.
        guilty = []
    return light.order_validators(guilty)


def _list_signers(block: LightBlock) -> set[bytes]:
    return {
        vote.validator_address
        for vote in block.signed_header.commit.signatures
        if vote.block_id_flag == BLOCK_ID_FLAG_COMMIT
    }


def _find_raw(block: LightBlock, validator: Validator) -> Json:
    address = light.compute_address(validator).hex().upper()
    found: Json = next(one for one in block.raw["validators"] if one["address"] == address)
    return found


def _write_time(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, light.NS_PER_S)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09}".rstrip("0").rstrip(".") + "Z"
