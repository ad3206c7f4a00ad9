"""The document that a wallet signs when it signs a text (ADR-36), and the text of a sign-in.

It has the form of a transaction that can never be in a block, because it names no chain.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime

from chain.runtime.encoding import bech32
from chain.runtime.signatures import (
    SECP256K1_KEY_BYTES,
    address_of,
    verify_secp256k1_digest,
)


def make_text(site: str, chain_id: str, address: str, nonce: str, expires_at_s: int) -> str:
    """What is signed to sign in. site: host and port that the reader sees."""
    end = datetime.fromtimestamp(expires_at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = (
        f"Sign in to the dashboard at {site}",
        f"Chain: {chain_id}",
        f"Address: {address}",
        f"Nonce: {nonce}",
        f"Until: {end}",
    )
    return "\n".join(lines)


def write_document(address: str, text: str) -> bytes:
    """The bytes that are signed: sorted JSON without white space."""
    value = {"data": base64.b64encode(text.encode()).decode(), "signer": address}
    document = {
        "account_number": "0",
        "chain_id": "",
        "fee": {"amount": [], "gas": "0"},
        "memo": "",
        "msgs": [{"type": "sign/MsgSignData", "value": value}],
        "sequence": "0",
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def verify(address: str, text: str, pub_key: bytes, signature: bytes) -> bool:
    """Whether the key of an address has signed a text."""
    if len(pub_key) != SECP256K1_KEY_BYTES:
        return False
    digest = hashlib.sha256(write_document(address, text)).digest()
    is_own = bech32.encode(address_of(pub_key)) == address
    return is_own and verify_secp256k1_digest(pub_key, digest, signature)
