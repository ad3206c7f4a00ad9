"""Decoding of transactions: one form only, and whatever else is rejected with the standard code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from blockenergy.auth.v1 import errors_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.tx.v1beta1 import tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain import app
from chain.runtime import tx as txs
from chain.runtime.errors import ChainError
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.transactions import Envelope, flip_s, make_auth_info, make_body, sign
from tests.support.world import CHAIN_ID

BEN = people.wallet("ben")
SEND = MsgSend(
    from_address=BEN.text,
    to_address=people.address_text("anna"),
    amount=[Coin(denom="ueur", amount="5")],
)
ENVELOPE = Envelope(CHAIN_ID, account_number=4, sequence=2, fee=[("ueur", 10)], memo="hello")
GOOD = sign(BEN, [SEND], ENVELOPE)


def rejected(raw: bytes, signed: bool = True) -> str:
    """The name of the rejection."""
    with pytest.raises(ChainError) as caught:
        txs.decode(raw, app.RULES.handlers, signed=signed)
    assert caught.value.error.codespace == "sdk"
    return caught.value.error.name


def changed(change: Callable[[tx_pb2.TxRaw, tx_pb2.TxBody, tx_pb2.AuthInfo], None]) -> bytes:
    """The good transaction with something else inside."""
    raw = tx_pb2.TxRaw.FromString(GOOD)
    body = tx_pb2.TxBody.FromString(raw.body_bytes)
    auth_info = tx_pb2.AuthInfo.FromString(raw.auth_info_bytes)
    change(raw, body, auth_info)
    raw.body_bytes = body.SerializeToString(deterministic=True)
    raw.auth_info_bytes = auth_info.SerializeToString(deterministic=True)
    return raw.SerializeToString(deterministic=True)


class TestTheOneForm:
    def test_what_is_read_from_it(self) -> None:
        tx = txs.decode(GOOD, app.RULES.handlers)
        assert [message for _, message in tx.messages] == [SEND]
        assert (tx.signer, tx.pub_key, tx.sequence) == (BEN.address, BEN.pub_key, 2)
        assert (tx.fee, tx.gas_limit, tx.memo_bytes) == ((("ueur", 10),), 402_000, 5)
        assert tx.size_bytes == len(GOOD)

    def test_the_signature_is_good_for_its_purpose_only(self) -> None:
        tx = txs.decode(GOOD, app.RULES.handlers)
        assert txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 4, BEN.pub_key))
        assert not txs.verify_signature(tx, txs.SignerData("street-2", 4, BEN.pub_key))
        assert not txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 5, BEN.pub_key))
        assert not txs.verify_signature(
            tx, txs.SignerData(CHAIN_ID, 4, people.wallet("anna").pub_key)
        )
        # What was remembered along the way changes none of these answers.
        assert txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 4, BEN.pub_key))
        assert not txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 5, BEN.pub_key))

    def test_the_twin_of_a_signature_is_rejected(self) -> None:
        raw = changed(lambda raw, body, info: _replace_signature(raw, flip_s(raw.signatures[0])))
        tx = txs.decode(raw, app.RULES.handlers)
        assert not txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 4, BEN.pub_key))

    @pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
    def test_what_is_no_signature_fits_nothing(self, signature: bytes) -> None:
        tx = txs.decode(
            changed(lambda raw, body, info: _replace_signature(raw, signature)), app.RULES.handlers
        )
        assert not txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 4, BEN.pub_key))

    def test_for_a_simulation_the_signature_may_be_missing(self) -> None:
        raw = changed(lambda raw, body, info: raw.ClearField("signatures"))
        assert rejected(raw) == "NO_SIGNATURES"
        assert txs.decode(raw, app.RULES.handlers, signed=False).signature == b""


def _replace_signature(raw: tx_pb2.TxRaw, signature: bytes) -> None:
    raw.signatures[0] = signature


REJECTED: list[tuple[str, Callable[[Any, Any, Any], Any], str]] = [
    ("no messages", lambda raw, body, info: body.ClearField("messages"), "INVALID_REQUEST"),
    (
        "unknown message",
        lambda raw, body, info: body.messages.add(type_url="/cosmos.gov.v1.MsgVote"),
        "UNKNOWN_REQUEST",
    ),
    (
        "type without a slash",
        lambda raw, body, info: setattr(
            body.messages[0], "type_url", "cosmos.bank.v1beta1.MsgSend"
        ),
        "UNKNOWN_REQUEST",
    ),
    (
        "message with an unknown field",
        lambda raw, body, info: setattr(
            body.messages[0], "value", body.messages[0].value + b"\x20\x01"
        ),
        "TX_PARSE",
    ),
    (
        "message in another encoding",
        lambda raw, body, info: setattr(
            body.messages[0], "value", b"\x0a\x01a" + body.messages[0].value
        ),
        "TX_PARSE",
    ),
    (
        "extension option",
        lambda raw, body, info: body.extension_options.add(type_url="/x"),
        "INVALID_REQUEST",
    ),
    (
        "non-critical extension option",
        lambda raw, body, info: body.non_critical_extension_options.add(type_url="/x"),
        "INVALID_REQUEST",
    ),
    ("no signer", lambda raw, body, info: info.ClearField("signer_infos"), "NO_SIGNATURES"),
    (
        "two signers",
        lambda raw, body, info: info.signer_infos.add().CopyFrom(info.signer_infos[0]),
        "NO_SIGNATURES",
    ),
    ("no signature", lambda raw, body, info: raw.ClearField("signatures"), "NO_SIGNATURES"),
    (
        "two signatures",
        lambda raw, body, info: raw.signatures.append(raw.signatures[0]),
        "NO_SIGNATURES",
    ),
    (
        "no sign mode",
        lambda raw, body, info: info.signer_infos[0].ClearField("mode_info"),
        "INVALID_REQUEST",
    ),
    (
        "textual sign mode",
        lambda raw, body, info: setattr(info.signer_infos[0].mode_info.single, "mode", 2),
        "INVALID_REQUEST",
    ),
    (
        "key of another type",
        lambda raw, body, info: setattr(
            info.signer_infos[0].public_key, "type_url", "/cosmos.crypto.ed25519.PubKey"
        ),
        "INVALID_PUB_KEY",
    ),
    (
        "key of another account",
        lambda raw, body, info: info.signer_infos[0].public_key.CopyFrom(
            make_auth_info(people.wallet("anna"), ENVELOPE).signer_infos[0].public_key
        ),
        "INVALID_PUB_KEY",
    ),
    (
        "key without a value",
        lambda raw, body, info: info.signer_infos[0].public_key.ClearField("value"),
        "INVALID_PUB_KEY",
    ),
    (
        "key that is none",
        lambda raw, body, info: setattr(info.signer_infos[0].public_key, "value", b"\x0a\x01x"),
        "INVALID_PUB_KEY",
    ),
    (
        "fee granter that is no address",
        lambda raw, body, info: setattr(info.fee, "granter", "ben"),
        "INVALID_ADDRESS",
    ),
    (
        "fee payer",
        lambda raw, body, info: setattr(info.fee, "payer", people.address_text("anna")),
        "INVALID_REQUEST",
    ),
    (
        "fee payer that is no address",
        lambda raw, body, info: setattr(info.fee, "payer", "ben"),
        "INVALID_ADDRESS",
    ),
    (
        "fee that is no number",
        lambda raw, body, info: setattr(info.fee.amount[0], "amount", "1.5"),
        "INVALID_COINS",
    ),
    (
        "fee twice",
        lambda raw, body, info: info.fee.amount.add(denom="ueur", amount="1"),
        "INVALID_COINS",
    ),
    (
        "signer that is no address",
        lambda raw, body, info: body.messages[0].CopyFrom(
            make_body([MsgSend(from_address="ben")], ENVELOPE).messages[0]
        ),
        "INVALID_ADDRESS",
    ),
    (
        "messages of two signers",
        lambda raw, body, info: body.messages.add().CopyFrom(
            make_body([MsgSend(from_address=people.address_text("anna"))], ENVELOPE).messages[0]
        ),
        "INVALID_REQUEST",
    ),
]


@pytest.mark.parametrize(("what", "change", "name"), REJECTED, ids=[entry[0] for entry in REJECTED])
def test_rejected(what: str, change: Callable[[Any, Any, Any], Any], name: str) -> None:
    assert rejected(changed(change)) == name


class TestBytes:
    def test_too_large(self) -> None:
        assert rejected(bytes((1 << 20) + 1)) == "TX_TOO_LARGE"

    @pytest.mark.parametrize(
        "raw",
        [b"", b"\x0a", b"\xff" * 50, GOOD + b"\x20\x01", GOOD + b"\x00", b"\x0a\x00" + GOOD],
        ids=["empty", "cut off", "noise", "unknown field", "zero", "field twice"],
    )
    def test_no_transaction(self, raw: bytes) -> None:
        # Nothing at all is a well-formed TxRaw, but it has no messages.
        assert rejected(raw) == ("TX_PARSE" if raw else "INVALID_REQUEST")

    def test_an_overlong_length_is_rejected(self) -> None:
        body_length = GOOD[1:3]
        assert body_length[1] < 128
        overlong = bytes([body_length[0], body_length[1] | 128, 0])
        assert rejected(GOOD[:1] + overlong + GOOD[3:]) == "TX_PARSE"

    @given(st.data())
    @examples(300)
    def test_a_changed_byte_gives_a_rejection_or_another_hash_but_never_the_same_content(
        self, data: st.DataObject
    ) -> None:
        place = data.draw(st.integers(0, len(GOOD) - 1))
        mutated = bytearray(GOOD)
        mutated[place] ^= data.draw(st.integers(1, 255))
        try:
            tx = txs.decode(bytes(mutated), app.RULES.handlers)
        except ChainError:
            return
        assert not txs.verify_signature(tx, txs.SignerData(CHAIN_ID, 4, BEN.pub_key))

    @given(st.binary(max_size=200))
    @examples(300)
    def test_noise_is_rejected_and_never_breaks(self, raw: bytes) -> None:
        rejected(raw)


class TestAmounts:
    @pytest.mark.parametrize("text", ["1", "10", "9223372036854775807"], ids=["one", "ten", "most"])
    def test_whole_numbers_up_to_63_bits(self, text: str) -> None:
        assert txs.decode_amount(Coin(denom="ueur", amount=text)) == int(text)

    @pytest.mark.parametrize(
        "text",
        [
            "", "0", "00", "01", "-1", "+1", "1.0", "1e3", " 1", "1 ", "1_000", "0x1", "\u0661",
            "9223372036854775808", "99999999999999999999", "9" * 5000,
        ],
    )  # fmt: skip
    def test_everything_else_is_rejected(self, text: str) -> None:
        with pytest.raises(ChainError):
            txs.decode_amount(Coin(denom="ueur", amount=text))

    def test_an_amount_has_a_denomination(self) -> None:
        with pytest.raises(ChainError):
            txs.decode_amount(Coin(amount="1"))


class TestCache:
    def test_a_transaction_is_decoded_once(self) -> None:
        cache = txs.TxCache(app.RULES.handlers)
        assert cache.get(GOOD) is cache.get(GOOD)
        cache.forget(GOOD)
        cache.forget(GOOD)

    def test_it_stays_within_its_size(self) -> None:
        cache = txs.TxCache(app.RULES.handlers, entries_max=10)
        many = [sign(BEN, [SEND], Envelope(CHAIN_ID, 4, sequence=number)) for number in range(25)]
        first = [cache.get(raw) for raw in many]
        assert len(cache._entries) <= 10
        assert [cache.get(raw).sequence for raw in many] == [tx.sequence for tx in first]

    def test_it_stays_within_its_bytes_and_drops_only_the_oldest(self) -> None:
        many = [
            sign(BEN, [SEND], Envelope(CHAIN_ID, 4, sequence=number)) for number in range(1, 31)
        ]
        size = max(map(len, many))
        cache = txs.TxCache(app.RULES.handlers, bytes_max=20 * size)
        for raw in many:
            cache.get(raw)
        kept = list(cache._entries)
        assert sum(map(len, kept)) <= 20 * size
        assert len(kept) >= 16
        assert kept == many[-len(kept) :]

    def test_what_is_rejected_is_not_kept(self) -> None:
        cache = txs.TxCache(app.RULES.handlers)
        for _ in range(2):
            with pytest.raises(ChainError):
                cache.get(b"\xff")
        assert not cache._entries

    def test_more_messages_than_allowed_are_rejected_whether_known_or_not(self) -> None:
        cache = txs.TxCache(app.RULES.handlers)
        raw = sign(BEN, [SEND, SEND, SEND], Envelope(CHAIN_ID, 4, sequence=1))
        for _ in range(2):
            with pytest.raises(ChainError, match="more than 2 messages"):
                cache.get(raw, 2)
            cache.get(raw, 3)


@pytest.mark.parametrize("name", [value.name for value in errors_pb2.Error.DESCRIPTOR.values][1:])
def test_the_numbers_are_those_that_cosmos_wallets_know(name: str) -> None:
    numbers = {
        "TX_PARSE": 2, "UNAUTHORIZED": 4, "INSUFFICIENT_FUNDS": 5, "UNKNOWN_REQUEST": 6,
        "INVALID_ADDRESS": 7, "INVALID_PUB_KEY": 8, "UNKNOWN_ADDRESS": 9, "INVALID_COINS": 10,
        "OUT_OF_GAS": 11, "MEMO_TOO_LARGE": 12, "INSUFFICIENT_FEE": 13, "NO_SIGNATURES": 15,
        "INVALID_REQUEST": 18, "MEMPOOL_IS_FULL": 20, "TX_TOO_LARGE": 21,
        "KEY_NOT_FOUND": 22, "INVALID_HEIGHT": 26, "TIMEOUT_HEIGHT": 30, "WRONG_SEQUENCE": 32,
        "PANIC": 111222,
    }  # fmt: skip
    assert errors_pb2.Error.Value(name) == numbers[name]
