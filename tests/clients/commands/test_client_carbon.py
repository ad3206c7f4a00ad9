"""Statements against a chain in memory, and factor files."""

from __future__ import annotations

import base64
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from blockenergy.carbon.v1 import query_pb2
from blockenergy.certificates.v1 import state_pb2, tx_pb2
from loopback_node import LoopbackNode
from test_client_rpc import STATUS

from chain import app
from client.cli.__main__ import main
from client.cli.carbon.publish import make_message
from client.errors import UsageError
from tests.support.streets import people
from tests.support.streets.settling import settle
from tests.support.world import World, reading

GREEN = {
    "carbon.zones[0]": {"default_g_per_mwh": 420_000},
    "carbon.prices[0]": {"price_per_tonne": 80_000_000},
    "registry.meters[meter-anna]": {
        "energy_source": "ENERGY_SOURCE_SOLAR", "added_at_s": 1_800_000_060,
    },
    "registry.meters[meter-ben]": {"added_at_s": 1_800_000_060},
    "carbon.devices[meter-anna]": {
        "owner": "anna", "energy_source": "ENERGY_SOURCE_SOLAR", "power_w": 10_000,
        "status": "DEVICE_STATUS_IN_FORCE", "meter_added_at_s": 1_800_000_060,
    },
}  # fmt: skip


def settled() -> tuple[World, int]:
    """Anna makes 900 Wh and uses 100; Ben uses 400, of which she retires certificates for 300."""
    world = World(GREEN)
    world.block()
    slot = world.slot_ahead(1)
    readings = reading("meter-anna", slot, 100, 900), reading("meter-ben", slot, 400)
    world.block(world.submit(*readings), at=world.end_s(slot))
    settle(world, slot)
    entry = state_pb2.Entry(slot=slot, producer=people.address_text("anna"), wh=300)
    message = tx_pb2.MsgRetireCertificates(
        holder=people.address_text("anna"),
        consumer=people.address_text("ben"),
        entries=[entry],
    )
    world.block(world.sign("anna", message))
    assert not world.results[0].code
    return world, slot


def serve(node: LoopbackNode, world: World) -> None:
    def answer(params: dict[str, Any]) -> dict[str, Any]:
        data = bytes.fromhex(params["data"])
        value = app.query(world.store, world.block_info, params["path"], data)
        return {"response": {"code": 0, "value": base64.b64encode(value).decode(), "height": "1"}}

    node.responses["abci_query"] = answer
    node.responses["abci_info"] = lambda _: {"response": {"last_block_height": "1"}}
    node.responses["status"] = lambda _: STATUS


def test_a_statement_in_every_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, slot = settled()
    table, page = tmp_path / "slots.csv", tmp_path / "page.html"
    node = LoopbackNode()
    serve(node, world)
    with node.running():
        options = ["--account", people.address_text("ben"), "--node", node.url]
        span = ["--from", str(slot - 1_500), "--to", str(slot + 600)]
        files = ["--csv", str(table), "--html", str(page)]
        assert main(["carbon", "statement", *options, *span, *files, "-o", "json"]) == 0
        assert main(["carbon", "statement", *options, *span]) == 0
        assert main(["carbon", "statement", *options, "--from", "9", "--to", "3"]) == 2
        assert main(["carbon", "statement", *options, "--from", "x", "--to", "3"]) == 2
    output = capsys.readouterr().out
    found = json.loads(output[: output.index("}") + 1])
    assert found == {
        "slots": 1, "use_wh": 400, "exact_use_wh": 400, "matched_wh": 300, "retired_wh": 300,
        "location_g": 168, "market_g": 42, "matched_ppm": 750_000, "carbon_free_ppm": 750_000,
        "charge": 13_440, "refunded": 10_080, "offset_g": 0, "estimated_factor_wh": 400,
        "matched_solar_wh": 300, "matched_wind_wh": 0, "matched_hydro_wh": 0,
        "matched_geothermal_wh": 0, "matched_biomass_wh": 0, "matched_storage_wh": 0,
    }  # fmt: skip
    assert "75.00%" in output and "42 g" in output
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(row["slot"], row["use_wh"], row["market_ug"]) for row in rows] == [
        (str(slot), "400", "42000000")
    ]
    assert page.read_text().count("<rect") == 3 and "42 g CO2e" in page.read_text()


CSV = "slot,location_g_per_mwh,residual_g_per_mwh,cfe_permille,quality\n"


def test_a_factor_file() -> None:
    rows = "7,300,420,380,measured\n,150,200,500,forecast\n9,150,200,500,forecast\n"
    message = make_message(CSV + rows, 1, int)
    assert (message.zone, message.first_slot, len(message.factors)) == (1, 7, 3)
    first = message.factors[0]
    assert (first.location_g_per_mwh, first.residual_g_per_mwh) == (300, 420)
    assert (first.cfe_permille, first.solar_ceiling_permille, first.quality) == (380, 1_000, 1)


def test_what_a_file_says_is_read_again_slot_by_slot() -> None:
    world = World(GREEN)
    world.block()
    slot = world.slot_ahead(2)
    rows = f"{slot},300,420,380,measured\n,150,200,500,forecast\n,90,95,0,estimated\n"
    message = make_message(CSV + rows, 0, int)
    message.publisher = people.address_text("distributor")
    world.block(world.sign("distributor", message))
    assert not world.results[0].code, world.results[0].log
    path = "/blockenergy.carbon.v1.Query/"
    request = query_pb2.QueryFactorsRequest(from_slot=slot)
    published = world.query(f"{path}Factors", request, query_pb2.QueryFactorsResponse).factors
    assert [entry.slot for entry in published] == [slot, slot + 1, slot + 2]
    assert [entry.factor for entry in published] == list(message.factors)
    for number, factor in enumerate(message.factors):
        one = query_pb2.QueryFactorRequest(slot=slot + number)
        answer = world.query(f"{path}Factor", one, query_pb2.QueryFactorResponse)
        assert (answer.factor, answer.is_final) == (factor, False)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "no column slot"),
        (CSV, "no rows"),
        (CSV.replace("quality", "colour"), "no column 'colour'"),
        (CSV + "7,300,420,380\n", "more or fewer columns"),
        (CSV + "7,300,420,380,best\n", "row 2: 'best'"),
        (CSV + "7,300,x,380,measured\n", "row 2"),
        (CSV + "7,1,2,3,measured\n9,1,2,3,measured\n", "row 3: slot 9"),
    ],
)
def test_what_is_wrong_with_a_factor_file_is_said(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make_message(text, 0, int)
