"""SIGN_MODE_LEGACY_AMINO_JSON: what hardware wallets show, and sign.

The document is JSON with sorted keys and without white space, as the Cosmos SDK writes it: 64-bit
numbers are strings, bytes are base64, enums are numbers, what is empty is left out, and a message
with a type of its own is `{"type": ..., "value": ...}`. All of it follows from the definitions.

Promises that two different transactions are never signed by the same bytes: everything that a
transaction can say differently is in the document, or fixed by `chain.runtime.tx`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from chain.runtime.calendar import format_time
from chain.runtime.encoding import untrusted
from chain.runtime.errors import ChainError, SdkError

# Types that an Any within a message may hold, by type URL.
PackedTypes = Mapping[str, type[Message]]
# Writes a value; beside it, what may be packed, and how many levels deep.
_Writer = Callable[[Any, PackedTypes, int], Any]
# Parameters in a message in a proposal are two.
_LEVELS_MAX = 2

# What is longer does not fit the screen of a hardware wallet.
NAME_CHARACTERS_MAX = 39
_ORIGINS = {"cosmos": "cosmos-sdk", "ibc": "cosmos-sdk"}
_LONG = {
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_SFIXED64,
    FieldDescriptor.TYPE_FIXED64,
}
_PLAIN = {
    FieldDescriptor.TYPE_UINT32,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_ENUM,
    FieldDescriptor.TYPE_BOOL,
    FieldDescriptor.TYPE_STRING,
}
_COIN = "cosmos.base.v1beta1.Coin"
# The characters that Go writes as escapes, though JSON does not ask for it.
_ESCAPES = {
    ord(character): f"\\u{ord(character):04x}" for character in ("&", "<", ">", "\u2028", "\u2029")
}


def get_name(descriptor: Any) -> str:
    """The type of a message in the document: `cosmos-sdk/MsgSend`, `blockenergy/MsgBuy`,
    `blockenergy/market/Params`.
    """
    origin, module, *_ = descriptor.full_name.split(".")
    own = descriptor.name
    short = origin in _ORIGINS or own.startswith("Msg")
    origin = _ORIGINS.get(origin, origin)
    return f"{origin}/{own}" if short else f"{origin}/{module}/{own}"


def write_content(
    messages: Sequence[Message],
    coins: Sequence[tuple[str, str]],
    gas_limit: int,
    fee_payer: str,
    fee_granter: str,
    memo: str,
    sequence: int,
    timeout_height: int,
    packed_types: PackedTypes,
) -> str:
    """All of the document but account number and chain id, as JSON.

    Rejects a message that holds another of a type that is not in `packed_types`.
    """
    fee: dict[str, Any] = {
        "amount": [{"denom": denom, "amount": amount} for denom, amount in coins],
        "gas": str(gas_limit),
    }
    if fee_payer:
        fee["payer"] = fee_payer
    if fee_granter:
        fee["granter"] = fee_granter
    content: dict[str, Any] = {
        "fee": fee,
        "memo": memo,
        "msgs": [_write_typed(message, packed_types, _LEVELS_MAX) for message in messages],
        "sequence": str(sequence),
    }
    if timeout_height:
        content["timeout_height"] = str(timeout_height)
    return _write_json(content)


def sign_bytes(content: str, chain_id: str, account_number: int) -> bytes:
    """What is signed, of a content that `write_content` wrote."""
    # In the order of keys these two come before everything else.
    beginning = _write_json({"account_number": str(account_number), "chain_id": chain_id})
    return f"{beginning[:-1]},{content[1:]}".encode()


def _write_json(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _write_typed(message: Message, packed_types: PackedTypes, levels: int) -> dict[str, Any]:
    value = _write_fields(message, packed_types, levels)
    return {"type": get_name(message.DESCRIPTOR), "value": value}


def _write_fields(message: Message, packed_types: PackedTypes, levels: int) -> dict[str, Any]:
    written = {}
    for field, is_always, write in _list_writers(message.DESCRIPTOR):
        value = getattr(message, field.name)
        if field.is_repeated:
            if value or is_always:
                written[field.name] = [write(item, packed_types, levels) for item in value]
        elif message.HasField(field.name) if field.has_presence else value:
            written[field.name] = write(value, packed_types, levels)
    return written


@cache
def _list_writers(descriptor: Any) -> tuple[tuple[FieldDescriptor, bool, _Writer], ...]:
    """Fields, whether one is written when it is empty, and how."""
    return tuple([(field, _is_coins(field), _get_writer(field)) for field in descriptor.fields])


def _is_coins(field: FieldDescriptor) -> bool:
    """Lists of coins are written even if they are empty."""
    found: Any = field.message_type
    return bool(field.is_repeated and found and found.full_name == _COIN)


def _get_writer(field: FieldDescriptor) -> _Writer:
    if field.type in _LONG:
        return lambda value, *_: str(value)
    if field.type in _PLAIN:
        return lambda value, *_: value
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value, *_: base64.b64encode(value).decode()
    if field.message_type is None:
        raise TypeError(f"{field.full_name}: hardware wallets cannot sign this type of field")
    if field.message_type.full_name == AnyMessage.DESCRIPTOR.full_name:
        return _write_packed
    if field.message_type.full_name == Timestamp.DESCRIPTOR.full_name:
        return _write_time
    return _write_fields


def _write_packed(item: AnyMessage, packed_types: PackedTypes, levels: int) -> dict[str, Any]:
    message_type = packed_types.get(item.type_url) if levels else None
    if message_type is None:
        raise ChainError(SdkError.UNKNOWN_REQUEST, item.type_url[:200])
    message = untrusted.decode(message_type, item.value, SdkError.TX_PARSE)
    return _write_typed(message, packed_types, levels - 1)


def _write_time(time: Timestamp, *_: Any) -> str:
    try:
        return format_time(time.seconds, time.nanos)
    except ValueError as error:
        raise ChainError(SdkError.TX_PARSE, str(error)) from None


def require_names(packed_types: PackedTypes) -> None:
    """AssertionError unless every type has a name of its own that a hardware wallet can show."""
    names = [get_name(message_type.DESCRIPTOR) for message_type in packed_types.values()]
    assert len(set(names)) == len(names), f"a name twice: {sorted(names)}"
    long = [name for name in names if len(name) > NAME_CHARACTERS_MAX]
    assert not long, f"more than {NAME_CHARACTERS_MAX} characters: {long}"
