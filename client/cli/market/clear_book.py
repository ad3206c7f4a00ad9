"""`blockenergy market clear BOOK.json`: clears an order book from a file, without a node.

Runs the functions of the chain. Decimal numbers are scaled exactly to integers and back: only the
rules round. Quantities have as many decimals as the finest number in the file, prices one more for
the midpoint of two. With a pool both are at least as fine as on the chain: thousandths of a
quantity (Wh), millionths of a price.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain as join
from itertools import count
from pathlib import Path
from typing import NamedTuple

import text_output
from chain.market import Curve, clearing
from client.cli.common import Command, add_commands, add_output_option
from client.cli.market.book_file import (
    BookFile,
    LineOfFile,
    Number,
    Orders,
    Scale,
    count_decimals,
    parse_pool,
    read_book,
)
from client.cli.table import format_rows, format_table
from client.errors import UsageError
from client.units import format_decimal

RULES = {
    "midpoint": clearing.MIDPOINT,
    "marginal-ask": clearing.MARGINAL_ASK,
    "marginal-bid": clearing.MARGINAL_BID,
}
_DESCRIPTION = """
Clears an order book from a JSON file by the rules of the chain, without a node.
The file is {"bids": [[price, quantity], ...], "asks": [...]} or, with the limits of a feeder,
{"nodes": {"n1": {"bids": ..., "asks": ...}, ...}, "lines": [["n1", "n2", capacity], ...]}.
A line may have a fee for energy that crosses it, ["n1", "n2", capacity, fee], and a capacity for
each direction, {"forward": 3, "backward": 0}, where forward is from n1 to n2.
All numbers in the result are in the units of the file.
"""
_QUANTITY_DECIMALS_WITH_POOL = 3
_PRICE_DECIMALS_WITH_POOL = 6


class _Result(NamedTuple):
    """Named values, and tables of orders, lines or nodes for the text output."""

    values: list[tuple[str, str]]
    tables: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the group."""
    command = Command("clear an order book from a file", _DESCRIPTION, _fill_clear)
    add_commands(parser, {"clear": command})


def run(args: argparse.Namespace) -> int:
    """Clears the book and prints the result."""
    pool = () if args.pool is None else parse_pool(args.pool)
    book = read_book(args.book)
    prices, quantities = _choose_scales(book, pool)
    market_pool = _make_pool(pool, prices, quantities) if pool else None
    numbers = count()
    nodes = [_make_orders(node, prices, quantities, numbers) for node in book.nodes]
    rule = RULES[args.price_rule]
    try:
        if book.is_network:
            lines = [_make_line(line, prices, quantities) for line in book.lines]
            network = clearing.clear_network(clearing.Network(nodes, lines, market_pool), rule)
            result = _format_network(book, network, prices, quantities, with_pool=bool(pool))
        else:
            outcome = clearing.clear_auction(clearing.Book(*nodes[0], market_pool), rule)
            result = _format_auction(book, outcome, prices, quantities, with_pool=bool(pool))
    except clearing.BookError as error:
        raise UsageError(f"{args.book}: {error}") from None
    _print(result, as_json=args.output == "json")
    return 0


def _fill_clear(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("book", metavar="BOOK.json", type=Path, help="the order book")
    parser.add_argument(
        "--price-rule",
        choices=RULES,
        default="midpoint",
        help="how to choose between price_low and price_high (default: midpoint)",
    )
    parser.add_argument(
        "--pool",
        metavar="LOW,HIGH,DEPTH",
        help="include the distribution network's pool, at the first node if there are nodes: its "
        "lowest and highest price, and the net quantity at which it reaches them",
    )
    add_output_option(parser)


def _choose_scales(book: BookFile, pool: Sequence[Number]) -> tuple[Scale, Scale]:
    orders = [order for node in book.nodes for side in node for order in side]
    fees = (line.fee for line in book.lines)
    prices = count_decimals(join((price for price, _ in orders), fees, pool[:2]))
    capacities = (capacity for line in book.lines for capacity in (line.forward, line.backward))
    quantities = count_decimals(join((wh for _, wh in orders), capacities, pool[2:]))
    if pool:
        return (
            Scale(max(prices + 1, _PRICE_DECIMALS_WITH_POOL)),
            Scale(max(quantities, _QUANTITY_DECIMALS_WITH_POOL)),
        )
    return Scale(prices + 1), Scale(quantities)


def _make_pool(pool: Sequence[Number], prices: Scale, quantities: Scale) -> clearing.Pool:
    low, high, depth = pool
    return clearing.Pool(Curve(prices.scale(low), prices.scale(high), quantities.scale(depth)))


def _make_line(line: LineOfFile, prices: Scale, quantities: Scale) -> clearing.Branch:
    start, end, forward, backward, fee = line
    capacities = quantities.scale(forward), quantities.scale(backward)
    return clearing.Branch(start, end, *capacities, prices.scale(fee))


def _make_orders(
    node: tuple[Orders, Orders], prices: Scale, quantities: Scale, numbers: Iterator[int]
) -> clearing.NodeOrders:
    """Orders as on the chain, each with a different owner."""
    bids, asks = (
        [
            clearing.Order(
                number, number.to_bytes(8, "big"), prices.scale(price), quantities.scale(amount)
            )
            for (price, amount), number in zip(side, numbers, strict=False)
        ]
        for side in node
    )
    return clearing.NodeOrders(bids, asks)


def _format_auction(
    book: BookFile, outcome: clearing.Outcome, prices: Scale, quantities: Scale, *, with_pool: bool
) -> _Result:
    values = [
        ("volume", _format(outcome.volume_wh, quantities)),
        ("price", _format(outcome.price, prices)),
        ("price_low", _format(outcome.price_low, prices)),
        ("price_high", _format(outcome.price_high, prices)),
    ]
    if with_pool:
        values.append(("pool", _format(outcome.pool_wh, quantities)))
    tables = []
    for name, orders, fills in zip(
        ("bid", "ask"), book.nodes[0], (outcome.bid_fills, outcome.ask_fills), strict=True
    ):
        shown = [_format(fill, quantities) for fill in fills]
        values.append((f"{name}_fills", _join_list(shown)))
        rows = [
            (_format(prices.scale(price), prices), _format(quantities.scale(wh), quantities), fill)
            for (price, wh), fill in zip(orders, shown, strict=True)
        ]
        tables.append(format_table((name, "quantity", "fill"), rows))
    return _Result(values, tables)


def _format_network(
    book: BookFile,
    outcome: clearing.NetworkOutcome,
    prices: Scale,
    quantities: Scale,
    *,
    with_pool: bool,
) -> _Result:
    node_prices = [_format(price, prices) for price in outcome.prices]
    flows = [_format(flow, quantities) for flow in outcome.flows]
    supply = [_format(sum(fills), quantities) for fills in outcome.ask_fills]
    demand = [_format(sum(fills), quantities) for fills in outcome.bid_fills]
    money = Scale(prices.decimals + quantities.decimals)
    traded = max(sum(map(sum, outcome.bid_fills)), sum(map(sum, outcome.ask_fills)))
    names = [json.dumps(name) for name in book.names]
    bid_fills, ask_fills = (
        _join_object(names, (_join_list(_format(one, quantities) for one in node) for node in side))
        for side in (outcome.bid_fills, outcome.ask_fills)
    )
    values = [
        ("volume", _format(traded, quantities)),
        ("prices", _join_object(names, node_prices)),
        ("flows", _join_list(flows)),
        ("supply", _join_object(names, supply)),
        ("demand", _join_object(names, demand)),
        ("rent", _format(sum(outcome.rents), money)),
        ("rents", _join_list(_format(rent, money) for rent in outcome.rents)),
        ("fee", _format(sum(outcome.fees), money)),
        ("fees", _join_list(_format(fee, money) for fee in outcome.fees)),
        ("bid_fills", bid_fills),
        ("ask_fills", ask_fills),
    ]
    if with_pool:
        values.insert(1, ("pool", _format(outcome.pool_wh, quantities)))
    shown = [text_output.escape(name) for name in book.names]
    nodes = zip(shown, map(_to_cell, node_prices), supply, demand, strict=True)
    tables = [format_table(("node", "price", "supply", "demand"), nodes)]
    if book.lines:
        tables.append(_format_lines(book, outcome, prices, quantities))
    return _Result(values, tables)


def _format_lines(
    book: BookFile, outcome: clearing.NetworkOutcome, prices: Scale, quantities: Scale
) -> str:
    """Flows, capacities, rents and fees of the lines."""
    names = [text_output.escape(name) for name in book.names]
    money = Scale(prices.decimals + quantities.decimals)
    rows = []
    for line, flow, rent, fee in zip(
        book.lines, outcome.flows, outcome.rents, outcome.fees, strict=True
    ):
        capacities = [_format(quantities.scale(one), quantities) for one in line[2:4]]
        rows.append(
            (
                names[line.start],
                names[line.end],
                _format(flow, quantities),
                *capacities,
                _format(rent, money),
                _format(fee, money),
            )
        )
    columns = ("from", "to", "flow", "capacity", "back", "rent", "fee")
    return format_table(columns, rows)


def _format(number: int | None, scale: Scale) -> str:
    """A scaled number as an exact JSON number in the units of the file."""
    if number is None:
        return "null"
    sign = "-" if number < 0 else ""
    return sign + format_decimal(abs(number), scale.decimals)


def _join_list(numbers: Iterable[str]) -> str:
    return f"[{', '.join(numbers)}]"


def _join_object(names: Iterable[str], values: Iterable[str]) -> str:
    pairs = zip(names, values, strict=True)
    return f"{{{', '.join(f'{name}: {value}' for name, value in pairs)}}}"


def _to_cell(number: str) -> str:
    return "-" if number == "null" else number


def _print(result: _Result, *, as_json: bool) -> None:
    """Prints text or JSON; JSON is assembled from strings, so that no float is involved."""
    if as_json:
        lines = ",\n".join(f'  "{name}": {value}' for name, value in result.values)
        text_output.say(f"{{\n{lines}\n}}")
        return
    plain = [
        (name.replace("_", " "), _to_cell(value))
        for name, value in result.values
        if value[0] not in "[{"
    ]
    text_output.say("\n\n".join([format_rows(plain), *result.tables]))
