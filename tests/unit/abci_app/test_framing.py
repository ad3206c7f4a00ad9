import pytest
from hypothesis import given
from hypothesis import strategies as st

from abci_app.protocol.framing import FrameReader, FramingError, decode_uvarint
from chain.runtime.encoding.codec import write_varint

FRAMES = st.lists(st.binary(max_size=300), max_size=12)
PIECES = st.lists(st.integers(0, 400), max_size=40)


def frame(payload: bytes) -> bytes:
    return write_varint(len(payload)) + payload


def split(stream: bytes, sizes: list[int]) -> list[bytes]:
    pieces, position = [], 0
    for size in sizes:
        pieces.append(stream[position : position + size])
        position += size
    return [*pieces, stream[position:]]


@given(FRAMES, PIECES)
def test_the_same_frames_come_out_whatever_pieces_they_arrive_in(
    payloads: list[bytes], sizes: list[int]
) -> None:
    reader = FrameReader(max_frame_bytes=300)
    stream = b"".join(map(frame, payloads))
    found = [each for piece in split(stream, sizes) for each in reader.feed(piece)]
    assert found == payloads


def test_frames_arriving_byte_by_byte() -> None:
    reader = FrameReader(max_frame_bytes=1000)
    stream = frame(b"a" * 200) + frame(b"") + frame(b"b")
    found = [each for position in range(len(stream)) for each in reader.feed(stream[position:][:1])]
    assert found == [b"a" * 200, b"", b"b"]


def test_a_frame_does_not_wait_for_as_many_bytes_as_the_one_before() -> None:
    reader = FrameReader(max_frame_bytes=1000)
    stream = frame(b"a" * 900) + frame(b"b" * 200)
    # The second piece ends within the length of the second frame.
    pieces = [stream[:500], stream[500:903], stream[903:]]
    found = [list(reader.feed(piece)) for piece in pieces]
    assert found == [[], [b"a" * 900], [b"b" * 200]]


def test_the_largest_frame_is_accepted_and_one_byte_more_is_not() -> None:
    assert list(FrameReader(10).feed(frame(b"x" * 10))) == [b"x" * 10]
    with pytest.raises(FramingError, match="11 bytes is over the limit of 10"):
        list(FrameReader(10).feed(frame(b"x" * 11)))


def test_a_frame_too_large_is_rejected_before_its_bytes_arrive() -> None:
    with pytest.raises(FramingError, match="over the limit"):
        list(FrameReader(1000).feed(write_varint(1 << 40)))


def test_the_frames_before_a_fault_are_given() -> None:
    frames = FrameReader(10).feed(frame(b"good") + frame(b"x" * 11))
    assert next(frames) == b"good"
    with pytest.raises(FramingError):
        next(frames)


@pytest.mark.parametrize("prefix", [b"\xff" * 10, b"\xff" * 9 + b"\x02"])
def test_a_length_of_more_than_64_bits_is_rejected(prefix: bytes) -> None:
    with pytest.raises(FramingError, match="varint"):
        list(FrameReader(10).feed(prefix))


@pytest.mark.parametrize(
    ("value", "encoded"),
    # The examples of protobuf's encoding guide, and the ends of the range.
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (150, "9601"), (2**64 - 1, "ff" * 9 + "01")],
)
def test_known_varints(value: int, encoded: str) -> None:
    assert write_varint(value).hex() == encoded
    assert decode_uvarint(bytes.fromhex(encoded), 0) == (value, len(encoded) // 2)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=5), st.binary(max_size=12))
def test_a_number_is_read_from_between_other_bytes(value: int, before: bytes, after: bytes) -> None:
    encoded = write_varint(value)
    end = len(before) + len(encoded)
    assert decode_uvarint(before + encoded + after, len(before)) == (value, end)


@given(st.integers(128, 2**64 - 1))
def test_a_number_that_is_not_complete_is_waited_for(value: int) -> None:
    assert decode_uvarint(write_varint(value)[:-1], 0) is None
