"""Transactions in the Cosmos format: built, signed (SIGN_MODE_DIRECT) and decoded.

The bytes returned by `sign` are final: the signature covers body and auth info exactly as encoded
in the TxRaw, and the transaction's hash is the SHA-256 of all bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.tx.signing.v1beta1.signing_pb2 import SIGN_MODE_DIRECT
from cosmos.tx.v1beta1.tx_pb2 import AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, Tx, TxBody, TxRaw
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from client.definitions import get_message_class
from client.errors import UsageError
from client.signing.keys import AccountKey

_DIRECT = ModeInfo(single=ModeInfo.Single(mode=SIGN_MODE_DIRECT))
_SIGNATURE_BYTES = 64
_UINT64_MAX = (1 << 64) - 1


def sign(
    messages: Sequence[Message],
    key: AccountKey,
    chain_id: str,
    account_number: int,
    sequence: int,
    fee: Iterable[Coin],
    gas_limit: int,
    memo: str = "",
    timeout_height: int = 0,
    fee_granter: str = "",
) -> bytes:
    """The bytes of a signed transaction, ready to broadcast."""
    body = _make_body(messages, memo, timeout_height)
    auth_info = _make_auth_info(key.pub_key, sequence, fee, gas_limit, fee_granter)
    doc = SignDoc(
        body_bytes=body,
        auth_info_bytes=auth_info,
        chain_id=chain_id,
        account_number=account_number,
    )
    signature = key.sign(doc.SerializeToString())
    raw = TxRaw(body_bytes=body, auth_info_bytes=auth_info, signatures=[signature])
    return raw.SerializeToString()


def compute_size_max(
    messages: Sequence[Message],
    pub_key: bytes,
    fee: Iterable[Coin],
    memo: str = "",
    timeout_height: int = 0,
    fee_granter: str = "",
) -> int:
    """Max size of a transaction in bytes, for any sequence and gas limit."""
    raw = TxRaw(
        body_bytes=_make_body(messages, memo, timeout_height),
        auth_info_bytes=_make_auth_info(pub_key, _UINT64_MAX, fee, _UINT64_MAX, fee_granter),
        signatures=[bytes(_SIGNATURE_BYTES)],
    )
    return raw.ByteSize()


def compute_hash(tx: bytes) -> bytes:
    """The hash by which nodes identify a transaction."""
    return hashlib.sha256(tx).digest()


def decode(tx: bytes) -> Tx:
    """Decodes a transaction from a block; raises UsageError if the bytes are not one."""
    try:
        raw = TxRaw.FromString(tx)
        return Tx(
            body=TxBody.FromString(raw.body_bytes),
            auth_info=AuthInfo.FromString(raw.auth_info_bytes),
            signatures=raw.signatures,
        )
    except DecodeError as error:
        raise UsageError("these bytes are not a transaction") from error


def pack(message: Message) -> AnyMessage:
    """The message as an Any, as transactions carry it."""
    return AnyMessage(
        type_url=f"/{message.DESCRIPTOR.full_name}", value=message.SerializeToString()
    )


def unpack(packed: AnyMessage) -> Message:
    """The message in an Any; the Any itself if its type is unknown or its value invalid."""
    message_type = get_message_class(packed.type_url.rpartition("/")[2])
    if message_type is None:
        return packed
    try:
        return message_type.FromString(packed.value)
    except DecodeError:
        return packed


def _make_body(messages: Sequence[Message], memo: str, timeout_height: int) -> bytes:
    packed = [pack(message) for message in messages]
    return TxBody(messages=packed, memo=memo, timeout_height=timeout_height).SerializeToString()


def _make_auth_info(
    pub_key: bytes, sequence: int, fee: Iterable[Coin], gas_limit: int, fee_granter: str
) -> bytes:
    signer = SignerInfo(public_key=pack(PubKey(key=pub_key)), mode_info=_DIRECT, sequence=sequence)
    return AuthInfo(
        signer_infos=[signer], fee=Fee(amount=fee, gas_limit=gas_limit, granter=fee_granter)
    ).SerializeToString()
