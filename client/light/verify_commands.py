"""`blockenergy verify`: proves what an account was paid, whatever the node that is asked says."""

from __future__ import annotations

import argparse
from pathlib import Path

from blockenergy.dashboard.v1.account_pb2 import SavedProof
from blockenergy.settlement.v1.query_pb2 import QueryLineRequest, QueryLineResponse
from google.protobuf import json_format

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
from client.errors import MissingError, UsageError
from client.files.bounded import read_bytes
from client.files.json_input import parse_json
from client.light import session, verified
from client.light.commands import height
from client.light.saved import verify_saved
from client.node.rpc import Rpc
from client.node.rpc_types import MALFORMED
from client.signing.keyring import Keyring

_FILE_BYTES_MAX = 1024 * 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    description = (
        "Proves how a slot of an account was settled, from headers that validators have signed and "
        "the app hash in them. Exit codes: 0 proven; 1 proven that there is no such line, or not "
        "valid."
    )
    settlement = Command("Proves how a slot of an account was settled.", description, _fill)
    description = (
        "Verifies the answer of a dashboard's call proof, saved to a file, without a node: from a "
        "chain id and a hash of validators that you have from elsewhere. Exit codes: 0 proven; 1 "
        "not valid."
    )
    saved_proof = Command("Verifies a saved proof without a node.", description, _fill_saved)
    add_commands(parser, {"settlement": settlement, "proof": saved_proof})


def run(args: argparse.Namespace) -> int:
    """Proves what the chosen command says, and shows it."""
    code: int = args.run_verify(args)
    return code


def _verify_saved(args: argparse.Namespace) -> int:
    try:
        validators_hash = bytes.fromhex(args.validators)
    except ValueError:
        raise UsageError(f"{args.validators!r} is not a hash of validators, in hex") from None
    line, at = verify_saved(_read_proof(args.file), args.for_chain, validators_hash)
    show(args, line)
    tell(at)
    return 0


def _read_proof(path: Path) -> SavedProof:
    """The proof in a file: the whole answer, or its part `proof`."""
    try:
        content = parse_json(read_bytes(path, _FILE_BYTES_MAX))
        content = content.get("proof", content)
        return json_format.ParseDict(content, SavedProof())
    except (*MALFORMED, json_format.ParseError) as error:
        raise MissingError(f"{path} has no saved proof of a dashboard") from error


def _prove_line(args: argparse.Namespace) -> int:
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


def _fill_saved(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON with the proof")
    parser.add_argument("--for-chain", required=True, metavar="ID", help="the chain that it is of")
    parser.add_argument(
        "--validators",
        required=True,
        metavar="HEX",
        help="hash of the validators that you trust, as a contract or another distributor has it",
    )
    add_output_option(parser)
    parser.set_defaults(run_verify=_verify_saved)


def _fill(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run_verify=_prove_line)
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
