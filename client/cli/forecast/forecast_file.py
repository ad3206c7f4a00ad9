"""Forecasts in CSV files, and the salts of sealed ones in a private file beside them.

Raises UsageError with a sentence for anything unexpected, or MissingError for a file that cannot be
read.
"""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from client.errors import MissingError, UsageError
from client.files import private_file
from client.files.bounded import read_text
from client.files.json_input import parse_json

HEADER = ("slot", *(f"q{percent}" for percent in range(10, 100, 10)))
SLOTS_MAX = 192
FILE_BYTES_MAX = 1 << 20
_SALT_BYTES = 32


class ForecastFile(NamedTuple):
    """A forecast of consecutive slots: nine quantiles for each."""

    first_slot: int
    quantiles: list[list[int]]


def read_forecast(path: Path) -> ForecastFile:
    """Reads a forecast: a row per slot, in their order, with the header slot,q10,q20,...,q90."""
    rows = list(csv.reader(read_text(path, FILE_BYTES_MAX).splitlines()))
    if not rows or tuple(name.strip() for name in rows[0]) != HEADER:
        raise UsageError(f"{path} begins with the header {','.join(HEADER)}")
    parsed = [_parse_row(path, number, row) for number, row in enumerate(rows[1:], 2) if row]
    if not 0 < len(parsed) <= SLOTS_MAX:
        raise UsageError(f"{path} has {len(parsed)} slots; 1 to {SLOTS_MAX} go into a forecast")
    first = parsed[0][0]
    for place, row in enumerate(parsed):
        if row[0] != first + place:
            raise UsageError(f"{path}: slot {first + place} is missing before slot {row[0]}")
    return ForecastFile(first, [row[1:] for row in parsed])


def make_salts(path: Path, count: int) -> list[bytes]:
    """Draws salts for a sealed forecast and keeps them beside its file, for nobody else to read."""
    salts = [secrets.token_bytes(_SALT_BYTES) for _ in range(count)]
    name = _get_salts_path(path)
    try:
        private_file.write_new(name, json.dumps([salt.hex() for salt in salts]))
    except FileExistsError:
        raise UsageError(f"{name} is there already: {path} has been committed before") from None
    except OSError as error:
        raise MissingError(f"{name} cannot be written: {error.strerror}") from None
    return salts


def drop_salts(path: Path) -> None:
    """Removes the salts of a forecast that the chain has rejected."""
    _get_salts_path(path).unlink(missing_ok=True)


def read_salts(path: Path, count: int) -> list[bytes]:
    """The salts of a forecast that was committed."""
    name = _get_salts_path(path)
    try:
        salts = [bytes.fromhex(salt) for salt in parse_json(read_text(name, FILE_BYTES_MAX))]
    except (ValueError, TypeError):
        raise UsageError(f"{name} is not a list of salts") from None
    if len(salts) != count:
        raise UsageError(f"{name} has {len(salts)} salts for {count} slots; was {path} changed?")
    return salts


def _get_salts_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.salts")


def _parse_row(path: Path, number: int, row: Sequence[str]) -> list[int]:
    if len(row) != len(HEADER):
        raise UsageError(f"{path}:{number} has {len(row)} columns of {len(HEADER)}")
    try:
        values = [int(cell) if len(cell) <= 20 else None for cell in row]
    except ValueError:
        values = [None]
    numbers = [value for value in values if value is not None]
    if len(numbers) != len(row) or not 0 <= numbers[0] < 1 << 63:
        raise UsageError(f"{path}:{number} has something else than whole numbers")
    return numbers
