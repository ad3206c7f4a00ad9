"""HDLC frames (IEC 62056-46, frame format type 3) as meters push them, and what they carry.

    7E A0 E2 ... FCS 7E       A: format 3; a bit says that more segments follow; the length

Header and frame have a check sequence, CRC-16/X-25, each. Frames may share a flag.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meter_bridge.formats.encoding.checksums import compute_x25
from meter_bridge.formats.telegram import TelegramError

FLAG = 0x7E
CHECK = "HDLC frame check sequence"
# Format, two addresses, control, check sequence.
FRAME_BYTES_MIN = 7
LLC_SIZE = 3
LLC = (b"\xe6\xe7\x00", b"\xe6\xe6\x00")


@dataclass(frozen=True)
class Frame:
    """One frame, verified."""

    is_segmented: bool
    # Information field, empty if there is none.
    information: bytes


def join_frames(raw: bytes) -> bytes:
    """The information of consecutive frames, without their link layer headers.

    Errors: TelegramError if a frame is damaged, or anything lies between them.
    """
    frames = list(read_frames(raw))
    if frames[-1].is_segmented:
        raise TelegramError("The last frame says that more follow, so a part is missing.")
    joined = b"".join(frame.information for frame in frames)
    if joined[:LLC_SIZE] in LLC:
        return joined[LLC_SIZE:]
    return joined


def read_frames(raw: bytes) -> Iterator[Frame]:
    """All frames; at least one. Errors: TelegramError."""
    position, count = 0, 0
    while position < len(raw):
        if raw[position] != FLAG:
            raise TelegramError(f"The telegram has bytes outside of frames, at {position}.")
        # One flag or two between frames, and some at the end.
        while raw[position : position + 1] == bytes([FLAG]):
            position += 1
        if position == len(raw):
            break
        end = position + find_length(raw, position)
        if raw[end : end + 1] != bytes([FLAG]):
            raise TelegramError("A frame does not end with a flag where its length says so.")
        yield read_frame(raw[position:end])
        count += 1
        position = end
    if not count:
        raise TelegramError("The telegram has no HDLC frame.")


def find_length(raw: bytes, position: int) -> int:
    """The length that a frame states."""
    head = int.from_bytes(raw[position : position + 2], "big")
    if head >> 12 != 0xA:
        raise TelegramError("A frame is not of HDLC format type 3.")
    return head & 0x7FF


def read_frame(content: bytes) -> Frame:
    """A frame from its first byte to its check sequence.

    Errors: TelegramError.
    """
    if len(content) < FRAME_BYTES_MIN:
        raise TelegramError("A frame is too short.")
    stated = int.from_bytes(content[-2:], "little")
    if compute_x25(content[:-2]) != stated:
        raise TelegramError(
            f"A frame's check sequence is {stated:04X} but its content gives "
            f"{compute_x25(content[:-2]):04X}; it was altered or damaged in transit."
        )
    header_end = skip_address(content, skip_address(content, 2)) + 1
    has_information = header_end + 2 < len(content)
    if not has_information:
        return Frame(bool(content[0] & 0x08), b"")
    header = content[:header_end]
    if compute_x25(header) != int.from_bytes(content[header_end : header_end + 2], "little"):
        raise TelegramError("A frame's header does not match its check sequence.")
    return Frame(bool(content[0] & 0x08), content[header_end + 2 : -2])


def skip_address(content: bytes, position: int) -> int:
    """Behind an address, whose last byte has its lowest bit set."""
    for end in range(position, min(position + 4, len(content) - 2)):
        if content[end] & 1:
            return end + 1
    raise TelegramError("A frame's address has no end.")


def split(content: bytes) -> list[bytes]:
    """The telegrams of a capture, damaged ones too; what lies between frames is left out.

    A frame without the header of the link layer continues the telegram before it.
    """
    telegrams: list[bytes] = []
    position, is_open, last = content.find(FLAG), False, -1
    while 0 <= position < len(content) - 1:
        if content[position + 1] == FLAG:
            position += 1
            continue
        end = position + 1 + (int.from_bytes(content[position + 1 : position + 3], "big") & 0x7FF)
        is_frame = content[position + 1] >> 4 == 0xA and content[end : end + 1] == bytes([FLAG])
        if not is_frame:
            position, is_open = content.find(FLAG, position + 1), False
            continue
        frame = content[position : end + 1]
        if is_open and telegrams and not any(llc in frame[:16] for llc in LLC):
            # Its first flag may be the last one of the frame before it.
            telegrams[-1] += frame[1:] if position == last else frame
        else:
            telegrams.append(frame)
        position, is_open, last = end, True, end
    return telegrams or [content]
