"""CSV files as columns, plain or compressed with gzip. Whatever is wrong is one sentence."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import numpy as np

from client.errors import MissingError

# A year of a thousand meters by the quarter of an hour has 35 million rows; one file holds fewer.
BYTES_MAX = 1 << 30
ROWS_MAX = 20_000_000
COLUMNS_MAX = 1_000
SUFFIXES = (".csv", ".csv.gz")


def read_text(path: Path) -> str:
    """The text of a file, which may be compressed; raises MissingError."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rb") as file:
            raw = file.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise MissingError(f"{path} has more than {BYTES_MAX >> 20} MiB; split it")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MissingError(f"{path} is not UTF-8 text") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or "is not a complete gzip file"
        raise MissingError(f"{path}: {reason}") from None


def read_columns(path: Path) -> dict[str, list[str]]:
    """The columns of a CSV file by name; short rows are filled up with empty cells."""
    reader = csv.reader(io.StringIO(read_text(path)))
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise MissingError(f"{path} is not CSV: {error}") from None
    if not header or len(header) > COLUMNS_MAX:
        raise MissingError(f"{path} has no header line with the names of its columns")
    if not rows:
        raise MissingError(f"{path} has a header line but no rows")
    if len(rows) > ROWS_MAX:
        raise MissingError(f"{path} has more than {ROWS_MAX} rows; split it")
    width = len(header)
    whole = [row if len(row) == width else (row + [""] * width)[:width] for row in rows]
    return dict(zip(header, map(list, zip(*whole, strict=True)), strict=False))


def to_numbers(cells: list[str]) -> np.ndarray:
    """Numbers; what is empty, no number or not finite becomes NaN."""
    try:
        values = np.array(cells, dtype=np.float64)
    except ValueError:
        values = np.array([_to_number(cell) for cell in cells])
    return np.where(np.isfinite(values), values, np.nan)


def get_stem(path: Path) -> str:
    """The name of a file without its endings."""
    name = path.name
    for suffix in (".gz", ".csv", ".xml"):
        name = name.removesuffix(suffix)
    return name


def _to_number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
