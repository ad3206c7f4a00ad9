"""Which signatures of meters the chain takes: the rule must be the same on every node for ever."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add

from chain.runtime.signatures import (
    is_ed25519_key,
    is_meter_key,
    verify_ed25519,
    verify_meter,
    verify_p256,
)
from client.signing.keys import P256_ORDER, P256MeterKey

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


P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1
ELEMENT = P256MeterKey(bytes(range(1, 33)))
P256_SIGNATURE = ELEMENT.sign(CONTENT)
R, S = (int.from_bytes(P256_SIGNATURE[at : at + 32], "big") for at in (0, 32))


def join(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_the_p256_vector_of_rfc_6979() -> None:
    """A.2.5, of the message `sample`, whose s is in the upper half: the other one is ours."""
    secret = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    key = P256MeterKey(secret)
    assert key.pub_key[1:].hex().startswith("60fed4ba255a9d31c961eb74c6356d68")
    assert key.sign(b"sample") == join(r, P256_ORDER - s)
    assert verify_p256(key.pub_key, b"sample", join(r, P256_ORDER - s))
    assert not verify_p256(key.pub_key, b"sample", join(r, s))


@given(st.binary(max_size=200), st.integers(1, P256_ORDER - 1))
def test_a_good_p256_signature_has_one_form_and_fits_nothing_else(
    content: bytes, number: int
) -> None:
    key = P256MeterKey(number.to_bytes(32, "big"))
    signature = key.sign(content)
    assert is_meter_key(key.pub_key) and verify_meter(key.pub_key, content, signature)
    assert not verify_meter(key.pub_key, content + b"\x00", signature)
    s = int.from_bytes(signature[32:], "big")
    assert not verify_meter(key.pub_key, content, signature[:32] + join(0, P256_ORDER - s)[32:])
    for other in (
        signature[:-1],
        signature + b"\x00",
        b"",
        signature[:32] + b"\x00" + signature[32:],
    ):
        assert not verify_meter(key.pub_key, content, other)


@given(st.integers(0, 511))
def test_a_p256_signature_with_one_other_bit_is_rejected(bit: int) -> None:
    changed = bytearray(P256_SIGNATURE)
    changed[bit >> 3] ^= 1 << (bit & 7)
    assert not verify_p256(ELEMENT.pub_key, CONTENT, bytes(changed))


@pytest.mark.parametrize(
    ("r", "s"),
    [(0, 0), (0, S), (R, 0), (R + P256_ORDER, S) if R + P256_ORDER < 2**256 else (P256_ORDER, S),
     (P256_ORDER, S), (R, P256_ORDER), (R, P256_ORDER - S), (1, 1), (2**256 - 1, S)],
)  # fmt: skip
def test_numbers_that_no_p256_signature_has(r: int, s: int) -> None:
    assert not verify_p256(ELEMENT.pub_key, CONTENT, join(r, s))


def test_a_p256_key_has_one_encoding() -> None:
    key = ec.derive_private_key(int.from_bytes(ELEMENT.secret, "big"), ec.SECP256R1()).public_key()
    x, y = key.public_numbers().x, key.public_numbers().y
    plain = x.to_bytes(32, "big")
    assert is_meter_key(bytes([2 + y % 2]) + plain)
    uncompressed = b"\x04" + plain + y.to_bytes(32, "big")
    hybrid = bytes([6 + y % 2]) + uncompressed[1:]
    for other in (uncompressed, hybrid, b"\x00" + plain, b"\x04" + plain, b"\x00", b"", bytes(33)):
        assert not is_meter_key(other)
        assert not verify_p256(other, CONTENT, P256_SIGNATURE)
    # The mirrored point is another key.
    assert not verify_p256(bytes([3 - y % 2]) + plain, CONTENT, P256_SIGNATURE)


def test_a_coordinate_beyond_the_field_is_no_p256_key() -> None:
    """x = 5 is on the curve, and so would be x = p + 5 if it were reduced."""
    assert is_meter_key(b"\x02" + (5).to_bytes(32, "big"))
    assert not is_meter_key(b"\x02" + (P256_PRIME + 5).to_bytes(32, "big"))
    # Half of all x are of no point.
    assert not is_meter_key(b"\x02" + (1).to_bytes(32, "big"))


def test_signatures_of_other_curves_and_digests_are_rejected() -> None:
    key = ec.derive_private_key(int.from_bytes(ELEMENT.secret, "big"), ec.SECP256R1())
    with_sha384 = decode_dss_signature(key.sign(CONTENT, ec.ECDSA(hashes.SHA384())))
    assert not verify_p256(
        ELEMENT.pub_key,
        CONTENT,
        join(with_sha384[0], min(with_sha384[1], P256_ORDER - with_sha384[1])),
    )
    assert not verify_meter(ELEMENT.pub_key, CONTENT, SIGNATURE)
    assert not verify_meter(PUB_KEY, CONTENT, P256_SIGNATURE)
    koblitz = ec.derive_private_key(7, ec.SECP256K1()).public_key()
    point = koblitz.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert not is_meter_key(point) or not verify_p256(point, CONTENT, P256_SIGNATURE)
