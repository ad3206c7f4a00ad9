"""What became of transactions and orders, as text and as JSON, with exit codes of their own."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Sequence

from blockenergy.market.v1.state_pb2 import Side
from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.message import Message

import text_output
from client import units
from client.cli import display
from client.cli.table import format_rows
from client.definitions import get_short_name
from client.orders import OrderState, OrderStatus

EXIT_LAPSED = 5
EXIT_PENDING = 6
_INDENT = "    "


def get_exit_code(orders: Iterable[OrderState]) -> int:
    """EXIT_LAPSED if one of the orders lapsed, else 0."""
    return EXIT_LAPSED if any(one.status == OrderStatus.LAPSED for one in orders) else 0


def show_order(args: argparse.Namespace, order: OrderState) -> int:
    """Prints one order; returns the exit code."""
    if args.output == "json":
        text_output.say(text_output.to_json(order_to_dict(order)))
    else:
        text_output.say(format_order(order))
    return get_exit_code([order])


def format_order(order: OrderState) -> str:
    """An order as rows; what is not known or does not apply is left out."""
    rows = [
        ("order id", str(order.order_id)),
        ("status", order.status.value),
        ("reason", text_output.escape(order.reason)),
        ("kind", _get_kind(order)),
        ("slot", str(order.slot)),
        ("owner", text_output.escape(order.owner)),
        ("side", _get_side(order)),
        ("quantity", units.format_value(options.UNIT_WH, order.quantity_wh)),
        ("price limit", units.format_value(options.UNIT_PRICE, order.price_limit_per_kwh)),
    ]
    if order.status not in (OrderStatus.RESTING, OrderStatus.CANCELLED):
        rows += [
            ("traded", units.format_value(options.UNIT_WH, order.traded_wh)),
            ("amount", units.format_value(options.UNIT_MONEY, order.amount)),
        ]
    if order.height:
        rows.append(("height", str(order.height)))
    return format_rows((name, value) for name, value in rows if value)


def order_to_dict(order: OrderState) -> dict[str, object]:
    """An order as JSON; 64-bit numbers are strings, as in the protobuf mapping."""
    return {
        "order_id": str(order.order_id),
        "status": order.status.value,
        "reason": order.reason,
        "kind": _get_kind(order),
        "slot": str(order.slot),
        "owner": order.owner,
        "side": Side.Name(order.side) if order.side in Side.values() else str(order.side),
        "quantity_wh": str(order.quantity_wh),
        "price_limit_per_kwh": str(order.price_limit_per_kwh),
        "traded_wh": str(order.traded_wh),
        "amount": str(order.amount),
        "height": str(order.height),
    }


def message_to_dict(message: Message) -> dict[str, object]:
    """A message with its type."""
    return {"type": message.DESCRIPTOR.full_name, **display.to_dict(message)}


def format_lines(title: str, messages: Sequence[Message], denoms: display.Denoms) -> str:
    """Messages of any types, one after the other, under a title."""
    return "\n".join([f"{title}:", *(fold(display.to_line(one, denoms)) for one in messages)])


def fold(line: str) -> str:
    """A line, folded to the width of the terminal."""
    width = text_output.get_width()
    if width is None or text_output.measure(line) <= width:
        return line
    return "\n".join(
        textwrap.wrap(
            line,
            max(width, 2 * len(_INDENT)),
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _get_kind(order: OrderState) -> str:
    return "limit order" if order.is_limit_order else "market order"


def _get_side(order: OrderState) -> str:
    value = Side.DESCRIPTOR.values_by_number.get(order.side)
    return get_short_name(value) if value else str(order.side)
