"""The command line `blockenergy`: every message and query of the chain, keys, and local tools.

__main__              the program: command groups, errors, exit codes
keys, query, tx       one command group each; query and tx are derived from proto/
fields, values        from a message's fields to options, and from texts to values
display               messages as text or JSON
market/               clear an order book offline, verify a clearing
common                options, prompts and output that commands share
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    # Imported on use: other programs share parts of this package without loading every command.
    from client.cli.__main__ import main as run

    return run(arguments)
