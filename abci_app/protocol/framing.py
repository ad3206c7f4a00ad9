"""Messages on a byte stream: each is preceded by its length, an unsigned varint.

This is the framing of ABCI's socket protocol since CometBFT 0.37 (protobuf's "delimited"
format). Whatever pieces the bytes arrive in, the same frames come out, and no peer can make
the reader hold more than one frame of the greatest allowed size.
"""

from __future__ import annotations

from collections.abc import Iterator

# Ten groups of seven bits hold any 64-bit number.
MAX_UVARINT_BYTES = 10


class FramingError(Exception):
    """The bytes are not frames, or a frame is too large. The text is a sentence for the peer."""


class FrameReader:
    """Cuts the bytes received from one peer into frames of at most `max_frame_bytes`."""

    def __init__(self, max_frame_bytes: int) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._pending = bytearray()
        self._needed_bytes = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Gives every frame that `chunk` completes and keeps the rest for the next call.

        Errors: FramingError, after the frames before it.
        """
        data = self._join_pending(chunk)
        position = 0
        while position < len(data):
            header = decode_uvarint(data, position)
            if header is None:
                break
            length, start = header
            if length > self._max_frame_bytes:
                raise FramingError(
                    f"A message of {length} bytes is over the limit of {self._max_frame_bytes}."
                )
            end = start + length
            if end > len(data):
                self._needed_bytes = end - position
                break
            yield data[start:end]
            position = end
        if position < len(data):
            self._pending += memoryview(data)[position:]

    def _join_pending(self, chunk: bytes) -> bytes:
        """Takes the bytes that are worth looking at: nothing while a large frame is incomplete,
        because copying it again for each piece would cost the square of its size.
        """
        if not self._pending:
            return chunk
        self._pending += chunk
        if len(self._pending) < self._needed_bytes:
            return b""
        data = bytes(self._pending)
        self._pending.clear()
        self._needed_bytes = 0
        return data


def decode_uvarint(data: bytes, position: int) -> tuple[int, int] | None:
    """Reads a number; gives it with the position behind it, or None when bytes are missing.

    Errors: FramingError for a number of more than 64 bits.
    """
    # Nearly every length is of one byte or two.
    if position + 1 < len(data):
        first, second = data[position], data[position + 1]
        if first < 0x80:
            return first, position + 1
        if second < 0x80:
            return first & 0x7F | second << 7, position + 2
    value = 0
    for count, byte in enumerate(data[position : position + MAX_UVARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, position + count + 1
    else:
        if len(data) - position < MAX_UVARINT_BYTES:
            return None
    raise FramingError("The length before a message is not an unsigned 64-bit varint.")
