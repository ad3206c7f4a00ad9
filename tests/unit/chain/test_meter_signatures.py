"""Which Ed25519 signatures the chain takes: the rule must be the same on every node for ever."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add

from chain.runtime.signatures import is_ed25519_key, verify_ed25519

GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD_PRIME = 2**255 - 19
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUB_KEY = KEY.public_key().public_bytes_raw()
CONTENT = b"what a meter says"
SIGNATURE = KEY.sign(CONTENT)
IDENTITY = (1).to_bytes(32, "little")
# The points of small order in their encodings (RFC 8032, and the table of libsodium).
SMALL_ORDER = (
    IDENTITY,
    bytes(32),
    (FIELD_PRIME - 1).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
)


def test_the_first_vector_of_rfc_8032() -> None:
    pub_key = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert verify_ed25519(pub_key, b"", signature)


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32))
def test_a_good_signature_is_taken_and_fits_nothing_else(content: bytes, seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    pub_key, signature = key.public_key().public_bytes_raw(), key.sign(content)
    assert verify_ed25519(pub_key, content, signature)
    assert not verify_ed25519(pub_key, content + b"\x00", signature)


@given(st.integers(0, 511))
def test_a_signature_with_one_other_bit_is_rejected(bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[bit >> 3] ^= 1 << (bit & 7)
    assert not verify_ed25519(PUB_KEY, CONTENT, bytes(changed))


def test_the_same_signature_written_with_a_larger_s_is_rejected() -> None:
    s = int.from_bytes(SIGNATURE[32:], "little") + GROUP_ORDER
    assert not verify_ed25519(PUB_KEY, CONTENT, SIGNATURE[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_key_of_small_order_signs_nothing(point: bytes) -> None:
    # With such a key, R = the identity and S = 0 would fit about one content in eight, or all.
    for number in range(32):
        assert not verify_ed25519(point, bytes([number]), IDENTITY + bytes(32))


def test_a_key_in_another_than_its_one_encoding_is_rejected() -> None:
    for y in range(19):
        pub_key = (FIELD_PRIME + y).to_bytes(32, "little")
        assert not verify_ed25519(pub_key, CONTENT, IDENTITY + bytes(32))


@given(st.binary(min_size=32, max_size=32))
def test_every_secret_key_has_a_public_key_that_is_taken(seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    assert is_ed25519_key(key.public_bytes_raw())


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_no_secret_key_belongs_to_a_point_beside_the_group(point: bytes) -> None:
    assert not is_ed25519_key(point)
    with_sign = point[:31] + bytes([point[31] | 0x80])
    assert not is_ed25519_key(with_sign)
    # A good key and such a point added up are on the curve, in another part of it.
    if point not in (IDENTITY, with_sign):
        assert not is_ed25519_key(crypto_core_ed25519_add(PUB_KEY, point))


def test_what_is_no_point_in_its_one_encoding_is_no_key() -> None:
    assert not any(is_ed25519_key((FIELD_PRIME + y).to_bytes(32, "little")) for y in range(19))
    # y = 2 is on no point of the curve.
    assert not is_ed25519_key((2).to_bytes(32, "little"))
    assert not any(is_ed25519_key((PUB_KEY * 2)[:length]) for length in (0, 31, 33, 64))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_of_another_length_is_rejected(length: int) -> None:
    assert not verify_ed25519((PUB_KEY * 2)[:length], CONTENT, SIGNATURE)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_is_rejected(length: int) -> None:
    assert not verify_ed25519(PUB_KEY, CONTENT, (SIGNATURE * 2)[:length])
