"""Turns what the chain says into what CometBFT carries: results and events.

A typed event becomes the ABCI event with the full name of its message; each field becomes an
attribute with the JSON text of its value, a string without quotes. client/watch.py turns it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from tendermint.abci import types_pb2 as abci

from chain.admission import TxResult
from chain.runtime.codec import write_varint
from chain.runtime.context import CosmosEvent, Event

_Writer = tuple[str, Callable[[Any], str]]

# Nobody looks for a transaction by these, and every entry of the index costs CometBFT time.
_NOT_INDEXED = frozenset({"amount", "fee", "msg_index"})
_CACHED_ATTRIBUTES = 1 << 16
_MISBEHAVIORS = {number: name for name, number in abci.MisbehaviorType.items()}


def _tag(message: type[Message], name: str) -> bytes:
    return write_varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | 2)


_EVENTS = _tag(abci.ExecTxResult, "events")
_TYPE, _ATTRIBUTES = _tag(abci.Event, "type"), _tag(abci.Event, "attributes")
_KEY, _VALUE = _tag(abci.EventAttribute, "key"), _tag(abci.EventAttribute, "value")
_INDEXED = abci.EventAttribute(index=True).SerializeToString()


def write_exec_result(result: TxResult, into: abci.ExecTxResult) -> None:
    """Fills in the result of an executed transaction."""
    # The events are written as bytes: to make an object of each attribute takes three times as
    # long, and a block has tens of thousands.
    into.MergeFromString(b"".join([_field(_EVENTS, encode_event(e)) for e in result.events]))
    into.data = result.data
    into.gas_wanted, into.gas_used = result.gas_wanted, result.gas_used
    if result.code:
        into.code, into.codespace, into.log = result.code, result.codespace, result.log


def make_check_result(result: TxResult) -> abci.ResponseCheckTx:
    """The result of checking a transaction."""
    return abci.ResponseCheckTx(
        code=result.code,
        log=result.log,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
        codespace=result.codespace,
    )


def make_events(events: Iterable[Event]) -> list[abci.Event]:
    """Events in their order."""
    return [abci.Event.FromString(encode_event(event)) for event in events]


def make_misbehavior_event(found: abci.Misbehavior) -> CosmosEvent:
    """Evidence in a block that a validator broke the rules of consensus. `height` is where it did,
    at or before the block's own; `validator` is its address as genesis.json and `status` write it.
    """
    return CosmosEvent(
        "misbehavior",
        (
            ("kind", _MISBEHAVIORS.get(found.type, str(found.type))),
            ("validator", found.validator.address.hex().upper()),
            ("height", str(found.height)),
            ("voting_power", str(found.validator.power)),
            ("total_voting_power", str(found.total_voting_power)),
        ),
    )


def encode_event(event: Event) -> bytes:
    """The bytes of one abci.Event. What can be searched for is indexed: everything in typed
    events, and what wallets and explorers look for in the others.
    """
    if isinstance(event, CosmosEvent):
        name = event.type
        attributes = [
            _encode_attribute(key, value, key not in _NOT_INDEXED)
            for key, value in event.attributes
        ]
    else:
        name = event.DESCRIPTOR.full_name
        attributes = [
            _encode_attribute(field, write(getattr(event, field)), True)
            for field, write in _attribute_writers(event.DESCRIPTOR)
        ]
    return _encode_type(name) + b"".join(attributes)


@cache
def _encode_type(name: str) -> bytes:
    return _field(_TYPE, name.encode())


@cache
def _encode_key(key: str) -> bytes:
    return _field(_KEY, key.encode())


# Addresses, amounts and names of messages come back.
@lru_cache(_CACHED_ATTRIBUTES)
def _encode_attribute(key: str, value: str, index: bool) -> bytes:
    text = value.encode()
    content = _encode_key(key) + (_field(_VALUE, text) if text else b"")
    return _field(_ATTRIBUTES, content + _INDEXED if index else content)


def _field(tag: bytes, content: bytes) -> bytes:
    return tag + write_varint(len(content)) + content


@cache
def _attribute_writers(descriptor: Descriptor) -> tuple[_Writer, ...]:
    return tuple((field.name, _value_writer(field)) for field in descriptor.fields)


def _value_writer(field: FieldDescriptor) -> Callable[[Any], str]:
    if field.enum_type is not None:
        names = {value.number: value.name for value in field.enum_type.values}
        if field.is_repeated:
            return lambda values: "[" + ",".join(f'"{names[value]}"' for value in values) + "]"
        return lambda value: str(names[value])
    if field.is_repeated:
        raise TypeError(f"{field.full_name}: events have no lists but of enums")
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _write_message
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    return str


def _write_message(message: Any) -> str:
    return json_format.MessageToJson(message, indent=None, preserving_proto_field_name=True)
