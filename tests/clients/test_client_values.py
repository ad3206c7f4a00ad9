"""Messages built from command line options."""

import json
from pathlib import Path
from typing import Any

import pytest
from blockenergy.bank.v1 import state_pb2 as bank_pb2
from blockenergy.bank.v1.tx_pb2 import MsgReserve
from blockenergy.certificates.v1.state_pb2 import Entry
from blockenergy.certificates.v1.tx_pb2 import MsgCancelCertificates
from blockenergy.forecast.v1.tx_pb2 import MsgCreateMarket
from blockenergy.market.v1.query_pb2 import QuerySlotsRequest
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.metering.v1.state_pb2 import Reading
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadings
from blockenergy.params.v1.query_pb2 import QueryModuleParamsResponse
from blockenergy.params.v1.tx_pb2 import MsgUpdateParams
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.registry.v1.role_pb2 import ROLE_BRIDGE, ROLE_PROSUMER
from blockenergy.registry.v1.tx_pb2 import MsgAddMeter, MsgAddParticipant
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

import text_output
from client.catalog import get_messages, get_queries
from client.cli.common import Parser
from client.cli.display import to_dict
from client.cli.fields import add_options, build_message, list_options
from client.cli.values import Lookups
from client.errors import MissingError, UsageError

ALICE = "energy19rl4cm2hmr8afy4kldpxz3fka4jguq0aj4r0uh"
DENOMS = {"EUR": ("ueur", 6), "PT": ("point", 0)}


def find_address(text: str) -> str:
    if text not in ("alice", ALICE):
        raise UsageError("there is no such key")
    return ALICE


LOOKUPS = Lookups(find_address, lambda: 4709, lambda symbol: DENOMS[symbol])


def build(kind: Any, *arguments: str) -> Message:
    parser = Parser(prog="test")
    add_options(parser, kind.DESCRIPTOR, required=False)
    return build_message(kind.DESCRIPTOR, parser.parse_args(arguments), LOOKUPS)


def test_an_order() -> None:
    order = build(MsgBuy, "--slot", "+2", "--quantity", "5kWh", "--price-limit", "0.24")
    assert order == MsgBuy(slot=4711, quantity_wh=5_000, price_limit_per_kwh=240_000)


def test_lists_are_separated_by_commas_and_an_option_is_given_once() -> None:
    market = build(MsgCreateMarket, "--bounds=-5,0,1000", "--beta", "10")
    assert market == MsgCreateMarket(bounds=[-5, 0, 1_000], beta=10_000_000)
    with pytest.raises(UsageError, match="separated by commas"):
        build(MsgCreateMarket, "--bounds", "0", "--bounds", "1000")


def test_the_signer_is_not_an_option() -> None:
    with pytest.raises(UsageError, match="--buyer"):
        build(MsgBuy, "--buyer", "alice")


def test_a_participant() -> None:
    built = build(MsgAddParticipant, "--address", "alice", "--roles", "prosumer, ROLE_BRIDGE")
    assert built == MsgAddParticipant(address=ALICE, roles=[ROLE_PROSUMER, ROLE_BRIDGE])


def test_a_meter() -> None:
    key = bytes(range(32))
    for text in (f"0x{key.hex()}", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="):
        built = build(MsgAddMeter, "--pub-key", text, "--capacity", "11kW")
        assert built == MsgAddMeter(pub_key=key, capacity_w=11_000)
    built = build(MsgAddMeter, "--energy-source", "solar")
    assert built == MsgAddMeter(energy_source=ENERGY_SOURCE_SOLAR)


@pytest.mark.parametrize(
    ("text", "coins"),
    [
        ("1000000ueur", [("ueur", "1000000")]),
        ("12.5 EUR", [("ueur", "12500000")]),
        ("12.5EUR", [("ueur", "12500000")]),
        ("12 EUR", [("ueur", "12000000")]),
        ("7ueur,3 PT", [("point", "3"), ("ueur", "7")]),
        ("007ueur", [("ueur", "7")]),
        ("12.5", None),
        ("ueur", None),
        ("-5ueur", None),
        ("0.1 PT", None),
        ("0.1234567 EUR", None),
        ("5ueur,,6point", None),
    ],
)
def test_coins(text: str, coins: list[tuple[str, str]] | None) -> None:
    if coins is None:
        with pytest.raises(UsageError, match="--amount"):
            build(MsgSend, "--amount", text)
        return
    expected = [Coin(denom=denom, amount=amount) for denom, amount in coins]
    assert build(MsgSend, "--amount", text) == MsgSend(amount=expected)


def test_one_coin_and_a_time() -> None:
    built = build(MsgReserve, "--amount", "7ueur", "--deadline", "2026-10-01T12:00:00Z")
    expected = MsgReserve(amount=Coin(denom="ueur", amount="7"), deadline_s=1_790_856_000)
    assert built == expected


def test_readings_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "readings.json"
    path.write_text(json.dumps([{"meter_id": "m1", "slot": "5"}, {"meterId": "m2"}]))
    expected = MsgSubmitReadings(readings=[Reading(meter_id="m1", slot=5), Reading(meter_id="m2")])
    assert build(MsgSubmitReadings, "--readings", f"@{path}") == expected
    assert build(MsgSubmitReadings, "--readings", path.read_text()) == expected


def test_addresses_in_json_may_be_key_names() -> None:
    text = '[{"slot": 7, "producer": "%s", "wh": 5}]'
    expected = MsgCancelCertificates(entries=[Entry(slot=7, producer=ALICE, wh=5)])
    for producer in ("alice", ALICE):
        assert build(MsgCancelCertificates, "--entries", text % producer) == expected
    with pytest.raises(UsageError, match="--entries: there is no such key"):
        build(MsgCancelCertificates, "--entries", text % "bob")


@pytest.mark.parametrize("text", ["{}", "[5]", '[{"nothing": 1}]', "[", "", '[{"slot": -1}]'])
def test_json_that_does_not_match(text: str) -> None:
    with pytest.raises(UsageError, match="--readings"):
        build(MsgSubmitReadings, "--readings", text)


def test_parameters_are_sent_back_in_the_form_in_which_they_were_queried(tmp_path: Path) -> None:
    """blockenergy query params module-params -o json > FILE; blockenergy tx params update-params
    --params @FILE.
    """
    bank = AnyMessage(type_url="/blockenergy.bank.v1.Params")
    bank.value = bank_pb2.Params(expiries_per_block_max=50).SerializeToString()
    path = tmp_path / "bank.json"
    path.write_text(text_output.to_json(to_dict(QueryModuleParamsResponse(params=bank))))
    assert build(MsgUpdateParams, "--params", f"@{path}") == MsgUpdateParams(params=bank)
    edited = path.read_text().replace('"50"', '"51"')
    bank.value = bank_pb2.Params(expiries_per_block_max=51).SerializeToString()
    assert build(MsgUpdateParams, "--params", edited) == MsgUpdateParams(params=bank)


@pytest.mark.parametrize(
    "text",
    [
        "5", '{"x": 1}', '{"@type": 5}', '{"@type": "/google.protobuf.Any"}',
        '{"@type": "/blockenergy.bank.v1.Nothing"}',
        '{"@type": "/blockenergy.bank.v1.Params", "nothing": 1}',
    ],
)  # fmt: skip
def test_parameters_that_do_not_fit(text: str) -> None:
    with pytest.raises(UsageError, match="--params"):
        build(MsgUpdateParams, "--params", text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(MissingError, match="cannot be read"):
            build(MsgSubmitReadings, "--readings", f"@{path}")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        build(MsgSubmitReadings, "--readings", f"@{binary}")


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (MsgBuy, ("--quantity", "5")),
        (MsgBuy, ("--slot", "+x")),
        (MsgBuy, ("--quant", "5kWh")),
        (MsgAddParticipant, ("--roles", "prosumer,king")),
        (MsgAddParticipant, ("--roles", "unspecified")),
        (MsgAddParticipant, ("--address", "bob")),
        (MsgAddMeter, ("--pub-key", "0xzz")),
        (MsgAddMeter, ("--pub-key", "not base64")),
        (MsgAddMeter, ("--energy-source", "coal")),
    ],
)
def test_error_names_the_option(kind: Any, arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=arguments[0]):
        build(kind, *arguments)


def test_pages() -> None:
    built = build(QuerySlotsRequest, "--page-limit", "5", "--page-reverse", "--page-key", "AQI=")
    page = PageRequest(limit=5, reverse=True, key=b"\x01\x02")
    assert built == QuerySlotsRequest(pagination=page)
    assert build(QuerySlotsRequest) == QuerySlotsRequest()


def test_every_field_of_every_command_has_an_option_of_its_own() -> None:
    for operations in (*get_messages().values(), *get_queries().values()):
        for operation in operations.values():
            options = list_options(operation.request)
            fields = {field.full_name for field in options.values()}
            assert len(fields) == len(options), operation.path
            parser = Parser(prog="test")
            add_options(parser, operation.request, required=False)
            assert "--" not in operation.name
            assert operation.comment, f"{operation.path} has no comment"
