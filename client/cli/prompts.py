"""Questions to the person at the terminal: passphrases, a mnemonic, a confirmation."""

from __future__ import annotations

import contextlib
import getpass
import os
import sys
from collections.abc import Callable

from google.protobuf.message import Message

import text_output
from client.cli import display
from client.errors import MissingError, UsageError

PASSPHRASE_VARIABLE = "BLOCKENERGY_PASSPHRASE"  # noqa: S105 - the name of a variable.
YES_VARIABLE = "BLOCKENERGY_YES"
ANSWER_CHARACTERS_MAX = 100


def ask_passphrase() -> str:
    """The passphrase from the environment, else from the terminal."""
    given = _read_variable()
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise MissingError(f"the key is encrypted; set ${PASSPHRASE_VARIABLE} or use a terminal")
    return _ask_secretly("Passphrase: ")


def ask_new_passphrase() -> str:
    """A passphrase for a new key; prompted for twice on a terminal."""
    given = _read_variable()
    if given is None:
        if not sys.stdin.isatty():
            raise UsageError(
                f"a new key needs a passphrase; set ${PASSPHRASE_VARIABLE}, use a terminal, or "
                "give --no-passphrase"
            )
        given = _ask_secretly("New passphrase: ")
        if _ask_secretly("Repeat passphrase: ") != given:
            raise UsageError("the two passphrases differ; start again")
    if not given:
        raise UsageError("the passphrase is empty; choose one, or give --no-passphrase")
    return given


def confirm(message: Message) -> None:
    """Shows the message and asks for confirmation on the terminal; UsageError unless given.

    With $BLOCKENERGY_YES=1 it is given.
    """
    if os.environ.get(YES_VARIABLE) == "1":
        return
    if not sys.stdin.isatty():
        raise UsageError("nothing was sent; give --yes to send without confirmation")
    shown = f"{message.DESCRIPTOR.full_name}\n{display.to_text(message)}"
    text_output.say(shown, file=sys.stderr)
    text_output.say("Sign and send? [y/N] ", file=sys.stderr, end="")
    if read_line(ANSWER_CHARACTERS_MAX).strip().lower() not in ("y", "yes"):
        raise UsageError("nothing was sent")


def read_line(characters_max: int) -> str:
    """A line of standard input; UsageError if it is not text in its encoding."""
    return _require_text("standard input", lambda: sys.stdin.readline(characters_max))


def _ask_secretly(prompt: str) -> str:
    return _require_text("the passphrase", lambda: getpass.getpass(prompt))


def _require_text(name: str, read: Callable[[], str]) -> str:
    with contextlib.suppress(UnicodeDecodeError):
        text = read()
        if text_output.is_text(text):
            return text
    raise UsageError(f"{name} is not UTF-8 text; write it in UTF-8")


def _read_variable() -> str | None:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None and not text_output.is_text(given):
        raise UsageError(f"${PASSPHRASE_VARIABLE} is not UTF-8 text; write it in UTF-8")
    return given
