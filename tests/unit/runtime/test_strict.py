"""Decoding untrusted input: one encoding for each message, by definition and in C."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.crypto.secp256k1.keys_pb2 import PubKey
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from cosmos.tx.v1beta1 import tx_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from tendermint.abci import types_pb2 as abci

from chain import app
from chain.runtime.encoding import codec, strict
from chain.runtime.encoding.codec import make_samples
from tests.support.native import load_native
from tests.support.properties import examples

KINDS: list[type[Message]] = [
    *(tx_pb2.TxRaw, tx_pb2.TxBody, tx_pb2.AuthInfo, AnyMessage, PubKey),
    *(handler.message_type for handler in app.RULES.handlers.values()),
    *(registry_pb2.Participant, registry_pb2.Meter, metering_pb2.Conflict),
]
SEND = MsgSend(from_address="a", to_address="b", amount=[Coin(denom="ueur", amount="5")])
GOOD = codec.encode(SEND)


class TestStrictDecoding:
    def test_the_one_encoding_is_taken(self) -> None:
        assert strict.decode(MsgSend, GOOD) == SEND

    @pytest.mark.parametrize(
        ("what", "data"),
        [
            ("unknown field", GOOD + b"\x20\x01"),
            ("unknown field inside", b"\x1a\x0a\x0a\x04ueur\x12\x015\x18\x01"),
            ("field twice", b"\x0a\x01a" + GOOD),
            ("out of order", b"\x12\x01b\x0a\x01a"),
            ("default written out", b"\x0a\x00" + GOOD[3:]),
            ("overlong length", b"\x0a\x81\x00a" + GOOD[3:]),
            ("overlong tag", b"\x8a\x00\x01a" + GOOD[3:]),
            ("wrong wire type", b"\x08\x01"),
            ("cut off", GOOD[:-1]),
            ("group", b"\x0b\x0c"),
            ("not UTF-8", b"\x0a\x01\xff"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_everything_else_is_rejected(self, what: str, data: bytes) -> None:
        with pytest.raises(codec.EncodingError):
            strict.decode(MsgSend, data)

    def test_repeated_numbers_have_to_be_packed(self) -> None:
        assert strict.decode(registry_pb2.Participant, b"\x0a\x02\x01\x02").roles == [1, 2]
        with pytest.raises(codec.EncodingError):
            strict.decode(registry_pb2.Participant, b"\x08\x01\x08\x02")

    def test_overlong_numbers_are_rejected(self) -> None:
        with pytest.raises(codec.EncodingError):
            strict.decode(metering_pb2.Registers, b"\x08\x81\x00")

    @given(st.binary(max_size=60))
    @examples(500)
    def test_whatever_is_taken_is_written_back_the_same(self, data: bytes) -> None:
        for kind in (MsgSend, AnyMessage, registry_pb2.Meter):
            try:
                message = strict.decode(kind, data)
            except codec.EncodingError:
                continue
            assert codec.encode(message) == data

    @given(st.data())
    @examples(300)
    def test_no_changed_byte_gives_a_second_form_of_the_same_message(
        self, data: st.DataObject
    ) -> None:
        place = data.draw(st.integers(0, len(GOOD) - 1))
        changed = bytearray(GOOD)
        changed[place] ^= data.draw(st.integers(1, 255))
        try:
            message = strict.decode(MsgSend, bytes(changed))
        except codec.EncodingError:
            return
        assert message != SEND


class TestReading:
    def test_values_come_in_the_order_of_their_fields(self) -> None:
        assert strict.read(MsgSend, GOOD) == ("a", "b", (("ueur", "5"),))

    def test_what_is_not_there(self) -> None:
        assert strict.read(tx_pb2.AuthInfo, b"") == ((), None)
        assert strict.read(tx_pb2.SignerInfo, b"\x12\x00") == (None, (None,), 0)
        assert strict.read(tx_pb2.ModeInfo, b"\x0a\x00") == ((0,),)

    def test_only_the_one_encoding_is_taken(self) -> None:
        with pytest.raises(codec.EncodingError, match=r"canonical encoding of a cosmos\.bank"):
            strict.read(MsgSend, GOOD + b"\x20\x01")


@pytest.fixture(scope="module")
def native(compiled: Path) -> ModuleType:
    return load_native(compiled, "chain.runtime.native.strict")


def compare(native: ModuleType, kind: type[Message], layout: object, data: bytes) -> bool:
    """Whether bytes are taken, which has to be the same both ways, with the same values."""
    try:
        expected = strict.read_by_definition(kind, data)
    except codec.EncodingError:
        expected = None
    assert native.read_plain(layout, data) == expected
    assert native.is_plain(layout, data) == (expected is not None)
    return expected is not None


# Numbers as they may be written: small, of all lengths, around 31, 32, 63 and 64 bits, too long.
NUMBERS = [
    *map(codec.write_varint, [0, 1, 2, 127, 128, (1 << 14) - 1, 1 << 14, (1 << 56) - 1, 1 << 56]),
    *(codec.write_varint((1 << bits) - less) for bits in (31, 32, 63) for less in (0, 1)),
    *(codec.write_varint((1 << 64) - less) for less in (1, 1 << 31, (1 << 31) + 1, 1 << 63)),
    *(b"\x80\x00", b"\x81\x00", b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x01", b"\xff", b""),
]
# Texts that are UTF-8 and that are not, and the beginning and end of groups.
TEXTS = ["ä".encode(), b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\x0b", b"\x0c"]


@st.composite
def changed(draw: st.DrawFn, sample: bytes) -> bytes:
    """Bytes with some part replaced, taken away, doubled, or with something put in."""
    start = draw(st.integers(0, len(sample)))
    end = draw(st.integers(start, min(len(sample), start + 12)))
    telling = st.sampled_from([*NUMBERS, *TEXTS, 2 * sample[start:end]])
    middle = draw(st.one_of(st.binary(max_size=3), telling))
    return sample[:start] + middle + sample[end:]


class TestTheFunctionsInC:
    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.DESCRIPTOR.full_name)
    def test_they_take_what_the_definition_takes(
        self, native: ModuleType, kind: type[Message]
    ) -> None:
        layout = strict.make_layout(native, kind.DESCRIPTOR)
        samples = [sample.SerializeToString(deterministic=True) for sample in make_samples(kind)]
        assert all(compare(native, kind, layout, sample) for sample in samples)

        @given(st.data())
        @examples(150)
        def check(data: st.DataObject) -> None:
            sample = data.draw(st.sampled_from(samples))
            compare(native, kind, layout, data.draw(changed(sample)))

        check()

    def test_numbers_of_every_type_and_length(self, native: ModuleType) -> None:
        kinds: list[type[Message]] = [
            *(registry_pb2.Participant, registry_pb2.Meter, Timestamp, abci.ResponseCheckTx),
            abci.EventAttribute,
        ]
        taken = 0
        for kind in kinds:
            layout = strict.make_layout(native, kind.DESCRIPTOR)
            for field in kind.DESCRIPTOR.fields:
                for value in NUMBERS:
                    data = codec.write_varint(field.number << 3) + value
                    taken += compare(native, kind, layout, data)
        assert taken > 100

    def test_messages_that_are_nested_too_deep_are_left_to_the_definition(
        self, native: ModuleType
    ) -> None:
        layout = native.make_layout((), ())
        for _ in range(20):
            layout = native.make_layout(((1, 7, False, True, layout),), (None,))
        assert native.is_plain(layout, b"")
        data = b""
        taken = []
        for _ in range(20):
            data = b"\x0a" + codec.write_varint(len(data)) + data
            taken.append(native.read_plain(layout, data) is not None)
        assert taken == [True] * 16 + [False] * 4

    @pytest.mark.parametrize("kind", [Value, Struct, CommitmentProof])
    def test_kinds_that_only_the_definition_reads(
        self, native: ModuleType, kind: type[Message]
    ) -> None:
        with pytest.raises(strict.NoLayoutError):
            strict.make_layout(native, kind.DESCRIPTOR)

    @pytest.mark.parametrize(
        ("fields", "defaults"),
        [
            (((1, 6, False, False, None),), ()),
            (((0, 6, False, False, None),), (b"",)),
            (((1, 8, False, False, None),), (b"",)),
            (((1, -1, False, False, None),), (b"",)),
            (((1, 7, False, True, None),), (None,)),
            (((1, 7, False, True, "layout"),), (None,)),
            (((1, 6, False),), (b"",)),
            (("field",), (b"",)),
            (((2, 6, False, False, None), (1, 6, False, False, None)), (b"", b"")),
            ([], ()),
        ],
    )
    def test_what_is_no_layout(self, native: ModuleType, fields: Any, defaults: Any) -> None:
        with pytest.raises((TypeError, ValueError)):
            native.make_layout(fields, defaults)

    @pytest.mark.parametrize("wrong", [(), (b"",), ("layout", b""), (None, b""), (1, 2, 3)])
    def test_wrong_calls(self, native: ModuleType, wrong: tuple[Any, ...]) -> None:
        for function in (native.read_plain, native.is_plain):
            with pytest.raises((TypeError, ValueError)):
                function(*wrong)
