"""Turns what the chain says into what CometBFT carries: results and events.

A typed event becomes the ABCI event with the full name of its message; each field becomes an
attribute with the JSON text of its value, a string without quotes. client/watch.py turns it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tendermint.abci import types_pb2 as abci

from chain.runtime.context import CosmosEvent, Event
from chain.transactions import TxResult

_Writer = tuple[str, Callable[[Any], str]]


def make_exec_result(result: TxResult) -> abci.ExecTxResult:
    """The result of an executed transaction."""
    return abci.ExecTxResult(
        code=result.code,
        data=result.data,
        log=result.log,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
        events=make_events(result.events),
        codespace=result.codespace,
    )


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
    return [make_event(event) for event in events]


def make_event(event: Event) -> abci.Event:
    """One event. Every attribute is indexed, so that it can be searched for."""
    if isinstance(event, CosmosEvent):
        attributes: Iterable[tuple[str, str]] = event.attributes
        name = event.type
    else:
        writers = _attribute_writers(event.DESCRIPTOR)
        attributes = [(field, write(getattr(event, field))) for field, write in writers]
        name = event.DESCRIPTOR.full_name
    return abci.Event(
        type=name,
        attributes=[
            abci.EventAttribute(key=key, value=value, index=True) for key, value in attributes
        ],
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
    if field.is_repeated:
        raise TypeError(f"{field.full_name}: events have no lists but of enums")
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _write_message
    if field.type == FieldDescriptor.TYPE_BOOL:
        return lambda value: "true" if value else "false"
    return str


def _write_message(message: Any) -> str:
    return json_format.MessageToJson(message, indent=None, preserving_proto_field_name=True)
