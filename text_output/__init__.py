"""Text for people, on terminals and in logs: the one place through which it leaves the project.

A text of somebody else can hold characters that move the cursor, turn the direction of writing or
cannot be seen. They are escaped here, wherever a text is shown. What the encoding of a terminal
lacks is replaced or escaped as well, so that printing never fails.

It imports nothing of ours, so that every part but the rules may use it.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
import unicodedata
from datetime import UTC, datetime
from typing import TextIO

# What Unicode counts as letters or marks although nothing is seen of it.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | {
    chr(code) for code in [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
}
# What we print ourselves and not every encoding has.
_PLAIN = {"…": "...", "→": "->", "–": "-", "−": "-", "’": "'"}  # noqa: RUF001
_ERRORS = "text_output.replace"
_WIDE = frozenset("WF")
_SURROGATES_FROM, _BMP_TO = 0xD800, 0xFFFF


def escape(text: str, keep: str = "") -> str:
    """The text with everything escaped that is not seen as what it is; `keep` is left alone.

    Line feeds are escaped too, so that a text cannot pretend to be two lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        one if one in keep or (one.isprintable() and one not in _INVISIBLE) else _escape_one(one)
        for one in text
    )


def escape_lines(text: str) -> str:
    """The same for a text of ours that has lines of its own."""
    return escape(text, keep="\n")


def to_json(content: object, indent: int | None = 2) -> str:
    r"""JSON in which such characters are \uXXXX, so that it is safe to look at."""
    text = json.dumps(content, indent=indent, ensure_ascii=False)
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    # Outside of strings JSON has printable ASCII and line feeds only.
    return "".join(
        one if one == "\n" or (one.isprintable() and one not in _INVISIBLE) else _escape_json(one)
        for one in text
    )


def say(text: str = "", *, file: TextIO | None = None, end: str = "\n") -> None:
    """Prints lines at once, on standard output or on another stream."""
    stream = file or sys.stdout
    prepare(stream)
    print(escape_lines(text), file=stream, end=end, flush=True)


def complain(sentence: str) -> None:
    """Prints one line on standard error."""
    say(escape(sentence), file=sys.stderr)


def prepare(stream: TextIO) -> None:
    """Makes a stream take any text, whatever its encoding."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors != _ERRORS:
        stream.reconfigure(errors=_ERRORS)


def make_log_handler(formatter: logging.Formatter) -> logging.Handler:
    """A handler that logs to standard error."""
    prepare(sys.stderr)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    return handler


def get_width() -> int | None:
    """The columns of the terminal, or $COLUMNS; None if the output goes elsewhere."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given[:6]):
        return int(given[:6])
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError, AttributeError):
        return None


def measure(text: str) -> int:
    """The columns that a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in _WIDE else 1
        for one in text
    )


def is_text(text: str) -> bool:
    """Whether a text from the system, such as an argument, had a valid encoding."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class LogFormatter(logging.Formatter):
    """Log lines in which a message cannot pretend to be two, or anything else than it is."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as in the library.
        """The line without a trace."""
        return escape(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - as in the library.
        """The lines of a trace."""
        return escape_lines(super().formatException(ei))  # type: ignore[arg-type]


class JsonFormatter(logging.Formatter):
    """Log lines as JSON objects, one a line: time in UTC, level, name, message, and a trace."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "name": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return to_json(line, indent=None)


def _escape_one(one: str) -> str:
    return one.encode("unicode_escape").decode()


def _escape_json(one: str) -> str:
    code = ord(one)
    if code <= _BMP_TO:
        return f"\\u{code:04x}"
    high, low = divmod(code - _BMP_TO - 1, 0x400)
    return f"\\u{_SURROGATES_FROM + high:04x}\\u{_SURROGATES_FROM + 0x400 + low:04x}"


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """What an encoding lacks, in characters that every encoding has."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one) or _escape_one(one) for one in lacking), error.end


codecs.register_error(_ERRORS, _replace)
