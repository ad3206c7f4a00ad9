"""What operators of other registries, and who sends certificates there, do in a simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.certificates.v1 import state_pb2, tx_pb2
from blockenergy.credits.v1 import state_pb2 as credits_pb2
from blockenergy.credits.v1 import tx_pb2 as credits_tx_pb2

from chain.certificates.state import LOCKS
from chain.runtime.encoding import bech32
from chain.settlement.state import LINES, PROGRESS
from tests.support.simulated import carbon_actions
from tests.support.streets import people
from tests.support.world import FIRST_SLOT

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

MONTH = 202701
# The registry issues for the first device; the meters of both measure nothing but generation.
_BACKED, _GENERATION_ONLY = 2, (2, 6)


def draw() -> dict[str, Any]:
    """Two registries, a device that one of them issues for, and much that waits for its answer."""
    devices: dict[str, Any] = {
        f"carbon.devices[meter-{number}]": {"generation_only": True} for number in _GENERATION_ONLY
    }
    devices[f"carbon.devices[meter-{_BACKED}]"] |= {
        "backing_registry": "GridReg", "foreign_id": "DE-77",
    }  # fmt: skip
    return {
        "credits.registries[GoldReg]": {"operator": "issuer", "unit": "REGISTRY_UNIT_TONNE"},
        "credits.registries[GridReg]": {"operator": "backstop", "unit": "REGISTRY_UNIT_MWH"},
        **devices,
        # Homes make little, so that whole MWh would never come together: an old lock has them.
        "certificates.locks[1]": {
            "holder": "home-6", "registry": "GridReg", "foreign_account": "ACC-9",
            "meter_id": "meter-6", "month": MONTH,
            "entries": [{"slot": FIRST_SLOT - 9, "producer": "home-6", "wh": 30_000_000}],
        },
        "certificates.last_lock": 1,
    }  # fmt: skip


def set_registry(sim: Simulation) -> bytes:
    """Mostly the operator there is, so that it goes on."""
    signer = sim.random.choice(["distributor"] * 9 + [sim.anybody()])
    message = credits_tx_pb2.MsgSetRegistry(
        authority=people.address_text(signer),
        registry=sim.random.choice(["GridReg", "GridReg", "NewReg", "no name"]),
        operator=people.address_text(sim.random.choice(["backstop", "backstop", "fred"])),
        unit=sim.random.choice([credits_pb2.REGISTRY_UNIT_MWH, credits_pb2.REGISTRY_UNIT_TONNE]),
    )
    return sim.world.sign(signer, message)


def import_certificates(sim: Simulation) -> bytes:
    """Mostly for what the device exported in a slot, whole or in pieces; sometimes too much."""
    slot, wh = _draw_export(sim)
    signer, number = _operator(sim), sim.random.randint(1, 60)
    message = tx_pb2.MsgImportCertificates(
        operator=people.address_text(signer),
        registry=sim.random.choice(["GridReg"] * 9 + ["GoldReg"]),
        receipt=f"G-{number}",
        first_serial=number,
        last_serial=number + sim.random.choice([0, 0, 1]),
        recipient=people.address_text(sim.anybody()),
        entries=[
            state_pb2.ImportedEntry(
                slot=slot,
                meter_id=sim.random.choice([f"meter-{_BACKED}"] * 9 + ["meter-0"]),
                wh=sim.random.choice([wh, max(1, wh // 2), max(1, wh // 3), wh + 1]),
            )
        ],
    )
    return sim.world.sign(signer, message)


def lock_certificates(sim: Simulation) -> bytes:
    """Now and then of a device that may not send any."""
    for _ in range(10):
        holder, entries = carbon_actions.draw_entries(sim)
        made_by = {sim.name_of(bech32.decode(entry.producer)) for entry in entries}
        if made_by & {f"home-{number}" for number in _GENERATION_ONLY}:
            break
    producer = next(iter(made_by), "home-6")
    message = tx_pb2.MsgLockCertificates(
        holder=people.address_text(holder),
        registry=sim.random.choice(["GridReg"] * 9 + ["NewReg"]),
        foreign_account="ACC-9",
        meter_id=producer.replace("home-", "meter-"),
        month=sim.random.choice([MONTH] * 9 + [MONTH + 1]),
        entries=entries,
    )
    return sim.world.sign(holder, message)


def confirm_certificate_export(sim: Simulation) -> bytes:
    """Of several locks, those of the last slots first; the old one fills what is missing."""
    signer, locks = _operator(sim), list(LOCKS.items(sim.world.state))
    alike = [number for number, lock in locks if number > 1 and lock.meter_id == "meter-6"][:3]
    message = tx_pb2.MsgConfirmCertificateExport(
        operator=people.address_text(signer),
        locks=[*alike, 1] if sim.random.random() < 0.8 else [number for number, _ in locks[-2:]],
        receipt=f"OUT-{sim.random.randint(1, 40)}",
        mwh=sim.random.choice([1, 1, 2, 40]),
    )
    return sim.world.sign(signer, message)


def reject_certificate_export(sim: Simulation) -> bytes:
    """Mostly one of the last locks."""
    signer = _operator(sim)
    found = [number for number, _ in LOCKS.items(sim.world.state) if number > 1]
    message = tx_pb2.MsgRejectCertificateExport(
        operator=people.address_text(signer), lock=sim.random.choice([*found, 10**6])
    )
    return sim.world.sign(signer, message)


def _draw_export(sim: Simulation) -> tuple[int, int]:
    """A slot, and what the backed device exported in it."""
    state, owner = sim.world.state, people.wallet(f"home-{_BACKED}").address
    found = [
        (slot, line.export_wh)
        for slot in range(max(0, PROGRESS.get(state).slot - 4), PROGRESS.get(state).slot)
        if (line := LINES.get(state, (slot, owner))) and line.export_wh and not line.inexact
    ]
    return sim.random.choice(found or [(FIRST_SLOT, 1)])


def _operator(sim: Simulation) -> str:
    return sim.random.choice(["backstop"] * 9 + [sim.anybody()])


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (1, set_registry),
    (6, import_certificates),
    (6, lock_certificates),
    (2, confirm_certificate_export),
    (2, reject_certificate_export),
]
