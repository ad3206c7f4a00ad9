"""`blockenergy watch`: prints the events of every new block until Ctrl-C.

A node that restarts is waited for: no block is left out and none is printed twice.
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

import text_output
from client.catalog import get_events, get_module
from client.cli import display
from client.cli.common import (
    add_keyring_option,
    add_node_option,
    add_output_option,
    get_address,
)
from client.cli.outcomes import fold, message_to_dict
from client.definitions import to_kebab_case
from client.errors import RpcError, UsageError
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.units import UINT64_MAX
from client.watch import WatchedBlock, watch_blocks

PATIENCE_S = 1.0
_EVENT = "Event"
_SLOT, _ORDER = "slot", "order_id"


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of `watch`."""
    chosen = parser.add_argument_group("which events; each option narrows it down")
    chosen.add_argument(
        "--event",
        metavar="NAME",
        action="append",
        default=[],
        help="of this type, such as order-lapsed or slot-settled; may be repeated",
    )
    chosen.add_argument("--module", metavar="NAME", help="of this module, such as market")
    chosen.add_argument("--address", metavar="ADDRESS", help="that name this address or key")
    chosen.add_argument("--slot", metavar="SLOT", type=_parse_number, help="of this slot")
    chosen.add_argument("--order", metavar="ID", type=_parse_number, help="of this order")
    parser.add_argument(
        "--from-height",
        metavar="N",
        type=_parse_number,
        default=0,
        help="first block (default: the next one)",
    )
    parser.add_argument(
        "--count", metavar="N", type=_parse_number, default=0, help="stop after this many events"
    )
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    filters = _Filters(args)
    printed = 0
    for block in _follow(Rpc(args.node), args.from_height):
        for position, event in _list_events(block):
            if filters.accept(event):
                _print(args, block.height, position, event)
                printed += 1
                if printed == args.count:
                    return 0
    return 0


class _Filters:
    """What is asked for; raises UsageError for a name that does not exist."""

    def __init__(self, args: argparse.Namespace) -> None:
        known = {_get_short_name(name): name for name in get_events()}
        modules = sorted({get_module(name) for name in get_events()})
        self._types = {_choose(name, known, "--event") for name in args.event}
        self._module = _choose(args.module, dict(zip(modules, modules, strict=True)), "--module")
        self._address = get_address(Keyring(args.keyring), args.address) if args.address else ""
        self._numbers = {_SLOT: args.slot, _ORDER: args.order}

    def accept(self, event: Message) -> bool:
        """Whether an event is to be printed."""
        full_name = event.DESCRIPTOR.full_name
        if self._types and full_name not in self._types:
            return False
        if self._module and get_module(full_name) != self._module:
            return False
        if self._address and self._address not in _list_texts(event):
            return False
        return all(
            number is None or getattr(event, name, None) == number
            for name, number in self._numbers.items()
        )


def _choose(name: str | None, known: dict[str, str], option: str) -> str:
    if name is None:
        return ""
    if name not in known:
        raise UsageError(f"{option}: {name!r} is unknown; choose from {', '.join(sorted(known))}")
    return known[name]


def _get_short_name(full_name: str) -> str:
    return to_kebab_case(full_name.rpartition(".")[2].removeprefix(_EVENT))


def _follow(rpc: Rpc, first_height: int) -> Iterator[WatchedBlock]:
    """Blocks, also after the node was away; it must be there at the beginning."""
    height = first_height or rpc.status().latest_height + 1
    is_away = False
    while True:
        try:
            for block in watch_blocks(rpc, height):
                height, is_away = block.height + 1, False
                yield block
        except RpcError as error:
            # What the node itself says, such as that it has dropped the block, will not change.
            if error.detail:
                raise
            if not is_away:
                text_output.complain(f"blockenergy: {error.sentence}; waiting for it")
            is_away = True
        threading.Event().wait(PATIENCE_S)


def _list_events(block: WatchedBlock) -> Iterator[tuple[str, Message]]:
    """Events with their origin: the number of a transaction, or the block itself."""
    for index, events in enumerate(block.tx_events):
        for event in events:
            yield f"tx {index}", event
    for event in block.block_events:
        yield "block", event


def _list_texts(message: Message) -> Iterator[str]:
    for field, value in message.ListFields():
        for item in value if field.is_repeated else [value]:
            if field.type == FieldDescriptor.TYPE_STRING:
                yield item
            elif field.message_type is not None:
                yield from _list_texts(item)


def _print(args: argparse.Namespace, height: int, origin: str, event: Message) -> None:
    if args.output == "json":
        line = {"height": str(height), "origin": origin, **message_to_dict(event)}
        text_output.say(text_output.to_json(line, indent=None))
    else:
        text_output.say(fold(f"{height} {origin}  {display.to_line(event)}"))


def _parse_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:21]) <= UINT64_MAX):
        raise UsageError(f"{text!r} is not a whole number")
    return int(text)
