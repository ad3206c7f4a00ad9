"""The one place where signatures are checked.

Promises that each scheme is one implementation on every node: libraries differ on edge cases, and
a validator that accepts what another rejects would leave the chain.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from coincurve import PublicKey
from coincurve._libsecp256k1 import lib
from coincurve.context import GLOBAL_CONTEXT
from coincurve.ecdsa import deserialize_compact
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

SECP256K1_KEY_BYTES = 33
SECP256K1_SIGNATURE_BYTES = 64
DIGEST_BYTES = 32
ED25519_KEY_BYTES = 32
_ED25519_SIGNATURE_BYTES = 64
P256_KEY_BYTES = 33
_P256_SIGNATURE_BYTES = 64

# The same accounts come back: taking a point from its bytes costs a square root each time.
_CACHED_KEYS = 1 << 16
_SECP256K1_HALF_ORDER = bytes.fromhex(
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
)
_P256_HALF_ORDER = bytes.fromhex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")
_P256, _P256_HASH = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())


def verify_secp256k1_digest(pub_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether a 64-byte r||s signature over a 32-byte sha256 digest fits a 33-byte public key.

    A signature with s in the upper half of the group order is rejected, so that nobody but its
    signer can change a transaction's hash.
    """
    assert len(digest) == DIGEST_BYTES
    if len(signature) != SECP256K1_SIGNATURE_BYTES or signature[32:] > _SECP256K1_HALF_ORDER:
        return False
    try:
        key = _parse_secp256k1_key(pub_key)
        parsed = deserialize_compact(signature)
    except ValueError:
        return False
    # The library's own method takes a signature in DER only: a sixth of the time goes into that.
    good: int = lib.secp256k1_ecdsa_verify(GLOBAL_CONTEXT.ctx, parsed, digest, key.public_key)
    return good == 1


def verify_ed25519(pub_key: bytes, content: bytes, signature: bytes) -> bool:
    """Whether a 64-byte Ed25519 signature over the content fits a 32-byte public key.

    The rule is that of libsodium: RFC 8032 with the equation not multiplied by the cofactor, S
    below the group order, and neither R nor the key of small order; the key must be in its one
    encoding.
    """
    if len(pub_key) != ED25519_KEY_BYTES or len(signature) != _ED25519_SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + content, pub_key)
    except BadSignatureError:
        return False
    return True


def verify_p256(pub_key: bytes, content: bytes, signature: bytes) -> bool:
    """Whether a 64-byte r||s signature over the sha256 of the content fits a 33-byte public key.

    ECDSA of FIPS 186-5, by OpenSSL. A signature with s in the upper half of the group order is
    rejected, so that each has one form.
    """
    if len(signature) != _P256_SIGNATURE_BYTES or signature[32:] > _P256_HALF_ORDER:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        _parse_p256_key(pub_key).verify(encode_dss_signature(r, s), content, _P256_HASH)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_meter(pub_key: bytes, content: bytes, signature: bytes) -> bool:
    """Whether a signature fits the key of a meter, whose length says which kind it is: Ed25519 or
    P-256.
    """
    if len(pub_key) == P256_KEY_BYTES:
        return verify_p256(pub_key, content, signature)
    return verify_ed25519(pub_key, content, signature)


def is_meter_key(pub_key: bytes) -> bool:
    """Whether bytes are a public key that a meter can sign with, in its one encoding: Ed25519 in 32
    bytes, or a point of P-256, compressed, in 33.
    """
    if len(pub_key) != P256_KEY_BYTES:
        return is_ed25519_key(pub_key)
    try:
        return bool(_parse_p256_key(pub_key))
    except ValueError:
        return False


def is_secp256k1_key(pub_key: bytes) -> bool:
    """Whether 33 bytes are a public key: a point of the curve, in compressed form."""
    try:
        return len(pub_key) == SECP256K1_KEY_BYTES and bool(_parse_secp256k1_key(pub_key))
    except ValueError:
        return False


def is_ed25519_key(pub_key: bytes) -> bool:
    """Whether 32 bytes are a public key that a secret one can have: the one encoding of a point of
    the curve that is in the group of prime order, and so not of small order.
    """
    return len(pub_key) == ED25519_KEY_BYTES and crypto_core_ed25519_is_valid_point(pub_key)


@lru_cache(maxsize=_CACHED_KEYS)
def _parse_secp256k1_key(pub_key: bytes) -> PublicKey:
    return PublicKey(pub_key)


@lru_cache(maxsize=_CACHED_KEYS)
def _parse_p256_key(pub_key: bytes) -> ec.EllipticCurvePublicKey:
    """Errors: ValueError, also for the point in another form."""
    if len(pub_key) != P256_KEY_BYTES:
        raise ValueError("a key of P-256 has 33 bytes")
    return ec.EllipticCurvePublicKey.from_encoded_point(_P256, pub_key)


@lru_cache(maxsize=_CACHED_KEYS)
def address_of(pub_key: bytes) -> bytes:
    """The account address of a 33-byte secp256k1 key: ripemd160(sha256(key))."""
    return hashlib.new("ripemd160", hashlib.sha256(pub_key).digest()).digest()
