"""`blockenergy carbon compute FILE.json`: the carbon part of lines from a file, without a node.

Runs the functions of the chain: what each account used itself, claimed, gave, and owes.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import text_output
from chain import carbon, market
from client.cli.common import add_output_option
from client.cli.table import format_table
from client.errors import UsageError
from client.files.bounded import read_bytes
from client.files.json_input import parse_json

DESCRIPTION = """
Computes what accounts used, claimed and owe for their emissions, by the rules of the chain and
without a node. The file is {"price_per_tonne": 80000000, "residual_g_per_mwh": 420000,
"peak_g_per_mwh": 610000, "feeder": {"bids_filled_wh": 500, "asks_filled_wh": 1000}, "lines":
[{"import_wh": 400, "issued_wh": 0, "exempt_wh": 0, "bid_wh": 300, "ask_wh": 0, "exact": true},
...]}. What is left out is 0, exact is true. Prices are in millionths of the settlement token; a
line with exempt energy is that of a battery, and the peak is the factor of lines that are not
exact.
"""
FILE_BYTES_MAX = 1 << 28
# As on the chain, so that every sum has 64 bits.
_ENERGY_MAX_WH = 1 << 50
_FACTOR_MAX_G_PER_MWH = 2_000_000
_PRICE_MAX_PER_TONNE = 10**9
_LINE = ("import_wh", "issued_wh", "exempt_wh", "bid_wh", "ask_wh")
_FEEDER = ("bids_filled_wh", "asks_filled_wh")
_LIMITS = {
    "price_per_tonne": _PRICE_MAX_PER_TONNE,
    "residual_g_per_mwh": _FACTOR_MAX_G_PER_MWH,
    "peak_g_per_mwh": _FACTOR_MAX_G_PER_MWH,
}
_COLUMNS = (
    *("self_wh", "claim_wh", "due_wh", "given_wh", "short_wh", "free_wh", "unmatched_wh"),
    "charge",
)


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", metavar="FILE.json", type=Path, help="factors, price and lines")
    add_output_option(parser)
    parser.set_defaults(run_carbon=run)


def run(args: argparse.Namespace) -> int:
    """Computes the lines and prints them."""
    try:
        content = parse_json(read_bytes(args.file, FILE_BYTES_MAX))
    except ValueError as error:
        raise UsageError(f"{args.file} is not valid JSON: {error}") from None
    try:
        lines = compute(content)
    except UsageError as error:
        raise UsageError(f"{args.file}: {error}") from None
    if "peak_g_per_mwh" not in content and any(
        not one.get("exact", True) for one in content.get("lines", [])
    ):
        text_output.complain(f"{args.file}: without a peak, lines that are not exact are free")
    sums = {name: sum(line[name] for line in lines) for name in _COLUMNS}
    if args.output == "json":
        text_output.say(text_output.to_json({"lines": lines, "sums": sums}))
        return 0
    rows = [(str(number), *map(str, line.values())) for number, line in enumerate(lines, start=1)]
    rows.append(("sum", *map(str, sums.values())))
    names = [name.removesuffix("_wh").replace("_", " ") for name in _COLUMNS]
    text_output.say(format_table(("line", *names), rows))
    return 0


def compute(content: Any) -> list[dict[str, int]]:
    """The carbon part of each line of a file; raises UsageError for what is not valid."""
    table = _require_table(content, "the file", (*_LIMITS, "feeder", "lines"))
    numbers = {name: _read_number(table, name, most) for name, most in _LIMITS.items()}
    residual = numbers["residual_g_per_mwh"]
    peak = numbers["peak_g_per_mwh"]
    feeder = _require_table(table.get("feeder", {}), '"feeder"', _FEEDER)
    bids_wh, asks_wh = (_read_number(feeder, name, _ENERGY_MAX_WH) for name in _FEEDER)
    lines = table.get("lines", [])
    if not isinstance(lines, list):
        raise UsageError('"lines" is a list of objects')
    rate = carbon.Rate(residual, peak, numbers["price_per_tonne"])
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_compute_line(line, rate, bids_wh, asks_wh))
        except UsageError as error:
            raise UsageError(f"line {number}: {error}") from None
    return found


def _compute_line(
    content: Any, rate: carbon.Rate, bids_filled_wh: int, asks_filled_wh: int
) -> dict[str, int]:
    line = _require_table(content, "a line", (*_LINE, "exact"))
    values = (_read_number(line, name, _ENERGY_MAX_WH) for name in _LINE)
    import_wh, issued_wh, exempt_wh, bid_wh, ask_wh = values
    exact = line.get("exact", True)
    if not isinstance(exact, bool):
        raise UsageError('"exact" is true or false')
    if exempt_wh > import_wh:
        raise UsageError("no more is exempt than the import")
    due_wh = market.compute_due_wh(ask_wh, bids_filled_wh, asks_filled_wh)
    is_battery = exempt_wh > 0
    flows = carbon.Flows(import_wh, issued_wh, exempt_wh, bid_wh, due_wh, exact, is_battery)
    part = carbon.compute_part(flows, rate)
    values_by_name = {**part._asdict(), "due_wh": due_wh}
    return {name: values_by_name[name] for name in _COLUMNS}


def _require_table(content: Any, name: str, keys: tuple[str, ...]) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise UsageError(f"{name} is an object with {', '.join(keys)}")
    for key in content:
        if key not in keys:
            raise UsageError(f"{name} has no {key[:40]!r}; it has {', '.join(keys)}")
    return content


def _read_number(table: Mapping[str, Any], name: str, most: int) -> int:
    value = table.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise UsageError(f'"{name}" is a whole number from 0 to {most}')
    return value
