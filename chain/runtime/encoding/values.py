"""How the values of collections are written, as bytes and as JSON.

Each codec promises `decode(encode(value)) == value`, and one sequence of bytes for each value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from chain.runtime.encoding import codec
from chain.runtime.encoding.keys import U64

V = TypeVar("V")
M = TypeVar("M", bound=Message)

# Encodes a record whose fields all have their defaults; no protobuf message begins with a zero.
_ALL_DEFAULTS = b"\x00"
_SHARED_VALUES = 1 << 14
# Numbers have 64 bits in records; what the chain adds to one below this limit still fits.
_NUMBER_LIMIT = 1 << 63


class ValueCodec(Protocol[V]):
    """Writes values of one type."""

    def encode(self, value: V) -> bytes:
        """The canonical bytes of a value."""

    def decode(self, data: bytes) -> V:
        """The value of bytes that this codec wrote."""

    def decode_shared(self, data: bytes) -> V:
        """The same value, shared with others: it must not be changed."""

    def to_json(self, value: V) -> Any:
        """The value as it stands in a genesis document."""

    def from_json(self, value: Any) -> V:
        """The value from a genesis document; raises ValueError for any other form."""


class Record(Generic[M]):
    """Values that are messages of a state.proto.

    number_limit: numbers of a genesis document have to be below it.
    """

    def __init__(self, message_type: type[M], number_limit: int = _NUMBER_LIMIT) -> None:
        self._message_type = message_type
        self._number_limit = number_limit
        # Records that are read with every transaction, such as parameters, are decoded once.
        self.decode_shared = lru_cache(_SHARED_VALUES)(self.decode)

    def encode(self, value: M) -> bytes:
        # A value of no bytes could not be proven to be there (ICS-23).
        return codec.encode(value) or _ALL_DEFAULTS

    def decode(self, data: bytes) -> M:
        message = self._message_type()
        if data != _ALL_DEFAULTS:
            message.ParseFromString(data)
        return message

    def to_json(self, value: M) -> Any:
        return json_format.MessageToDict(
            value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    def from_json(self, value: Any) -> M:
        if not isinstance(value, dict):
            raise ValueError(f"an object is expected, not {value!r}")
        try:
            message = json_format.ParseDict(value, self._message_type())
        except (json_format.ParseError, OverflowError) as error:
            # The library overflows where an enum is infinite.
            raise ValueError(str(error)) from None
        self.require_numbers_fit(message)
        return message

    def require_numbers_fit(self, value: M) -> None:
        """Raises ValueError if a number of a record from outside is too large to be added to."""
        codec.require_numbers_below(value, self._number_limit)


class Amount:
    """Values that are whole numbers below 2^63."""

    def encode(self, value: int) -> bytes:
        """Eight bytes, the most significant first."""
        return value.to_bytes(8, "big")

    def decode(self, data: bytes) -> int:
        """The number of eight bytes."""
        return int.from_bytes(data, "big")

    def decode_shared(self, data: bytes) -> int:
        """The same: a number cannot be changed."""
        return int.from_bytes(data, "big")

    def to_json(self, value: int) -> Any:
        """The number in quotes, as protobuf writes numbers of 64 bits."""
        return str(value)

    def from_json(self, value: Any) -> int:
        """The number; raises ValueError for any other form."""
        number = U64.from_json(value)
        if number >= _NUMBER_LIMIT:
            raise ValueError(f"{value} is too large")
        return number


class Bytes:
    """Values that are a number of bytes within bounds; in JSON hexadecimal digits."""

    def __init__(self, bytes_min: int, bytes_max: int) -> None:
        self._range = range(bytes_min, bytes_max + 1)

    def encode(self, value: bytes) -> bytes:
        """The bytes themselves."""
        return value

    def decode(self, data: bytes) -> bytes:
        """The bytes themselves."""
        return data

    def decode_shared(self, data: bytes) -> bytes:
        """The same: bytes cannot be changed."""
        return data

    def to_json(self, value: bytes) -> Any:
        """Two digits for each byte."""
        return value.hex()

    def from_json(self, value: Any) -> bytes:
        """The bytes; raises ValueError for any other form."""
        found = bytes.fromhex(value) if isinstance(value, str) else b""
        if len(found) not in self._range:
            low, high = self._range[0], self._range[-1]
            raise ValueError(f"{low} to {high} bytes are expected, not {value!r}")
        return found
