"""`blockenergy carbon statement`: what an account used, what of it was matched, what it emitted."""

from __future__ import annotations

import argparse
import csv
from io import StringIO
from pathlib import Path

from blockenergy.certificates.v1 import query_pb2
from blockenergy.options.v1 import options_pb2 as options

import text_output
from chain import certificates
from client.cli.carbon import page
from client.cli.carbon.slots import get_slot_length_s, parse_slot
from client.cli.common import (
    add_keyring_option,
    add_node_option,
    add_output_option,
    get_address,
    show_values,
)
from client.errors import MissingError, UsageError
from client.keyring import Keyring
from client.queries import query
from client.rpc import Rpc
from client.units import format_value

DESCRIPTION = """
Prints what an account used in a stretch of slots, its emissions by location and by market, how much
of its use was matched slot by slot (24/7), certificates that were retired for it, carbon charge and
refunds, and offsets, which lower none of the emissions. Only slots whose lines the chain still
keeps are in it.
"""
_SLOTS_PER_QUERY = 1_000
_SLOTS_MAX = 200_000


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--account", required=True, metavar="ADDRESS", help="or the name of a key")
    parser.add_argument(
        "--from",
        dest="first",
        required=True,
        metavar="SLOT",
        help="4711, -96 before the slot in delivery, or 2026-10-01T00:00:00Z",
    )
    parser.add_argument("--to", dest="last", required=True, metavar="SLOT", help="the last slot")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write a row for each slot")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page to print")
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run_carbon=run)


def run(args: argparse.Namespace) -> int:
    """Asks for the slots, adds them up and prints them."""
    rpc = Rpc(args.node)
    account = get_address(Keyring(args.keyring), args.account)
    first, last = (_require_slot(rpc, name, args) for name in ("first", "last"))
    if not first <= last < first + _SLOTS_MAX:
        raise UsageError(f"--from and --to: 1 to {_SLOTS_MAX} slots")
    found = fetch(rpc, account, first, last, with_slots=bool(args.csv or args.html))
    if args.csv:
        _write(args.csv, make_csv(found))
    if args.html:
        heading = f"{account}, slots {first} to {last}"
        _write(args.html, page.make_page(heading, found, get_slot_length_s(rpc)))
    shown = make_values(found)
    show_values(args, shown if args.output == "json" else _format(shown))
    return 0


def fetch(
    rpc: Rpc, account: str, first: int, last: int, *, with_slots: bool
) -> query_pb2.QueryStatementResponse:
    """The statement of any number of slots, in several queries."""
    total = query_pb2.QueryStatementResponse()
    for start in range(first, last + 1, _SLOTS_PER_QUERY):
        request = query_pb2.QueryStatementRequest(
            account=account,
            first_slot=start,
            last_slot=min(last, start + _SLOTS_PER_QUERY - 1),
            with_slots=with_slots,
        )
        part = query(rpc, request, query_pb2.QueryStatementResponse)
        certificates.add_to(total.sums, part.sums)
        total.slots.extend(part.slots)
    shown = certificates.compute_shown(total.sums)
    total.location_g, total.market_g, total.carbon_free_ppm, total.matched_ppm = shown
    return total


def make_values(found: query_pb2.QueryStatementResponse) -> dict[str, int]:
    """The figures of a statement, by name."""
    sums = found.sums
    return {
        "slots": sums.slots,
        "use_wh": sums.use_wh,
        "exact_use_wh": sums.exact_use_wh,
        "matched_wh": sums.matched_wh,
        "retired_wh": sums.retired_wh,
        "location_g": found.location_g,
        "market_g": found.market_g,
        "matched_ppm": found.matched_ppm,
        "carbon_free_ppm": found.carbon_free_ppm,
        "charge": sums.charge,
        "refunded": sums.refunded,
        "offset_g": sums.offset_g,
        "estimated_factor_wh": sums.estimated_factor_wh,
    }


def make_csv(found: query_pb2.QueryStatementResponse) -> str:
    """A row for each slot; emissions in millionths of a gram, so that nothing is rounded."""
    fields = [field.name for field in query_pb2.StatementSums.DESCRIPTOR.fields][1:]
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["slot", *fields])
    for one in found.slots:
        rows.writerow([one.slot, *(getattr(one.sums, name) for name in fields)])
    return text.getvalue()


def _format(values: dict[str, int]) -> dict[str, object]:
    """As a person reads them."""
    shown: dict[str, object] = {}
    for name, value in values.items():
        if name.endswith("_wh"):
            shown[name.removesuffix("_wh")] = format_value(options.UNIT_WH, value)
        elif name.endswith("_ppm"):
            shown[name.removesuffix("_ppm")] = f"{value // 10_000}.{value // 100 % 100:02}%"
        elif name.endswith("_g"):
            shown[name.removesuffix("_g")] = f"{value} g"
        elif name in ("charge", "refunded"):
            shown[name] = format_value(options.UNIT_MONEY, value)
        else:
            shown[name] = value
    return shown


def _require_slot(rpc: Rpc, name: str, args: argparse.Namespace) -> int:
    try:
        return parse_slot(rpc, getattr(args, name))
    except UsageError as error:
        option = "--from" if name == "first" else "--to"
        raise UsageError(f"{option}: {error}") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from None
    text_output.complain(f"wrote {path}")
