"""A-XDR data of DLMS/COSEM (IEC 62056-6-2): integers, texts, arrays and structures.

Every length is compared with what is left before anything is read, so that no input takes more than
linear time, and nesting is limited.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from meter_bridge.formats.telegram import TelegramError

# Null, integers, texts, bytes, and lists of them.
Data: TypeAlias = "bool | int | str | bytes | list[Data] | None"

DEPTH_MAX = 8
NULL, ARRAY, STRUCTURE, BOOLEAN, BIT_STRING, OCTETS, VISIBLE, UTF8 = 0, 1, 2, 3, 4, 9, 10, 12
# Bytes of a number, and whether it is signed.
INTEGERS = {
    5: (4, True), 6: (4, False), 13: (1, True), 15: (1, True), 16: (2, True), 17: (1, False),
    18: (2, False), 20: (8, True), 21: (8, False), 22: (1, False),
}  # fmt: skip
# Kept as bytes: date and time, date, time; floats, which no register needs.
FIXED = {23: 4, 24: 8, 25: 12, 26: 5, 27: 4}


@dataclass
class Reader:
    """Reads from the front of some bytes. Every method raises TelegramError past their end."""

    content: bytes
    position: int = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        end = self.position + count
        if end > len(self.content):
            raise TelegramError("The telegram ends in the middle of a value.")
        self.position, start = end, self.position
        return self.content[start:end]

    def take_int(self, count: int, *, signed: bool = False) -> int:
        """The next number of so many bytes."""
        return int.from_bytes(self.take(count), "big", signed=signed)

    def take_length(self) -> int:
        """A length: one byte up to 127, or the number of bytes that have it."""
        first = self.take_int(1)
        if first < 0x80:
            return first
        if first & 0x7F > 4:
            raise TelegramError("The telegram has a length of impossible size.")
        return self.take_int(first & 0x7F)

    def take_octets(self) -> bytes:
        """Bytes behind their length."""
        return self.take(self.take_length())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self.content) - self.position)


def read_data(reader: Reader, depth: int = 0) -> Data:
    """The next value.

    Errors: TelegramError.
    """
    if depth > DEPTH_MAX:
        raise TelegramError("The telegram's data is nested too deeply.")
    tag = reader.take_int(1)
    if tag in (ARRAY, STRUCTURE):
        # Each item takes a byte at least, so a length that lies ends at the last byte.
        return [read_data(reader, depth + 1) for _ in range(reader.take_length())]
    if tag in INTEGERS:
        size, signed = INTEGERS[tag]
        return reader.take_int(size, signed=signed)
    return read_other(reader, tag)


def read_other(reader: Reader, tag: int) -> Data:
    """A value that is neither a list nor a number."""
    if tag == NULL:
        return None
    if tag == BOOLEAN:
        return reader.take_int(1) != 0
    if tag == BIT_STRING:
        return reader.take((reader.take_length() + 7) // 8)
    if tag == OCTETS:
        return reader.take_octets()
    if tag in (VISIBLE, UTF8):
        return reader.take_octets().decode("ascii", "replace")
    if tag in FIXED:
        return reader.take(FIXED[tag])
    raise TelegramError(f"The telegram has data of the unknown type {tag}.")
