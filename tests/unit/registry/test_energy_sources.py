"""What a meter's energy is made from, and whether its owner may sell it as renewable."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.registry.v1 import tx_pb2
from blockenergy.registry.v1.energy_source_pb2 import EnergySource

from chain import registry
from chain.registry.rules import is_renewable
from chain.runtime.state.collections import GenesisError
from tests.support.streets import people
from tests.support.world import World

NO_SOURCE = {"energy_source": "ENERGY_SOURCE_UNSPECIFIED"}
REGISTRAR = people.address_text("registrar")


def act(world: World, kind: str, **fields: Any) -> int:
    message = getattr(tx_pb2, f"Msg{kind}")
    world.block(world.sign("registrar", message(registrar=REGISTRAR, **fields)))
    return world.results[0].code


def with_meter(source: str) -> World:
    """Eva gets a second meter, of this energy source."""
    world = World({f"registry.meters[meter-{name}]": NO_SOURCE for name in ("dirk", "eva")})
    code = act(
        world,
        "AddMeter",
        meter_id="roof",
        owner=people.address_text("eva"),
        bridge=people.address_text("bridge"),
        feeder="south",
        capacity_w=1_000,
        pub_key=people.meter_key_bytes("roof"),
        energy_source=EnergySource.Value(f"ENERGY_SOURCE_{source}"),
    )
    assert code == 0
    return world


def sells_renewable(world: World, name: str) -> bool:
    return registry.has_renewable_meter(world.state, people.wallet(name).address)


def test_which_sources_are_renewable() -> None:
    renewable = {name for name, number in EnergySource.items() if is_renewable(number)}
    assert {name.removeprefix("ENERGY_SOURCE_") for name in renewable} == {
        *("SOLAR", "WIND", "HYDRO", "GEOTHERMAL", "BIOMASS"),
    }
    assert not is_renewable(max(EnergySource.values()) + 1)


@pytest.mark.parametrize(
    ("source", "step", "expected"),
    [
        ("SOLAR", None, True),
        ("SOLAR", "SuspendMeter", False),
        ("SOLAR", "RemoveMeter", False),
        ("STORAGE", None, False),
        ("UNSPECIFIED", None, False),
    ],
)
def test_only_an_active_meter_with_a_renewable_source_counts(
    source: str, step: str | None, expected: bool
) -> None:
    world = with_meter(source)
    if step == "RemoveMeter":
        world.block(world.remove_meter("roof"))
    elif step:
        act(world, step, meter_id="roof")
    assert sells_renewable(world, "eva") == expected


def test_the_meters_of_others_do_not_count() -> None:
    assert not sells_renewable(with_meter("SOLAR"), "dirk")


def test_a_genesis_with_an_unknown_source_is_rejected() -> None:
    with pytest.raises(GenesisError, match=r"registry\.meters meter-eva: the energy source"):
        World({"registry.meters[meter-eva]": {"energy_source": 99}})
