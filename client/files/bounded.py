"""Files that a user names, read up to a limit: a device or a pipe has no size to look at before."""

from __future__ import annotations

from pathlib import Path

from client.errors import MissingError, UsageError


def read_bytes(path: Path, bytes_max: int) -> bytes:
    """The content of a file; MissingError if it cannot be read, UsageError if it is longer."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise MissingError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > bytes_max:
        raise UsageError(f"{path} has more than {bytes_max} bytes; is it the right file?")
    return content


def read_text(path: Path, bytes_max: int) -> str:
    """The same as text: UTF-8, with or without a mark at its beginning; UsageError."""
    try:
        return read_bytes(path, bytes_max).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text") from error
