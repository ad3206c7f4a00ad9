"""A street with a battery: 10 kWh, 5 kW, nine tenths efficient each way, half full."""

from __future__ import annotations

from typing import Any

from blockenergy.storage.v1 import query_pb2, state_pb2, tx_pb2

from tests.support.streets import people
from tests.support.world import FIRST_SLOT, SLOT_LENGTH_S, World, reading

OWNER: dict[str, Any] = {
    "registry.participants[battery]": {"roles": ["ROLE_STORAGE"], "status": "STATUS_ACTIVE"},
    "registry.meters[meter-battery]": {
        "owner": "battery", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
        "pub_key": "meter-battery", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
    },
    "bank.balances[battery, ueur]": 100_000_000,
}  # fmt: skip
BATTERY: dict[str, Any] = {
    "capacity_wh": 10_000, "power_w": 5_000, "charge_efficiency_permille": 900,
    "discharge_efficiency_permille": 900, "state_of_charge_wh": 5_000,
    "settled_slot": FIRST_SLOT - 1,
}  # fmt: skip
LOW, HIGH = 80_000, 300_000


class Storing:
    """The battery's owner and its meter, which shows what was agreed or anything else."""

    def __init__(
        self, battery: dict[str, Any] | None = None, changes: dict[str, Any] | None = None
    ) -> None:
        """Fields of the battery, and changes of the street; None leaves an entry out."""
        fields = {**BATTERY, **(battery or {})}
        entries = {**OWNER, "storage.batteries[battery]": fields, **(changes or {})}
        self.world = World({path: entry for path, entry in entries.items() if entry is not None})
        self.import_wh, self.export_wh = 0, 0
        self.world.block()

    def charge(self, slot: int, quantity_wh: int, limit: int = HIGH) -> bytes:
        message = tx_pb2.MsgCharge(
            owner=people.address_text("battery"),
            slot=slot,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.world.sign("battery", message)

    def discharge(self, slot: int, quantity_wh: int, limit: int = LOW) -> bytes:
        message = tx_pb2.MsgDischarge(
            owner=people.address_text("battery"),
            slot=slot,
            quantity_wh=quantity_wh,
            price_limit_per_kwh=limit,
        )
        return self.world.sign("battery", message)

    def shift(
        self,
        charge: tuple[int, int],
        discharge: tuple[int, int],
        limits: tuple[int, int] = (HIGH, LOW),
    ) -> bytes:
        """(slot, Wh) of each leg."""
        message = tx_pb2.MsgShift(
            owner=people.address_text("battery"),
            charge_slot=charge[0],
            charge_wh=charge[1],
            charge_limit_per_kwh=limits[0],
            discharge_slot=discharge[0],
            discharge_wh=discharge[1],
            discharge_limit_per_kwh=limits[1],
        )
        return self.world.sign("battery", message)

    def meter(self, slot: int, import_wh: int = 0, export_wh: int = 0) -> bytes:
        """The reading of a slot that has ended, with this import and export."""
        self.import_wh += import_wh
        self.export_wh += export_wh
        return self.world.submit(reading("meter-battery", slot, self.import_wh, self.export_wh))

    def end_of(self, slot: int) -> int:
        """The first second after a slot."""
        return (slot + 1) * SLOT_LENGTH_S

    @property
    def battery(self) -> state_pb2.Battery:
        request = query_pb2.QueryBatteryRequest(owner=people.address_text("battery"))
        path = "/blockenergy.storage.v1.Query/Battery"
        return self.world.query(path, request, query_pb2.QueryBatteryResponse).battery

    @property
    def projection(self) -> dict[int, query_pb2.ProjectedSlot]:
        """By slot, of those that are not settled."""
        request = query_pb2.QueryProjectionRequest(owner=people.address_text("battery"))
        path = "/blockenergy.storage.v1.Query/Projection"
        answer = self.world.query(path, request, query_pb2.QueryProjectionResponse)
        return {entry.slot: entry for entry in answer.slots}
