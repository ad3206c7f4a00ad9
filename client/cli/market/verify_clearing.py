"""`blockenergy query market clearing SLOT --verify`: checks the clearing of a call auction.

Fetches the record and all limit orders of the slot and checks them locally with the functions of
the chain: the optimality certificate of the network, and McAfee's rule for thin markets. Trusts the
node on capacities, fees and what the pool had sold before.
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

import text_output
from chain import market
from client import units
from client.cli.common import show_values
from client.errors import UsageError
from client.node.rpc import Rpc
from client.queries import query, query_pages

PATH = "/blockenergy.market.v1.Query/Clearing"
PAGE_ORDERS = 1000
# Max problems shown.
PROBLEMS_SHOWN = 20
EXIT_WRONG = 1
_SLOT = QueryClearingRequest.DESCRIPTOR.fields_by_name["slot"].full_name


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the slot as a positional argument, and --verify."""
    parser.add_argument(
        "slot", metavar="SLOT", nargs="?", help=f"the slot ({units.get_example(options.UNIT_SLOT)})"
    )
    parser.add_argument(
        "--verify",
        action="store_true",
        help="check locally, from the limit orders of the slot, that the clearing is optimal; "
        "exits with 1 if it is not",
    )


def take_slot(args: argparse.Namespace) -> None:
    """The slot from the argument or --slot; UsageError unless exactly one is given."""
    if (args.slot is None) == (getattr(args, _SLOT) is None):
        raise UsageError("give one slot; see blockenergy query market clearing --help")
    if args.slot is not None:
        setattr(args, _SLOT, args.slot)


def run(rpc: Rpc, args: argparse.Namespace, request: Message) -> int:
    """Checks a clearing and prints the result in one sentence; returns the exit code."""
    response = query(rpc, request, QueryClearingResponse, height=args.height)
    pages = QueryLimitOrdersRequest(slot=response.slot, pagination=PageRequest(limit=PAGE_ORDERS))
    orders = [
        (entry.order_id, entry.order)
        for page in query_pages(rpc, pages, QueryLimitOrdersResponse, height=args.height)
        for entry in page.orders
    ]
    curve = market.Curve(
        response.price_low_per_kwh,
        response.price_high_per_kwh,
        response.depth_wh,
        response.margin_per_kwh,
    )
    problems = market.verify_record(response.clearing, curve, orders)
    if args.output == "json":
        content = {
            "slot": str(response.slot),
            "orders": str(len(orders)),
            "volume_wh": str(response.clearing.volume_wh),
            "verified": not problems,
            "problems": problems[:PROBLEMS_SHOWN],
        }
        show_values(args, content)
    else:
        text_output.say(_describe(response, len(orders), problems))
    return EXIT_WRONG if problems else 0


def _describe(response: QueryClearingResponse, orders: int, problems: list[str]) -> str:
    if problems:
        found = "; ".join(problems[:PROBLEMS_SHOWN])
        return f"The clearing of slot {response.slot} is wrong: {found}."
    volume = units.format_value(options.UNIT_WH, response.clearing.volume_wh)
    return (
        f"The clearing of slot {response.slot} is optimal: no other outcome of its {orders} limit "
        f"orders is better than trading {volume}."
    )
