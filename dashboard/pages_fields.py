"""Fields of messages for the pages, from the definitions: `python -m dashboard.pages_fields`.

The pages read proofs and write transactions, which are protobuf. A field is its number, its name,
its kind, and the full name of its type if it has one. Kinds: n number, b yes or no, s text,
x bytes, e enum, m message; with a star, a list of them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from blockenergy.market.v1 import tx_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.ics23.v1 import proofs_pb2
from cosmos.tx.v1beta1.tx_pb2 import AuthInfo, TxBody, TxRaw
from google.protobuf.descriptor import FieldDescriptor

import text_output

# Two tables, because the verifier, which is one file, needs only the first.
_TABLES: dict[str, list[Any]] = {
    "PROOF": [proofs_pb2.CommitmentProof, settlement_pb2.Line],
    "TX": [
        TxRaw,
        TxBody,
        AuthInfo,
        PubKey,
        market_pb2.MsgBuy,
        market_pb2.MsgSell,
        market_pb2.MsgCancelPosition,
        market_pb2.MsgPlaceLimitOrder,
        market_pb2.MsgAmendLimitOrder,
        market_pb2.MsgCancelLimitOrder,
        market_pb2.MsgPlaceStandingOrder,
        market_pb2.MsgCancelStandingOrder,
        market_pb2.MsgSetOffer,
        market_pb2.MsgBuyOffer,
        market_pb2.MsgCurtail,
    ],
}
_KINDS = {
    FieldDescriptor.TYPE_STRING: "s",
    FieldDescriptor.TYPE_BYTES: "x",
    FieldDescriptor.TYPE_BOOL: "b",
    FieldDescriptor.TYPE_UINT64: "n",
    FieldDescriptor.TYPE_UINT32: "n",
    FieldDescriptor.TYPE_INT64: "n",
    FieldDescriptor.TYPE_INT32: "n",
}


def write_fields() -> str:
    """The whole file."""
    lines = ["// Made by dashboard/pages_fields.py from proto/; change those instead.", ""]
    lines += ["export type Field = [number, string, string, string?];"]
    for table, kinds in _TABLES.items():
        messages: dict[str, Any] = {}
        enums: dict[str, Any] = {}
        for message in kinds:
            _collect(message.DESCRIPTOR, messages, enums)
        lines += ["", f"export const {table}_FIELDS: Record<string, Field[]> = {{"]
        lines += [
            f"  {json.dumps(name)}: {json.dumps([_describe(field) for field in kind.fields])},"
            for name, kind in messages.items()
        ]
        lines += [
            "};",
            "",
            f"export const {table}_ENUMS: Record<string, Record<number, string>> = {{",
        ]
        lines += [
            f"  {json.dumps(name)}: "
            f"{json.dumps({value.number: value.name for value in kind.values})},"
            for name, kind in enums.items()
        ]
        lines += ["};"]
    return "\n".join(lines)


def _collect(kind: Any, messages: dict[str, Any], enums: dict[str, Any]) -> None:
    if kind.full_name in messages:
        return
    messages[kind.full_name] = kind
    for field in kind.fields:
        if field.message_type is not None:
            _collect(field.message_type, messages, enums)
        elif field.enum_type is not None:
            enums[field.enum_type.full_name] = field.enum_type


def _describe(field: Any) -> list[Any]:
    inner = field.message_type or field.enum_type
    kind = "m" if field.message_type else "e" if field.enum_type else _KINDS[field.type]
    name = [inner.full_name] if inner is not None else []
    return [field.number, field.name, f"{kind}*" if field.is_repeated else kind, *name]


if __name__ == "__main__":
    text_output.say(write_fields())
    sys.exit(0)
