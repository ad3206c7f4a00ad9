"""Accounts and meters of the tests, each with a key derived from its name.

The name of an account stands for its address wherever a test, a vector or a genesis patch has an
address. Meters are named `meter-…`.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache

from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain import (
    bank,
    carbon,
    carbontransfer,
    credits,
    forecast,
    market,
    settlement,
    tielines,
)
from chain.runtime.encoding import bech32
from chain.runtime.signatures import address_of

GRID = ("registrar", "treasury", "backstop", "distributor", "issuer", "bridge", "auditor")
HOUSEHOLDS = ("anna", "ben", "clara", "dirk", "eva")
# Known by name, but not registered at genesis.
UNREGISTERED = ("fred", "gina", "battery", "frida", "franz", "reporter")
MODULE_ACCOUNTS = {
    "pool": market.POOL,
    "purses": market.PURSES_ACCOUNT,
    "fund": settlement.FUND,
    "default-fund": bank.DEFAULT_FUND,
    "forecasts": forecast.ACCOUNT,
    "carbon-fund": carbon.FUND,
    "locked-credits": credits.LOCKED,
    "tie": tielines.get_account("north-south"),
    "credits-abroad": carbontransfer.get_escrow_account("07-tendermint-0"),
}
METER_PREFIX = "meter-"


@dataclass(frozen=True)
class Wallet:
    """A secp256k1 key and what follows from it."""

    name: str
    key: PrivateKey = field(repr=False)

    @property
    def pub_key(self) -> bytes:
        return self.key.public_key.format()

    @property
    def address(self) -> bytes:
        return address_of(self.pub_key)

    @property
    def text(self) -> str:
        return bech32.encode(self.address)


@cache
def wallet(name: str) -> Wallet:
    """The wallet of a name; from then on the name stands for its address. The chain's own accounts
    have none.
    """
    assert name not in MODULE_ACCOUNTS, name
    found = Wallet(name, PrivateKey(hashlib.sha256(f"wallet {name}".encode()).digest()))
    _TEXTS[name] = found.text
    _NAMES[found.text] = name
    return found


@cache
def meter_key(meter_id: str) -> Ed25519PrivateKey:
    """The signing key inside a meter."""
    seed = hashlib.sha256(f"meter {meter_id}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def meter_key_bytes(meter_id: str) -> bytes:
    """The public key of a meter, 32 bytes."""
    return meter_key(meter_id).public_key().public_bytes_raw()


@cache
def meter_pub_key(meter_id: str) -> str:
    """The public key of a meter, 32 bytes in base64 as genesis documents have it."""
    key = base64.b64encode(meter_key_bytes(meter_id)).decode()
    _NAMES[key] = meter_id
    return key


def address_text(name: str) -> str:
    """The address of a name; any other text is left as it is."""
    return _TEXTS.get(name, name)


def name_of(text: str) -> str:
    """The name behind an address or a meter's key; any other text is left as it is."""
    return _NAMES.get(text, text)


_TEXTS: dict[str, str] = {}
_NAMES: dict[str, str] = {}

for _name in (*GRID, *HOUSEHOLDS, *UNREGISTERED):
    wallet(_name)
    meter_pub_key(f"{METER_PREFIX}{_name}")
for _name, _address in MODULE_ACCOUNTS.items():
    _TEXTS[_name] = bech32.encode(_address)
    _NAMES[_TEXTS[_name]] = _name
