"""`blockenergy carbon statement`: what an account used, what of it was matched, what it emitted."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from blockenergy.certificates.v1 import query_pb2, state_pb2
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
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.units import format_value

DESCRIPTION = """
Prints what an account used in a stretch of slots, its emissions by location and by market, how much
of its use was matched slot by slot (24/7), certificates that were retired for it, carbon charge and
refunds, and offsets, which lower none of the emissions. Only slots whose lines the chain still
keeps are in it.
"""
_SLOTS_PER_QUERY = 1_000
# Each reads up to four values, and a proven query no more than a thousand.
_SLOTS_PER_PROVEN_QUERY = 200
_PATH = "/blockenergy.certificates.v1.Query/Statement"
# What is matched, by what it was made from.
_SOURCES = [
    name
    for name in certificates.Sums._fields
    if name.startswith("matched_") and name != "matched_wh"
]
_Response = query_pb2.QueryStatementResponse
Ask = Callable[[query_pb2.QueryStatementRequest], query_pb2.QueryStatementResponse]
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
    parser.add_argument(
        "--verified",
        action="store_true",
        help="prove every slot from headers that validators have signed (blockenergy light)",
    )
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
    with _open_asking(args, rpc) as (ask, slots_per_query):
        request = query_pb2.QueryStatementRequest(
            account=account, with_slots=bool(args.csv or args.html)
        )
        spans = range(first, last + 1, slots_per_query)
        total, slots = fetch(ask, request, last, spans)
    if args.csv:
        _write(args.csv, make_csv(slots))
    if args.html:
        heading = f"{account}, slots {first} to {last}"
        _write(args.html, page.make_page(heading, total, slots, get_slot_length_s(rpc)))
    shown = make_values(total)
    show_values(args, shown if args.output == "json" else _format(shown))
    return 0


def fetch(
    ask: Ask, request: query_pb2.QueryStatementRequest, last: int, spans: range
) -> tuple[certificates.Sums, list[tuple[int, certificates.Sums]]]:
    """The statement of any number of slots up to the last one, in a query for each span; if the
    request wants them, with each slot.
    """
    parts, slots = [certificates.Sums()], []
    for start in spans:
        request.first_slot, request.last_slot = start, min(last, start + spans.step - 1)
        answer = ask(request)
        parts.append(_read_sums(answer.sums))
        slots += [(one.slot, _read_sums(one.sums)) for one in answer.slots]
    return certificates.add_up(parts), slots


def make_values(total: certificates.Sums) -> dict[str, int]:
    """The figures of a statement, by name."""
    shown = certificates.compute_shown(total)
    return {
        "slots": total.slots,
        "use_wh": total.use_wh,
        "exact_use_wh": total.exact_use_wh,
        "matched_wh": total.matched_wh,
        "retired_wh": total.retired_wh,
        "location_g": shown.location_g,
        "market_g": shown.market_g,
        "matched_ppm": shown.matched_ppm,
        "carbon_free_ppm": shown.carbon_free_ppm,
        "charge": total.charge,
        "refunded": total.refunded,
        "offset_g": total.offset_g,
        "estimated_factor_wh": total.estimated_factor_wh,
        **{name: value for name, value in total._asdict().items() if name in _SOURCES},
    }


def make_csv(slots: Sequence[tuple[int, certificates.Sums]]) -> str:
    """A row for each slot; emissions in millionths of a gram, so that nothing is rounded."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["slot", *certificates.Sums._fields[1:]])
    for slot, sums in slots:
        rows.writerow([slot, *sums[1:]])
    return text.getvalue()


@contextmanager
def _open_asking(args: argparse.Namespace, rpc: Rpc) -> Iterator[tuple[Ask, int]]:
    """How to ask for a part of a statement, all of one state, and how many slots at a time."""
    if args.verified:
        # Only here: the code of the whole chain takes long to load.
        from client.light import session, verified, verify_commands

        with session.open_client(args.node, args.keyring) as client:
            at = client.before(client.latest()).height

            def prove(request: query_pb2.QueryStatementRequest) -> query_pb2.QueryStatementResponse:
                return verified.query(client, _PATH, request, _Response, at)[0]

            yield prove, _SLOTS_PER_PROVEN_QUERY
        verify_commands.tell(at)
        return
    # Not that of the status: the application may be a block behind.
    at = rpc.read(lambda found: int(found["response"]["last_block_height"]), "abci_info", {})

    def ask(request: query_pb2.QueryStatementRequest) -> query_pb2.QueryStatementResponse:
        return query(rpc, request, _Response, height=at)

    yield ask, _SLOTS_PER_QUERY


def _read_sums(found: state_pb2.StatementSums) -> certificates.Sums:
    return certificates.Sums(*(getattr(found, name) for name in certificates.Sums._fields))


def _format(values: dict[str, int]) -> dict[str, object]:
    """As a person reads them."""
    shown: dict[str, object] = {}
    for name, value in values.items():
        if name in _SOURCES and not value:
            continue
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
