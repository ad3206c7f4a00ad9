"""Transactions byte for byte as other wallets make them."""

from collections.abc import Sequence
from hashlib import sha256

import pytest
from blockenergy.market.v1.tx_pb2 import MsgBuy
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.signatures import verify_secp256k1_digest
from client.errors import UsageError
from client.signing import tx
from client.signing.keys import AccountKey

ALICE = AccountKey.from_mnemonic("abandon " * 11 + "about")
BOB = AccountKey.from_mnemonic("abandon " * 23 + "art")
CHAIN_ID, ACCOUNT_NUMBER, SEQUENCE, GAS = "blockenergy-1", 42, 7, 123_456
FEE = (Coin(denom="ueur", amount="250"),)

# Made by @cosmjs/proto-signing 0.33.1 from the same words and values.
COSMJS_TX = bytes.fromhex(
    "0aa0010a8f010a1c2f636f736d6f732e62616e6b2e763162657461312e4d736753656e64126f0a2d656e657267793139"
    "726c34636d32686d7238616679346b6c6470787a33666b61346a67757130616a3472307568122d656e65726779317235"
    "763573726461377866746833686e327332367478767263726e746c646a753437666635611a0f0a047565757212073135"
    "3030303030"
    "1209666f722035206b576818840712650a500a460a1f2f636f736d6f732e63727970746f2e736563703235366b312e50"
    "75624b657912230a21024f4e2ad99c34d60b9ba6283c9431a8418af8673212961f97a77b6377fcd05b6212040a020801"
    "180712110a0b0a0475657572120332353010c0c4071a40f403546843c754fb98a70010a038412edace2cfc9df7c221f8"
    "ab545f5787766e36130a4c6f29d29eff36adb12ea088800fc6a1e9108b0c9ea927f4725b24790d"
)


def make_send() -> MsgSend:
    return MsgSend(
        from_address=ALICE.address,
        to_address=BOB.address,
        amount=[Coin(denom="ueur", amount="1500000")],
    )


def sign(
    messages: Sequence[Message],
    sequence: int = SEQUENCE,
    fee: Sequence[Coin] = FEE,
    gas: int = GAS,
) -> bytes:
    return tx.sign(messages, ALICE, CHAIN_ID, ACCOUNT_NUMBER, sequence, fee, gas, "for 5 kWh", 900)


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number % 128 + 128]), number // 128
    return out + bytes([number])


def text(number: int, content: bytes | str) -> bytes:
    content = content if isinstance(content, bytes) else content.encode()
    return varint(number * 8 + 2) + varint(len(content)) + content


def count(number: int, value: int) -> bytes:
    return varint(number * 8) + varint(value)


def test_transfer_equals_that_of_cosmjs() -> None:
    assert sign([make_send()]) == COSMJS_TX


def test_transfer_equals_one_encoded_by_hand() -> None:
    coin = text(1, "ueur") + text(2, "1500000")
    send = text(1, ALICE.address) + text(2, BOB.address) + text(3, coin)
    packed = text(1, "/cosmos.bank.v1beta1.MsgSend") + text(2, send)
    body = text(1, packed) + text(2, "for 5 kWh") + count(3, 900)
    pub_key = text(1, "/cosmos.crypto.secp256k1.PubKey") + text(2, text(1, ALICE.pub_key))
    signer = text(1, pub_key) + text(2, text(1, count(1, 1))) + count(3, SEQUENCE)
    fee = text(1, text(1, "ueur") + text(2, "250")) + count(2, GAS)
    auth_info = text(1, signer) + text(2, fee)
    doc = text(1, body) + text(2, auth_info) + text(3, CHAIN_ID) + count(4, ACCOUNT_NUMBER)
    signature = COSMJS_TX[-64:]
    assert text(1, body) + text(2, auth_info) + text(3, signature) == COSMJS_TX
    assert verify_secp256k1_digest(ALICE.pub_key, sha256(doc).digest(), signature)


def test_hash_equals_that_of_nodes() -> None:
    # Computed by sha256sum.
    digest = "3AAECA6F43176B620411ED874B81197348926A76B564EAC51C8523C03B9CA608"
    assert tx.compute_hash(COSMJS_TX).hex().upper() == digest


def test_signed_transaction_can_be_decoded() -> None:
    order = MsgBuy(buyer=ALICE.address, slot=4711, quantity_wh=5000, price_limit_per_kwh=240_000)
    decoded = tx.decode(sign([make_send(), order]))
    assert [tx.unpack(one) for one in decoded.body.messages] == [make_send(), order]
    assert decoded.body.memo == "for 5 kWh"
    assert decoded.auth_info.signer_infos[0].sequence == SEQUENCE


def test_bytes_that_are_not_a_transaction() -> None:
    with pytest.raises(UsageError):
        tx.decode(b"\xff\xff")


def test_messages_of_unknown_types_stay_packed() -> None:
    unknown = AnyMessage(type_url="/other.chain.v1.MsgOther", value=b"\x0a\x01x")
    damaged = AnyMessage(type_url="/cosmos.bank.v1beta1.MsgSend", value=b"\xff")
    assert tx.unpack(unknown) == unknown
    assert tx.unpack(damaged) == damaged


@given(st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_no_transaction_is_larger_than_computed(sequence: int, gas: int) -> None:
    largest = tx.compute_size_max([make_send()], ALICE.pub_key, FEE, "for 5 kWh", 900)
    raw = sign([make_send()], sequence, FEE, gas)
    assert len(raw) <= largest <= len(raw) + 22
