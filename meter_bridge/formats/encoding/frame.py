"""Frames of P1 telegrams: where one begins and ends, its checksum, and its line ends.

A telegram goes from a line that starts with / to the next line that starts with !, and the checksum
of everything in between follows. A meter ends its lines with CR LF. Editors and terminals like to
change that; the checksum tells whether nothing else was changed.
"""

from __future__ import annotations

import re

from meter_bridge.formats.telegram import TELEGRAM_BYTES_MAX, TelegramError

# Lines are matched one by one, so that no input takes more than linear time.
_LINES = rb"/[^\r\n]*[\r\n](?:(?![/!])[^\r\n]*[\r\n])*!"
# Some meters leave out zeros at the front of the checksum.
# In a file that may hold many.
IN_FILE = re.compile(rb"(?<![^\r\n])" + _LINES + rb"[^\r\n]*(?:\r?\n|\r|\Z)")
_FRAME = re.compile(rb"(" + _LINES + rb")([0-9A-F]{1,4})\r?\n?")
_FRAME_WITHOUT_CHECKSUM = re.compile(_LINES + rb"\r?\n?")
_LINE_END = re.compile(rb"\r*\n|\r")


def require_checksum(raw: bytes) -> bytes:
    """The telegram from `/` to `!` with the line ends that its checksum was computed over.

    Errors: TelegramError.
    """
    if len(raw) > TELEGRAM_BYTES_MAX:
        raise TelegramError(
            f"The telegram has {len(raw)} bytes; the maximum is {TELEGRAM_BYTES_MAX}."
        )
    frame = _FRAME.fullmatch(raw)
    if frame is None:
        if _FRAME_WITHOUT_CHECKSUM.fullmatch(raw):
            raise TelegramError(
                "The telegram has no checksum; DSMR versions before 4 are not supported."
            )
        raise TelegramError(
            "The telegram does not start with / and end with a line of ! and hexadecimal digits."
        )
    content, stated = frame[1], int(frame[2], 16)
    sent = _LINE_END.sub(b"\r\n", content)
    for candidate in dict.fromkeys((content, sent)):
        if compute_crc16(candidate) == stated:
            return candidate
    cause = "it was altered or damaged in transit"
    if sent != content:
        cause = "more was altered in transit than its line ends, which a meter sends as CR LF"
    raise TelegramError(
        f"The telegram's checksum is {stated:04X} but its content gives "
        f"{compute_crc16(sent):04X}; {cause}."
    )


def find_unprotected(raw: bytes) -> bytes | None:
    """A telegram of DSMR 2.2 or 3, which has no checksum; None for any other.

    Errors: TelegramError if it is too long.
    """
    is_unprotected = len(raw) <= TELEGRAM_BYTES_MAX and _FRAME_WITHOUT_CHECKSUM.fullmatch(raw)
    return raw.rstrip(b"\r\n") if is_unprotected else None


def compute_crc16(content: bytes) -> int:
    """CRC-16/ARC as in the P1 standard: polynomial 0x8005, reflected, initial value 0."""
    crc = 0
    for byte in content:
        crc = (crc >> 8) ^ CRC16_TABLE[(crc ^ byte) & 0xFF]
    return crc


def compute_crc16_entry(value: int) -> int:
    """The table entry of one byte: eight steps of the reflected polynomial."""
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


CRC16_TABLE = tuple(compute_crc16_entry(value) for value in range(256))
