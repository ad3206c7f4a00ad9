"""SIGN_MODE_LEGACY_AMINO_JSON: the document that a hardware wallet signs says all there is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from blockenergy.market.v1.tx_pb2 import MsgPlaceLimitOrder
from blockenergy.params.v1.tx_pb2 import MsgUpdateParams
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from chain import app
from chain.runtime import tx as txs
from chain.runtime.encoding import amino_json
from chain.runtime.errors import ChainError
from tests.support.properties import examples
from tests.support.streets import people
from tests.support.transactions import Envelope, pack, sign

BEN = people.wallet("ben")
PACKED = app.RULES.packed_types
NAMES = {amino_json.get_name(kind.DESCRIPTOR): kind for kind in PACKED.values()}
AMINO = 127


def content(*messages: Message, **changes: Any) -> str:
    parts = {
        "coins": [("ueur", "10")],
        "gas_limit": 402_000,
        "fee_payer": "",
        "fee_granter": "",
        "memo": "",
    }
    parts |= {"sequence": 2, "timeout_height": 0, "packed_types": PACKED}
    return amino_json.write_content(messages, **(parts | changes))


def test_the_document_is_the_one_that_cosmjs_signs() -> None:
    """`serializeSignDoc(makeSignDoc(...))` of @cosmjs/amino 0.36.2 wrote this."""
    message = MsgSend(
        from_address="energy1a",
        to_address="energy1b",
        amount=[Coin(denom="ueur", amount="5")],
    )
    memo = 'a & b < c > d "e" \\ /é\U0001f600\n\t\x01\b\f\x7f'
    written = amino_json.sign_bytes(content(message, memo=memo, timeout_height=99), "street-1", 4)
    assert written.decode() == (
        '{"account_number":"4","chain_id":"street-1",'
        '"fee":{"amount":[{"amount":"10","denom":"ueur"}],"gas":"402000"},'
        '"memo":"a \\u0026 b \\u003c c \\u003e d \\"e\\" \\\\ /é\U0001f600\\n\\t\\u0001\\b\\f\x7f",'
        '"msgs":[{"type":"cosmos-sdk/MsgSend","value":{"amount":[{"amount":"5","denom":"ueur"}],'
        '"from_address":"energy1a","to_address":"energy1b"}}],"sequence":"2","timeout_height":"99"}'
    )


def test_what_is_empty_is_left_out_and_large_numbers_are_strings() -> None:
    order = MsgPlaceLimitOrder(owner="energy1a", slot=7, quantity_wh=5000)
    (written,) = json.loads(content(order))["msgs"]
    assert written["type"] == "blockenergy/MsgPlaceLimitOrder"
    assert written["value"] == {"owner": "energy1a", "slot": "7", "quantity_wh": "5000"}


def test_line_separators_are_escaped_as_go_does() -> None:
    assert '"memo":"\\u2028\\u2029"' in content(memo="\u2028\u2029")


def fill(kind: type[Message], draw: Any, levels: int = 2) -> Message:
    """A message with any content."""
    message: Any = kind()
    for field in kind.DESCRIPTOR.fields:
        count = draw(st.integers(0, 2)) if field.is_repeated else draw(st.integers(0, 1))
        for _ in range(count):
            value = draw_value(field, draw, levels)
            if value is None:
                continue
            if field.is_repeated:
                getattr(message, field.name).append(value)
            elif isinstance(value, Message):
                getattr(message, field.name).CopyFrom(value)
            else:
                setattr(message, field.name, value)
    return message


def draw_value(field: FieldDescriptor, draw: Any, levels: int) -> Any:
    kinds = {
        FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
        FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
        FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
        FieldDescriptor.TYPE_BOOL: st.booleans(),
        FieldDescriptor.TYPE_STRING: st.text(max_size=8),
        FieldDescriptor.TYPE_BYTES: st.binary(max_size=8),
    }
    if field.enum_type is not None:
        return draw(st.sampled_from([value.number for value in field.enum_type.values]))
    if field.message_type is None:
        return draw(kinds[field.type])
    if field.message_type.full_name == "google.protobuf.Timestamp":
        # Of the years 1 to 9999.
        seconds = draw(st.integers(-62_135_596_800, 253_402_300_799))
        return Timestamp(seconds=seconds, nanos=draw(st.integers(0, 10**9 - 1)))
    if field.message_type.full_name == "google.protobuf.Any":
        if not levels:
            return None
        kind = PACKED[draw(st.sampled_from(sorted(PACKED)))]
        return pack(fill(kind, draw, levels - 1))
    return fill(field.message_type._concrete_class, draw, levels)


def read_back(kind: type[Message], value: dict[str, Any]) -> Message:
    """The message of a document, read by the JSON reader of the protobuf library."""
    return json_format.ParseDict(unpack(value), kind())


def unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"type", "value"}:
        name = NAMES[value["type"]].DESCRIPTOR.full_name
        return {"@type": f"/{name}", **unpack(value["value"])}
    return {key: unpack(item) for key, item in value.items()}


@pytest.mark.parametrize("url", sorted(app.RULES.handlers))
@examples(20)
@given(data=st.data())
def test_nothing_of_a_message_is_lost(url: str, data: st.DataObject) -> None:
    kind = app.RULES.handlers[url].message_type
    message = fill(kind, data.draw)
    (written,) = json.loads(content(message))["msgs"]
    assert NAMES[written["type"]] is kind
    assert read_back(kind, written["value"]) == message


@pytest.mark.parametrize("url", sorted(app.RULES.handlers))
def test_every_message_can_be_signed_in_both_modes(url: str) -> None:
    handler = app.RULES.handlers[url]
    message = handler.message_type()
    setattr(message, handler.signer_field, BEN.text)
    data = txs.SignerData("street-1", 4, BEN.pub_key)
    for mode in (1, AMINO):
        raw = sign(BEN, [message], Envelope("street-1", 4, 2, sign_mode=mode))
        tx = txs.decode(raw, app.RULES.handlers, packed_types=PACKED)
        assert txs.verify_signature(tx, data)
        assert not txs.verify_signature(tx, txs.SignerData("street-2", 4, BEN.pub_key))
        assert not txs.verify_signature(tx, txs.SignerData("street-1", 5, BEN.pub_key))


@pytest.mark.parametrize(
    "change",
    [
        {"coins": [("ueur", "11")]},
        {"coins": []},
        {"gas_limit": 1},
        {"fee_payer": BEN.text},
        {"memo": "x"},
        {"sequence": 3},
        {"timeout_height": 1},
    ],
)
def test_everything_beside_the_messages_is_in_the_document(change: dict[str, Any]) -> None:
    assert content(**change) != content()


def update(params: AnyMessage) -> MsgUpdateParams:
    return MsgUpdateParams(authority=BEN.text, params=params)


@pytest.mark.parametrize(
    ("packed", "name"),
    [
        (AnyMessage(type_url="/blockenergy.bridge.v1.Health"), "UNKNOWN_REQUEST"),
        (AnyMessage(), "UNKNOWN_REQUEST"),
        (AnyMessage(type_url="/blockenergy.market.v1.Params", value=b"\x08\x00"), "TX_PARSE"),
    ],
)
def test_what_cannot_be_shown_is_not_signed(packed: AnyMessage, name: str) -> None:
    with pytest.raises(ChainError) as caught:
        content(update(packed))
    assert caught.value.error.name == name


def test_nesting_without_end_is_rejected() -> None:
    message = update(AnyMessage(type_url="/blockenergy.market.v1.Params"))
    for _ in range(3000):
        message = update(pack(message))
    with pytest.raises(ChainError) as caught:
        content(message)
    assert caught.value.error.name == "UNKNOWN_REQUEST"
