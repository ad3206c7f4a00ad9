"""Signing transactions as a wallet does, with every part open to be made wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.tx.signing.v1beta1.signing_pb2 import (
    SIGN_MODE_DIRECT,
    SIGN_MODE_LEGACY_AMINO_JSON,
)
from cosmos.tx.v1beta1 import tx_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from chain import app
from chain.runtime.encoding import amino_json, codec
from chain.runtime.gas import compute_message_gas
from chain.runtime.tx import PUB_KEY_TYPE_URL, sign_bytes
from tests.support.streets.people import Wallet

# For the transaction and its bytes, at the prices of the street.
_GAS_BESIDE_MESSAGES = 400_000
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass
class Envelope:
    """All of a transaction but its messages; the defaults make a good one."""

    chain_id: str
    account_number: int
    sequence: int
    # Enough for the messages if None.
    gas_limit: int | None = None
    fee: Sequence[tuple[str, int]] = ()
    fee_payer: str = ""
    fee_granter: str = ""
    memo: str = ""
    timeout_height: int = 0
    sign_mode: Any = SIGN_MODE_DIRECT
    # The mode that it is really signed in, if another.
    signed_in: Any = None
    # Whose public key it carries; the signer's own if None, none at all if empty.
    pub_key_of: Wallet | None = None
    with_pub_key: bool = True
    with_fee: bool = True
    extension_option: bool = False
    signers: int = 1
    signatures: int = 1
    high_s: bool = False


def sign(signer: Wallet, messages: Sequence[Message], envelope: Envelope) -> bytes:
    """The bytes of a TxRaw."""
    body = make_body(messages, envelope).SerializeToString(deterministic=True)
    if envelope.gas_limit is None:
        gas = _GAS_BESIDE_MESSAGES + sum(map(count_gas, messages))
        envelope = replace(envelope, gas_limit=gas)
    auth_info = make_auth_info(signer, envelope).SerializeToString(deterministic=True)
    mode = envelope.sign_mode if envelope.signed_in is None else envelope.signed_in
    if mode == SIGN_MODE_LEGACY_AMINO_JSON:
        content = amino_sign_bytes(messages, envelope)
    else:
        content = sign_bytes(body, auth_info, envelope.chain_id, envelope.account_number)
    signature = sign_content(signer, content)
    if envelope.high_s:
        signature = flip_s(signature)
    raw = tx_pb2.TxRaw(
        body_bytes=body,
        auth_info_bytes=auth_info,
        signatures=[signature] * envelope.signatures,
    )
    return raw.SerializeToString(deterministic=True)


def count_gas(message: Message) -> int:
    """The gas of a message, whether the chain knows it or not."""
    handler = app.RULES.handlers.get(f"/{message.DESCRIPTOR.full_name}")
    return handler.count_gas(message) if handler else compute_message_gas(message)


def amino_sign_bytes(messages: Sequence[Message], envelope: Envelope) -> bytes:
    """What is signed in SIGN_MODE_LEGACY_AMINO_JSON."""
    assert envelope.gas_limit is not None
    content = amino_json.write_content(
        messages,
        [(denom, str(amount)) for denom, amount in envelope.fee],
        envelope.gas_limit,
        envelope.fee_payer,
        envelope.fee_granter,
        envelope.memo,
        envelope.sequence,
        envelope.timeout_height,
        app.RULES.packed_types,
    )
    return amino_json.sign_bytes(content, envelope.chain_id, envelope.account_number)


def make_body(messages: Sequence[Message], envelope: Envelope) -> tx_pb2.TxBody:
    body = tx_pb2.TxBody(
        messages=[pack(message) for message in messages],
        memo=envelope.memo,
        timeout_height=envelope.timeout_height,
    )
    if envelope.extension_option:
        body.extension_options.add(type_url="/example.v1.Option")
    return body


def make_auth_info(signer: Wallet, envelope: Envelope) -> tx_pb2.AuthInfo:
    auth_info = tx_pb2.AuthInfo(
        fee=tx_pb2.Fee(
            amount=[Coin(denom=denom, amount=str(amount)) for denom, amount in envelope.fee],
            gas_limit=envelope.gas_limit,
            payer=envelope.fee_payer,
            granter=envelope.fee_granter,
        )
    )
    if not envelope.with_fee:
        auth_info.ClearField("fee")
    for _ in range(envelope.signers):
        info = auth_info.signer_infos.add(sequence=envelope.sequence)
        info.mode_info.single.mode = envelope.sign_mode
        if envelope.with_pub_key:
            key = PubKey(key=(envelope.pub_key_of or signer).pub_key)
            info.public_key.CopyFrom(AnyMessage(type_url=PUB_KEY_TYPE_URL, value=codec.encode(key)))
    return auth_info


def pack(message: Message) -> AnyMessage:
    """A message with its type, as a transaction carries it."""
    url = f"/{message.DESCRIPTOR.full_name}"
    return AnyMessage(type_url=url, value=message.SerializeToString(deterministic=True))


def sign_content(signer: Wallet, content: bytes) -> bytes:
    """64 bytes r||s, with s in the lower half."""
    return signer.key.sign_recoverable(content)[:64]


def flip_s(signature: bytes) -> bytes:
    """The other signature that fits the same content: s in the upper half."""
    s = _ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")
