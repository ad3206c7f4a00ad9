"""Addresses as text: as BIP-173 has it, with the prefix of this chain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.encoding import bech32
from chain.runtime.signatures import address_of
from tests.support.properties import examples

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
# BIP-173 names this key and its hash; the text here has another prefix and no version.
BIP_KEY = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
BIP_HASH = bytes.fromhex("751e76e8199196d454941c45d1b3a323f1433bd6")


def reference_checksum(prefix: str, data: list[int]) -> list[int]:
    """The checksum as BIP-173 defines it, digit by digit."""
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + data + [0] * 6
    state = 1
    for value in values:
        top = state >> 25
        state = (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            state ^= generator if top >> bit & 1 else 0
    state ^= 1
    return [state >> 5 * (5 - place) & 31 for place in range(6)]


def reference_encode(prefix: str, address: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in address)
    data = [int(bits[place : place + 5], 2) for place in range(0, len(bits), 5)]
    return f"{prefix}1" + "".join(ALPHABET[v] for v in data + reference_checksum(prefix, data))


def test_the_reference_is_right() -> None:
    """The first valid string of BIP-173: `A12UEL5L`, no data."""
    assert [ALPHABET[value] for value in reference_checksum("a", [])] == list("2uel5l")


def test_the_address_of_a_known_key() -> None:
    assert address_of(BIP_KEY) == BIP_HASH
    assert bech32.encode(BIP_HASH) == reference_encode("energy", BIP_HASH)


@given(st.binary(min_size=20, max_size=20))
@examples(200)
def test_every_address_has_the_text_of_bip_173_and_comes_back(address: bytes) -> None:
    text = bech32.encode(address)
    assert text == reference_encode("energy", address)
    assert bech32.decode(text) == address


@given(st.binary(min_size=20, max_size=20), st.data())
@examples(300)
def test_up_to_four_wrong_characters_are_noticed(address: bytes, data: st.DataObject) -> None:
    text = list(bech32.encode(address))
    places = data.draw(st.lists(st.integers(7, len(text) - 1), min_size=1, max_size=4, unique=True))
    for place in places:
        text[place] = data.draw(st.sampled_from([c for c in ALPHABET if c != text[place]]))
    with pytest.raises(bech32.AddressError):
        bech32.decode("".join(text))


GOOD = bech32.encode(BIP_HASH)


@pytest.mark.parametrize(
    ("what", "text", "reason"),
    [
        ("empty", "", "starts with energy1"),
        ("other prefix", reference_encode("cosmos", BIP_HASH), "starts with energy1"),
        ("validator prefix", reference_encode("energyvaloper", BIP_HASH), "starts with energy1"),
        ("capitals", GOOD.upper(), "starts with energy1"),
        ("mixed case", GOOD[:7] + GOOD[7:].upper(), "no character"),
        ("too short", GOOD[:-1], "45 characters"),
        ("too long", GOOD + "q", "45 characters"),
        ("too many bytes", reference_encode("energy", BIP_HASH + bytes(12)), "45 characters"),
        ("foreign character", GOOD[:-1] + "b", "no character 'b'"),
        ("space", GOOD[:-1] + " ", "no character ' '"),
        ("mistyped", GOOD[:-1] + ("q" if GOOD[-1] != "q" else "p"), "checksum"),
        ("no prefix", GOOD[7:], "starts with energy1"),
    ],
    ids=lambda value: "",
)
def test_what_is_no_address_is_rejected_with_the_reason(what: str, text: str, reason: str) -> None:
    with pytest.raises(bech32.AddressError, match=reason):
        bech32.decode(text)


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_only_20_bytes_have_a_text(length: int) -> None:
    with pytest.raises(bech32.AddressError, match="20 bytes"):
        bech32.encode(bytes(length))
