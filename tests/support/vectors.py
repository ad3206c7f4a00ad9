"""Running vectors: a state before, a message or a question, and what has to come of it.

A vector is a JSON object:

    describe     what happens and why, for somebody who runs a grid
    pre          changes to the street (street.json), in the short form of documents.py
    before       what happened earlier: a list of {"time_s", "signer", "message"}; neighbours of
                 the same time share a block, and without a message the block is empty
    block        {"time_s", "height"} of the block that is looked at
    same_block   messages that come before the message in the same block
    signer, message, tx    the transaction; `tx` changes parts of its envelope
    rejected      {"codespace", "code"}; with "admitted": false if it did not even use its sequence
    response     what the message answers
    post         all changes that the block makes to the state, but for the sequences of signers
    events       all typed events of the block, in their order
    query, request, answer    a question instead of a message: rpc, fields, fields

A vector without message and query is about what the chain does on its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from blockenergy.auth.v1 import errors_pb2 as auth_errors_pb2
from blockenergy.authz.v1 import errors_pb2 as authz_errors_pb2
from blockenergy.bank.v1 import errors_pb2 as bank_errors_pb2
from blockenergy.carbon.v1 import errors_pb2 as carbon_errors_pb2
from blockenergy.carbontransfer.v1 import errors_pb2 as carbontransfer_errors_pb2
from blockenergy.certificates.v1 import errors_pb2 as certificates_errors_pb2
from blockenergy.credits.v1 import errors_pb2 as credits_errors_pb2
from blockenergy.feegrant.v1 import errors_pb2 as feegrant_errors_pb2
from blockenergy.forecast.v1 import errors_pb2 as forecast_errors_pb2
from blockenergy.ibc.v1 import errors_pb2 as ibc_errors_pb2
from blockenergy.market.v1 import errors_pb2 as market_errors_pb2
from blockenergy.metering.v1 import errors_pb2 as metering_errors_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.params.v1 import errors_pb2 as params_errors_pb2
from blockenergy.peers.v1 import errors_pb2 as peers_errors_pb2
from blockenergy.registry.v1 import errors_pb2 as registry_errors_pb2
from blockenergy.settlement.v1 import errors_pb2 as settlement_errors_pb2
from blockenergy.storage.v1 import errors_pb2 as storage_errors_pb2
from blockenergy.tielines.v1 import errors_pb2 as tielines_errors_pb2
from blockenergy.upgrade.v1 import errors_pb2 as upgrade_errors_pb2
from blockenergy.validators.v1 import errors_pb2 as validators_errors_pb2
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from chain import app
from chain.metering import reading_sign_bytes
from chain.runtime.context import CosmosEvent, Event
from chain.runtime.errors import ChainError
from chain.transactions import TxResult
from tests.support import documents
from tests.support.streets import people
from tests.support.world import CHAIN_ID, START_S, World, response

ERRORS = {
    "sdk": auth_errors_pb2.Error,
    "bank": bank_errors_pb2.Error,
    "registry": registry_errors_pb2.Error,
    "metering": metering_errors_pb2.Error,
    "market": market_errors_pb2.Error,
    "carbon": carbon_errors_pb2.Error,
    "credits": credits_errors_pb2.Error,
    "certificates": certificates_errors_pb2.Error,
    "settlement": settlement_errors_pb2.Error,
    "storage": storage_errors_pb2.Error,
    "forecast": forecast_errors_pb2.Error,
    "params": params_errors_pb2.Error,
    "peers": peers_errors_pb2.Error,
    "validators": validators_errors_pb2.Error,
    "upgrade": upgrade_errors_pb2.Error,
    "authz": authz_errors_pb2.Error,
    "feegrant": feegrant_errors_pb2.Error,
    "ibc": ibc_errors_pb2.Error,
    "tielines": tielines_errors_pb2.Error,
    "carbontransfer": carbontransfer_errors_pb2.Error,
}
_KEYS = {
    "describe", "pre", "before", "block", "same_block", "signer", "message", "tx", "rejected",
    "response", "post", "events", "query", "request", "answer",
}  # fmt: skip
# Kept by the envelope of every transaction; vectors about other things need not speak of them.
_UNSPOKEN_EVENTS = frozenset({"tx", "message"})


@dataclass(frozen=True)
class Vector:
    """One file."""

    path: Path
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.path.relative_to(documents.VECTORS).with_suffix(""))

    @property
    def folder(self) -> str:
        """`module/message` of the place where it lies."""
        return "/".join(self.path.relative_to(documents.VECTORS).parts[:-1])

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def get(self, key: str, default: Any = None) -> Any:
        return self.content.get(key, default)


def load_all() -> list[Vector]:
    """Every vector there is, in the order of the files."""
    paths = sorted(documents.VECTORS.glob("*/*/*.json"))
    vectors = [Vector(path, json.loads(path.read_text())) for path in paths]
    for vector in vectors:
        assert vector.content.keys() <= _KEYS, f"{vector.name}: {vector.content.keys() - _KEYS}"
        assert vector["describe"].endswith("."), f"{vector.name}: describe it in a sentence"
    return vectors


def run(vector: Vector) -> None:
    """Runs a vector; raises AssertionError where the chain does otherwise."""
    world = World(vector.get("pre"))
    _prepare(world, vector)
    if "query" in vector.content:
        _run_query(world, vector)
    elif "message" in vector.content:
        _run_message(world, vector)
    else:
        before = world.short()
        result = world.block(at=_time_s(vector))
        assert world.short() == documents.patch(before, vector["post"])
        assert _describe_events(result) == _expected_events(vector)
    document = app.export(world.store)
    assert app.export(World.from_document(document).store) == document


def prepare(world: World, vector: Vector) -> bytes:
    """Brings the chain to the block that is looked at; returns the transaction of that block."""
    _prepare(world, vector)
    raw = _sign(world, vector)
    world.height, world.time_s = world.height + 1, _time_s(vector)
    return raw


def _prepare(world: World, vector: Vector) -> None:
    """Brings the chain to the block before the one that is looked at."""
    for time_s, entries in groupby(vector.get("before", []), lambda e: e.get("time_s", START_S)):
        txs = [
            world.sign(entry["signer"], to_message(entry["message"]))
            for entry in entries
            if "message" in entry
        ]
        world.block(*txs, at=time_s)
        for result in world.results:
            assert result.code == 0, f"{vector.name}: before: {result.log}"
    # What the chain does on its own at this time is not what a message or query does.
    by_itself = "message" not in vector.content and "query" not in vector.content
    if not by_itself and (not world.height or world.time_s != _time_s(vector)):
        world.block(at=_time_s(vector))
    world.height = vector.get("block", {}).get("height", world.height + 1) - 1


def _run_message(world: World, vector: Vector) -> None:
    before = world.short()
    signers = [entry["signer"] for entry in vector.get("same_block", [])]
    txs = [
        world.sign(entry["signer"], to_message(entry["message"]))
        for entry in vector.get("same_block", [])
    ]
    result = world.block(*txs, _sign(world, vector), at=_time_s(vector))
    *others, tx_result = world.results
    for other in others:
        assert other.code == 0, f"{vector.name}: same_block: {other.log}"
    rejected = vector.get("rejected")
    if rejected is None:
        _check_success(vector, tx_result)
    else:
        _check_rejection(rejected, tx_result.codespace, tx_result.code, tx_result.log)
    if rejected is None or rejected.get("admitted", True):
        signers.append(vector["signer"])
    expected = documents.patch(before, vector.get("post", {}))
    assert world.short() == documents.patch(expected, _signed(before, signers))
    if "events" in vector.content or rejected is None:
        assert _describe_events(result) == _expected_events(vector)


def _run_query(world: World, vector: Vector) -> None:
    query = app.RULES.queries.get(vector["query"])
    fields = documents.resolve(vector.get("request", {}))
    request = json_format.ParseDict(fields, query.request()).SerializeToString() if query else b""
    if "rejected" in vector.content:
        with pytest.raises(ChainError) as caught:
            app.query(world.store, world.block_info, vector["query"], request)
        error = caught.value.error
        _check_rejection(vector["rejected"], error.codespace, error.code, caught.value.log)
    else:
        data = app.query(world.store, world.block_info, vector["query"], request)
        answer = answer_class(vector["query"]).FromString(data)
        assert _describe(answer) == documents.normalize(vector["answer"])


def _check_success(vector: Vector, result: TxResult) -> None:
    assert result.code == 0, f"{result.codespace}: {result.log}"
    if "response" in vector.content:
        kind = _class_of(vector["message"]["@type"] + "Response")
        assert _describe(response(result, kind)) == documents.normalize(vector["response"])


def _check_rejection(rejected: dict[str, Any], codespace: str, code: int, log: str) -> None:
    got = (codespace, ERRORS[codespace].DESCRIPTOR.values_by_number[code].name)
    assert got == (rejected["codespace"], rejected["code"]), f"got {got}: {log}"
    assert rejected.get("detail", "") in log
    assert log.strip()


def _sign(world: World, vector: Vector) -> bytes:
    changes = dict(vector.get("tx", {}))
    more = [to_message(message) for message in changes.pop("more_messages", [])]
    appended = bytes.fromhex(changes.pop("append_hex", ""))
    if "pub_key_of" in changes:
        changes["pub_key_of"] = people.wallet(changes["pub_key_of"])
    for field in {"fee_payer", "fee_granter"} & changes.keys():
        changes[field] = people.address_text(changes[field])
    messages = [to_message(vector["message"]), *more]
    signed: bytes = world.sign(vector["signer"], *messages, **changes)
    return signed + appended


def _signed(before: documents.Short, signers: list[str]) -> documents.Short:
    """What transactions do to their signers' accounts."""
    changes: documents.Short = {}
    for name in signers:
        path = f"auth.accounts[{name}]"
        account = changes[path] if path in changes else before[path]
        key = base64.b64encode(people.wallet(name).pub_key).decode()
        sequence = int(account.get("sequence", 0)) + 1
        changes[path] = {**account, "sequence": str(sequence), "pub_key": key}
    return changes


def to_message(content: dict[str, Any]) -> Message:
    """A message from JSON with `@type`, names, and signatures named after their meters."""
    fields = {key: value for key, value in content.items() if key != "@type"}
    readings = [reading.pop("signature", "") for reading in fields.get("readings", [])]
    kind = _class_of(content["@type"])
    message = json_format.ParseDict(documents.resolve(fields), kind())
    for reading, signature in zip(getattr(message, "readings", []), readings, strict=True):
        reading.signature = _sign_reading(reading, signature)
    for reading, signature in zip(fields.get("readings", []), readings, strict=True):
        reading["signature"] = signature
    return message


def _sign_reading(reading: metering_pb2.Reading, signature: str) -> bytes:
    """`meter-ben`, or `meter-ben for other-chain`."""
    if not signature:
        return b""
    meter_id, _, chain_id = signature.partition(" for ")
    content = reading_sign_bytes(chain_id or CHAIN_ID, reading)
    return people.meter_key(meter_id).sign(content)


def _class_of(type_url: str) -> type[Message]:
    handler = app.RULES.handlers.get(type_url)
    if handler is not None:
        return handler.message_type
    for known in app.RULES.handlers.values():
        if known.response_type_url == type_url:
            return _symbol(type_url[1:])
    # A message of another chain, which this one has to reject.
    return AnyMessage


def answer_class(path: str) -> type[Message]:
    """The class of a query's answer."""
    service, rpc = path[1:].split("/")
    for module in app.MODULES:
        for known in module.query_services:
            if known.full_name == service:
                return _symbol(known.methods_by_name[rpc].output_type.full_name)
    raise AssertionError(f"there is no query {path}")


def _symbol(full_name: str) -> type[Message]:
    descriptor = descriptor_pool.Default().FindMessageTypeByName(full_name)
    return message_factory.GetMessageClass(descriptor)


def _time_s(vector: Vector) -> int:
    return int(vector.get("block", {}).get("time_s", START_S))


def _expected_events(vector: Vector) -> list[Any]:
    return [documents.normalize(event) for event in vector.get("events", [])]


def _describe_events(result: app.BlockResult) -> list[Any]:
    events = [event for tx in result.tx_results for event in tx.events] + result.events
    return [described for event in events for described in _describe_event(event)]


def _describe_event(event: Event) -> Iterator[Any]:
    if not isinstance(event, CosmosEvent):
        yield {event.DESCRIPTOR.name: _describe(event)}
    elif event.type not in _UNSPOKEN_EVENTS:
        yield {event.type: documents.to_names(dict(event.attributes))}


def _describe(message: Message) -> Any:
    fields = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return documents.normalize(documents.to_names(fields))
