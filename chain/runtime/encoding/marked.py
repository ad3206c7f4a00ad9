"""Keys of paths that a standard fixes: a text, and one byte behind it that says what is there.

The text begins with the number of the collection, so that number and key together are the path.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Marked:
    """A text and its mark: a number that is smaller than every character of the text.

    number: of the collection, the first character. marks: their names in JSON. Keys compare as
    their paths do.
    """

    def __init__(self, number: int, marks: Mapping[int, str]) -> None:
        self._first = chr(number)
        self._names = dict(marks)
        self._marks = {name: mark for mark, name in marks.items()}
        self._last = max(marks)

    def encode(self, key: tuple[str, int]) -> bytes:
        return self.encode_part(key)

    def encode_part(self, key: tuple[str, int]) -> bytes:
        text, mark = key
        assert text.startswith(self._first), "the text begins with the number of its collection"
        return text[1:].encode() + bytes([mark])

    def decode_part(self, data: bytes) -> tuple[tuple[str, int], bytes]:
        end = next(place for place, byte in enumerate(data) if byte <= self._last)
        return (self._first + data[:end].decode(), data[end]), data[end + 1 :]

    def decode(self, data: bytes) -> tuple[str, int]:
        return self.decode_part(data)[0]

    def to_json(self, key: tuple[str, int]) -> Any:
        return f"{key[0]}/{self._names[key[1]]}"

    def from_json(self, value: Any) -> tuple[str, int]:
        text, _, name = value.partition("/") if isinstance(value, str) else ("", "", "")
        fits = text.startswith(self._first) and len(text) < 1 << 7
        if not fits or not text.isascii() or not text.isprintable() or name not in self._marks:
            names = ", ".join(self._marks)
            raise ValueError(f"a text and one of {names} are expected, not {value!r}")
        return text, self._marks[name]
