"""Turns what the chain says into what CometBFT carries: results and events.

A typed event becomes the ABCI event with the full name of its message; each field becomes an
attribute with the JSON text of its value, a string without quotes. client/watch.py turns it back.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tendermint.abci import types_pb2 as abci

from abci_app.blocks import make_consensus_updates
from abci_app.protocol.application import EncodedReply
from chain.app import BlockResult
from chain.runtime.context import CosmosEvent, Event
from chain.runtime.encoding.codec import make_tag, write_varint
from chain.transactions import TxResult

_Writer = tuple[str, Callable[[Any], str]]
# The name of an event and its attributes, in their order.
_Listed = tuple[str, tuple[tuple[str, str], ...]]

# Nobody looks for a transaction by these, and every entry of the index costs CometBFT time.
_NOT_INDEXED = frozenset(
    {
        *("acc_seq", "amount", "entries", "fee", "feeders", "lines_root", "msg_index"),
        *("prices_micro", "quantiles"),
    }
)
_CACHED_OUTCOMES = 1 << 12
_NUMBERS = frozenset({FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT64})
_TX_RESULT_TAG = make_tag(abci.ResponseFinalizeBlock, "tx_results")
_EVENT_TAG = make_tag(abci.ExecTxResult, "events")
_TYPE_TAG, _ATTRIBUTE_TAG = make_tag(abci.Event, "type"), make_tag(abci.Event, "attributes")
_KEY_TAG, _VALUE_TAG = make_tag(abci.EventAttribute, "key"), make_tag(abci.EventAttribute, "value")
_INDEXED = make_tag(abci.EventAttribute, "index") + b"\x01"
_MISBEHAVIORS = {number: name for name, number in abci.MisbehaviorType.items()}


def encode_block_result(
    block: BlockResult, evidence: Sequence[CosmosEvent], app_hash: bytes
) -> EncodedReply:
    """The ResponseFinalizeBlock of a block, with an event for each piece of evidence in it."""
    # As bytes, because a block has tens of thousands of events: to make an object of each takes
    # longer than to execute the transactions.
    rest = make_consensus_updates(block.consensus)
    rest.events.extend(make_events([*block.events, *evidence]))
    rest.app_hash = app_hash
    parts = [rest.SerializeToString()]
    for result in block.tx_results:
        content = encode_exec_result(result)
        parts += _TX_RESULT_TAG, write_varint(len(content)), content
    return EncodedReply(abci.ResponseFinalizeBlock, b"".join(parts))


def encode_exec_result(result: TxResult) -> bytes:
    """The ExecTxResult of an executed transaction."""
    outcome = _encode_outcome(
        result.code, result.codespace, result.log, result.data, result.gas_wanted, result.gas_used
    )
    return outcome + encode_events([_list(event) for event in result.events], _NOT_INDEXED)


# Few are different: most transactions succeed and are of one of a few sizes.
@lru_cache(_CACHED_OUTCOMES)
def _encode_outcome(
    code: int, codespace: str, log: str, data: bytes, gas_wanted: int, gas_used: int
) -> bytes:
    return abci.ExecTxResult(
        code=code,
        codespace=codespace,
        log=log,
        data=data,
        gas_wanted=gas_wanted,
        gas_used=gas_used,
    ).SerializeToString()


def make_check_result(result: TxResult) -> abci.ResponseCheckTx:
    """The result of checking a transaction; not to be changed, as others may hold it as well."""
    return _make_check_result(
        result.code, result.log, result.gas_wanted, result.gas_used, result.codespace
    )


@lru_cache(_CACHED_OUTCOMES)
def _make_check_result(
    code: int, log: str, gas_wanted: int, gas_used: int, codespace: str
) -> abci.ResponseCheckTx:
    return abci.ResponseCheckTx(
        code=code, log=log, gas_wanted=gas_wanted, gas_used=gas_used, codespace=codespace
    )


def make_events(events: Sequence[Event]) -> list[abci.Event]:
    """Events in their order."""
    content = encode_events([_list(event) for event in events], _NOT_INDEXED)
    return list(abci.ExecTxResult.FromString(content).events)


def make_misbehavior_event(found: abci.Misbehavior) -> CosmosEvent:
    """Evidence in a block that a validator broke the rules of consensus. `height` is where it did,
    at or before the block's own; `validator` is its address as genesis.json and `status` write it.
    """
    return CosmosEvent(
        "misbehavior",
        (
            ("type", _MISBEHAVIORS.get(found.type, str(found.type))),
            ("validator", found.validator.address.hex().upper()),
            ("height", str(found.height)),
            ("voting_power", str(found.validator.power)),
            ("total_voting_power", str(found.total_voting_power)),
        ),
    )


def encode_events(events: list[_Listed], unindexed: frozenset[str]) -> bytes:
    """The bytes of an ExecTxResult with these events, and nothing else.

    An attribute can be searched for unless its key is in `unindexed`. A text that is not valid
    Unicode cannot be encoded; UnicodeEncodeError.
    """
    parts: list[bytes] = []
    for name, pairs in events:
        content: list[bytes] = [_encode_text(_TYPE_TAG, name)]
        for key, value in pairs:
            attribute = _encode_text(_KEY_TAG, key) + _encode_text(_VALUE_TAG, value)
            if key not in unindexed:
                attribute += _INDEXED
            content += _ATTRIBUTE_TAG, write_varint(len(attribute)), attribute
        event = b"".join(content)
        parts += _EVENT_TAG, write_varint(len(event)), event
    return b"".join(parts)


def _encode_text(tag: bytes, text: str) -> bytes:
    """A field with a text; nothing for an empty one, as protobuf writes it."""
    if not text:
        return b""
    content = text.encode()
    return tag + write_varint(len(content)) + content


def _list(event: Event) -> _Listed:
    if isinstance(event, CosmosEvent):
        return event.type, event.attributes
    writers = _attribute_writers(event.DESCRIPTOR)
    return event.DESCRIPTOR.full_name, tuple(
        [(field, write(getattr(event, field))) for field, write in writers]
    )


@cache
def _attribute_writers(descriptor: Descriptor) -> tuple[_Writer, ...]:
    return tuple((field.name, _value_writer(field)) for field in descriptor.fields)


def _value_writer(field: FieldDescriptor) -> Callable[[Any], str]:
    if field.enum_type is not None:
        names = {value.number: value.name for value in field.enum_type.values}
        if field.is_repeated:
            return lambda values: "[" + ",".join(f'"{names[value]}"' for value in values) + "]"
        return lambda value: str(names[value])
    if field.is_repeated and field.type in _NUMBERS:
        return lambda values: "[" + ",".join(f'"{value}"' for value in values) + "]"
    if field.is_repeated and field.type == FieldDescriptor.TYPE_MESSAGE:
        return lambda values: "[" + ",".join(map(_write_message, values)) + "]"
    if field.is_repeated:
        raise TypeError(f"{field.full_name}: events have no lists of texts")
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _write_message
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: b64encode(value).decode()
    return str


def _write_message(message: Any) -> str:
    return json_format.MessageToJson(message, indent=None, preserving_proto_field_name=True)
