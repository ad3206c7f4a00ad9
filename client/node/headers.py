"""Headers, commits, validators and blocks of a node's RPC as the messages that CometBFT signs.

The `parse_` functions take JSON of the RPC and raise one of `client.node.rpc_types.MALFORMED` if it
does not have the form of CometBFT 0.38.
"""

from __future__ import annotations

import base64
import calendar
import re
import time
from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp
from tendermint.crypto.keys_pb2 import PublicKey
from tendermint.types.block_pb2 import Block
from tendermint.types.types_pb2 import (
    BlockID,
    Commit,
    CommitSig,
    Data,
    Header,
    PartSetHeader,
    SignedHeader,
)
from tendermint.types.validator_pb2 import Validator
from tendermint.version.types_pb2 import Consensus

from client.node.rpc_types import Json

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
# Field of PublicKey by the type that the RPC names.
_KEYS = {"tendermint/PubKeyEd25519": "ed25519", "tendermint/PubKeySecp256k1": "secp256k1"}


def parse_signed_header(result: Json) -> SignedHeader:
    """A header and the votes for it: `signed_header` of the result of `commit`."""
    return SignedHeader(
        header=parse_header(result["header"]), commit=parse_commit(result["commit"])
    )


def parse_header(header: Json) -> Header:
    """A header."""
    version = header["version"]
    parsed = Header(
        version=Consensus(block=int(version["block"]), app=int(version.get("app", 0))),
        chain_id=header["chain_id"],
        height=int(header["height"]),
        time=parse_time(header["time"]),
        last_block_id=parse_block_id(header["last_block_id"]),
        proposer_address=bytes.fromhex(header["proposer_address"]),
    )
    for name in (
        *("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash"),
        *("consensus_hash", "app_hash", "last_results_hash", "evidence_hash"),
    ):
        setattr(parsed, name, bytes.fromhex(header[name]))
    return parsed


def parse_commit(commit: Json) -> Commit:
    """The votes of a block; the first block has none of the one before it."""
    return Commit(
        height=int(commit["height"]),
        round=int(commit["round"]),
        block_id=parse_block_id(commit["block_id"]),
        signatures=[_parse_signature(one) for one in commit["signatures"] or ()],
    )


def parse_block_id(block_id: Json) -> BlockID:
    """What validators vote for."""
    parts = block_id["parts"]
    return BlockID(
        hash=bytes.fromhex(block_id["hash"]),
        part_set_header=PartSetHeader(total=int(parts["total"]), hash=bytes.fromhex(parts["hash"])),
    )


def parse_block(block: Json) -> Block:
    """A block, without the evidence in it."""
    txs: Sequence[str] = block["data"]["txs"] or ()
    return Block(
        header=parse_header(block["header"]),
        data=Data(txs=[base64.b64decode(tx, validate=True) for tx in txs]),
        last_commit=parse_commit(block["last_commit"]),
    )


def parse_validator(validator: Json) -> Validator:
    """A validator of a height."""
    key = validator["pub_key"]
    return Validator(
        address=bytes.fromhex(validator["address"]),
        pub_key=PublicKey(**{_KEYS[key["type"]]: base64.b64decode(key["value"], validate=True)}),
        voting_power=int(validator["voting_power"]),
        proposer_priority=int(validator["proposer_priority"]),
    )


def parse_time(text: str) -> Timestamp:
    """A time such as `2026-10-01T12:00:00.123456789Z`; that of a missing vote is in the year 1."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a UTC time")
    seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    return Timestamp(seconds=seconds, nanos=int((found[2] or "").ljust(9, "0")))


def _parse_signature(signature: Json) -> CommitSig:
    return CommitSig(
        block_id_flag=signature["block_id_flag"],
        validator_address=bytes.fromhex(signature["validator_address"]),
        timestamp=parse_time(signature["timestamp"]),
        signature=base64.b64decode(signature["signature"] or "", validate=True),
    )
