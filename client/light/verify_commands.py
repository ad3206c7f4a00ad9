"""`blockenergy verify`: proves what an account was paid, whatever the node that is asked says."""

from __future__ import annotations

import argparse

from blockenergy.settlement.v1.query_pb2 import QueryLineRequest, QueryLineResponse

import text_output
from client.catalog import get_query_by_request
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_node_option,
    add_output_option,
    make_lookups,
    show,
)
from client.cli.fields import build_message
from client.definitions import get_fields
from client.keyring import Keyring
from client.light import session, verified
from client.light.commands import height
from client.rpc import Rpc


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    description = (
        "Proves how a slot of an account was settled, from headers that validators have signed and "
        "the app hash in them. Exit codes: 0 proven; 1 proven that there is no such line, or not "
        "valid."
    )
    settlement = Command("Proves how a slot of an account was settled.", description, _fill)
    add_commands(parser, {"settlement": settlement})


def run(args: argparse.Namespace) -> int:
    """Proves a line and shows it."""
    operation = get_query_by_request()[QueryLineRequest.DESCRIPTOR.full_name]
    fields = get_fields(operation.request)
    setattr(args, fields["slot"].full_name, args.slot)
    setattr(args, fields["owner"].full_name, args.account)
    values = make_lookups(Rpc(args.node), Keyring(args.keyring))
    request = build_message(operation.request, args, values)
    with session.open_client(args.node, args.keyring) as client:
        line, height = verified.query(
            client, operation.path, request, QueryLineResponse, args.height
        )
    show(args, line)
    tell(height)
    return 0


def tell(height: int) -> None:
    """Says, beside the answer, what it was proven by."""
    text_output.complain(f"blockenergy: verified in the state after block {height}")


def _fill(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--slot", required=True, metavar="SLOT", help="the slot")
    parser.add_argument("--account", required=True, metavar="ADDRESS", help="address or key name")
    add_height_option(parser)
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)


def add_height_option(parser: argparse.ArgumentParser) -> None:
    """--height."""
    parser.add_argument(
        "--height",
        type=height,
        default=0,
        metavar="N",
        help="the state after that block (default: the latest that can be proven)",
    )
