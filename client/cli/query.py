"""`blockenergy query`: a command for every rpc of a Query service, and look-ups of our own."""

from __future__ import annotations

import argparse
from functools import partial

from google.protobuf import message_factory
from google.protobuf.message import Message

from client.catalog import Operation, get_queries
from client.cli import lookups
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_node_option,
    add_output_option,
    make_lookups,
    show,
)
from client.cli.fields import add_options, build_message
from client.cli.market import verify_clearing
from client.definitions import get_first_sentence
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds a command per module, with a subcommand per query."""
    commands = {
        module: Command(", ".join(operations), "", partial(_fill_module, module))
        for module, operations in get_queries().items()
    }
    assert lookups.TX_NAME not in commands, "a module has the name of a look-up"
    add_commands(parser, commands | {lookups.TX_NAME: lookups.TX})


def _fill_module(module: str, parser: argparse.ArgumentParser) -> None:
    commands = {
        name: Command(
            get_first_sentence(operation.comment),
            operation.comment,
            partial(_fill_query, operation),
        )
        for name, operation in get_queries()[module].items()
    }
    if module == lookups.ORDER_MODULE:
        assert lookups.ORDER_NAME not in commands, "a query has the name of a look-up"
        commands |= {lookups.ORDER_NAME: lookups.ORDER}
    add_commands(parser, commands)


def _fill_query(operation: Operation, parser: argparse.ArgumentParser) -> None:
    add_options(parser, operation.request, required=False)
    if operation.path == verify_clearing.PATH:
        verify_clearing.add_arguments(parser)
    parser.add_argument(
        "--height",
        type=height,
        default=0,
        metavar="N",
        help="the state after that block (default: the latest)",
    )
    parser.add_argument(
        "--verified",
        action="store_true",
        help="prove the answer from headers that validators have signed (blockenergy light)",
    )
    add_node_option(parser)
    add_keyring_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=partial(_run, operation))


def height(text: str) -> int:
    """The height of a block, from 1; ValueError for anything else. Errors bear this name."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _run(operation: Operation, args: argparse.Namespace) -> int:
    rpc = Rpc(args.node)
    values = make_lookups(rpc, Keyring(args.keyring))
    if operation.path == verify_clearing.PATH:
        verify_clearing.take_slot(args)
    request = build_message(operation.request, args, values)
    if operation.path == verify_clearing.PATH and args.verify:
        return verify_clearing.run(rpc, args, request)
    if args.verified:
        return _run_verified(operation, args, request)
    show(args, query(rpc, request, height=args.height), rpc)
    return 0


def _run_verified(operation: Operation, args: argparse.Namespace, request: Message) -> int:
    """Runs the query here, on a state whose values a node proves."""
    # Only here: the code of the whole chain takes long to load.
    from client.light import session, verified, verify_commands

    response = message_factory.GetMessageClass(operation.response)
    with session.open_client(args.node, args.keyring) as client:
        answer, height = verified.query(client, operation.path, request, response, args.height)
    # Names and decimals of denominations would come from the node.
    show(args, answer)
    verify_commands.tell(height)
    return 0
