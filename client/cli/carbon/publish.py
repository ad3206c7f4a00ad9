"""`blockenergy carbon publish FILE.csv`: publishes the factors of a zone, one row for each slot."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

from blockenergy.carbon.v1 import state_pb2, tx_pb2
from blockenergy.options.v1 import options_pb2 as options

from client.cli import tx
from client.cli.carbon.slots import parse_slot
from client.errors import UsageError
from client.files.bounded import read_text
from client.node.rpc import Rpc
from client.units import parse

DESCRIPTION = """
Publishes the factors of a zone from a CSV file, in one transaction of at most 200 slots. Its first
row names the columns: slot (a number, or a time such as 2026-10-01T12:00:00Z), location_g_per_mwh,
residual_g_per_mwh, and if wanted cfe_permille, solar_ceiling_permille (1000 if left out) and
quality (measured, estimated or forecast; forecast if left out). Each row is the slot after the one
before, so only the first has to name its slot, which may be +3 after the one in delivery.
"""
FILE_BYTES_MAX = 1 << 20
_REQUIRED = ("slot", "location_g_per_mwh", "residual_g_per_mwh")
_QUALITIES = {
    "measured": state_pb2.FACTOR_QUALITY_MEASURED,
    "estimated": state_pb2.FACTOR_QUALITY_ESTIMATED,
    "forecast": state_pb2.FACTOR_QUALITY_FORECAST,
}
_DEFAULTS = {"cfe_permille": "0", "solar_ceiling_permille": "1000", "quality": "forecast"}


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", metavar="FILE.csv", type=Path, help="a row for each slot")
    parser.add_argument("--zone", default="0", metavar="NUMBER", help="default: 0")
    tx.add_sending_options(parser)
    parser.set_defaults(run_carbon=run)


def run(args: argparse.Namespace) -> int:
    """Reads the file and sends its factors."""
    text = read_text(args.file, FILE_BYTES_MAX)
    zone = parse(options.UNIT_NONE, args.zone)

    def make(_: object) -> tx_pb2.MsgPublishFactors:
        try:
            return make_message(text, zone, lambda slot: parse_slot(Rpc(args.node), slot))
        except UsageError as error:
            raise UsageError(f"{args.file}: {error}") from None

    return tx.send(args, make)


def make_message(
    text: str, zone: int, parse_slot: Callable[[str], int]
) -> tx_pb2.MsgPublishFactors:
    """The message of a CSV file; raises UsageError with the row where it is not valid."""
    message = tx_pb2.MsgPublishFactors(zone=zone)
    for number, row in enumerate(_read_rows(text), start=2):
        try:
            expected = message.first_slot + len(message.factors)
            # Only the first row has to say it.
            has_slot = row["slot"].strip() or not message.factors
            slot = parse_slot(row["slot"]) if has_slot else expected
            factor = _make_factor(row)
        except UsageError as error:
            raise UsageError(f"row {number}: {error}") from None
        if not message.factors:
            message.first_slot = slot
        elif slot != expected:
            raise UsageError(f"row {number}: slot {slot} does not follow the one before")
        message.factors.append(factor)
    if not message.factors:
        raise UsageError("there are no rows")
    return message


def _read_rows(text: str) -> Iterator[dict[str, str]]:
    rows = csv.DictReader(StringIO(text))
    names = rows.fieldnames or []
    for name in _REQUIRED:
        if name not in names:
            raise UsageError(f"the first row names no column {name}")
    for name in names:
        if name not in (*_REQUIRED, *_DEFAULTS):
            raise UsageError(f"there is no column {name[:40]!r}")
    for row in rows:
        if None in row or None in row.values():
            raise UsageError("a row has more or fewer columns than the first")
        yield {**_DEFAULTS, **row}


def _make_factor(row: dict[str, str]) -> state_pb2.Factor:
    quality = _QUALITIES.get(row["quality"].strip().lower())
    if quality is None:
        raise UsageError(f"{row['quality'][:40]!r} is not measured, estimated or forecast")
    names = (*_REQUIRED[1:], "cfe_permille", "solar_ceiling_permille")
    numbers = {name: parse(options.UNIT_NONE, row[name]) for name in names}
    return state_pb2.Factor(quality=quality, **numbers)
