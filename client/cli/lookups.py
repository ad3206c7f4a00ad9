"""`blockenergy query tx` and `query market order`: look-ups that no rpc of the chain offers.

They ask the node for what its index of transactions knows.
"""

from __future__ import annotations

import argparse
import re

import text_output
from client.catalog import get_errors
from client.cli import display
from client.cli.common import (
    Command,
    add_node_option,
    add_output_option,
    get_shown_denoms,
    show_values,
)
from client.cli.outcomes import (
    EXIT_LAPSED,
    EXIT_PENDING,
    format_lines,
    format_order,
    message_to_dict,
    order_to_dict,
    show_order,
)
from client.cli.table import format_rows
from client.errors import NotFoundError, RejectedError, UsageError
from client.node.rpc import Rpc
from client.node.rpc_types import TxResult
from client.orders import find_order, follow_orders
from client.signing import tx
from client.units import UINT64_MAX
from client.watch import decode_events

_HASH = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{64})", re.ASCII)


def fill_tx(parser: argparse.ArgumentParser) -> None:
    """Options of `query tx`."""
    parser.add_argument("hash", metavar="HASH", type=parse_hash, help="64 hex digits")
    parser.add_argument(
        "--verified",
        action="store_true",
        help="only what is proven from headers that validators have signed (blockenergy light)",
    )
    add_node_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=_run_tx)


def fill_order(parser: argparse.ArgumentParser) -> None:
    """Options of `query market order`."""
    parser.add_argument(
        "order_id", metavar="ID", type=parse_order_id, help="number of an order of any kind"
    )
    add_node_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=_run_order)


TX_NAME, ORDER_MODULE, ORDER_NAME = "tx", "market", "order"
TX = Command(
    "A transaction by its hash: its block, result, events and orders.",
    "Shows a transaction by its hash. Exit codes: 0 it was executed; "
    f"{RejectedError.exit_code} it was rejected in its block; {EXIT_PENDING} it waits for a block; "
    f"{NotFoundError.exit_code} the node does not know it.",
    fill_tx,
)
ORDER = Command(
    "An order by its number: executed, lapsed, resting, filled or cancelled.",
    "Shows what became of an order, from the node's index of transactions. Exit codes: 0 found; "
    f"{EXIT_LAPSED} it lapsed; {NotFoundError.exit_code} the node does not know it.",
    fill_order,
)


def parse_hash(text: str) -> bytes:
    """The hash of a transaction."""
    found = _HASH.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is not the hash of a transaction, 64 hex digits")
    return bytes.fromhex(found[1])


def parse_order_id(text: str) -> int:
    """The number of an order."""
    if not (text.isascii() and text.isdigit() and int(text[:21]) <= UINT64_MAX):
        raise UsageError(f"{text!r} is not the number of an order")
    return int(text)


def _run_order(args: argparse.Namespace) -> int:
    return show_order(args, find_order(Rpc(args.node), args.order_id))


def _run_tx(args: argparse.Namespace) -> int:
    if args.verified:
        return _run_verified(args)
    rpc = Rpc(args.node)
    found = rpc.tx(args.hash)
    if found is None and _is_pending(rpc, args.hash):
        return _show_pending(args)
    # It may have left the mempool for a block in between.
    found = found or rpc.tx(args.hash)
    if found is None:
        raise NotFoundError(
            f"the node at {rpc.node} does not know transaction {args.hash.hex().upper()}: it is in "
            "no block that the node has indexed, and does not wait for one"
        )
    if args.output == "json":
        text_output.say(text_output.to_json(_to_dict(rpc, found)))
    else:
        text_output.say(_to_text(rpc, found))
    return RejectedError.exit_code if found.result.code else 0


def _run_verified(args: argparse.Namespace) -> int:
    from client.light import session, verified

    with session.open_client(args.node) as client:
        found = verified.get_tx(client, args.hash)
    messages = tx.decode(found.tx).body.messages
    values = {
        "hash": args.hash.hex().upper(),
        "height": str(found.height),
        "index": str(found.index),
        "code": str(found.code),
        "gas_wanted": str(found.gas_wanted),
        "gas_used": str(found.gas_used),
        "data": found.data.hex().upper(),
        "messages": ", ".join(one.type_url for one in messages),
    }
    show_values(args, values)
    return RejectedError.exit_code if found.code else 0


def _is_pending(rpc: Rpc, tx_hash: bytes) -> bool:
    mempool = rpc.unconfirmed_txs()
    if any(tx.compute_hash(one) == tx_hash for one in mempool.txs):
        return True
    hidden = mempool.count - len(mempool.txs)
    if hidden > 0 and rpc.tx(tx_hash) is None:
        text_output.complain(
            f"blockenergy: {hidden} more transactions wait at the node than it lists; this one may "
            "be among them, so look again later"
        )
        return True
    return False


def _show_pending(args: argparse.Namespace) -> int:
    values = {"hash": args.hash.hex().upper(), "status": "pending"}
    text_output.say(
        text_output.to_json(values) if args.output == "json" else format_rows(values.items())
    )
    return EXIT_PENDING


def _to_text(rpc: Rpc, found: TxResult) -> str:
    result, content = found.result, tx.decode(found.tx)
    messages = [tx.unpack(one) for one in content.body.messages]
    events = decode_events(result.events)
    fee = content.auth_info.fee
    denoms = get_shown_denoms(rpc, [*messages, *events, fee])
    values: dict[str, object] = {
        "hash": found.hash.hex().upper(),
        "status": _get_status(found),
        "height": found.height,
    }
    if result.code:
        values |= {"error": _name_error(result.codespace, result.code), "log": result.log}
    values |= {
        "gas wanted": result.gas_wanted,
        "gas used": result.gas_used,
        "fee": ", ".join(display.format_coin(coin, denoms) for coin in fee.amount),
    }
    if content.body.memo:
        values["memo"] = content.body.memo
    parts = [
        format_rows(display.to_cells(values).items()),
        format_lines("messages", messages, denoms),
    ]
    if events:
        parts.append(format_lines("events", events, denoms))
    parts += [format_order(order) for order in follow_orders(rpc, events, found.height)]
    return "\n\n".join(parts)


def _to_dict(rpc: Rpc, found: TxResult) -> dict[str, object]:
    result, content = found.result, tx.decode(found.tx)
    events = decode_events(result.events)
    return {
        "hash": found.hash.hex().upper(),
        "status": _get_status(found),
        "height": str(found.height),
        "index": found.index,
        "code": result.code,
        "codespace": result.codespace,
        "log": result.log,
        "gas_wanted": str(result.gas_wanted),
        "gas_used": str(result.gas_used),
        "fee": [display.to_dict(coin) for coin in content.auth_info.fee.amount],
        "memo": content.body.memo,
        "messages": [message_to_dict(tx.unpack(one)) for one in content.body.messages],
        "events": [message_to_dict(event) for event in events],
        "orders": [order_to_dict(order) for order in follow_orders(rpc, events, found.height)],
    }


def _get_status(found: TxResult) -> str:
    return "rejected" if found.result.code else "executed"


def _name_error(codespace: str, code: int) -> str:
    known = get_errors().get((codespace, code))
    return f"{codespace} {code}" + (f", {known.name}" if known else "")
