"""What energy over a tie line is charged for carbon: once, where it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.settlement.v1 import state_pb2 as settlement_pb2

from chain import carbon, settlement, tielines
from chain.carbon import compute_charge
from chain.runtime.encoding import bech32
from client.relay.packets import Sent
from tests.support.others.two_chains import Chain
from tests.support.streets import people
from tests.support.tie_lines import ACCOUNT, BUY, LINE, METER, NAME, SELL, Regions
from tests.support.world import START_S, reading

AGREED_WH = 3_000
PRICE_PER_TONNE = 80_000_000
# In zone 0, which no device and no certificate makes cleaner.
G_PER_MWH = 420_000
CARBON: Mapping[str, Any] = {
    "carbon.zones[0]": {"default_g_per_mwh": G_PER_MWH},
    "carbon.prices[0]": {"price_per_tonne": PRICE_PER_TONNE},
}
# The registers of meters at the end of a slot: import and export, in Wh.
_Shown = Mapping[str, tuple[int, int]]


@pytest.fixture
def regions() -> Regions:
    return Regions(CARBON)


def settle(regions: Regions, slot: int, shown: Mapping[Chain, _Shown]) -> None:
    """Settles a slot, until which the meters show nothing."""
    for number in (slot - 2, slot - 1, slot):
        for chain in regions.link.chains:
            chain.run_until(chain.end_s(number))
            for meter, registers in shown[chain].items():
                now = registers if number == slot else (0, 0)
                signed = reading(meter, number, *now, chain_id=chain.chain_id)
                chain.block(chain.submit(signed))
                assert chain.results[0].code == 0, chain.results[0].log
    for chain in regions.link.chains:
        chain.run_until(chain.deadline_s(slot) + 1)


def get_line(chain: Chain, slot: int, who: str = ACCOUNT) -> settlement_pb2.Line:
    line = settlement.get_line(chain.state, slot, bech32.decode(people.address_text(who)))
    assert line is not None
    return line


def sum_charges(chain: Chain, slot: int) -> int:
    sums = carbon.get_carbon_slot(chain.state, slot, 0)
    assert sums is not None
    return sums.charge


def trade(regions: Regions) -> int:
    """Agrees that the south takes energy of the north; returns the slot."""
    slot = regions.north.slot_ahead(4)
    regions.trade(regions.north, slot, BUY, AGREED_WH)
    regions.link.relay()
    assert regions.schedule(regions.north, slot).exported_wh == AGREED_WH
    return slot


def charge_for(wh: int) -> int:
    return compute_charge(wh * G_PER_MWH, PRICE_PER_TONNE)


def test_it_is_charged_in_the_region_in_which_it_is_used(regions: Regions) -> None:
    """Anna's roof makes it in the north, Ben uses it in the south: he pays, and nobody else."""
    north, south = regions.north, regions.south
    slot = trade(regions)
    shown = {
        north: {"meter-anna": (0, AGREED_WH), METER: (AGREED_WH, 0)},
        south: {"meter-ben": (AGREED_WH, 0), METER: (0, AGREED_WH)},
    }
    settle(regions, slot, shown)
    line = get_line(north, slot)
    assert (line.transit_wh, line.carbon_charge) == (AGREED_WH, 0)
    assert sum_charges(north, slot) == 0
    assert get_line(south, slot, "ben").carbon_charge == charge_for(AGREED_WH)
    assert sum_charges(south, slot) == charge_for(AGREED_WH)


@pytest.mark.parametrize(
    ("import_wh", "transit_wh"),
    [(AGREED_WH - 400, AGREED_WH - 400), (AGREED_WH + 250, AGREED_WH), (0, 0)],
)
def test_beyond_what_was_agreed_a_line_uses_what_it_takes(
    regions: Regions, import_wh: int, transit_wh: int
) -> None:
    """What is lost in it, or led off behind its meter."""
    slot = trade(regions)
    settle(regions, slot, {regions.north: {METER: (import_wh, 0)}, regions.south: {}})
    line = get_line(regions.north, slot)
    assert line.transit_wh == transit_wh
    assert line.carbon_charge == charge_for(import_wh - transit_wh)


def test_a_line_whose_meter_was_silent_is_charged_for_all_of_it(regions: Regions) -> None:
    north = regions.north
    slot = trade(regions)
    shown = reading(METER, slot, AGREED_WH, 0, chain_id=north.chain_id)
    north.run_until(north.end_s(slot))
    north.block(north.submit(shown))
    north.run_until(north.deadline_s(slot) + 1)
    line = get_line(north, slot)
    assert line.inexact and not line.transit_wh
    assert line.carbon_charge == charge_for(AGREED_WH)


def test_what_the_other_region_has_not_taken_is_used_here(regions: Regions) -> None:
    """Bought, and never answered."""
    slot = regions.north.slot_ahead(4)
    regions.trade(regions.north, slot, BUY, AGREED_WH)
    settle(regions, slot, {regions.north: {METER: (AGREED_WH, 0)}, regions.south: {}})
    line = get_line(regions.north, slot)
    assert (line.transit_wh, line.carbon_charge) == (0, charge_for(AGREED_WH))


def test_directions_of_a_slot_are_netted(regions: Regions) -> None:
    """What comes back is not taken out: else a load behind the meter would go uncharged."""
    north, south = regions.north, regions.south
    slot = trade(regions)
    regions.trade(south, slot, BUY, 1_000)
    regions.link.relay()
    assert regions.schedule(north, slot).imported_wh == 1_000
    # Whether it comes back is still open.
    regions.trade(north, slot, SELL, 500)
    settle(regions, slot, {north: {METER: (AGREED_WH, 1_000)}, south: {}})
    assert get_line(north, slot).transit_wh == AGREED_WH - 1_500
    (late,) = [one.packet for _, one in north.happened[-1:] if isinstance(one, Sent)]
    regions.link.time_out(north, late)


def test_nothing_is_issued_for_what_arrives_over_a_line() -> None:
    """Whoever made it has the certificates, in the other region."""
    device = {
        "owner": ACCOUNT, "energy_source": "ENERGY_SOURCE_SOLAR", "power_w": 1_000_000,
        "technology": "crystalline silicon", "commissioned_at_s": 1_700_000_000,
        "status": "DEVICE_STATUS_IN_FORCE", "meter_added_at_s": START_S,
    }  # fmt: skip
    regions = Regions(
        {
            **CARBON,
            f"carbon.devices[{METER}]": device,
            f"registry.meters[{METER}]": {
                **LINE[f"registry.meters[{METER}]"],
                "energy_source": "ENERGY_SOURCE_SOLAR",
            },
        }
    )
    slot = trade(regions)
    settle(regions, slot, {regions.north: {}, regions.south: {METER: (0, AGREED_WH)}})
    (devices,) = carbon.list_devices_of(regions.south.state, tielines.get_account(NAME))
    assert devices[1].energy_source == ENERGY_SOURCE_SOLAR
    line = get_line(regions.south, slot)
    assert (line.export_wh, line.renewable_wh) == (AGREED_WH, 0)
