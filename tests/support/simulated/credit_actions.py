"""What issuers and owners of carbon credits send in a simulation, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.certificates.v1 import tx_pb2 as certificates_tx_pb2
from blockenergy.credits.v1 import tx_pb2

from chain.credits.keeper import get_denom
from chain.credits.state import BATCHES, LOCKS, OFFERS, PROJECTS
from chain.runtime.encoding import bech32
from chain.settlement.state import LINES, PROGRESS
from tests.support.streets import people

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

_VINTAGE = (1_704_067_200, 1_735_689_600)
_NATIVE = "C01-P1-20240101-20250101-1"
_FOREIGN = "X01-P1-20240101-20250101-1"


def draw() -> dict[str, Any]:
    """A class that is made here and one of another registry, with a batch of each."""
    start_s, end_s = _VINTAGE
    changes: dict[str, Any] = {"certificates.params": {"offset_share_permille": 300}}
    for class_id, batch_id, origin in (("C01", _NATIVE, ""), ("X01", _FOREIGN, "GoldReg")):
        changes |= {
            f"credits.classes[{class_id}]": {
                "admin": "issuer", "issuers": ["issuer"], "methodology": "biochar",
                "origin": origin, "eligible": True,
            },
            f"credits.projects[{class_id}, P1]": {"jurisdiction": "DE", "batches": 1},
            f"credits.batches[{batch_id}]": {
                "class_id": class_id, "project": "P1", "vintage_start_s": start_s,
                "vintage_end_s": end_s, "open": bool(origin), "minted_g": 12_000_000,
            },
            f"bank.denoms[credit/{batch_id}]": {"symbol": "tCO2e", "decimals": 6},
        }  # fmt: skip
        for number in range(12):
            changes[f"bank.balances[home-{number}, credit/{batch_id}]"] = 1_000_000
    return changes


def create_class(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    message = tx_pb2.MsgCreateClass(
        admin=people.address_text(signer),
        class_id=sim.random.choice(["C01", "C02", "C-3"]),
        methodology="biochar",
        origin=sim.random.choice(["", "GoldReg"]),
    )
    return sim.world.sign(signer, message)


def set_issuers(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    issuers = sim.random.choice([["issuer"], ["issuer", "auditor"], ["issuer", "issuer"], []])
    message = tx_pb2.MsgSetIssuers(
        admin=people.address_text(signer),
        class_id=_class(sim),
        issuers=[people.address_text(name) for name in issuers],
    )
    return sim.world.sign(signer, message)


def set_eligible(sim: Simulation) -> bytes:
    signer = sim.random.choice(["distributor", "distributor", sim.anybody()])
    message = tx_pb2.MsgSetEligible(
        authority=people.address_text(signer),
        class_id=_class(sim),
        eligible=sim.random.random() < 0.8,
    )
    return sim.world.sign(signer, message)


def create_project(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    message = tx_pb2.MsgCreateProject(
        issuer=people.address_text(signer),
        class_id=_class(sim),
        project=sim.random.choice(["P1", "P2"]),
        jurisdiction=sim.random.choice(["DE", "DE-BY 80331", "Rome"]),
    )
    return sim.world.sign(signer, message)


def create_batch(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    projects = [key for key, _ in PROJECTS.items(sim.world.state)]
    class_id, project = sim.random.choice([*projects, ("C09", "P1")])
    start_s, end_s = _VINTAGE
    message = tx_pb2.MsgCreateBatch(
        issuer=people.address_text(signer),
        class_id=class_id,
        project=project,
        vintage_start_s=start_s,
        vintage_end_s=end_s + sim.random.choice([0, 0, 10**9]),
    )
    if sim.random.random() < 0.5:
        message.recipient = people.address_text(sim.anybody())
        message.grams = 2_000_000
    return sim.world.sign(signer, message)


def mint_credits(sim: Simulation) -> bytes:
    """Mostly a new receipt with new serial numbers; sometimes old ones."""
    signer, number = _issuer(sim), sim.random.randint(1, 60)
    message = tx_pb2.MsgMintCredits(
        operator=people.address_text(signer),
        batch=sim.random.choice([_FOREIGN, _FOREIGN, _batch(sim)]),
        recipient=people.address_text(sim.random.choice(sim.homes)),
        grams=sim.random.choice([1_000_000, 2_000_000, 4_000_000]),
        receipt=f"R-{number}",
        first_serial=3 * number,
        last_serial=3 * number + sim.random.choice([1, 1, 4]),
    )
    return sim.world.sign(signer, message)


def seal_batch(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    batches = [name for name in _batches(sim) if name != _FOREIGN] or [_FOREIGN]
    batch = sim.random.choice(batches)
    message = tx_pb2.MsgSealBatch(issuer=people.address_text(signer), batch=batch)
    return sim.world.sign(signer, message)


def retire_credits(sim: Simulation) -> bytes:
    owner = sim.anybody()
    message = tx_pb2.MsgRetireCredits(
        owner=people.address_text(owner),
        batch=_batch(sim),
        grams=_grams(sim),
        jurisdiction=sim.random.choice(["DE", "Rome"]),
        purpose=sim.random.choice(["scope1-2026", "our flight"]),
        beneficiary=people.address_text(sim.anybody()),
    )
    return sim.world.sign(owner, message)


def cancel_credits(sim: Simulation) -> bytes:
    owner = sim.anybody()
    message = tx_pb2.MsgCancelCredits(
        owner=people.address_text(owner), batch=_batch(sim), grams=_grams(sim), purpose="reversal"
    )
    return sim.world.sign(owner, message)


def offer_credits(sim: Simulation) -> bytes:
    seller = sim.random.choice(sim.homes)
    message = tx_pb2.MsgOfferCredits(
        seller=people.address_text(seller),
        batch=_batch(sim),
        grams=sim.random.choice([0, 1_000, 100_000, 300_000, 10**12]),
        price_per_tonne=sim.random.choice([0, 1, 30_000_000]),
    )
    return sim.world.sign(seller, message)


def buy_credits(sim: Simulation) -> bytes:
    found = list(OFFERS.items(sim.world.state))
    (batch, seller), left_g = (_batch(sim), people.wallet("home-0").address), 1
    if found:
        (batch, seller), offer = sim.random.choice(found)
        left_g = offer.grams
    buyer = sim.random.choice(sim.homes)
    message = tx_pb2.MsgBuyCredits(
        buyer=people.address_text(buyer),
        seller=bech32.encode(seller),
        batch=batch,
        grams=sim.random.choice([left_g, max(1, left_g // 2), left_g + 1]),
        cost_limit=sim.random.choice([0, 10**9]),
        retire=sim.random.random() < 0.3,
        jurisdiction="DE",
        purpose="scope1-2026",
    )
    return sim.world.sign(buyer, message)


def lock_credits(sim: Simulation) -> bytes:
    owner = sim.random.choice(sim.homes)
    message = tx_pb2.MsgLockCredits(
        owner=people.address_text(owner),
        batch=sim.random.choice([_FOREIGN, _batch(sim)]),
        grams=_grams(sim),
        foreign_account="ACC-7",
    )
    return sim.world.sign(owner, message)


def confirm_export(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    message = tx_pb2.MsgConfirmExport(
        operator=people.address_text(signer),
        lock=_lock(sim),
        receipt=f"E-{sim.random.randint(1, 40)}",
    )
    return sim.world.sign(signer, message)


def reject_export(sim: Simulation) -> bytes:
    signer = _issuer(sim)
    message = tx_pb2.MsgRejectExport(operator=people.address_text(signer), lock=_lock(sim))
    return sim.world.sign(signer, message)


def offset(sim: Simulation) -> bytes:
    """Mostly somebody who was charged in one of the last slots."""
    state = sim.world.state
    last = PROGRESS.get(state).slot - 1
    charged = [
        sim.signer_of(owner)
        for owner, line in LINES.under(max(0, last)).items(state)
        if line.carbon_charge
    ]
    consumer = sim.random.choice([*charged, sim.anybody()])
    message = certificates_tx_pb2.MsgOffset(
        consumer=people.address_text(consumer),
        first_slot=max(0, last - sim.random.choice([0, 0, 1, 5])),
        last_slot=max(0, last),
        batch=sim.random.choice([_NATIVE, _NATIVE, _batch(sim)]),
        grams_max=sim.random.choice([10, 1_000, 10**9]),
    )
    return sim.world.sign(consumer, message)


def _issuer(sim: Simulation) -> str:
    return sim.random.choice(["issuer"] * 9 + [sim.anybody()])


def _class(sim: Simulation) -> str:
    return sim.random.choice(["C01", "X01", "C02", "C09"])


def _batches(sim: Simulation) -> list[str]:
    return [batch_id for batch_id, _ in BATCHES.items(sim.world.state)]


def _batch(sim: Simulation) -> str:
    known = _batches(sim)
    assert all(len(get_denom(batch_id)) < 128 for batch_id in known)
    return sim.random.choice([*known, "C09-P1-20240101-20250101-1"])


def _lock(sim: Simulation) -> int:
    return sim.random.choice([*(number for number, _ in LOCKS.items(sim.world.state)), 10**6])


def _grams(sim: Simulation) -> int:
    return sim.random.choice([0, 1, 5_000, 50_000, 10**9])


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (1, create_class),
    (1, set_issuers),
    (1, set_eligible),
    (1, create_project),
    (2, create_batch),
    (3, mint_credits),
    (1, seal_batch),
    (2, retire_credits),
    (1, cancel_credits),
    (3, offer_credits),
    (3, buy_credits),
    (2, lock_credits),
    (1, confirm_export),
    (1, reject_export),
    (5, offset),
]
