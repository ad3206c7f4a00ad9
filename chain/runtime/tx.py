"""Transactions as they arrive: strict decoding, and signatures verified once.

Promises that what is executed is exactly what was signed: the signature covers the bytes as they
were sent, or JSON that says the same, and a transaction has one encoding only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from blockenergy.options.v1.options_pb2 import LANE_UNSPECIFIED
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.crypto.secp256k1 import keys_pb2
from cosmos.tx.signing.v1beta1.signing_pb2 import SIGN_MODE_DIRECT, SIGN_MODE_LEGACY_AMINO_JSON
from cosmos.tx.v1beta1 import tx_pb2
from google.protobuf.message import Message

from chain.runtime.encoding import amino_json, bech32, codec, strict, untrusted
from chain.runtime.encoding.amino_json import PackedTypes
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.module import Handler
from chain.runtime.signatures import SECP256K1_KEY_BYTES, address_of, verify_secp256k1_digest
from chain.runtime.units import AMOUNT_MAX

PUB_KEY_TYPE_URL = "/cosmos.crypto.secp256k1.PubKey"
# Checked before any parameter is read; the parameter tx_bytes_max is at most this.
TX_BYTES_CEILING = 1 << 20
# The same for messages_per_tx_max.
MESSAGES_CEILING = 1000
# Field values of a ModeInfo with its Single, of an absent fee and of an absent key.
_DIRECT = ((SIGN_MODE_DIRECT,),)
_AMINO = ((SIGN_MODE_LEGACY_AMINO_JSON,),)
_NO_FEE: tuple[Any, ...] = ((), 0, "", "")
_NO_KEY = ("", b"")
# Decoded, a transaction takes two to eight times as much.
CACHED_BYTES = 8 * 1024 * 1024
# The same accounts come back.
_CACHED_KEYS = 1 << 16


# Objects made for every transaction have hand-written constructors: those that named tuples and
# dataclasses generate are not compiled.


class SignerData:  # noqa: PLW1641 - nothing is looked up by it.
    """What a signature is verified against: chain id, account number and public key."""

    __slots__ = ("account_number", "chain_id", "pub_key")

    def __init__(self, chain_id: str, account_number: int, pub_key: bytes) -> None:
        self.chain_id = chain_id
        self.account_number = account_number
        self.pub_key = pub_key

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, SignerData)
            and self.pub_key == other.pub_key
            and self.account_number == other.account_number
            and self.chain_id == other.chain_id
        )


class DecodedTx:
    """A decoded, well-formed transaction of one signer."""

    __slots__ = (
        "amino_content",
        "auth_info_bytes",
        "body_bytes",
        "fee",
        "fee_granter",
        "gas_limit",
        "lane",
        "memo_bytes",
        "message_gas",
        "messages",
        "pub_key",
        "raw",
        "sequence",
        "signature",
        "signer",
        "size_bytes",
        "timeout_height",
        "verified_for",
    )

    def __init__(
        self,
        raw: bytes,
        messages: tuple[tuple[Handler, Message], ...],
        signer: bytes,
        pub_key: bytes,
        sequence: int,
        fee: tuple[tuple[str, int], ...],
        fee_granter: bytes,
        gas_limit: int,
        memo_bytes: int,
        timeout_height: int,
        body_bytes: bytes,
        auth_info_bytes: bytes,
        signature: bytes,
        amino_content: str,
    ) -> None:
        self.raw = raw
        self.size_bytes = len(raw)
        self.messages = messages
        self.message_gas = sum([handler.count_gas(message) for handler, message in messages])
        self.signer = signer
        # 33 bytes, or empty if the transaction relies on the key of an earlier one.
        self.pub_key = pub_key
        self.sequence = sequence
        self.fee = fee
        # Whose allowance pays it; empty if the signer does.
        self.fee_granter = fee_granter
        self.gas_limit = gas_limit
        self.memo_bytes = memo_bytes
        self.timeout_height = timeout_height
        self.body_bytes = body_bytes
        self.auth_info_bytes = auth_info_bytes
        self.signature = signature
        # Of SIGN_MODE_LEGACY_AMINO_JSON; empty in SIGN_MODE_DIRECT.
        self.amino_content = amino_content
        self.lane = _find_lane(messages)
        # What the signature was verified against, here or ahead of time.
        self.verified_for: SignerData | None = None


def decode(
    raw: bytes,
    handlers: Mapping[str, Handler],
    messages_max: int = MESSAGES_CEILING,
    *,
    packed_types: PackedTypes | None = None,
    signed: bool = True,
) -> DecodedTx:
    """Decodes a TxRaw; rejects everything but its canonical encoding, and more than
    `messages_max` messages before it decodes one.

    packed_types: what messages may hold that are signed as JSON. With `signed` False, as for
    simulation, signature and sign mode may be missing.
    """
    require(len(raw) <= TX_BYTES_CEILING, SdkError.TX_TOO_LARGE)
    body_bytes, auth_info_bytes, signatures = _read(tx_pb2.TxRaw, raw)
    items, memo, timeout_height, *extensions = _read(tx_pb2.TxBody, body_bytes)
    require_few_messages(items, messages_max)
    signer_infos, fee = _read(tx_pb2.AuthInfo, auth_info_bytes)
    require(not any(extensions), SdkError.INVALID_REQUEST, "extension options")
    messages = tuple([_decode_message(item, handlers) for item in items])
    require(messages, SdkError.INVALID_REQUEST, "no messages")
    signer = _one_signer(messages)
    require(len(signer_infos) == 1, SdkError.NO_SIGNATURES, "one signer is expected")
    require(len(signatures) == 1 or not signed, SdkError.NO_SIGNATURES)
    public_key, mode, sequence = signer_infos[0]
    is_amino = signed and mode == _AMINO
    known_mode = is_amino or mode == _DIRECT or not signed
    require(known_mode, SdkError.INVALID_REQUEST, "this sign mode is not supported")
    coins, gas_limit, payer, granter = fee or _NO_FEE
    amino_content = ""
    if is_amino:
        # Neither is in what is signed: either could be dropped by somebody else on the way.
        require(public_key and fee, SdkError.INVALID_REQUEST, "public key and fee are expected")
        plain = [message for _, message in messages]
        more = (coins, gas_limit, payer, granter, memo, sequence, timeout_height)
        amino_content = amino_json.write_content(plain, *more, packed_types or {})
    return DecodedTx(
        raw=raw,
        messages=messages,
        signer=signer,
        pub_key=_decode_pub_key(public_key, signer),
        sequence=sequence,
        fee=_decode_fee(coins, payer, signer),
        fee_granter=decode_address(granter) if granter else b"",
        gas_limit=gas_limit,
        memo_bytes=len(memo.encode()),
        timeout_height=timeout_height,
        body_bytes=body_bytes,
        auth_info_bytes=auth_info_bytes,
        signature=signatures[0] if signatures else b"",
        amino_content=amino_content,
    )


def require_few_messages(messages: Sequence[object], messages_max: int) -> None:
    """Rejects more messages than a transaction may have."""
    if len(messages) > messages_max:
        raise ChainError(SdkError.INVALID_REQUEST, f"more than {messages_max} messages")


def sign_bytes(
    body_bytes: bytes, auth_info_bytes: bytes, chain_id: str, account_number: int
) -> bytes:
    """What is signed in SIGN_MODE_DIRECT: the canonical bytes of the SignDoc."""
    # Written out because every transaction needs it; a test compares it with the codec.
    chain = chain_id.encode()
    document = [
        b"\x0a",
        codec.write_varint(len(body_bytes)),
        body_bytes,
        b"\x12",
        codec.write_varint(len(auth_info_bytes)),
        auth_info_bytes,
        b"\x1a",
        codec.write_varint(len(chain)),
        chain,
    ]
    if account_number:
        document += b"\x20", codec.write_varint(account_number)
    return b"".join(document)


def compute_digest(tx: DecodedTx, signer_data: SignerData) -> bytes:
    """The sha256 digest that the signature must sign, 32 bytes."""
    chain_id, account_number = signer_data.chain_id, signer_data.account_number
    if tx.amino_content:
        content = amino_json.sign_bytes(tx.amino_content, chain_id, account_number)
    else:
        content = sign_bytes(tx.body_bytes, tx.auth_info_bytes, chain_id, account_number)
    return hashlib.sha256(content).digest()


def verify_signature(tx: DecodedTx, signer_data: SignerData) -> bool:
    """Whether the signature verifies; remembered, because it depends on nothing else."""
    if tx.verified_for == signer_data:
        return True
    if not verify_secp256k1_digest(
        signer_data.pub_key, compute_digest(tx, signer_data), tx.signature
    ):
        return False
    tx.verified_for = signer_data
    return True


def decode_coins(coins: Iterable[Coin]) -> tuple[tuple[str, int], ...]:
    """Coins as (denomination, amount): sorted, none twice, none zero; rejects anything else."""
    return _read_coins([(coin.denom, coin.amount) for coin in coins])


def decode_amount(coin: Coin) -> int:
    """The amount of one coin; rejects zero, signs, leading zeros and what passes 2^63 - 1."""
    return _read_amount(coin.denom, coin.amount)


def _read_coins(coins: Sequence[tuple[str, str]]) -> tuple[tuple[str, int], ...]:
    amounts = tuple([(denom, _read_amount(denom, text)) for denom, text in coins])
    if len(amounts) > 1:
        names = [denom for denom, _ in amounts]
        require(names == sorted(set(names)), SdkError.INVALID_COINS, "not in order")
    return amounts


def _read_amount(denom: str, text: str) -> int:
    good = len(text) < 20 and text.isascii() and text.isdecimal() and text[0] != "0"
    if not (good and denom):
        raise ChainError(SdkError.INVALID_COINS, f"{text[:32]}{denom[:128]}")
    amount = int(text)
    if amount > AMOUNT_MAX:
        raise ChainError(SdkError.INVALID_COINS, "the amount is too large")
    return amount


def decode_address(text: str) -> bytes:
    """The 20 bytes of an address; rejects anything else."""
    try:
        return bech32.decode(text)
    except bech32.AddressError as error:
        raise ChainError(SdkError.INVALID_ADDRESS, f"{text[:100]!r}: {error}") from None


class TxCache:
    """Decoded transactions by their bytes, so that each is decoded and verified once.

    A transaction passes CheckTx, PrepareProposal, ProcessProposal and FinalizeBlock. What is
    remembered is a function of its bytes alone, so forgetting changes nothing but the time taken.
    Max entries_max transactions and about bytes_max bytes of them are kept; the oldest go first.
    Who finds that one is rejected forgets it, so that nobody fills the cache for nothing.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        entries_max: int = 100_000,
        bytes_max: int = CACHED_BYTES,
        packed_types: PackedTypes | None = None,
    ) -> None:
        self._handlers = handlers
        self._packed_types = packed_types
        self._entries_max = entries_max
        self._bytes_max = bytes_max
        self._size_bytes = 0
        self._entries: dict[bytes, DecodedTx] = {}

    def get(self, raw: bytes, messages_max: int = MESSAGES_CEILING) -> DecodedTx:
        """The decoded transaction; rejects as `decode` does."""
        found = self._entries.get(raw)
        if found is None:
            found = decode(raw, self._handlers, messages_max, packed_types=self._packed_types)
            full = len(self._entries) >= self._entries_max
            if full or self._size_bytes + len(raw) > self._bytes_max:
                self._forget_oldest(len(raw))
            self._entries[raw] = found
            self._size_bytes += len(raw)
        else:
            require_few_messages(found.messages, messages_max)
        return found

    def is_verified(self, raw: bytes) -> bool:
        """Whether a transaction is known with a signature that was found good."""
        found = self._entries.get(raw)
        return found is not None and found.verified_for is not None

    def forget(self, raw: bytes) -> None:
        """Drops a transaction that has been committed or rejected."""
        if self._entries.pop(raw, None) is not None:
            self._size_bytes -= len(raw)

    def _forget_oldest(self, needed_bytes: int) -> None:
        """Drops a tenth, and more until there is space. Threads share the cache, so that the size
        may have drifted by a few transactions: it is counted again.
        """
        entries = list(self._entries)
        self._size_bytes = sum(map(len, entries))
        most = self._bytes_max - max(needed_bytes, self._bytes_max // 10)
        for number, raw in enumerate(entries):
            if number >= len(entries) // 10 and self._size_bytes <= most:
                break
            self.forget(raw)


def _read(message_type: type[Message], data: bytes) -> tuple[Any, ...]:
    try:
        return strict.read(message_type, data)
    except codec.EncodingError as error:
        raise ChainError(SdkError.TX_PARSE, str(error)) from None


def _decode_message(
    item: tuple[str, bytes], handlers: Mapping[str, Handler]
) -> tuple[Handler, Message]:
    type_url, value = item
    handler = handlers.get(type_url)
    if handler is None:
        raise ChainError(SdkError.UNKNOWN_REQUEST, type_url[:200])
    return handler, untrusted.decode(handler.message_type, value, SdkError.TX_PARSE)


def _find_lane(messages: tuple[tuple[Handler, Message], ...]) -> int:
    """The lane that all messages share; else that of everything else."""
    lane = messages[0][0].lane
    for handler, _ in messages[1:]:
        if handler.lane != lane:
            return LANE_UNSPECIFIED
    return lane


def _one_signer(messages: tuple[tuple[Handler, Message], ...]) -> bytes:
    handler, message = messages[0]
    text = getattr(message, handler.signer_field)
    for handler, message in messages[1:]:
        same = getattr(message, handler.signer_field) == text
        require(same, SdkError.INVALID_REQUEST, "all messages need the same signer")
    return decode_address(text)


def _decode_pub_key(item: tuple[str, bytes] | None, signer: bytes) -> bytes:
    type_url, value = item or _NO_KEY
    if not type_url and not value:
        return b""
    require(type_url == PUB_KEY_TYPE_URL, SdkError.INVALID_PUB_KEY, type_url[:200])
    key = _read_pub_key(value)
    require(address_of(key) == signer, SdkError.INVALID_PUB_KEY)
    return key


@lru_cache(_CACHED_KEYS)
def _read_pub_key(data: bytes) -> bytes:
    (key,) = _read(keys_pb2.PubKey, data)
    require(len(key) == SECP256K1_KEY_BYTES, SdkError.INVALID_PUB_KEY)
    return bytes(key)


def _decode_fee(
    coins: Sequence[tuple[str, str]], payer: str, signer: bytes
) -> tuple[tuple[str, int], ...]:
    payer_fits = not payer or decode_address(payer) == signer
    require(payer_fits, SdkError.INVALID_REQUEST, "the fee payer must be the signer")
    if not coins:
        return ()
    return _read_coins([coin for coin in coins if coin[1] != "0"])
