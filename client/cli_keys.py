"""`blockenergy keys`: adds, lists and shows the keys of a keyring."""

from __future__ import annotations

import argparse
import base64
import sys

from client import display
from client.cli_common import (
    Command,
    add_commands,
    add_keyring_option,
    add_output_option,
    ask_new_passphrase,
    show_values,
)
from client.errors import UsageError
from client.keyring import KeyInfo, Keyring
from client.keys import AccountKey, Key, MeterKey, make_mnemonic

# 24 words with room for more spaces than anybody types.
MNEMONIC_CHARACTERS_MAX = 1000
_ADD = (
    "Makes a key and stores it. An account key is made from 24 new words, which are shown once: "
    "write them down, they are the only way to recover the key."
)


def fill(parser: argparse.ArgumentParser) -> None:
    """Adds the commands of `keys`."""
    add_commands(
        parser,
        {
            "add": Command("make a key, or recover one from its words", _ADD, _fill_add),
            "list": Command("list all keys", "Lists all keys by name.", _fill_list),
            "show": Command("show one key", "Shows address and public key of a key.", _fill_show),
        },
    )


def _fill_add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the key is to be called")
    parser.add_argument(
        "--type",
        choices=("account", "meter"),
        default="account",
        help="account: secp256k1, signs transactions; meter: Ed25519, signs readings",
    )
    parser.add_argument(
        "--recover",
        action="store_true",
        help="take the words of an account key from standard input",
    )
    parser.add_argument(
        "--no-passphrase", action="store_true", help="store the key without encryption"
    )
    _finish(parser)
    parser.set_defaults(run=_add)


def _fill_list(parser: argparse.ArgumentParser) -> None:
    _finish(parser)
    parser.set_defaults(run=_list)


def _fill_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the name of the key")
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
        print("\nWrite the words down and keep them safe; they are not shown again.")
    return 0


def _make_key(args: argparse.Namespace) -> tuple[Key, str]:
    """A key, and its words if they are new."""
    if args.type == "meter":
        if args.recover:
            raise UsageError("a meter key has no words to recover it from; leave out --recover")
        return MeterKey.generate(), ""
    if args.recover:
        if sys.stdin.isatty():
            print("Enter the words, separated by spaces:", file=sys.stderr)
        return AccountKey.from_mnemonic(sys.stdin.readline(MNEMONIC_CHARACTERS_MAX)), ""
    words = make_mnemonic()
    return AccountKey.from_mnemonic(words), words


def _list(args: argparse.Namespace) -> int:
    keys = [_to_values(info) for info in Keyring(args.keyring).list_keys()]
    if args.output == "json":
        print(display.to_json(keys))
    elif not keys:
        print("none")
    else:
        cells = [display.to_cells(values) for values in keys]
        print(display.format_table(list(cells[0]), [list(row.values()) for row in cells]))
    return 0


def _show(args: argparse.Namespace) -> int:
    show_values(args, _to_values(Keyring(args.keyring).get(args.name)))
    return 0


def _to_values(info: KeyInfo) -> dict[str, object]:
    return {
        "name": info.name,
        "type": info.kind,
        "address": info.address,
        "pub_key": base64.b64encode(info.pub_key).decode(),
        "encrypted": info.is_encrypted,
    }
