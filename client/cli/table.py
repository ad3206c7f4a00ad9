"""Texts in columns. Cells are printable; a table that is too wide becomes a block per row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import text_output

_GAP = "  "


def format_rows(rows: Iterable[tuple[str, str]]) -> str:
    """Names and values in two aligned columns."""
    return _align(list(rows))


def format_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = None
) -> str:
    """Aligned columns under a header; if they need more than `width`, a block per row with a line
    per column.
    """
    lines = list(rows)
    table = _align([header, *lines])
    if width is None or max(map(text_output.measure, table.split("\n"))) <= width:
        return table
    return "\n\n".join(format_rows(zip(header, line, strict=True)) for line in lines)


def _align(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(text_output.measure, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_GAP.join(map(_pad, line, widths)).rstrip() for line in lines)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - text_output.measure(cell))
