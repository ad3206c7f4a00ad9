"""Account keys, which sign transactions; meter keys, which sign readings; and keys of telegrams.

An account key is derived from its mnemonic as Cosmos wallets do: BIP-39 with an empty passphrase,
then BIP-32 along m/44'/118'/0'/0/0. Its signatures are deterministic (RFC 6979) with a low S.
"""

from __future__ import annotations

import hashlib
import hmac

from coincurve import PrivateKey
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from mnemonic import Mnemonic

from chain.runtime.encoding import bech32
from chain.runtime.signatures import address_of
from client.errors import UsageError

SECRET_BYTES = 32
# Of AES-128 and AES-256.
TELEGRAM_KEY_BYTES = (16, 32)
MNEMONIC_BITS, MNEMONIC_LANGUAGE = 256, "english"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_HARDENED = 1 << 31
# m/44'/118'/0'/0/0; 118 is the coin type of Cosmos wallets.
COSMOS_PATH = (44 | _HARDENED, 118 | _HARDENED, _HARDENED, 0, 0)


class AccountKey:
    """A secp256k1 key that signs transactions; raises ValueError for an invalid secret."""

    key_type = "account"

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(_require_secret(secret))
        # Compressed, 33 bytes.
        self.pub_key: bytes = self._key.public_key.format()
        self.address: str = bech32.encode(address_of(self.pub_key))

    @classmethod
    def generate(cls) -> AccountKey:
        """A new random key, without a mnemonic."""
        return cls(PrivateKey().secret)

    @classmethod
    def from_mnemonic(cls, words: str) -> AccountKey:
        """The key of a BIP-39 mnemonic of 12 to 24 words; raises UsageError if it is invalid."""
        words = " ".join(words.split()).lower()
        library = Mnemonic(MNEMONIC_LANGUAGE)
        if not library.check(words):
            raise UsageError(
                "these words are not a BIP-39 mnemonic; check their spelling and order"
            )
        return cls(derive_secret(library.to_seed(words), COSMOS_PATH))

    @property
    def secret(self) -> bytes:
        """The private key, 32 bytes; it gives full control of the account."""
        return bytes(self._key.secret)

    def sign(self, content: bytes) -> bytes:
        """The 64-byte r||s signature over the SHA-256 of the content."""
        return bytes(self._key.sign_recoverable(content)[:64])


class MeterKey:
    """An Ed25519 key that signs readings."""

    key_type = "meter"
    address = ""

    def __init__(self, secret: bytes) -> None:
        self.secret = _require_secret(secret)
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        # 32 bytes, as in MsgAddMeter.
        self.pub_key = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @classmethod
    def generate(cls) -> MeterKey:
        """A new random key."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    def sign(self, content: bytes) -> bytes:
        """The 64-byte signature over the content."""
        return self._key.sign(content)


class P256MeterKey(MeterKey):
    """A P-256 key that signs readings, as secure elements of meters have it; raises ValueError for
    an invalid secret.
    """

    key_type = "meter-p256"

    def __init__(self, secret: bytes) -> None:
        self.secret = _require_secret(secret)
        number = int.from_bytes(secret, "big")
        self._p256_key = ec.derive_private_key(number, ec.SECP256R1())
        # A compressed point, 33 bytes.
        self.pub_key = self._p256_key.public_key().public_bytes(
            Encoding.X962, PublicFormat.CompressedPoint
        )

    @classmethod
    def generate(cls) -> P256MeterKey:
        """A new random key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key.private_numbers().private_value.to_bytes(SECRET_BYTES, "big"))

    def sign(self, content: bytes) -> bytes:
        """The 64-byte r||s signature with a low s; deterministic (RFC 6979)."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._p256_key.sign(content, algorithm))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")


class TelegramKey:
    """A secret that a meter shares with its gateway: it opens or verifies encrypted telegrams."""

    key_type = "telegram"
    address = ""
    pub_key = b""

    def __init__(self, secret: bytes) -> None:
        if len(secret) not in TELEGRAM_KEY_BYTES:
            raise ValueError(f"a telegram key has 16 or 32 bytes, not {len(secret)}")
        self.secret = secret


Key = AccountKey | MeterKey | TelegramKey


def make_mnemonic() -> str:
    """A new random BIP-39 mnemonic of 24 words."""
    return Mnemonic(MNEMONIC_LANGUAGE).generate(MNEMONIC_BITS)


def derive_secret(seed: bytes, path: tuple[int, ...]) -> bytes:
    """The private key at a path of a BIP-32 tree.

    Raises ValueError if a child does not exist, which has a probability below 2^-127.
    """
    digest = hmac.digest(b"Bitcoin seed", seed, hashlib.sha512)
    key, chain_code = PrivateKey(digest[:32]), digest[32:]
    for index in path:
        parent = b"\x00" + key.secret if index & _HARDENED else key.public_key.format()
        digest = hmac.digest(chain_code, parent + index.to_bytes(4, "big"), hashlib.sha512)
        key, chain_code = key.add(digest[:32]), digest[32:]
    return bytes(key.secret)


def _require_secret(secret: bytes) -> bytes:
    # The library would accept a shorter secret and pad it.
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    return secret
