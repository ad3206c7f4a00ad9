"""Check meters of feeders, and what a meter can say at most."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from blockenergy.settlement.v1 import query_pb2, state_pb2

from tests.support.streets import people
from tests.support.streets.settling import opened, result_of, settle
from tests.support.world import World, reading, response


def check_meter(feeder: str) -> dict[str, Any]:
    return {f"registry.meters[check-{feeder}]": {
        "owner": "distributor", "bridge": "bridge", "feeder": feeder, "capacity_w": 1_000_000,
        "pub_key": f"meter-{feeder}", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        "checks_feeder": True,
    }}  # fmt: skip


def checks_of(world: World, slot: int) -> dict[str, state_pb2.FeederCheck]:
    request = query_pb2.QueryFeederChecksRequest(slot=slot)
    path = "/blockenergy.settlement.v1.Query/FeederChecks"
    answer = world.query(path, request, query_pb2.QueryFeederChecksResponse)
    return {entry.feeder: entry.check for entry in answer.feeders}


def run_slot(world: World, slot: int, shown: dict[str, tuple[int, int]]) -> None:
    """Submits what registers show at the end of a slot."""
    readings = [
        reading(
            f"check-{name}" if name in ("north", "south", "yard") else f"meter-{name}",
            slot,
            *registers,
            signed_by=f"meter-{name}",
        )
        for name, registers in shown.items()
    ]
    world.block(world.submit(*readings), at=world.end_s(slot))


@pytest.mark.parametrize("accounts_per_block", [1, 100])
def test_a_gateway_that_makes_up_production_is_seen_at_its_feeder(accounts_per_block: int) -> None:
    """Anna's gateway says 5 kWh that were never there: it signs, the bridge carries it, her
    connection allows it. The line of the north knows better. Yard, with Ben, is below north.
    """
    world, slot = opened({
        **check_meter("north"), **check_meter("south"),
        "registry.feeders[yard]": {"parent": "north", "capacity_w": 10_000_000},
        "registry.meters[meter-ben]": {"feeder": "yard"},
        "settlement.params": {"accounts_per_block_max": accounts_per_block},
    })  # fmt: skip
    run_slot(world, slot, {"north": (0, 0), "south": (0, 0), "anna": (0, 0), "ben": (0, 0)})
    shown = {
        "anna": (0, 5_000), "ben": (3_000, 0), "clara": (1_000, 0), "north": (3_000, 0),
        "south": (1_000, 0),
    }  # fmt: skip
    run_slot(world, slot + 1, shown)
    settle(world, slot + 1)
    checks = checks_of(world, slot + 1)
    north, south = checks["north"], checks["south"]
    assert (north.import_wh, north.export_wh, north.measured_import_wh) == (3_000, 5_000, 3_000)
    assert (north.missing_wh, north.excess_wh) == (5_000, 0)
    assert (south.missing_wh, south.excess_wh) == (0, 0)
    result = result_of(world, slot + 1)
    assert (result.checked_feeders, result.gap_wh) == (2, 5_000)
    # It is nobody's use: only what the homes measured is settled.
    assert (result.import_wh, result.export_wh) == (4_000, 5_000)


def test_without_two_readings_in_a_row_there_is_no_comparison() -> None:
    world, slot = opened(check_meter("north"))
    for number, shown in enumerate([(1_000, 0), None, (3_000, 0), (4_000, 0)]):
        this = slot + number
        run_slot(world, this, {"anna": (0, 0)} | ({"north": shown} if shown else {}))
    settle(world, slot + 3)
    measured = [checks_of(world, slot + number)["north"].measured for number in range(4)]
    assert measured == [False, False, False, True]
    assert checks_of(world, slot + 3)["north"].missing_wh == 1_000


def test_solar_panels_export_no_more_than_they_are() -> None:
    """Neither in a reading, nor as what backs a sale."""
    world, slot = opened({"registry.meters[meter-anna]": {"export_capacity_w": 4_000}})
    world.block(world.sell("anna", slot, 5_000, 80_000))
    bond = 100_000_000 - world.balance("anna")
    # A tenth of what 4 kWh can cost, and all of what 1 kWh can, with what it does to the price.
    assert bond == 88_000 + 440_000
    results = []
    # Two slots have passed since the meter was added, with a tolerance of a twentieth.
    for export_wh in (8_401, 8_400):
        world.block(world.submit(reading("meter-anna", slot, 0, export_wh)), at=world.end_s(slot))
        answer = response(world.results[0], metering_tx_pb2.MsgSubmitReadingsResponse)
        results += list(answer.results)
    assert results == [metering_pb2.READING_OUT_OF_RANGE, metering_pb2.READING_RECORDED]


def test_a_check_meter_comes_and_goes_with_its_feeder() -> None:
    world, slot = opened()
    registrar = people.address_text("registrar")
    add = registry_tx_pb2.MsgAddMeter(
        registrar=registrar, meter_id="check-north", owner=people.address_text("distributor"),
        bridge=people.address_text("bridge"), feeder="north", capacity_w=100_000,
        pub_key=people.meter_key_bytes("meter-north"), checks_feeder=True,
    )  # fmt: skip
    second = registry_tx_pb2.MsgAddMeter()
    second.CopyFrom(add)
    second.meter_id, second.pub_key = "check-2", people.meter_key_bytes("meter-2")
    remove = metering_tx_pb2.MsgRemoveMeter(registrar=registrar, meter_id="check-north")
    world.block(*(world.sign("registrar", message) for message in (add, second, remove, second)))
    assert [result.code for result in world.results] == [0, 24, 0, 0]
    # The distributor still trades nothing.
    world.block(world.buy("distributor", slot, 1, 300_000))
    assert world.results[0].code != 0
