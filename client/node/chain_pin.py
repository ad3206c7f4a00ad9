"""The chain that the keys of a folder sign for: its id, pinned in a file beside the keys.

A node, or a proxy before it, can claim any chain id. A signature for the one that it claims would
be good on that chain, so nothing is signed for an id that only a node has named.
"""

from __future__ import annotations

import re
from pathlib import Path

from client.errors import MissingError, UsageError
from client.files import private_file

FILE = "chain-id"
CHARACTERS_MAX = 50
_CHAIN_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{CHARACTERS_MAX}}}", re.ASCII)


def require_chain_id(text: str) -> str:
    """The text itself; UsageError unless it can be the id of a chain."""
    if not _CHAIN_ID.fullmatch(text):
        raise UsageError(
            f"{text!r} is not a chain id; use 1 to {CHARACTERS_MAX} letters, digits or one of ._-"
        )
    return text


def read_pin(folder: Path) -> str:
    """The pinned id, or "" if there is none; MissingError if the file cannot be used."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            content = file.read(CHARACTERS_MAX + 2)
        return require_chain_id(content.decode().removesuffix("\n"))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
    except (UsageError, UnicodeDecodeError) as error:
        raise MissingError(
            f"{path} does not hold a chain id; pin one again with blockenergy keys chain-id"
        ) from error


def pin(folder: Path, chain_id: str) -> None:
    """Pins an id, in place of an earlier one; UsageError or MissingError if that fails."""
    path = folder / FILE
    try:
        private_file.replace(path, f"{require_chain_id(chain_id)}\n")
    except OSError as error:
        raise MissingError(f"{path} cannot be written: {error.strerror}") from error


def choose(folder: Path, given: str) -> str:
    """The id to sign for: the given one, else the pinned one; UsageError if there is neither."""
    chosen = require_chain_id(given) if given else read_pin(folder)
    if not chosen:
        raise UsageError(
            f"no chain id is pinned for the keys in {folder}; give --chain-id ID, as the operator "
            "of the network names it"
        )
    return chosen
