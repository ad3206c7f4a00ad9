"""Houses of a test that agents trade for: what is behind a meter, and what its owner has written.

An hour of a house's day is a slot. Its battery does what the agent's schedule file says, and says
in a file of its own what it holds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from blockenergy.metering.v1.state_pb2 import Reading

from agents.run.agent import write_whole
from agents.trading import Battery
from agents.trading.stored_value import move
from client.signing.keyring import Keyring
from client.signing.keys import MeterKey
from meter_bridge.client import sign_reading
from node_config.regions.profiles import compute_load_wh, compute_pv_wh

HOURS, QUARTERS = 24, 96
EFFICIENCY_PERMILLE = 950
_PARTICIPANT = """
[participants.{name}]
roles = "prosumer"
amount = "100 EUR"
meter = {{ id = "METER-{name}", feeder = "feeder-1", capacity_w = 17_000, energy_source = "solar" }}
"""
_SETTINGS = """
key = "{name}"
annual_kwh = {annual_kwh}
strategy = "{strategy}"
schedule_file = "{name}-schedule.json"
limits = {{ money_per_day = {money_per_day} }}

[battery]
capacity_wh = {capacity_wh}
power_w = {power_w}
charge_efficiency_permille = {efficiency_permille}
discharge_efficiency_permille = {efficiency_permille}
state_file = "{name}-battery.json"
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a house is like."""

    annual_kwh: int
    pv_peak_w: int
    capacity_wh: int
    power_w: int
    strategy: str = "planner"
    money_per_day: int = 0


@dataclass(slots=True)
class House:
    """A house, with its meter's registers and what has flowed by slot."""

    name: str
    kind: Kind
    folder: Path
    meter_key: MeterKey
    battery: Battery
    import_register_wh: int = 0
    export_register_wh: int = 0
    # Without the battery, and through the meter.
    used_wh: dict[int, int] = field(default_factory=dict)
    metered_wh: dict[int, int] = field(default_factory=dict)
    # In these slots the schedule was the slot's own: its agent was neither slow nor killed.
    in_time: set[int] = field(default_factory=set)

    @property
    def settings(self) -> Path:
        """The file of its agent."""
        return self.folder / f"{self.name}.toml"

    @property
    def schedule(self) -> Path:
        """What its agent tells the battery."""
        return self.folder / f"{self.name}-schedule.json"

    def live(self, slot: int) -> None:
        """A slot passes."""
        hour = slot % HOURS
        quarters = slice(hour * 4, hour * 4 + 4)
        load = compute_load_wh(self.kind.annual_kwh, [1.0] * QUARTERS)[quarters]
        sun = compute_pv_wh(self.kind.pv_peak_w, 180)[quarters]
        schedule = json.loads(self.schedule.read_text())
        if schedule["slot"] == slot:
            self.in_time.add(slot)
        stored_wh, flow_wh = move(self.battery, schedule["battery_wh"].get(str(slot), 0))
        self.battery = replace(self.battery, stored_wh=stored_wh)
        state = json.dumps({"state_of_charge_wh": stored_wh})
        write_whole(self.folder / f"{self.name}-battery.json", state)
        self.used_wh[slot] = sum(load) - sum(sun)
        self.metered_wh[slot] = net_wh = self.used_wh[slot] + flow_wh
        self.import_register_wh += max(0, net_wh)
        self.export_register_wh += max(0, -net_wh)

    def read_meter(self, chain_id: str, slot: int) -> Reading:
        """What its meter sends at the end of a slot."""
        reading = Reading(
            meter_id=f"METER-{self.name}",
            slot=slot,
            import_register_wh=self.import_register_wh,
            export_register_wh=self.export_register_wh,
        )
        return sign_reading(self.meter_key, chain_id, reading)


def format_participant(name: str) -> str:
    """The account and the meter of a house, for a preset."""
    return _PARTICIPANT.format(name=name)


def build(name: str, kind: Kind, folder: Path, keyring: Keyring) -> House:
    """A house with the settings of its agent in a folder."""
    meter_key = keyring.load(f"meter-{name}", str)
    assert isinstance(meter_key, MeterKey)
    values = {key: getattr(kind, key) for key in Kind.__slots__}
    text = _SETTINGS.format(name=name, efficiency_permille=EFFICIENCY_PERMILLE, **values)
    battery = Battery(
        kind.capacity_wh, kind.power_w, EFFICIENCY_PERMILLE, EFFICIENCY_PERMILLE, 0, 0
    )
    house = House(name, kind, folder, meter_key, battery)
    folder.mkdir(exist_ok=True)
    house.settings.write_text(text)
    return house
