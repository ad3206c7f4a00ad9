"""Responses of a CometBFT node as typed values: heights are ints, hashes and data are bytes.

The `parse_` functions take the `result` of a JSON-RPC response and raise one of MALFORMED if it
does not have the form of CometBFT 0.38.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tendermint.crypto import proof_pb2

# A JSON object.
Json = dict[str, Any]

MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
_NUMBER_MAX = (1 << 63) - 1
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node and its latest block."""

    chain_id: str
    node_id: str
    moniker: str
    version: str
    latest_height: int
    latest_time_ns: int
    # After the block before the latest one.
    latest_app_hash: bytes
    is_catching_up: bool
    validator_address: bytes
    voting_power: int


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The application's response to a query."""

    code: int
    codespace: str
    log: str
    value: bytes
    height: int
    proof: proof_pb2.ProofOps


@dataclass(frozen=True, slots=True)
class BroadcastResult:
    """The result of submitting a transaction; code 0 means accepted into the mempool."""

    hash: bytes
    code: int
    codespace: str
    log: str


@dataclass(frozen=True, slots=True)
class Event:
    """An ABCI event as the node reports it."""

    type: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The result of a transaction; code 0 means that it was executed."""

    code: int
    codespace: str
    log: str
    # An encoded cosmos.base.abci.v1beta1.TxMsgData.
    data: bytes
    gas_wanted: int
    gas_used: int
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class TxResult:
    """A transaction in a block."""

    hash: bytes
    height: int
    index: int
    tx: bytes
    result: ExecutionResult


@dataclass(frozen=True, slots=True)
class Block:
    """A block: part of its header, and its transactions."""

    chain_id: str
    height: int
    time_ns: int
    hash: bytes
    # After the block before this one.
    app_hash: bytes
    proposer: bytes
    txs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BlockResults:
    """The results of a block."""

    height: int
    app_hash: bytes
    tx_results: tuple[ExecutionResult, ...]
    # Of the block itself, outside transactions.
    block_events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Mempool:
    """The transactions that wait for a block: how many, and the first of them."""

    count: int
    txs: tuple[bytes, ...]


def parse_status(result: Json) -> NodeStatus:
    """The result of `status`."""
    node, sync, validator = result["node_info"], result["sync_info"], result["validator_info"]
    return NodeStatus(
        chain_id=_text(node["network"]),
        node_id=_text(node["id"]),
        moniker=_text(node["moniker"]),
        version=_text(node["version"]),
        latest_height=_number(sync["latest_block_height"]),
        latest_time_ns=parse_time_ns(sync["latest_block_time"]),
        latest_app_hash=bytes.fromhex(sync["latest_app_hash"]),
        is_catching_up=bool(sync["catching_up"]),
        validator_address=bytes.fromhex(validator["address"]),
        voting_power=_number(validator["voting_power"]),
    )


def parse_query_result(result: Json) -> QueryResult:
    """The result of `abci_query`."""
    response = result["response"]
    ops = (response.get("proofOps") or {}).get("ops") or []
    return QueryResult(
        code=_number(response.get("code", 0)),
        codespace=_text(response.get("codespace", "")),
        log=_text(response.get("log", "")),
        value=_bytes(response.get("value")),
        height=_number(response.get("height", 0)),
        proof=proof_pb2.ProofOps(
            ops=[
                proof_pb2.ProofOp(type=op["type"], key=_bytes(op["key"]), data=_bytes(op["data"]))
                for op in ops
            ]
        ),
    )


def parse_broadcast_result(result: Json) -> BroadcastResult:
    """The result of `broadcast_tx_sync` and `broadcast_tx_async`."""
    return BroadcastResult(
        hash=bytes.fromhex(result["hash"]),
        code=_number(result["code"]),
        codespace=_text(result["codespace"]),
        log=_text(result["log"]),
    )


def parse_tx_result(result: Json) -> TxResult:
    """The result of `tx`."""
    return TxResult(
        hash=bytes.fromhex(result["hash"]),
        height=_number(result["height"]),
        index=_number(result["index"]),
        tx=_bytes(result["tx"]),
        result=parse_execution(result["tx_result"]),
    )


def parse_tx_search(result: Json) -> tuple[TxResult, ...]:
    """The result of `tx_search`."""
    return tuple(parse_tx_result(one) for one in result["txs"] or ())


def parse_block_search(result: Json) -> tuple[int, ...]:
    """The heights in the result of `block_search`."""
    return tuple(_number(one["block"]["header"]["height"]) for one in result["blocks"] or ())


def parse_mempool(result: Json) -> Mempool:
    """The result of `unconfirmed_txs`."""
    return Mempool(_number(result["total"]), tuple(_bytes(tx) for tx in result["txs"] or ()))


def parse_block(result: Json) -> Block:
    """The result of `block`."""
    header = result["block"]["header"]
    return Block(
        chain_id=_text(header["chain_id"]),
        height=_number(header["height"]),
        time_ns=parse_time_ns(header["time"]),
        hash=bytes.fromhex(result["block_id"]["hash"]),
        app_hash=bytes.fromhex(header["app_hash"]),
        proposer=bytes.fromhex(header["proposer_address"]),
        txs=tuple(_bytes(tx) for tx in result["block"]["data"]["txs"] or ()),
    )


def parse_block_results(result: Json) -> BlockResults:
    """The result of `block_results`."""
    return BlockResults(
        height=_number(result["height"]),
        app_hash=_bytes(result.get("app_hash")),
        tx_results=tuple(parse_execution(one) for one in result["txs_results"] or ()),
        block_events=_parse_events(result.get("finalize_block_events")),
    )


def parse_execution(result: Json) -> ExecutionResult:
    """The result of one transaction, as in `tx` and `block_results`."""
    return ExecutionResult(
        code=_number(result.get("code", 0)),
        codespace=_text(result.get("codespace", "")),
        log=_text(result.get("log", "")),
        data=_bytes(result.get("data")),
        gas_wanted=_number(result.get("gas_wanted", 0)),
        gas_used=_number(result.get("gas_used", 0)),
        events=_parse_events(result.get("events")),
    )


def parse_time_ns(text: str) -> int:
    """A time such as `2026-10-01T12:00:00.123456789Z` in nanoseconds since 1970."""
    found = _TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a UTC time")
    # A node without blocks reports the year 1; nothing else is before 1970.
    seconds = int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())
    return max(0, seconds) * 1_000_000_000 + int((found[2] or "").ljust(9, "0"))


def _parse_events(events: list[Json] | None) -> tuple[Event, ...]:
    return tuple(
        Event(
            type=_text(event["type"]),
            attributes=tuple(
                (_text(attribute["key"]), _text(attribute.get("value", "")))
                for attribute in event.get("attributes") or ()
            ),
        )
        for event in events or ()
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]} is not a text")
    return value


def _number(value: object) -> int:
    """A number that is not negative; CometBFT writes those of 64 bits as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"{str(value)[:40]} is not a whole number")
    number = int(value)
    if not 0 <= number <= _NUMBER_MAX:
        raise ValueError(f"{str(value)[:40]} is not in range")
    return number


def _bytes(text: str | None) -> bytes:
    return base64.b64decode(text, validate=True) if text else b""
