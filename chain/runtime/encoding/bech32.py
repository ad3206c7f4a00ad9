"""Addresses in text form: 20 bytes in bech32 (BIP-173) with the prefix of this chain.

Promises that `decode(encode(address)) == address`, and that a text with up to four wrong
characters is rejected.
"""

from __future__ import annotations

from functools import lru_cache

PREFIX = "energy"
VALIDATOR_PREFIX = f"{PREFIX}valcons"
ADDRESS_BYTES = 20

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_DATA_CHARACTERS = ADDRESS_BYTES * 8 // 5
_TEXT_CHARACTERS = len(PREFIX) + 1 + _DATA_CHARACTERS + 6
# The same addresses return in block after block; a lookup costs a twentieth of the arithmetic.
_CACHED_ADDRESSES = 1 << 17


class AddressError(ValueError):
    """A text that is not an address of this chain; the message says why."""


@lru_cache(maxsize=_CACHED_ADDRESSES)
def encode(address: bytes) -> str:
    """The text of a 20-byte address."""
    if len(address) != ADDRESS_BYTES:
        raise AddressError(f"an address has {ADDRESS_BYTES} bytes, not {len(address)}")
    return _encode(address, PREFIX, _PREFIX_STATE)


def encode_validator(address: bytes) -> str:
    """The text of a validator's 20-byte address, which is no account: `energyvalcons1...`."""
    return encode_with_prefix(address, VALIDATOR_PREFIX)


def encode_with_prefix(address: bytes, prefix: str) -> str:
    """The text of a 20-byte address as another chain writes it; the prefix is in lower case."""
    if len(address) != ADDRESS_BYTES:
        raise AddressError(f"an address has {ADDRESS_BYTES} bytes, not {len(address)}")
    return _encode(address, prefix, _compute_prefix_state(prefix))


@lru_cache(maxsize=_CACHED_ADDRESSES)
def decode(text: str) -> bytes:
    """The 20 bytes of an address text; raises AddressError for anything else."""
    if not text.startswith(f"{PREFIX}1"):
        raise AddressError(f"an address starts with {PREFIX}1")
    if len(text) != _TEXT_CHARACTERS:
        raise AddressError(f"an address has {_TEXT_CHARACTERS} characters, not {len(text)}")
    try:
        data = [_VALUES[character] for character in text[len(PREFIX) + 1 :]]
    except KeyError as error:
        raise AddressError(f"an address has no character {error.args[0]!r}") from None
    if _polymod(data) != 1:
        raise AddressError("the checksum is wrong; a character was mistyped")
    number = 0
    for value in data[:_DATA_CHARACTERS]:
        number = number << 5 | value
    return number.to_bytes(ADDRESS_BYTES, "big")


def _encode(address: bytes, prefix: str, prefix_state: int) -> str:
    number = int.from_bytes(address, "big")
    data = [(number >> shift) & 31 for shift in range((_DATA_CHARACTERS - 1) * 5, -1, -5)]
    checksum = _polymod([*data, 0, 0, 0, 0, 0, 0], prefix_state) ^ 1
    data += [(checksum >> shift) & 31 for shift in range(25, -1, -5)]
    return f"{prefix}1" + "".join(_ALPHABET[value] for value in data)


def _polymod(data: list[int], state: int = 0) -> int:
    """The checksum of BIP-173 over the data, continued from a state (default: the prefix)."""
    state = state or _PREFIX_STATE
    for value in data:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value ^ _FEEDBACK[top]
    return state


def _compute_feedback(top: int) -> int:
    """What the five bits shifted out of the state feed back into it."""
    feedback = 0
    for bit, generator in enumerate(_GENERATOR):
        if top >> bit & 1:
            feedback ^= generator
    return feedback


_FEEDBACK = tuple(_compute_feedback(top) for top in range(32))


def _compute_prefix_state(prefix: str) -> int:
    """The checksum after a prefix."""
    return _polymod([ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix], 1)


_PREFIX_STATE = _compute_prefix_state(PREFIX)
