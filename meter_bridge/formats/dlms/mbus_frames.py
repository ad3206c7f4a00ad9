"""Wired M-Bus frames (EN 13757-2), in which Austrian meters push DLMS.

68 L L 68 C A CI ... checksum 16     L counts from C to before the checksum
"""

from __future__ import annotations

from meter_bridge.formats.telegram import TelegramError

START, STOP = 0x68, 0x16
CHECK = "M-Bus checksum"
# Control, address, CI, and source and destination of DLMS.
HEADER_BYTES = 5
MORE_BIT, SEQUENCE_BITS = 0x10, 0x0F


def join_frames(raw: bytes) -> bytes:
    """The DLMS content of consecutive frames.

    Errors: TelegramError if a frame is damaged, or one is missing.
    """
    joined, position, is_last, number = b"", 0, False, 0
    while position < len(raw):
        content, position = take_frame(raw, position)
        if len(content) < HEADER_BYTES:
            raise TelegramError("An M-Bus frame is too short for DLMS.")
        # The CI field of a segment is its number, and a bit that says whether it is the last.
        if content[2] & SEQUENCE_BITS != number & SEQUENCE_BITS:
            raise TelegramError("The M-Bus frames are not in order, or one is missing.")
        joined += content[HEADER_BYTES:]
        is_last, number = bool(content[2] & MORE_BIT), number + 1
        if is_last:
            break
    if not is_last and number > 1:
        raise TelegramError("The last M-Bus frame says that more follow, so a part is missing.")
    if position < len(raw):
        raise TelegramError("The telegram has bytes behind its last M-Bus frame.")
    return joined


def take_frame(raw: bytes, position: int) -> tuple[bytes, int]:
    """The content of a frame from C on, and where the next one starts."""
    head = raw[position : position + 4]
    if len(head) < 4 or head[0] != START or head[3] != START or head[1] != head[2]:
        raise TelegramError("The telegram is not made of M-Bus frames.")
    start, end = position + 4, position + 4 + head[1]
    content, tail = raw[start:end], raw[end : end + 2]
    if len(tail) < 2 or tail[1] != STOP:
        raise TelegramError("An M-Bus frame is cut off.")
    if sum(content) & 0xFF != tail[0]:
        raise TelegramError(
            f"An M-Bus frame's checksum is {tail[0]:02X} but its content gives "
            f"{sum(content) & 0xFF:02X}; it was altered or damaged in transit."
        )
    return content, end + 2
