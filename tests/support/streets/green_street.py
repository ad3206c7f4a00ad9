"""A street with a carbon price: Anna has a solar roof, Ben and Eva use energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from blockenergy.certificates.v1 import query_pb2, state_pb2, tx_pb2
from google.protobuf.message import Message

from tests.support import documents
from tests.support.streets import people
from tests.support.streets.settling import settle
from tests.support.world import World, reading

# In the first slot that is traded: what is read at its end is exact.
ADDED_AT_S = 1_800_000_060
SOLAR = {
    "owner": "anna", "energy_source": "ENERGY_SOURCE_SOLAR", "power_w": 10_000,
    "status": "DEVICE_STATUS_IN_FORCE", "meter_added_at_s": ADDED_AT_S,
}  # fmt: skip
STREET: dict[str, Any] = {
    "carbon.zones[0]": {"default_g_per_mwh": 420_000},
    "carbon.prices[0]": {"price_per_tonne": 80_000_000},
    "certificates.params": {"claim_slots": 5, "entry_min_wh": 1},
    "registry.participants[auditor]": {
        "roles": ["ROLE_AUDITOR", "ROLE_CERTIFIER"], "status": "STATUS_ACTIVE",
    },
    "registry.meters[meter-anna]": {
        "energy_source": "ENERGY_SOURCE_SOLAR", "added_at_s": ADDED_AT_S,
    },
    "registry.meters[meter-ben]": {"added_at_s": ADDED_AT_S},
    "registry.meters[meter-dirk]": {"added_at_s": ADDED_AT_S},
    "registry.meters[meter-eva]": {"added_at_s": ADDED_AT_S},
    "carbon.devices[meter-anna]": SOLAR,
}  # fmt: skip
BATTERY: dict[str, Any] = {
    "registry.participants[battery]": {"roles": ["ROLE_STORAGE"], "status": "STATUS_ACTIVE"},
    "registry.meters[meter-battery]": {
        "owner": "battery", "bridge": "bridge", "feeder": "north", "capacity_w": 20_000,
        "pub_key": "meter-battery", "status": "STATUS_ACTIVE", "added_at_s": ADDED_AT_S,
    },
    "bank.balances[battery, ueur]": 100_000_000,
    "storage.batteries[battery]": {
        "capacity_wh": 13_500, "power_w": 20_000, "charge_efficiency_permille": 950,
        "discharge_efficiency_permille": 950, "settled_slot": 29_999_999,
    },
}  # fmt: skip


class GreenStreet:
    """A world whose meters are read slot by slot. Registers are running totals."""

    def __init__(self, *changes: Mapping[str, Any]) -> None:
        pre: documents.Short = STREET
        for change in changes:
            pre = documents.patch(pre, change)
        self.world = World(pre)
        self.world.block()
        self.first = self.world.slot_ahead(1)
        self.registers: dict[str, tuple[int, int]] = {}

    def run_slot(self, number: int, **energy: tuple[int, int] | None) -> int:
        """Settles a slot in which homes import and export this many Wh; None: the meter is silent
        and shows it later. Returns the slot.
        """
        slot = self.read_slot(number, **energy)
        settle(self.world, slot)
        return slot

    def read_slot(self, number: int, **energy: tuple[int, int] | None) -> int:
        """The same, before the slot is settled."""
        world, slot = self.world, self.first + number
        readings = []
        for name, flows in energy.items():
            if flows is not None:
                self.use(name, *flows)
                readings.append(reading(f"meter-{name}", slot, *self.registers[name]))
        world.block(world.submit(*readings), at=world.end_s(slot))
        return slot

    def use(self, name: str, import_wh: int, export_wh: int) -> None:
        """Turns the registers of a meter."""
        before = self.registers.get(name, (0, 0))
        self.registers[name] = before[0] + import_wh, before[1] + export_wh

    def send(self, signer: str, message: Message) -> str:
        """Sends one message; returns the sentence it was rejected with, empty if it was not."""
        self.world.block(self.world.sign(signer, message))
        return self.world.results[0].log if self.world.results[0].code else ""

    def retire(self, holder: str, slot: int, wh: int, consumer: str, producer: str = "anna") -> str:
        message = tx_pb2.MsgRetireCertificates(
            holder=people.address_text(holder),
            consumer=people.address_text(consumer),
            entries=[self.entry(slot, wh, producer)],
        )
        return self.send(holder, message)

    def transfer(self, slot: int, wh: int, recipient: str, producer: str = "anna") -> str:
        message = tx_pb2.MsgTransferCertificates(
            holder=people.address_text(producer),
            recipient=people.address_text(recipient),
            entries=[self.entry(slot, wh, producer)],
        )
        return self.send(producer, message)

    def entry(self, slot: int, wh: int, producer: str = "anna") -> state_pb2.Entry:
        return state_pb2.Entry(slot=slot, producer=people.address_text(producer), wh=wh)

    def line(self, slot: int, name: str) -> dict[str, Any]:
        """The line of an account, numbers as numbers; empty if there is none."""
        found = self.world.short().get(f"settlement.lines[{slot}, {name}]", {})
        return {
            key: int(value) if isinstance(value, str) and value.isdecimal() else value
            for key, value in found.items()
        }

    def statement(self, name: str, first: int, last: int) -> query_pb2.QueryStatementResponse:
        request = query_pb2.QueryStatementRequest(
            account=people.address_text(name), first_slot=first, last_slot=last
        )
        path = "/blockenergy.certificates.v1.Query/Statement"
        return self.world.query(path, request, query_pb2.QueryStatementResponse)
