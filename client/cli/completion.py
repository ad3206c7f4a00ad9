"""Completion of commands and options in shells, derived from the parser by argcomplete.

eval "$(blockenergy completion bash)"              in ~/.bashrc
eval "$(blockenergy completion zsh)"               in ~/.zshrc
blockenergy completion fish | source               in ~/.config/fish/config.fish
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence

import text_output
from client.errors import MissingError

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "blockenergy"
# Set by the script that the shell has loaded, whenever it asks for completions.
_ASKED, _LINE = "_ARGCOMPLETE", "COMP_LINE"


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of `completion`."""
    parser.epilog = 'For example: eval "$(blockenergy completion bash)"'
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to load the script")
    parser.set_defaults(run=_run)


def is_asked() -> bool:
    """Whether a shell has started this program for completions."""
    return _ASKED in os.environ


def run(make_parser: Callable[[Sequence[str]], argparse.ArgumentParser]) -> int:
    """Answers the shell. The parser has the commands of the line that is being typed only."""
    try:
        import argcomplete
    except ImportError:
        return MissingError.exit_code
    words = os.environ.get(_LINE, "").split()[1:]
    argcomplete.autocomplete(make_parser(words), always_complete_options="long")
    return 0


def _run(args: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError as error:
        raise MissingError(
            "completion needs the package argcomplete; run pip install blockenergy[client]"
        ) from error
    text_output.say(shellcode([PROGRAM], shell=args.shell))
    return 0
