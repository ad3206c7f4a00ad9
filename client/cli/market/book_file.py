"""Order books in JSON files, parsed with exact numbers.

Raises UsageError with a sentence for anything unexpected, or MissingError for a file that cannot be
read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from client.errors import UsageError
from client.files.bounded import read_text

Number = int | Decimal
# Price and quantity.
Orders = list[tuple[Number, Number]]

FILE_BYTES_MAX = 1 << 30
# Scaled numbers stay below this, so they fit into 64 bits as on the chain.
SCALED_MAX = 10**18
DECIMALS_MAX = 17
# The keys of a line's capacity, if it differs by direction.
_DIRECTIONS = ("forward", "backward")
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, Overflow])


class LineOfFile(NamedTuple):
    """A line between two nodes, given by index: capacity in each direction, and fee."""

    start: int
    end: int
    forward: Number
    backward: Number
    fee: Number


class BookFile(NamedTuple):
    """A book as in the file, with nodes in lines replaced by their index.

    A book without nodes becomes one node without a name.
    """

    is_network: bool
    names: list[str]
    nodes: list[tuple[Orders, Orders]]
    lines: list[LineOfFile]


class Scale(NamedTuple):
    """Scales decimal numbers to integers."""

    decimals: int

    def scale(self, number: Number) -> int:
        """The number in units of 10^-decimals, exact."""
        scaled = int(_EXACT.multiply(Decimal(number), 10**self.decimals))
        if scaled >= SCALED_MAX:
            raise UsageError(f"{number} is too large for the number of decimals in the book")
        return scaled


def read_book(path: Path) -> BookFile:
    """Reads a book from a file."""
    try:
        content = json.loads(
            read_text(path, FILE_BYTES_MAX),
            parse_float=Decimal,
            parse_constant=_reject_constant,
            object_pairs_hook=_read_object,
        )
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise UsageError(f"{path} is not valid JSON: {error}") from None
    try:
        return _parse_book(content)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def parse_pool(text: str) -> tuple[Number, Number, Number]:
    """LOW,HIGH,DEPTH."""
    parts = text.split(",")
    try:
        numbers = [Decimal(part.strip()) for part in parts]
    except InvalidOperation:
        numbers = []
    if len(numbers) != 3 or not all(number.is_finite() for number in numbers):
        raise UsageError(f"--pool {text!r} is not valid; write LOW,HIGH,DEPTH such as 0.08,0.30,50")
    low, high, depth = (_check_number(number, "--pool") for number in numbers)
    if low >= high or not depth:
        raise UsageError(f"--pool {text!r} needs LOW below HIGH and DEPTH above zero")
    return low, high, depth


def count_decimals(numbers: Iterable[Number]) -> int:
    """Max number of decimals in the numbers."""
    most = 0
    for number in numbers:
        if isinstance(number, Decimal):
            exponent = number.normalize(_EXACT).as_tuple().exponent
            assert isinstance(exponent, int), "numbers are finite"
            most = max(most, -exponent)
    return most


def _parse_book(content: Any) -> BookFile:
    if not isinstance(content, dict):
        raise UsageError('a book has the form {"bids": [[price, quantity], ...], "asks": [...]}')
    if "nodes" not in content and "lines" not in content:
        return BookFile(False, [""], [_parse_node(content, "")], [])
    _require_only(content, ("nodes", "lines"), "the book")
    nodes = content.get("nodes")
    if not isinstance(nodes, dict) or not nodes:
        raise UsageError('"nodes" has the form {"name": {"bids": [...], "asks": [...]}, ...}')
    names = list(nodes)
    orders = [_parse_node(node, f"node {name!r}: ") for name, node in nodes.items()]
    indexes = {name: index for index, name in enumerate(names)}
    lines = _require_list(content.get("lines", []), "lines")
    return BookFile(
        True,
        names,
        orders,
        [_parse_line(line, indexes, f"lines[{index}]") for index, line in enumerate(lines)],
    )


def _parse_node(node: Any, where: str) -> tuple[Orders, Orders]:
    if not isinstance(node, dict):
        raise UsageError(f'{where}orders have the form {{"bids": [...], "asks": [...]}}')
    _require_only(node, ("bids", "asks"), f"{where}the book")
    bids, asks = (
        [
            _parse_order(order, where, side, index)
            for index, order in enumerate(_require_list(node.get(side, []), f"{where}{side}"))
        ]
        for side in ("bids", "asks")
    )
    return bids, asks


def _parse_order(order: Any, where: str, side: str, index: int) -> tuple[Number, Number]:
    # A file may have a million orders, so build the name only for an error.
    if isinstance(order, list) and len(order) == 2:
        price, quantity = order
        if type(price) is type(quantity) is int and 0 <= price < SCALED_MAX > quantity >= 0:
            return price, quantity
        name = f"{where}{side}[{index}]"
        return _check_number(price, name), _check_number(quantity, name)
    raise UsageError(f"{where}{side}[{index}] is not [price, quantity]")


def _parse_line(line: Any, indexes: dict[str, int], where: str) -> LineOfFile:
    if not isinstance(line, list) or len(line) not in (3, 4):
        raise UsageError(f'{where} is not ["node", "node", capacity] or [..., capacity, fee]')
    for name in line[:2]:
        if not isinstance(name, str) or name not in indexes:
            raise UsageError(f"{where} names node {name!r}, which does not exist")
    capacity, fee = line[2], line[3] if len(line) == 4 else 0
    if isinstance(capacity, dict):
        _require_only(capacity, _DIRECTIONS, where)
        missing = [name for name in _DIRECTIONS if name not in capacity]
        if missing:
            raise UsageError(f"{where} lacks its capacity {missing[0]}")
        forward, backward = (_check_number(capacity[name], where) for name in _DIRECTIONS)
    else:
        forward = backward = _check_number(capacity, where)
    start, end = indexes[line[0]], indexes[line[1]]
    return LineOfFile(start, end, forward, backward, _check_number(fee, where))


def _check_number(number: Any, where: str) -> Number:
    if type(number) not in (int, Decimal):
        raise UsageError(f"{where} has {number!r} instead of a number")
    if number < 0:
        raise UsageError(f"{where} has a negative number, {number}")
    if number >= SCALED_MAX:
        raise UsageError(f"{where} has a number that is too large")
    if type(number) is int:
        return number
    # Runs in the length of the text, not the size of the exponent.
    _, digits, exponent = number.as_tuple()
    zeros = 0
    while zeros < len(digits) - 1 and not digits[-1 - zeros]:
        zeros += 1
    if number and -exponent - zeros > DECIMALS_MAX:
        raise UsageError(f"{where} has a number with more than {DECIMALS_MAX} decimals")
    return number or 0


def _require_list(value: Any, name: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise UsageError(f"{name} is not a list")
    return value


def _require_only(content: dict[str, Any], known: Sequence[str], where: str) -> None:
    unknown = [name for name in content if name not in known]
    if unknown:
        raise UsageError(f"{where} has {unknown[0]!r}; only {' and '.join(known)} are allowed")


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("an object has the same name twice")
    return content
