"""Loads the key that a bridge or a gateway uses, by name or from a file."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from client.cli.prompts import ask_passphrase
from client.errors import MissingError
from client.signing.keyring import Keyring
from client.signing.keys import SECRET_BYTES, AccountKey, Key, MeterKey, P256MeterKey, TelegramKey
from meter_bridge.tls import MissingFileError, TlsError, read

HELP = "a key's name in the keyring, or the path of a key file (NAME.json"


def load_account_key(text: str, keyring: Path | None) -> AccountKey:
    """An account key; errors: ClientError."""
    key = load_key(text, keyring)
    if not isinstance(key, AccountKey):
        raise MissingError(f"{text} is a {key.key_type} key; a bridge needs an account key")
    return key


def load_meter_key(text: str, keyring: Path | None) -> MeterKey:
    """A meter key, from the keyring or a PEM file; errors: ClientError."""
    if text.endswith(".pem"):
        return load_pem(Path(text))
    key = load_key(text, keyring)
    if not isinstance(key, MeterKey):
        raise MissingError(f"{text} is an {key.key_type} key; readings are signed with a meter key")
    return key


def load_telegram_key(text: str, keyring: Path | None) -> TelegramKey:
    """A key that opens telegrams; errors: ClientError."""
    key = load_key(text, keyring)
    if not isinstance(key, TelegramKey):
        raise MissingError(f"{text} is a {key.key_type} key; telegrams need a telegram key")
    return key


def load_key(text: str, keyring: Path | None) -> Key:
    """A key by its name in the keyring or the path of its file."""
    name = Path(text).name.removesuffix(".json")
    return find_keyring(text, keyring).load(name, ask_passphrase)


def find_keyring(text: str, keyring: Path | None) -> Keyring:
    """The folder of a key file, else the keyring; its pin says which chain the key signs for."""
    path = Path(text)
    is_file = path.suffix in (".json", ".pem") or path.name != text
    return Keyring(path.parent if is_file else keyring)


def load_pem(path: Path) -> MeterKey:
    """An Ed25519 or P-256 key made by a device or another program."""
    try:
        key = load_pem_private_key(read(path, is_key=True), None)
    except (MissingFileError, TlsError) as error:
        raise MissingError(str(error)) from error
    except (ValueError, TypeError) as error:
        raise MissingError(f"{path} is not an unencrypted private key in PEM") from error
    if isinstance(key, Ed25519PrivateKey):
        return MeterKey(key.private_bytes_raw())
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        number = key.private_numbers().private_value
        return P256MeterKey(number.to_bytes(SECRET_BYTES, "big"))
    raise MissingError(f"{path} is neither an Ed25519 nor a P-256 key")
