"""Who has signed a transaction."""

from __future__ import annotations

from typing import Any

from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.tx.v1beta1.tx_pb2 import Tx

from chain.runtime.encoding import bech32
from chain.runtime.signatures import SECP256K1_KEY_BYTES, address_of
from client.definitions import get_signer
from client.signing.tx import unpack


def find_signer(tx: Tx) -> str:
    """The address of the key of a transaction, or else the signer that its first message names;
    empty if there is none.
    """
    for info in tx.auth_info.signer_infos[:1]:
        key = unpack(info.public_key)
        if isinstance(key, PubKey) and len(key.key) == SECP256K1_KEY_BYTES:
            return bech32.encode(address_of(key.key))
    for packed in tx.body.messages[:1]:
        message = unpack(packed)
        descriptor: Any = message.DESCRIPTOR
        name = get_signer(descriptor)
        if name:
            return str(getattr(message, name))
    return ""
