"""The commands of a page, and the outputs it shows.

A fenced block of `sh` or `python` is run, unless the line above its fence says why not:

    <!-- not run: it takes a day -->

or one line of the page says so of all its blocks:

    <!-- nothing here is run: it needs a Docker engine -->

A block of `text` right after it is what it prints: those lines, in this order, perhaps with others
between them. `...` stands for anything within a line; spaces count once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ("sh", "python")
SHOWN = "text"
# Never run: they are drawings, files and excerpts.
OTHER = ("csv", "ini", "js", "json", "mermaid", "proto", "toml", SHOWN)
_FENCE = re.compile(r"^```(\w*)$")
_PAGE_REASON = re.compile(r"^<!-- nothing here is run: (.+) -->$", re.MULTILINE)
_REASON = re.compile(r"^<!-- not run: (.+) -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    line: int
    language: str
    text: str
    # What the page shows as its output; empty: nothing.
    shown: tuple[str, ...] = ()
    # Why it is not run; empty: it is.
    reason: str = ""


def list_pages() -> list[Path]:
    """README.md, and the pages that are not made from definitions."""
    made = ROOT / "docs" / "reference"
    pages = [path for path in (ROOT / "docs").rglob("*.md") if made not in path.parents]
    return [ROOT / "README.md", ROOT / "examples" / "README.md", *sorted(pages)]


def read_blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, each with the output that follows it."""
    blocks: list[Block] = []
    after = 0
    of_page = _PAGE_REASON.search(text)
    page_reason = of_page[1] if of_page else ""
    for begin, end, language, content, reason in _find_fences(text.splitlines()):
        follows = blocks and not "".join(text.splitlines()[after : begin - 1]).strip()
        if language == SHOWN and follows and blocks[-1].language in RUN:
            last = blocks.pop()
            blocks.append(Block(last.line, last.language, last.text, tuple(content), last.reason))
        else:
            blocks.append(Block(begin, language, "\n".join(content), (), reason or page_reason))
        after = end
    return blocks


def find_hidden_commands(text: str) -> list[str]:
    """Commands in blocks that are only indented, which nobody would run."""
    fenced = {
        number
        for begin, end, *_ in _find_fences(text.splitlines())
        for number in range(begin, end + 1)
    }
    programs = "blockenergy cd cometbft docker make node npm openssl python sh sudo systemctl tar"
    command = re.compile(rf"^ {{4,}}([\w./]*/)?({programs.replace(' ', '|')}) ")
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if number not in fenced and command.match(line)
    ]


def find_missing(shown: tuple[str, ...], printed: str) -> str:
    """The first line of a shown output that was not printed in its place; empty if all were."""
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    for line in shown:
        parts = [re.escape(" ".join(part.split())) for part in line.split("...")]
        pattern = re.compile(r"\s*.*?\s*".join(parts))
        found = next((at for at, one in enumerate(lines) if pattern.fullmatch(one)), None)
        if found is None:
            return line
        lines = lines[found + 1 :]
    return ""


def _find_fences(lines: list[str]) -> Iterator[tuple[int, int, str, list[str], str]]:
    """First and last line number of each block, its language, content and reason not to run."""
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        if opening is not None:
            end = lines.index("```", number + 1)
            above = _REASON.match(lines[number - 1]) if number else None
            content = lines[number + 1 : end]
            yield number + 1, end + 1, opening[1], content, above[1] if above else ""
            number = end
        number += 1
