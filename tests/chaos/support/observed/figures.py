"""What was measured in passing, to be printed when all tests are done."""

from __future__ import annotations

NOTES: list[str] = []


def note(line: str) -> None:
    """Keeps a line for the summary."""
    NOTES.append(line)
