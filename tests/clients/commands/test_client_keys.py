"""Key derivation as in wallets, and key files."""

import json
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any, Never

import pytest

from chain.runtime.signatures import verify_ed25519, verify_secp256k1_digest
from client.errors import MissingError, UsageError
from client.signing import keyring as keyrings
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, Key, MeterKey, derive_secret, make_mnemonic

HARDENED = 1 << 31
SEED_3 = (
    "4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4ac"
    "ba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be"
)
WORDS_12 = "abandon " * 11 + "about"
WORDS_24 = "abandon " * 23 + "art"


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    # The scrypt cost is stored in the file; a low one keeps the tests fast.
    monkeypatch.setattr(keyrings, "SCRYPT_N", 1 << 4)
    return Keyring(tmp_path / "keys")


def never() -> Never:
    raise AssertionError("a passphrase was asked for")


@pytest.mark.parametrize(
    ("seed", "path", "secret"),
    [
        # BIP-32 test vector 1, its last key.
        (
            "000102030405060708090a0b0c0d0e0f",
            (HARDENED, 1, 2 | HARDENED, 2, 1_000_000_000),
            "471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8",
        ),
        # BIP-32 test vector 3: a master key with a leading zero.
        (
            SEED_3,
            (HARDENED,),
            "491f7a2eebc7b57028e0d3faa0acda02e75c33b03c48fb288c41e2ea44e1daef",
        ),
    ],
)
def test_bip32_vectors(seed: str, path: tuple[int, ...], secret: str) -> None:
    assert derive_secret(bytes.fromhex(seed), path).hex() == secret


@pytest.mark.parametrize(
    ("words", "address", "pub_key"),
    # What @cosmjs/proto-signing 0.33.1 derives from the same words with the prefix `energy`.
    [
        (
            WORDS_12,
            "energy19rl4cm2hmr8afy4kldpxz3fka4jguq0aj4r0uh",
            "024f4e2ad99c34d60b9ba6283c9431a8418af8673212961f97a77b6377fcd05b62",
        ),
        (
            WORDS_24,
            "energy1r5v5srda7xfth3hn2s26txvrcrntldju47ff5a",
            "02ba66a84cf7839af172a13e7fc9f5e7008cb8bca1585f8f3bafb3039eda3c1fdd",
        ),
    ],
)
def test_mnemonic_gives_the_key_that_wallets_derive(words: str, address: str, pub_key: str) -> None:
    key = AccountKey.from_mnemonic(words)
    assert (key.address, key.pub_key.hex()) == (address, pub_key)
    assert AccountKey.from_mnemonic(f"\n {words.upper()}  ").address == address


@pytest.mark.parametrize("words", ["", "abandon " * 12, "abandon", WORDS_12 + " about", "x" * 500])
def test_invalid_mnemonic_is_rejected(words: str) -> None:
    with pytest.raises(UsageError):
        AccountKey.from_mnemonic(words)


def test_new_mnemonic_has_24_words_and_gives_a_key() -> None:
    words = make_mnemonic()
    assert len(words.split()) == 24
    assert AccountKey.from_mnemonic(words).secret == AccountKey.from_mnemonic(words).secret


def test_signatures_are_accepted_by_the_chain() -> None:
    account, meter = AccountKey.generate(), MeterKey.generate()
    digest = sha256(b"content").digest()
    assert verify_secp256k1_digest(account.pub_key, digest, account.sign(b"content"))
    assert not verify_secp256k1_digest(account.pub_key, digest, account.sign(b"other"))
    assert verify_ed25519(meter.pub_key, b"content", meter.sign(b"content"))


@pytest.mark.parametrize("kind", [AccountKey, MeterKey])
def test_secret_of_wrong_length_is_rejected(kind: Any) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        kind(b"\x01" * 31)


@pytest.mark.parametrize("key", [AccountKey.generate(), MeterKey.generate()])
@pytest.mark.parametrize("passphrase", [None, "", "correct horse"])
def test_stored_key_is_loaded_again(keyring: Keyring, key: Key, passphrase: str | None) -> None:
    info = keyring.add("alice", key, passphrase)
    asked = never if passphrase is None else lambda: passphrase
    loaded = keyring.load("alice", asked)
    assert type(loaded) is type(key)
    assert loaded.secret == key.secret
    assert keyring.get("alice") == info
    assert keyring.list_keys() == [info]
    assert info.is_encrypted is (passphrase is not None)


def test_only_the_owner_can_read_a_key(keyring: Keyring) -> None:
    keyring.add("alice", AccountKey.generate(), None)
    assert stat.S_IMODE((keyring.folder / "alice.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == 0o700
    assert [path.name for path in keyring.folder.iterdir()] == ["alice.json"]


def test_encrypted_file_does_not_contain_the_secret(keyring: Keyring) -> None:
    key = AccountKey.generate()
    keyring.add("alice", key, "correct horse")
    content = json.loads((keyring.folder / "alice.json").read_text())
    assert "secret" not in content
    assert content["encrypted_secret"]["kdf"] == "scrypt"


def test_wrong_passphrase_is_rejected(keyring: Keyring) -> None:
    keyring.add("alice", AccountKey.generate(), "correct horse")
    with pytest.raises(MissingError, match="passphrase"):
        keyring.load("alice", lambda: "wrong horse")


def test_a_name_in_use_keeps_its_key(keyring: Keyring) -> None:
    key = AccountKey.generate()
    keyring.add("alice", key, None)
    with pytest.raises(UsageError, match="another name"):
        keyring.add("alice", AccountKey.generate(), None)
    assert keyring.load("alice", never).secret == key.secret


@pytest.mark.parametrize("name", ["", ".", "../alice", "a/b", "a b", "x" * 65, "energy1abc", "é"])
def test_ambiguous_names_are_rejected(keyring: Keyring, name: str) -> None:
    with pytest.raises(UsageError):
        keyring.add(name, AccountKey.generate(), None)
    with pytest.raises(UsageError):
        keyring.get(name)


def test_missing_key(keyring: Keyring) -> None:
    with pytest.raises(MissingError, match="there is no key named bob"):
        keyring.load("bob", never)
    assert keyring.list_keys() == []


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_every_change_of_a_file_is_detected(keyring: Keyring, passphrase: str | None) -> None:
    keyring.add("alice", AccountKey.generate(), passphrase)
    keyring.add("bob", AccountKey.generate(), passphrase)
    path = keyring.folder / "alice.json"
    good = json.loads(path.read_text())
    other = json.loads((keyring.folder / "bob.json").read_text())
    for name in good:
        for content in (good | {name: 5}, {k: v for k, v in good.items() if k != name}):
            path.write_text(json.dumps(content))
            with pytest.raises(MissingError):
                keyring.load("alice", lambda: "correct horse")
    path.write_text(json.dumps(good | {"pub_key": other["pub_key"]}))
    with pytest.raises(MissingError):
        keyring.load("alice", lambda: "correct horse")
    path.write_bytes(b"\xff{")
    with pytest.raises(MissingError, match="damaged"):
        keyring.get("alice")


def test_file_cannot_exhaust_memory(keyring: Keyring) -> None:
    keyring.add("alice", AccountKey.generate(), "correct horse")
    path = keyring.folder / "alice.json"
    content = json.loads(path.read_text())
    content["encrypted_secret"]["n"] = 1 << 40
    path.write_text(json.dumps(content))
    with pytest.raises(MissingError, match="damaged"):
        keyring.load("alice", lambda: "correct horse")


def test_address_may_be_given_as_a_key_name(keyring: Keyring) -> None:
    key = AccountKey.generate()
    keyring.add("alice", key, None)
    keyring.add("meter", MeterKey.generate(), None)
    assert keyring.resolve_address("alice") == key.address
    assert keyring.resolve_address(key.address) == key.address
    with pytest.raises(UsageError, match="checksum"):
        keyring.resolve_address(key.address[:-1] + ("q" if key.address[-1] != "q" else "p"))
    with pytest.raises(UsageError, match="no address"):
        keyring.resolve_address("meter")
