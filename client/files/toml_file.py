"""TOML files: read with one sentence per error, and written for people to edit."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from client.errors import MissingError
from client.files.bounded import read_bytes

FILE_BYTES_MAX = 1 << 20


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a file; raises MissingError or UsageError with one sentence."""
    try:
        return tomllib.loads(read_bytes(path, FILE_BYTES_MAX).decode())
    except (ValueError, RecursionError) as error:
        raise MissingError(f"{path} is not valid TOML: {error}") from error


def format_toml(comment: str, content: Mapping[str, Any]) -> str:
    """A comment, then values, then tables of values; nested tables are not needed here."""
    values = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    tables = {key: value for key, value in content.items() if isinstance(value, Mapping)}
    parts = ["\n".join(f"# {line}".rstrip() for line in comment.splitlines()), _format(values)]
    parts += [f"[{name}]\n{_format(table)}" for name, table in tables.items()]
    return "\n\n".join(part for part in parts if part) + "\n"


def format_value(value: Any) -> str:
    """A value as TOML writes it."""
    # Strings, numbers, booleans and lists are written the same in JSON and TOML, but TOML has no
    # halves of characters, and no DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _format(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{key} = {format_value(value)}" for key, value in values.items())
