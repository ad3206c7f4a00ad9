"""How the keys of collections are written, as bytes that sort and as JSON.

Each codec promises `decode(encode(key)) == key`, and that the bytes of two keys compare as the
keys do (for texts in front of another part: shorter texts first).
"""

from __future__ import annotations

from typing import Any, Generic, Protocol, TypeVar

from chain.runtime.encoding import bech32

K = TypeVar("K")
A = TypeVar("A")
B = TypeVar("B")


class KeyCodec(Protocol[K]):
    """Writes keys of one type."""

    def encode(self, key: K) -> bytes:
        """The bytes of a key where nothing follows it."""

    def encode_part(self, key: K) -> bytes:
        """The bytes of a key where another part follows it."""

    def decode_part(self, data: bytes) -> tuple[K, bytes]:
        """A key from the start of the data, and what follows it."""

    def decode(self, data: bytes) -> K:
        """A key from all of the data."""

    def to_json(self, key: K) -> Any:
        """The key as it stands in a genesis document."""

    def from_json(self, value: Any) -> K:
        """The key from a genesis document; raises ValueError for any other form."""


class _U64:
    """Whole numbers below 2^64."""

    def encode(self, key: int) -> bytes:
        return key.to_bytes(8, "big")

    def encode_part(self, key: int) -> bytes:
        return key.to_bytes(8, "big")

    def decode_part(self, data: bytes) -> tuple[int, bytes]:
        return int.from_bytes(data[:8], "big"), data[8:]

    def decode(self, data: bytes) -> int:
        return int.from_bytes(data, "big")

    def to_json(self, key: int) -> Any:
        return str(key)

    def from_json(self, value: Any) -> int:
        if not isinstance(value, str) or not value.isdecimal() or str(int(value)) != value:
            raise ValueError(f"a number in quotes is expected, not {value!r}")
        if int(value) >= 1 << 64:
            raise ValueError(f"{value} does not fit 64 bits")
        return int(value)


class _Address:
    """Account addresses: 20 bytes, in JSON as bech32."""

    def encode(self, key: bytes) -> bytes:
        return key

    def encode_part(self, key: bytes) -> bytes:
        return key

    def decode_part(self, data: bytes) -> tuple[bytes, bytes]:
        return data[: bech32.ADDRESS_BYTES], data[bech32.ADDRESS_BYTES :]

    def decode(self, data: bytes) -> bytes:
        return data

    def to_json(self, key: bytes) -> Any:
        return bech32.encode(key)

    def from_json(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise ValueError(f"an address is expected, not {value!r}")
        return bech32.decode(value)


class _Text:
    """Texts of at most 255 bytes."""

    def encode(self, key: str) -> bytes:
        return key.encode()

    def encode_part(self, key: str) -> bytes:
        data = key.encode()
        # An index takes its part from a record, and a record may hold any text.
        if len(data) >= 1 << 8:
            raise ValueError(f"a text of at most 255 bytes is expected, not {key!r}")
        return len(data).to_bytes(1, "big") + data

    def decode_part(self, data: bytes) -> tuple[str, bytes]:
        end = 1 + data[0]
        return data[1:end].decode(), data[end:]

    def decode(self, data: bytes) -> str:
        return data.decode()

    def to_json(self, key: str) -> Any:
        return key

    def from_json(self, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value.encode()) < 256:
            raise ValueError(f"a text of 1 to 255 bytes is expected, not {value!r}")
        return value


class Pair(Generic[A, B]):
    """Two parts, sorted by the first, then by the second."""

    def __init__(self, first: KeyCodec[A], second: KeyCodec[B]) -> None:
        self.first = first
        self.second = second

    def encode(self, key: tuple[A, B]) -> bytes:
        return self.first.encode_part(key[0]) + self.second.encode(key[1])

    def encode_part(self, key: tuple[A, B]) -> bytes:
        return self.first.encode_part(key[0]) + self.second.encode_part(key[1])

    def decode_part(self, data: bytes) -> tuple[tuple[A, B], bytes]:
        first, rest = self.first.decode_part(data)
        second, rest = self.second.decode_part(rest)
        return (first, second), rest

    def decode(self, data: bytes) -> tuple[A, B]:
        first, rest = self.first.decode_part(data)
        return first, self.second.decode(rest)

    def to_json(self, key: tuple[A, B]) -> Any:
        return [self.first.to_json(key[0]), self.second.to_json(key[1])]

    def from_json(self, value: Any) -> tuple[A, B]:
        if not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"a key of two parts is expected, not {value!r}")
        return self.first.from_json(value[0]), self.second.from_json(value[1])


U64 = _U64()
ADDRESS = _Address()
TEXT = _Text()
