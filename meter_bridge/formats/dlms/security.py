"""Ciphered and signed DLMS messages: security suites 0, 1 and 2 (IEC 62056-5-3).

Suites 0 and 1 cipher with AES-128-GCM, suite 2 with AES-256-GCM; suites 1 and 2 sign with ECDSA
over P-256 and P-384. A general-ciphering message may bring its key, wrapped with AES. The nonce is
system title and invocation counter; whether the counter rises is for the gateway to watch, which
remembers the last one. What is ciphered without a tag is not protected: who changes a bit of it
changes that bit of the message.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_public_key,
)

from meter_bridge.formats.encoding.axdr import Reader
from meter_bridge.formats.telegram import Secrets, TelegramError

GLOBAL, DEDICATED, GENERAL = 0xDB, 0xDC, 0xDD
CIPHERED = frozenset({GLOBAL, DEDICATED, GENERAL})
SUITE_BITS, AUTHENTICATED, ENCRYPTED, COMPRESSED = 0x0F, 0x10, 0x20, 0x80
TAG_BYTES, TITLE_BYTES, COUNTER_BYTES = 12, 8, 4
KEY_BYTES = {0: 16, 1: 16, 2: 32}
CURVES = {
    32: (ec.SECP256R1, hashes.SHA256, "ECDSA P-256 signature"),
    48: (ec.SECP384R1, hashes.SHA384, "ECDSA P-384 signature"),
}
# Curves by name, for keys that are only a point: compressed, or both coordinates.
POINTS: dict[str, ec.EllipticCurve] = {
    curve.name: curve
    for curve in (
        ec.SECP192R1(), ec.SECP256K1(), ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1(),
        ec.BrainpoolP256R1(), ec.BrainpoolP384R1(),
    )
}  # fmt: skip
POINT_MARKS = (b"\x02", b"\x03", b"\x04")
# What a general-ciphering message says of its key.
IDENTIFIED_KEY, WRAPPED_KEY = 0, 1
UNICAST_KEY, MASTER_KEY = 0, 0
KEY_ID_CHARACTERS = 16
# Transaction id, originator, recipient, date and time, other information.
HEADER_FIELDS = 5


@dataclass(frozen=True)
class Deciphered:
    """The message inside, what was verified, and the invocation counter with the key it is of."""

    content: bytes
    check: str
    counter: int
    # A digest of a key that the message has brought; empty if it is an agreed one.
    key_id: str = ""


def decipher(apdu: bytes, secrets: Secrets) -> Deciphered:
    """Opens a ciphered message.

    Errors: TelegramError if a key is missing or wrong, or the message was altered.
    """
    reader, key_id, header = Reader(apdu), "", b""
    if reader.take_int(1) == GENERAL:
        title = [reader.take_octets() for _ in range(HEADER_FIELDS)][1]
        header = apdu[1 : reader.position]
        if brought := take_key(reader, secrets):
            key_id = hashlib.sha256(brought).hexdigest()[:KEY_ID_CHARACTERS]
            secrets = replace(secrets, encryption_key=brought)
    else:
        title = reader.take_octets()
    protected = Reader(reader.take_octets())
    if reader.rest():
        raise TelegramError("The telegram has bytes behind its ciphered message.")
    control = protected.take_int(1)
    counter = protected.take(COUNTER_BYTES)
    if len(title) != TITLE_BYTES:
        raise TelegramError("The telegram's system title has not eight bytes.")
    nonce, text = title + counter, protected.rest()
    try:
        content, check = open_protected(control, nonce, text, secrets, header)
    except TelegramError:
        if not header or control & SUITE_BITS:
            raise
        # Meters of suite 0 differ in whether the tag covers the header.
        content, check = open_protected(control, nonce, text, secrets)
    return Deciphered(content, check, int.from_bytes(counter, "big"), key_id)


def take_key(reader: Reader, secrets: Secrets) -> bytes:
    """The key that a general-ciphering message brings, opened; empty if it uses an agreed one.

    Errors: TelegramError.
    """
    if (is_given := reader.take_int(1)) == 0:
        return b""
    if is_given != 1:
        raise TelegramError("The telegram neither has a key nor lacks one.")
    kind = reader.take_int(1)
    if kind == IDENTIFIED_KEY:
        if reader.take_int(1) != UNICAST_KEY:
            raise TelegramError("The telegram is ciphered with the key for all meters at once.")
        return b""
    if kind != WRAPPED_KEY:
        raise TelegramError(
            "The telegram's key has to be agreed on by ECDH, which is not supported; keys that are "
            "identified or wrapped are."
        )
    if reader.take_int(1) != MASTER_KEY:
        raise TelegramError("The telegram's key is wrapped with another than the master key.")
    wrapped = reader.take_octets()
    if not secrets.master_key:
        raise TelegramError("The telegram brings a wrapped key; give the meter's master key.")
    try:
        return aes_key_unwrap(secrets.master_key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise TelegramError(
            "The telegram's key cannot be unwrapped; it was altered, or the master key is wrong."
        ) from error


def open_protected(
    control: int, nonce: bytes, protected: bytes, secrets: Secrets, header: bytes = b""
) -> tuple[bytes, str]:
    """The plain text of one protected message, and what was verified, empty if nothing was."""
    suite = control & SUITE_BITS
    if suite not in KEY_BYTES or control & COMPRESSED:
        raise TelegramError(f"The telegram's security control {control:02X} is not supported.")
    key = require_key(secrets.encryption_key, KEY_BYTES[suite], "encryption key")
    name = f"AES-{8 * len(key)}-GCM"
    if control & AUTHENTICATED:
        authentication_key = require_key(
            secrets.authentication_key, KEY_BYTES[suite], "authentication key"
        )
        added = bytes([control]) + authentication_key + header
        return authenticate(control, key, nonce, added, protected), f"{name} authentication"
    if control & ENCRYPTED:
        # Without a tag GCM is counter mode from 2 on; a wrong key gives noise, which is no APDU.
        mode = modes.CTR(nonce + b"\0\0\0\2")
        return Cipher(algorithms.AES(key), mode).decryptor().update(protected), ""
    return protected, ""


def authenticate(control: int, key: bytes, nonce: bytes, added: bytes, protected: bytes) -> bytes:
    """Verifies the tag; the plain text."""
    text, tag = protected[:-TAG_BYTES], protected[-TAG_BYTES:]
    if len(tag) < TAG_BYTES:
        raise TelegramError("The telegram's authentication tag is cut off.")
    mode = modes.GCM(nonce, tag, min_tag_length=TAG_BYTES)
    decryptor = Cipher(algorithms.AES(key), mode).decryptor()
    is_encrypted = bool(control & ENCRYPTED)
    decryptor.authenticate_additional_data(added if is_encrypted else added + text)
    try:
        plain = decryptor.update(text if is_encrypted else b"") + decryptor.finalize()
    except InvalidTag as error:
        raise TelegramError(
            "The telegram's authentication tag does not match; it was altered, or a key is wrong."
        ) from error
    return plain if is_encrypted else text


def require_key(key: bytes, size: int, name: str) -> bytes:
    """Errors: TelegramError if it is missing, or has another size."""
    if not key:
        raise TelegramError(f"The telegram is protected; give the meter's {name}.")
    if len(key) != size:
        raise TelegramError(f"The {name} has {len(key)} bytes; this telegram needs {size}.")
    return key


def verify(apdu: bytes, secrets: Secrets) -> tuple[bytes, str]:
    """The content of a general-signing message, and what was verified.

    Errors: TelegramError.
    """
    reader = Reader(apdu)
    reader.take(1)
    for _ in range(HEADER_FIELDS):
        reader.take_octets()
    content = reader.take_octets()
    signed = apdu[1 : reader.position]
    signature = reader.take_octets()
    if reader.rest() or len(signature) not in {2 * size for size in CURVES}:
        raise TelegramError("The telegram's signature is not that of suite 1 or 2.")
    half = len(signature) // 2
    curve, digest, name = CURVES[half]
    key = load_public_key(secrets.public_key, curve().name)
    if not isinstance(key.curve, curve):
        raise TelegramError("The meter's public key is of another suite than the signature.")
    numbers = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    try:
        key.verify(encode_dss_signature(*numbers), signed, ec.ECDSA(digest()))
    except InvalidSignature as error:
        raise TelegramError("The telegram's signature does not match; it was altered.") from error
    return content, name


def load_public_key(content: bytes, curve: str = "") -> ec.EllipticCurvePublicKey:
    """The key of a meter that signs its telegrams: in DER, in PEM, or as a point of a named curve.

    Errors: TelegramError.
    """
    if not content:
        raise TelegramError("The telegram is signed; give the meter's public key.")
    try:
        if content.startswith(b"-----BEGIN"):
            key = load_pem_public_key(content)
        elif curve in POINTS and content[:1] in POINT_MARKS:
            return ec.EllipticCurvePublicKey.from_encoded_point(POINTS[curve], content)
        else:
            key = load_der_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TelegramError("The meter's public key is not in DER or PEM, nor a point.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise TelegramError("The meter's public key is not one of an elliptic curve.")
    return key
