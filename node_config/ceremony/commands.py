"""`blockenergy genesis`: many distributors make one genesis document.

One of them writes a draft, everybody adds a signed record, and everybody collects all records into
the same document. No key leaves the machine on which it was made.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime
from pathlib import Path

import text_output
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_output_option,
    show_values,
)
from client.cli.prompts import ask_passphrase
from client.errors import MissingError, UsageError
from client.files import private_file
from client.files.toml_file import read_toml
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.accounts import read_accounts
from node_config.ceremony.collect import collect
from node_config.ceremony.document import require_document, to_canonical_json
from node_config.ceremony.draft import FORMAT, GRID, OFFICES, make_draft, read_draft
from node_config.ceremony.record import make_record, read_record
from node_config.chain_id import make_chain_id
from node_config.node.home import OPERATOR_KEY, NodeHome, hash_file, read_document
from node_config.node.settings import add_peer
from node_config.node.setup import install_genesis
from node_config.preset import load_preset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of the ceremony."""
    add_commands(
        parser,
        {
            "init": Command(
                "write the draft that all agree on",
                "Writes the draft of a genesis: chain id, time, parameters, offices, accounts. "
                "Everybody reads it before adding a validator.",
                _fill_init,
            ),
            "add-validator": Command(
                "sign a record with your own keys",
                "Writes a record with the public keys of your operator, validator and node, "
                "signed by all three. Only this file leaves your machine.",
                _fill_add_validator,
            ),
            "collect": Command(
                "make the genesis document of all records",
                "Checks all records and writes the genesis document, which is the same for "
                "everybody, in whatever order the records are given.",
                _fill_collect,
            ),
            "validate": Command(
                "check a genesis document",
                "Checks whether a chain can begin with a document, and with --draft and the "
                "records, whether it is made of them and of nothing else.",
                _fill_validate,
            ),
            "hash": Command(
                "print what to compare with others",
                "Prints the SHA-256 of a genesis document, or the hash of a draft that stands "
                "in its records.",
                _fill_hash,
            ),
        },
    )


def run(args: argparse.Namespace) -> int:
    """Runs one of the commands; returns the exit code. Errors: ClientError."""
    code: int = args.run_genesis(args)
    return code


def _fill_init(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", metavar="NAME", default="localnet", help="as of localnet init")
    parser.add_argument("--chain-id", metavar="ID", default="", help="default: a new one")
    parser.add_argument(
        "--genesis-time",
        metavar="TIME",
        default="",
        help="when the first block may come, in UTC, such as 2027-01-01T00:00:00Z (default: now)",
    )
    parser.add_argument(
        "--office",
        metavar="NAME=ADDRESS",
        action="append",
        default=[],
        help=f"who holds an office: {', '.join(OFFICES)}; and {GRID}, by default the treasury",
    )
    parser.add_argument(
        "--accounts", metavar="FILE.csv", type=Path, help="more accounts, as of localnet init"
    )
    _add_out(parser, "draft.json")
    parser.set_defaults(run_genesis=_init)


def _fill_add_validator(parser: argparse.ArgumentParser) -> None:
    _add_draft(parser)
    parser.add_argument(
        "--home", metavar="DIR", type=Path, required=True, help="your node's folder"
    )
    parser.add_argument(
        "--p2p", metavar="HOST:PORT", required=True, help="where other nodes reach your node"
    )
    parser.add_argument("--label", metavar="NAME", default="", help="default: the node's moniker")
    parser.add_argument(
        "--operator",
        metavar="KEY",
        default=OPERATOR_KEY,
        help=f"the key of the account that votes (default: {OPERATOR_KEY})",
    )
    add_keyring_option(parser)
    _add_out(parser, "record.json")
    parser.set_defaults(run_genesis=_add_validator)


def _fill_collect(parser: argparse.ArgumentParser) -> None:
    _add_draft(parser)
    parser.add_argument("records", metavar="RECORD", nargs="+", type=Path, help="all records")
    _add_out(parser, "genesis.json")
    parser.add_argument(
        "--home",
        metavar="DIR",
        type=Path,
        help="put the document into this node's folder as well, and have it dial the others",
    )
    parser.set_defaults(run_genesis=_collect)


def _fill_validate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", metavar="GENESIS", type=Path, help="the genesis document")
    parser.add_argument("--draft", metavar="FILE", type=Path, help="the draft that it is made of")
    parser.add_argument(
        "--records", metavar="RECORD", nargs="+", default=[], type=Path, help="all records"
    )
    parser.set_defaults(run_genesis=_validate)


def _fill_hash(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("document", metavar="FILE", type=Path, help="a genesis document or a draft")
    add_output_option(parser)
    parser.set_defaults(run_genesis=_hash)


def _add_draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--draft", metavar="FILE", type=Path, required=True, help="the draft")


def _add_out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--out", metavar="FILE", type=Path, default=Path(default), help=f"default: {default}"
    )


def _init(args: argparse.Namespace) -> int:
    preset = load_preset(args.preset)
    offices: dict[str, str] = {}
    for text in args.office:
        name, _, address = text.partition("=")
        if name in offices:
            raise UsageError(f"the office {name} is given twice")
        offices[name] = address
    accounts = read_accounts(args.accounts, preset.denom) if args.accounts else []
    draft = make_draft(
        args.preset,
        args.chain_id or make_chain_id(preset.chain_name),
        _parse_time(args.genesis_time) if args.genesis_time else int(time.time()),
        offices,
        accounts,
    )
    _write(args.out, json.dumps(draft.content, indent=1, sort_keys=True) + "\n")
    text_output.say(f"Wrote the draft of {draft.chain_id} to {args.out}.")
    text_output.say(f"Its hash is {draft.hash}; everybody compares it before signing a record.")
    return 0


def _add_validator(args: argparse.Namespace) -> int:
    draft, home = read_draft(args.draft), NodeHome(args.home)
    home.load()
    label = args.label or str(read_toml(home.config).get("moniker", ""))
    key = Keyring(args.keyring or home.keys).load(args.operator, ask_passphrase)
    if not isinstance(key, AccountKey):
        raise UsageError(f"{args.operator} is no key of an account")
    record = make_record(
        draft, label, args.p2p, key, home.read_validator_key(), home.read_node_key()
    )
    _write(args.out, json.dumps(record, indent=1) + "\n")
    text_output.say(f"Wrote the record of {label} for {draft.chain_id} to {args.out}.")
    text_output.say(f"It agrees to the draft with the hash {draft.hash}.")
    return 0


def _collect(args: argparse.Namespace) -> int:
    draft = read_draft(args.draft)
    records = [read_record(path, draft) for path in args.records]
    text = collect(draft, records)
    _write(args.out, text)
    text_output.say(f"Wrote the genesis of {draft.chain_id} with {len(records)} validators.")
    text_output.say(f"SHA-256 {hash_file(args.out)} {args.out}")
    if args.home:
        home = NodeHome(args.home)
        home.load()
        if home.app_data.exists():
            raise UsageError(f"{args.home} follows a chain already; its genesis stays as it is")
        install_genesis(home, text)
        for record in records:
            if record.peer.node_id != home.node_id:
                add_peer(home.config, record.peer)
        text_output.say(f"{args.home} begins with it and dials {len(records) - 1} other nodes.")
    return 0


def _validate(args: argparse.Namespace) -> int:
    document = read_document(args.document)
    require_document(document, str(args.document))
    if bool(args.draft) != bool(args.records):
        raise UsageError("give --draft and all records, or neither")
    if args.draft:
        draft = read_draft(args.draft)
        expected = collect(draft, [read_record(path, draft) for path in args.records])
        if to_canonical_json(json.loads(expected)) != to_canonical_json(document):
            raise UsageError(f"{args.document} is not made of this draft and these records")
    validators = len(document["validators"])
    text_output.say(
        f"{args.document} is a genesis of {document['chain_id']}, {validators} validators."
    )
    return 0


def _hash(args: argparse.Namespace) -> int:
    content = read_document(args.document)
    if content.get("format") == FORMAT:
        show_values(args, {"draft": read_draft(args.document).hash})
    else:
        show_values(args, {"sha256": hash_file(args.document)})
    return 0


def _parse_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write it like 2027-01-01T00:00:00Z") from error
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} names no time zone; write it like 2027-01-01T00:00:00Z")
    return int(moment.timestamp())


def _write(path: Path, text: str) -> None:
    try:
        private_file.write_new(path, text)
    except FileExistsError:
        raise UsageError(f"{path} exists; remove it, or choose another name with --out") from None
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from error
