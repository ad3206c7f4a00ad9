"""A folder of keys, one file each: NAME.json, readable by its owner only; a warning if it is not.

A file is written atomically and never overwritten. With a passphrase the secret is encrypted
(scrypt, then AES-256-GCM, which also authenticates the rest of the file); without one it is stored
in the clear, for tests and for machines that start unattended.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chain.runtime.encoding import bech32
from client.errors import MissingError, UsageError
from client.files import private_file
from client.files.json_input import parse_json
from client.signing.keys import AccountKey, Key, MeterKey, P256MeterKey, TelegramKey

HOME_VARIABLE = "BLOCKENERGY_HOME"
FILE_BYTES_MAX = 16 * 1024
FILE_VERSION = 1
# 128 MiB and about half a second per guess, as OWASP recommends for scrypt.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 1 << 17, 8, 1
# We write no file with a higher cost, which could exhaust the machine's memory.
SCRYPT_N_MAX = 1 << 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_KEY_TYPES: dict[str, type[AccountKey | MeterKey | TelegramKey]] = {
    kind.key_type: kind for kind in (AccountKey, MeterKey, P256MeterKey, TelegramKey)
}


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """The public part of a stored key."""

    name: str
    # `account`, `meter`, `meter-p256` or `telegram`.
    key_type: str
    # Empty for keys that have no account.
    address: str
    pub_key: bytes
    is_encrypted: bool


def get_home() -> Path:
    """The user's folder: $BLOCKENERGY_HOME, else ~/.blockenergy."""
    named = os.environ.get(HOME_VARIABLE)
    return Path(named) if named else Path.home() / ".blockenergy"


class Keyring:
    """The keys in a folder. Raises MissingError if a key or its file cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or get_home() / "keys"

    def add(self, name: str, key: Key, passphrase: str | None) -> KeyInfo:
        """Adds a key, encrypted unless the passphrase is None. UsageError if the name is taken."""
        path = self._path(name)
        self.require_new(name)
        info = KeyInfo(name, key.key_type, key.address, key.pub_key, passphrase is not None)
        content = _to_json(info, key.secret, passphrase)
        try:
            private_file.write_new(path, json.dumps(content, indent=2) + "\n")
        except FileExistsError:
            raise UsageError(
                f"a key named {name} exists in {self.folder}; choose another name"
            ) from None
        except OSError as error:
            raise MissingError(f"{path} cannot be written: {error.strerror}") from error
        return info

    def require_new(self, name: str) -> None:
        """Raises UsageError if a name is invalid or taken."""
        if self._path(name).exists():
            raise UsageError(f"a key named {name} exists in {self.folder}; choose another name")

    def load(self, name: str, ask_passphrase: Callable[[], str]) -> Key:
        """The key with this name; asks for the passphrase only if the key is encrypted."""
        info, content = self._read(name)
        sealed = content.get("encrypted_secret")
        try:
            if sealed is None:
                secret = base64.b64decode(content["secret"], validate=True)
            else:
                secret = _decrypt(sealed, ask_passphrase(), _header(info))
            key = _KEY_TYPES[info.key_type](secret)
        except InvalidTag:
            raise MissingError(f"the passphrase for key {name} is wrong; try again") from None
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(name) from error
        if (key.pub_key, key.address) != (info.pub_key, info.address):
            raise self._damaged(name)
        return key

    def get(self, name: str) -> KeyInfo:
        """The public part of a key."""
        return self._read(name)[0]

    def has(self, name: str) -> bool:
        """Whether there is a key with this name."""
        return bool(_NAME.fullmatch(name)) and (self.folder / f"{name}.json").exists()

    def list_keys(self) -> list[KeyInfo]:
        """The public parts of all keys, sorted by name."""
        try:
            names = sorted(path.stem for path in self.folder.glob("*.json"))
        except OSError as error:
            raise MissingError(f"{self.folder} cannot be read: {error.strerror}") from error
        return [self.get(name) for name in names if _NAME.fullmatch(name)]

    def resolve_address(self, text: str) -> str:
        """The address itself, or that of the key with this name."""
        if text.startswith(f"{bech32.PREFIX}1"):
            try:
                bech32.decode(text)
            except bech32.AddressError as error:
                raise UsageError(f"{text} is not a valid address: {error}") from None
            return text
        info = self.get(text)
        if not info.address:
            raise UsageError(f"{text} is a {info.key_type} key, which has no address")
        return info.address

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name) or name.startswith(f"{bech32.PREFIX}1"):
            raise UsageError(
                f"{name!r} is not a valid key name; use up to 64 letters, digits or . _ -, "
                f"not starting with {bech32.PREFIX}1 like an address"
            )
        return self.folder / f"{name}.json"

    def _read(self, name: str) -> tuple[KeyInfo, dict[str, Any]]:
        path = self._path(name)
        try:
            with path.open("rb") as file:
                private_file.warn_if_exposed(file)
                content = parse_json(file.read(FILE_BYTES_MAX))
            if content["version"] != FILE_VERSION or content["type"] not in _KEY_TYPES:
                raise self._damaged(name)
            info = KeyInfo(
                name=name,
                key_type=content["type"],
                address=content["address"],
                pub_key=base64.b64decode(content["pub_key"], validate=True),
                is_encrypted="encrypted_secret" in content,
            )
        except FileNotFoundError:
            raise MissingError(
                f"there is no key named {name} in {self.folder}; see blockenergy keys list"
            ) from None
        except OSError as error:
            raise MissingError(f"{path} cannot be read: {error.strerror}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise self._damaged(name) from error
        return info, content

    def _damaged(self, name: str) -> MissingError:
        return MissingError(
            f"{self._path(name)} is damaged; restore the file, or recover the key from its mnemonic"
        )


def _to_json(info: KeyInfo, secret: bytes, passphrase: str | None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "version": FILE_VERSION,
        "type": info.key_type,
        "address": info.address,
        "pub_key": _encode(info.pub_key),
    }
    if passphrase is None:
        return content | {"secret": _encode(secret)}
    return content | {"encrypted_secret": _encrypt(secret, passphrase, _header(info))}


def _header(info: KeyInfo) -> bytes:
    """The associated data of the encryption, so that parts of two files cannot be combined."""
    return json.dumps([FILE_VERSION, info.key_type, info.address, _encode(info.pub_key)]).encode()


def _encrypt(secret: bytes, passphrase: str, header: bytes) -> dict[str, Any]:
    salt, nonce = os.urandom(16), os.urandom(12)
    cost = {"n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P}
    sealed = AESGCM(_stretch(passphrase, salt, **cost)).encrypt(nonce, secret, header)
    return {
        "kdf": "scrypt",
        "cipher": "aes-256-gcm",
        **cost,
        "salt": _encode(salt),
        "nonce": _encode(nonce),
        "ciphertext": _encode(sealed),
    }


def _decrypt(sealed: dict[str, Any], passphrase: str, header: bytes) -> bytes:
    salt, nonce, ciphertext = (
        base64.b64decode(sealed[name], validate=True) for name in ("salt", "nonce", "ciphertext")
    )
    n, r, p = sealed["n"], sealed["r"], sealed["p"]
    if not (0 < n <= SCRYPT_N_MAX and r == SCRYPT_R and p == SCRYPT_P):
        raise ValueError("the scrypt cost is not one that this program uses")
    return AESGCM(_stretch(passphrase, salt, n, r, p)).decrypt(nonce, ciphertext, header)


def _stretch(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode())


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()
