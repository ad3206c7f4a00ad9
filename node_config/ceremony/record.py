"""A record: what one distributor contributes to a genesis, signed by all three of its keys.

The operator's key says who takes part; that the validator's and the node's key sign proves that
nobody has put in those of somebody else. No key leaves its owner.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.runtime.encoding import bech32
from chain.runtime.signatures import (
    address_of,
    is_ed25519_key,
    is_secp256k1_key,
    verify_ed25519,
    verify_secp256k1_digest,
)
from client.errors import UsageError
from client.signing.keys import AccountKey
from net_address import parse_host_port
from node_config.ceremony.document import require_fields, to_canonical_json
from node_config.ceremony.draft import Draft
from node_config.cometbft.files import compute_address
from node_config.node.home import read_document
from node_config.node.settings import PeerAddress

FORMAT = "blockenergy-genesis-record-1"
LABEL_BYTES_MAX = 64
FILE_BYTES_MAX = 16 * 1024
# No vote, proposal or transaction begins so: a signature of a record is good for nothing else.
DOMAIN = b"blockenergy genesis record\n"
KEYS = ("operator", "validator", "node")
_FIELDS = ("format", "draft", "chain_id", "label", "keys", "p2p", "signatures")


@dataclass(frozen=True, slots=True)
class Record:
    """A record whose form and signatures are right."""

    label: str
    # The account that votes with the validator's power.
    operator: str
    # Ed25519, 32 bytes.
    validator: bytes
    peer: PeerAddress


def make_record(
    draft: Draft,
    label: str,
    p2p: str,
    operator: AccountKey,
    validator: Ed25519PrivateKey,
    node: Ed25519PrivateKey,
) -> dict[str, Any]:
    """A signed record; `p2p` is where other nodes reach the node, host:port. UsageError."""
    keys = {
        "operator": operator.pub_key,
        "validator": validator.public_key().public_bytes_raw(),
        "node": node.public_key().public_bytes_raw(),
    }
    content: dict[str, Any] = {
        "format": FORMAT,
        "draft": draft.hash,
        "chain_id": draft.chain_id,
        "label": label,
        "keys": {name: _encode(key) for name, key in keys.items()},
        "p2p": p2p,
    }
    signed = DOMAIN + to_canonical_json(content)
    signatures = {
        "operator": operator.sign(signed),
        "validator": validator.sign(signed),
        "node": node.sign(signed),
    }
    content["signatures"] = {name: _encode(one) for name, one in signatures.items()}
    parse_record(content, draft)
    return content


def read_record(path: Path, draft: Draft) -> Record:
    """The record in a file, made for this draft; UsageError, with the file, or MissingError."""
    content = read_document(path, FILE_BYTES_MAX)
    try:
        return parse_record(content, draft)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def parse_record(content: Mapping[str, Any], draft: Draft) -> Record:
    """The same for the content of a file; UsageError."""
    try:
        require_fields(content, _FIELDS)
        if content["format"] != FORMAT:
            raise UsageError(f"the format is not {FORMAT}")
        _require_draft(content, draft)
        _require_label(content["label"])
        for name in ("keys", "signatures"):
            require_fields(content[name], KEYS)
        keys = {name: _decode(content["keys"][name]) for name in KEYS}
        signatures = {name: _decode(content["signatures"][name]) for name in KEYS}
        if not parse_host_port(content["p2p"]).port:
            raise UsageError(f"p2p: {content['p2p']!r} names no port")
    except UsageError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(f"it is not a record: {error}") from error
    _require_signed(content, keys, signatures)
    return Record(
        label=content["label"],
        operator=bech32.encode(address_of(keys["operator"])),
        validator=keys["validator"],
        peer=PeerAddress(compute_address(keys["node"]).hex(), content["p2p"]),
    )


def _require_draft(content: Mapping[str, Any], draft: Draft) -> None:
    if content["chain_id"] != draft.chain_id:
        raise UsageError(f"it is for the chain {str(content['chain_id'])[:60]!r}")
    if content["draft"] != draft.hash:
        raise UsageError(
            "it was made for another draft; compare the drafts (genesis hash) and sign again"
        )


def _require_label(label: Any) -> None:
    good = isinstance(label, str) and label.isprintable()
    if not good or not 1 <= len(label.encode()) <= LABEL_BYTES_MAX:
        raise UsageError(f"a label is a printable text of 1 to {LABEL_BYTES_MAX} bytes")


def _require_signed(
    content: Mapping[str, Any], keys: Mapping[str, bytes], signatures: Mapping[str, bytes]
) -> None:
    unsigned = {name: content[name] for name in _FIELDS if name != "signatures"}
    signed = DOMAIN + to_canonical_json(unsigned)
    digest = hashlib.sha256(signed).digest()
    if not is_secp256k1_key(keys["operator"]):
        raise UsageError("the operator's key is not a secp256k1 key")
    for name in ("validator", "node"):
        if not is_ed25519_key(keys[name]):
            raise UsageError(f"the {name}'s key is not an Ed25519 key")
    good = {
        "operator": verify_secp256k1_digest(keys["operator"], digest, signatures["operator"]),
        "validator": verify_ed25519(keys["validator"], signed, signatures["validator"]),
        "node": verify_ed25519(keys["node"], signed, signatures["node"]),
    }
    for name in KEYS:
        if not good[name]:
            raise UsageError(f"the signature of the {name}'s key does not fit the record")


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decode(text: str) -> bytes:
    content = base64.b64decode(text, validate=True)
    if _encode(content) != text:
        raise ValueError("a key or signature is not in its one encoding")
    return content
