"""The one encoding: golden bytes, any protobuf library reads it, nothing else is let in."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.auth.v1 import state_pb2 as auth_pb2
from blockenergy.authz.v1 import state_pb2 as authz_pb2
from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.carbontransfer.v1 import state_pb2 as carbontransfer_pb2
from blockenergy.certificates.v1 import state_pb2 as certificates_pb2
from blockenergy.credits.v1 import state_pb2 as credits_pb2
from blockenergy.feegrant.v1 import state_pb2 as feegrant_pb2
from blockenergy.forecast.v1 import state_pb2 as forecast_pb2
from blockenergy.ibc.v1 import state_pb2 as ibc_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.params.v1 import state_pb2 as params_pb2
from blockenergy.peers.v1 import state_pb2 as peers_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2
from blockenergy.storage.v1 import state_pb2 as storage_pb2
from blockenergy.tielines.v1 import state_pb2 as tielines_pb2
from blockenergy.upgrade.v1 import state_pb2 as upgrade_pb2
from blockenergy.validators.v1 import state_pb2 as validators_pb2
from cosmos.tx.v1beta1 import tx_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain import app
from chain.runtime.encoding import codec, strict
from chain.runtime.encoding.values import Record
from chain.runtime.tx import sign_bytes
from tests.support.properties import examples

STATE_KINDS = [
    auth_pb2.Account, auth_pb2.Params,
    bank_pb2.Denom, bank_pb2.Hold, bank_pb2.Params,
    registry_pb2.Participant, registry_pb2.Meter, registry_pb2.Feeder, registry_pb2.Params,
    metering_pb2.Registers, metering_pb2.Baseline, metering_pb2.Conflict, metering_pb2.Offset,
    metering_pb2.Params, metering_pb2.Halt,
    market_pb2.Slot, market_pb2.Order, market_pb2.Position, market_pb2.Params,
    market_pb2.LimitOrder, market_pb2.Clearing, market_pb2.Booking, market_pb2.Offer,
    market_pb2.FeederFlow, market_pb2.Curtailment, market_pb2.RestingOrders,
    market_pb2.Purse, market_pb2.StandingOrder, market_pb2.ExpectedValue,
    market_pb2.OfferPurchase, settlement_pb2.FeederCheck, settlement_pb2.FeederSum,
    storage_pb2.Battery, storage_pb2.Params, params_pb2.Params,
    peers_pb2.Peer, peers_pb2.Params, upgrade_pb2.Plan, authz_pb2.Grant, feegrant_pb2.Allowance,
    validators_pb2.Validator, validators_pb2.Proposal, validators_pb2.Params,
    market_pb2.RenewableTrades,
    carbon_pb2.Params, carbon_pb2.Zone, carbon_pb2.FeederZone, carbon_pb2.Delivery,
    carbon_pb2.Factor, carbon_pb2.Price, carbon_pb2.Device, carbon_pb2.CarbonSlot,
    carbon_pb2.SlotFund, carbon_pb2.FeederBook,
    credits_pb2.Params, credits_pb2.Class, credits_pb2.Project, credits_pb2.Batch,
    credits_pb2.Registry, credits_pb2.Receipt, credits_pb2.Serials, credits_pb2.Lock,
    credits_pb2.Retirement, credits_pb2.CreditOffer,
    certificates_pb2.Params, certificates_pb2.Series, certificates_pb2.Holding,
    certificates_pb2.Claim, certificates_pb2.Asked, certificates_pb2.Lock,
    certificates_pb2.RecordedStatement, certificates_pb2.Recorded,
    settlement_pb2.Line, settlement_pb2.SlotResult, settlement_pb2.Progress, settlement_pb2.Params,
    forecast_pb2.Target, forecast_pb2.Tally, forecast_pb2.Outcome, forecast_pb2.Round,
    forecast_pb2.SlotForecast, forecast_pb2.FrozenForecast, forecast_pb2.Score,
    forecast_pb2.Skill, forecast_pb2.Model, forecast_pb2.PredictionMarket,
    forecast_pb2.Holding, forecast_pb2.Params,
    ibc_pb2.Client, ibc_pb2.TransferLimit, ibc_pb2.Params, tendermint_pb2.ConsensusState,
    carbontransfer_pb2.Route, carbontransfer_pb2.ForeignSeries,
    carbontransfer_pb2.ForeignRetirement,
    tielines_pb2.TieLine, tielines_pb2.Schedule, tielines_pb2.PlacedOrder,
]  # fmt: skip

GOLDEN = [
    (auth_pb2.Account(account_number=7, sequence=300, pub_key=b"\x02\x03"), "080710ac021a020203"),
    (
        bank_pb2.Hold(denom="ueur", amount=2**63 - 1, deadline_s=1_800_000_000),
        "0a047565757210ffffffffffffffff7f2080a4a7da06",
    ),
    (
        registry_pb2.Participant(
            roles=["ROLE_PROSUMER", "ROLE_DISTRIBUTOR"],
            status=registry_pb2.STATUS_ACTIVE,
            feeder="ä",
        ),
        "0a02030610012202c3a4",
    ),
    (
        metering_pb2.Conflict(registers=metering_pb2.Registers(import_wh=5_400), count=1),
        "0a030898 2a 1001".replace(" ", ""),
    ),
    (metering_pb2.Conflict(registers=metering_pb2.Registers()), "0a00"),
    (
        market_pb2.Position(bought_wh=1_000, cost=191_100, hold_id=1),
        "08e80718fcd40b2801",
    ),
    (
        registry_pb2.Feeder(parent="north", capacity_w=50_000, thin_market=True),
        "0a056e6f72746810d086032001",
    ),
    (
        market_pb2.Clearing(height=7, fills_wh=[0, 300], nodes=[market_pb2.ClearedNode()]),
        "08074a005a0300ac02",
    ),
    (settlement_pb2.Line(import_wh=5_000, quality=1), "1888276001"),
    (settlement_pb2.Progress(), ""),
]


@pytest.mark.parametrize(
    ("record", "encoded"), GOLDEN, ids=lambda value: getattr(value, "DESCRIPTOR", value) and ""
)
def test_golden_bytes(record: Message, encoded: str) -> None:
    assert codec.encode(record).hex() == encoded
    assert codec.encode_by_definition(record).hex() == encoded
    assert codec.decode(type(record), bytes.fromhex(encoded)) == record


def _fields(kind: type[Message]) -> st.SearchStrategy[dict[str, Any]]:
    """Any content of a message, with every field left out now and then."""
    choices = {}
    for field in kind.DESCRIPTOR.fields:
        one = _values(field)
        choices[field.name] = st.lists(one, max_size=3) if field.is_repeated else one
    return st.fixed_dictionaries({}, optional=choices)


def _values(field: Any) -> st.SearchStrategy[Any]:
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        kind = message_factory.GetMessageClass(field.message_type)
        return _fields(kind).map(lambda fields: kind(**fields))
    if field.type == FieldDescriptor.TYPE_STRING:
        return st.text(max_size=200)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=200)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == FieldDescriptor.TYPE_INT64:
        return st.one_of(st.integers(-300, 300), st.integers(-(2**63), 2**63 - 1))
    if field.type == FieldDescriptor.TYPE_INT32:
        return st.one_of(st.integers(-300, 300), st.integers(-(2**31), 2**31 - 1))
    most = 2**32 - 1 if field.type == FieldDescriptor.TYPE_UINT32 else 2**64 - 1
    return st.one_of(st.integers(0, 300), st.integers(0, most))


@pytest.mark.parametrize("kind", STATE_KINDS, ids=lambda kind: kind.DESCRIPTOR.full_name)
def test_protobufs_own_parser_reads_what_the_chain_writes(kind: type[Message]) -> None:
    @given(_fields(kind))
    @examples(40)
    def check(fields: dict[str, Any]) -> None:
        record = kind(**fields)
        encoded = codec.encode_by_definition(record)
        assert kind.FromString(encoded) == record
        assert codec.encode(record) == encoded
        assert encoded == record.SerializeToString(deterministic=True)
        assert strict.decode(kind, encoded) == record

    check()


def test_a_library_that_writes_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_backwards(message: Message) -> bytes:
        return message.SerializeToString(deterministic=True)[::-1]

    monkeypatch.setattr(codec, "_encode_by_library", write_backwards)
    codec._get_writer.cache_clear()
    try:
        record = auth_pb2.Account(account_number=7, sequence=300)
        assert codec.encode(record) == codec.encode_by_definition(record)
    finally:
        codec._get_writer.cache_clear()


@pytest.mark.parametrize("kind", STATE_KINDS, ids=lambda kind: kind.DESCRIPTOR.full_name)
def test_the_samples_have_every_field(kind: type[Message]) -> None:
    seen = {field.name for one in codec.make_samples(kind) for field, _ in one.ListFields()}
    assert seen == {field.name for field in kind.DESCRIPTOR.fields}


def test_every_record_of_every_module_is_in_the_list() -> None:
    values = [
        getattr(collection, "value", None) or getattr(collection, "_value", None)
        for module in app.MODULES
        for collection in module.schema.collections
    ]
    kinds = {value._message_type for value in values if isinstance(value, Record)}
    assert kinds == set(STATE_KINDS)


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 2**64 - 1))
@examples(100)
def test_the_sign_document_is_the_codecs(body: bytes, auth_info: bytes, number: int) -> None:
    if not body or not auth_info:
        return
    document = tx_pb2.SignDoc(
        body_bytes=body, auth_info_bytes=auth_info, chain_id="street-1", account_number=number
    )
    assert sign_bytes(body, auth_info, "street-1", number) == codec.encode(document)


class TestVarints:
    @pytest.mark.parametrize(
        ("number", "encoded"),
        [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (2**64 - 1, "ff" * 9 + "01")],
    )
    def test_golden(self, number: int, encoded: str) -> None:
        assert codec.write_varint(number).hex() == encoded


class TestWhatHasNoOneEncoding:
    @pytest.mark.parametrize(
        "message",
        [tx_pb2.ModeInfo(), Value(number_value=1.5), Struct(fields={"a": Value()})],
        ids=["oneof", "float", "map"],
    )
    def test_it_cannot_be_written(self, message: Message) -> None:
        with pytest.raises(TypeError, match="no canonical encoding"):
            codec.encode(message)
