"""`blockenergy keys`: adds, lists and shows the keys of a keyring."""

from __future__ import annotations

import argparse
import base64
import sys

import text_output
from client.cli import display
from client.cli.common import (
    Command,
    add_commands,
    add_keyring_option,
    add_output_option,
    show_values,
)
from client.cli.prompts import ask_new_passphrase, read_line
from client.cli.table import format_table
from client.errors import UsageError
from client.node import chain_pin
from client.signing.keyring import KeyInfo, Keyring
from client.signing.keys import AccountKey, Key, MeterKey, P256MeterKey, TelegramKey, make_mnemonic

# 24 words, with ample white space.
MNEMONIC_CHARACTERS_MAX = 1000
# 32 bytes in hexadecimal, with white space.
TELEGRAM_KEY_CHARACTERS_MAX = 200
_ADD = (
    "Generates a key and stores it. An account key is derived from a new mnemonic of 24 words, "
    "which is shown once: write it down, it is the only way to recover the key."
)

_CHAIN_ID = (
    "Shows the chain that the keys of the folder sign for, or pins another one. A node can claim "
    "any chain id, so take it from the operator of the network. The first --chain-id of a "
    "transaction is pinned as well."
)

METER_KEYS = {kind.key_type: kind for kind in (MeterKey, P256MeterKey)}


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of `keys`."""
    add_commands(
        parser,
        {
            "add": Command("generate a key, or recover one from its mnemonic", _ADD, _fill_add),
            "list": Command("list all keys", "Lists all keys by name.", _fill_list),
            "chain-id": Command(
                "show or pin the chain that the keys sign for", _CHAIN_ID, _fill_chain_id
            ),
            "show": Command("show one key", "Shows the address and the public key.", _fill_show),
        },
    )


def _fill_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name for the key")
    parser.add_argument(
        "--type",
        choices=("account", "meter", "meter-p256", "telegram"),
        default="account",
        help="account: secp256k1, signs transactions; meter: Ed25519, signs readings; "
        "meter-p256: the same with P-256; telegram: opens encrypted telegrams of a meter, read "
        "from standard input in hexadecimal",
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="read the mnemonic of an account key from standard input",
    )
    parser.add_argument("--no-passphrase", action="store_true", help="store the key unencrypted")
    _finish(parser)
    parser.set_defaults(run=_add)


def _fill_list(parser: argparse.ArgumentParser) -> None:
    _finish(parser)
    parser.set_defaults(run=_list)


def _fill_chain_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("chain_id", metavar="ID", nargs="?", help="the chain id to pin")
    _finish(parser)
    parser.set_defaults(run=_show_chain_id)


def _fill_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the key")
    _finish(parser)
    parser.set_defaults(run=_show)


def _finish(parser: argparse.ArgumentParser) -> None:
    add_keyring_option(parser)
    add_output_option(parser)


def _add(args: argparse.Namespace) -> int:
    keyring = Keyring(args.keyring)
    keyring.require_new(args.name)
    key, words = _make_key(args)
    passphrase = None if args.no_passphrase else ask_new_passphrase()
    values = _to_values(keyring.add(args.name, key, passphrase))
    show_values(args, values | ({"mnemonic": words} if words else {}))
    if words and args.output == "text":
        text_output.say("\nWrite the mnemonic down and keep it safe; it is not shown again.")
    return 0


def _make_key(args: argparse.Namespace) -> tuple[Key, str]:
    """A key, and its mnemonic if it is new."""
    if args.type == "telegram":
        try:
            return TelegramKey(bytes.fromhex(read_line(TELEGRAM_KEY_CHARACTERS_MAX))), ""
        except ValueError as error:
            raise UsageError(
                "a telegram key is given on standard input as 32 or 64 hexadecimal digits"
            ) from error
    if args.type in METER_KEYS:
        if args.recover:
            raise UsageError("a meter key has no mnemonic to recover it from; omit --recover")
        return METER_KEYS[args.type].generate(), ""
    if args.recover:
        if sys.stdin.isatty():
            text_output.complain("Enter the mnemonic, words separated by spaces:")
        return AccountKey.from_mnemonic(read_line(MNEMONIC_CHARACTERS_MAX)), ""
    words = make_mnemonic()
    return AccountKey.from_mnemonic(words), words


def _list(args: argparse.Namespace) -> int:
    keys = [_to_values(info) for info in Keyring(args.keyring).list_keys()]
    if args.output == "json":
        text_output.say(text_output.to_json(keys))
    elif not keys:
        text_output.say("none")
    else:
        cells = [display.to_cells(values) for values in keys]
        rows = [list(row.values()) for row in cells]
        text_output.say(format_table(list(cells[0]), rows, text_output.get_width()))
    return 0


def _show(args: argparse.Namespace) -> int:
    show_values(args, _to_values(Keyring(args.keyring).get(args.name)))
    return 0


def _show_chain_id(args: argparse.Namespace) -> int:
    folder = Keyring(args.keyring).folder
    if args.chain_id is not None:
        chain_pin.pin(folder, args.chain_id)
    show_values(args, {"chain_id": chain_pin.read_pin(folder)})
    return 0


def _to_values(info: KeyInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "type": info.key_type,
        "address": info.address,
        "pub_key": base64.b64encode(info.pub_key).decode(),
        "encrypted": info.is_encrypted,
    }
