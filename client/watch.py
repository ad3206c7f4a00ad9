"""Decodes ABCI events into typed messages, and follows new blocks.

`decode_event` inverts the encoding of the node: the type of an ABCI event is the full name of a
message, each attribute is a field with its value as JSON, strings without quotes. Blocks are
polled; each one is returned exactly once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from client.definitions import get_fields, get_message_class
from client.errors import RpcError
from client.files.json_input import parse_json
from client.node.rpc import Rpc
from client.node.rpc_types import Event

DEFAULT_INTERVAL_S = 0.25


@dataclass(frozen=True, slots=True)
class WatchedBlock:
    """The typed events of a block: those of each transaction, and those of the block itself.

    fees: who has paid what for transactions, whether they were executed or failed.
    """

    height: int
    app_hash: bytes
    # Result codes of the transactions; those with a code other than 0 changed nothing.
    tx_codes: tuple[int, ...]
    tx_events: tuple[tuple[Message, ...], ...]
    block_events: tuple[Message, ...]
    fees: tuple[tuple[str, Coin], ...] = ()

    @property
    def events(self) -> Iterator[Message]:
        """All typed events in the order of execution."""
        for events in self.tx_events:
            yield from events
        yield from self.block_events


def get_block(rpc: Rpc, height: int) -> WatchedBlock:
    """The events of one block."""
    results = rpc.block_results(height)
    return WatchedBlock(
        height=results.height,
        app_hash=results.app_hash,
        tx_codes=tuple(result.code for result in results.tx_results),
        tx_events=tuple(decode_events(result.events) for result in results.tx_results),
        block_events=decode_events(results.block_events),
        fees=tuple(fee for result in results.tx_results for fee in read_fees(result.events)),
    )


def watch_blocks(
    rpc: Rpc,
    first_height: int = 0,
    *,
    stop: threading.Event | None = None,
    interval_s: float = DEFAULT_INTERVAL_S,
) -> Iterator[WatchedBlock]:
    """Every block from a height on (0: after the latest one), until `stop` is set.

    Raises RpcError if the node fails; continue from the height after the last block returned.
    """
    stop = stop or threading.Event()
    height = first_height or rpc.status().latest_height + 1
    while not stop.is_set():
        latest = rpc.status().latest_height
        while height <= latest and not stop.is_set():
            yield get_block(rpc, height)
            height += 1
        stop.wait(interval_s)


def read_fees(events: Iterable[Event]) -> Iterator[tuple[str, Coin]]:
    """Payer and coins of the fee among the events of a transaction; nothing if it was free."""
    for event in events:
        values = dict(event.attributes)
        if event.type == "tx" and values.get("fee"):
            payer = values["acc_seq"].partition("/")[0]
            for text in values["fee"].split(","):
                denom = text.lstrip("0123456789")
                yield payer, Coin(denom=denom, amount=text.removesuffix(denom))


def decode_events(events: Iterable[Event]) -> tuple[Message, ...]:
    """The typed events among ABCI events, in order."""
    decoded = (decode_event(event) for event in events)
    return tuple(event for event in decoded if event is not None)


def decode_event(event: Event) -> Message | None:
    """The message encoded in an ABCI event; None if it is not a typed event.

    Raises RpcError if the values do not match the definition of the event.
    """
    message_type = get_message_class(event.type)
    if message_type is None:
        return None
    fields = get_fields(message_type)
    try:
        content = {
            key: _read_value(fields[key], value) for key, value in event.attributes if key in fields
        }
        return json_format.ParseDict(content, message_type())
    except (json_format.ParseError, ValueError) as error:
        raise RpcError(f"event {event.type} cannot be decoded: {error}") from error


def _read_value(field: FieldDescriptor, value: str) -> object:
    """A value for the protobuf JSON parser, which accepts numbers, enums and bytes as text."""
    if field.is_repeated or field.type in (FieldDescriptor.TYPE_MESSAGE, FieldDescriptor.TYPE_BOOL):
        return parse_json(value)
    return value
