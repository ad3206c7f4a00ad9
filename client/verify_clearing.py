"""`blockenergy query market clearing SLOT --verify`: whether a call auction was cleared right.

Fetches the record and all limit orders of the slot and checks them here, with the very functions
of the chain: the certificate of the network, and McAfee's rule for thin markets. What the node says
about capacities, fees and what the pool had sold before is taken as given.
"""

from __future__ import annotations

import argparse

from blockenergy.market.v1.query_pb2 import (
    QueryClearingRequest,
    QueryClearingResponse,
    QueryLimitOrdersRequest,
    QueryLimitOrdersResponse,
)
from blockenergy.options.v1 import options_pb2 as options
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from google.protobuf.message import Message

from chain import market
from client import units
from client.cli_common import show_values
from client.errors import UsageError
from client.queries import query, query_pages
from client.rpc import Rpc

PATH = "/blockenergy.market.v1.Query/Clearing"
PAGE_ORDERS = 1000
# As many problems are shown; one is enough to know.
PROBLEMS_SHOWN = 20
EXIT_WRONG = 1
_SLOT = QueryClearingRequest.DESCRIPTOR.fields_by_name["slot"].full_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the slot as an argument of its own, and --verify."""
    parser.add_argument(
        "slot", metavar="SLOT", nargs="?", help=f"the slot ({units.get_example(options.UNIT_SLOT)})"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check from the limit orders of the slot that no other outcome is better, with the "
        "functions of the chain; ends with 1 if there is one",
    )


def take_slot(args: argparse.Namespace) -> None:
    """Takes the slot from the argument, or from --slot; UsageError unless it is given once."""
    if (args.slot is None) == (getattr(args, _SLOT) is None):
        raise UsageError("name one slot; see blockenergy query market clearing --help")
    if args.slot is not None:
        setattr(args, _SLOT, args.slot)


def run(rpc: Rpc, args: argparse.Namespace, request: Message) -> int:
    """Checks a clearing and says in one sentence what came of it; gives the exit code."""
    answer = query(rpc, request, QueryClearingResponse, height=args.height)
    pages = QueryLimitOrdersRequest(slot=answer.slot, pagination=PageRequest(limit=PAGE_ORDERS))
    orders = [
        (entry.order_id, entry.order)
        for page in query_pages(rpc, pages, QueryLimitOrdersResponse, height=args.height)
        for entry in page.orders
    ]
    curve = market.Curve(answer.price_low_per_kwh, answer.price_high_per_kwh, answer.depth_wh)
    problems = market.verify_record(answer.clearing, curve, orders)
    if args.output == "json":
        content = {
            "slot": str(answer.slot),
            "orders": str(len(orders)),
            "volume_wh": str(answer.clearing.volume_wh),
            "verified": not problems,
            "problems": problems[:PROBLEMS_SHOWN],
        }
        show_values(args, content)
    else:
        print(_describe(answer, len(orders), problems))
    return EXIT_WRONG if problems else 0


def _describe(answer: QueryClearingResponse, orders: int, problems: list[str]) -> str:
    if problems:
        found = "; ".join(problems[:PROBLEMS_SHOWN])
        return f"The clearing of slot {answer.slot} is wrong: {found}."
    volume = units.format_value(options.UNIT_WH, answer.clearing.volume_wh)
    return (
        f"The clearing of slot {answer.slot} is right: no other outcome of its {orders} limit "
        f"orders is better than these {volume}."
    )
