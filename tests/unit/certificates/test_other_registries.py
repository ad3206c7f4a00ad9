"""What another registry issued comes in once and goes out once, and no export has certificates of
both.
"""

from __future__ import annotations

from typing import Any

from blockenergy.certificates.v1 import state_pb2, tx_pb2

from tests.support import documents
from tests.support.streets import people
from tests.support.streets.green_street import SOLAR, GreenStreet
from tests.support.world import World

# Anna's device is one that another registry issues for.
BACKED: dict[str, Any] = {
    "credits.registries[GridReg]": {"operator": "backstop", "unit": "REGISTRY_UNIT_MWH"},
    "carbon.devices[meter-anna]": {
        **SOLAR, "backing_registry": "GridReg", "foreign_id": "DE-77", "generation_only": True,
    },
}  # fmt: skip


class TestOtherRegistries:
    """The backstop speaks for the registry that issues for Anna's device."""

    def bring_in(self, street: GreenStreet, slot: int, wh: int, number: int) -> str:
        message = tx_pb2.MsgImportCertificates(
            operator=people.address_text("backstop"), registry="GridReg", receipt=f"G-{number}",
            first_serial=number, last_serial=number, recipient=people.address_text("anna"),
            entries=[state_pb2.ImportedEntry(slot=slot, meter_id="meter-anna", wh=wh)],
        )  # fmt: skip
        return street.send("backstop", message)

    def test_an_export_has_no_certificates_of_both(self) -> None:
        street = GreenStreet(BACKED)
        slot = street.run_slot(0, anna=(0, 900), ben=(2_000, 0))
        assert "renewable_wh" not in street.line(slot, "anna")
        assert not self.bring_in(street, slot, 600, 1)
        assert "exported less" in self.bring_in(street, slot, 301, 2)
        assert not self.bring_in(street, slot, 300, 2)
        assert not street.retire("anna", slot, 900, "ben")
        assert "holder has fewer" in street.retire("anna", slot, 1, "ben")

    def test_a_device_that_changes_sides_is_not_issued_for_twice(self) -> None:
        """What the chain has issued cannot come in again after the device changes registries."""
        street = GreenStreet({**BACKED, "carbon.devices[meter-anna]": SOLAR})
        slot = street.run_slot(0, anna=(0, 900))
        short = street.world.short()
        short["carbon.devices[meter-anna]"] |= {
            "backing_registry": "GridReg", "foreign_id": "DE-77",
        }  # fmt: skip
        street.world = World.from_document(documents.expand(short))
        assert "exported less" in self.bring_in(street, slot, 1, 1)

    def test_what_is_on_its_way_abroad_is_neither_used_nor_sent_again(self) -> None:
        street = GreenStreet(BACKED)
        slot = street.run_slot(0, anna=(0, 900), ben=(2_000, 0))
        assert not self.bring_in(street, slot, 900, 1)
        lock = tx_pb2.MsgLockCertificates(
            holder=people.address_text("anna"), registry="GridReg", foreign_account="ACC-9",
            meter_id="meter-anna", month=202701, entries=[street.entry(slot, 900)],
        )  # fmt: skip
        assert not street.send("anna", lock)
        assert "holder has fewer" in street.send("anna", lock)
        assert "holder has fewer" in street.retire("anna", slot, 1, "ben")
        returned = tx_pb2.MsgRejectCertificateExport(
            operator=people.address_text("backstop"), lock=1
        )
        assert not street.send("backstop", returned)
        assert "lock" in street.send("backstop", returned)
        assert not street.retire("anna", slot, 900, "ben")
