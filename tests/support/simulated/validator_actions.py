"""What those who run validators send in a simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from blockenergy.upgrade.v1 import tx_pb2 as upgrade_tx_pb2
from blockenergy.upgrade.v1.state_pb2 import Plan
from blockenergy.validators.v1 import state_pb2, tx_pb2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.validators.state import PROPOSALS, VALIDATORS
from tests.support.streets import people
from tests.support.transactions import pack

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

OPERATORS = ["distributor", "registrar", "treasury", "backstop"]


def propose(sim: Simulation) -> bytes:
    """Any change of the set, by an operator or by somebody else."""
    known = [address for address, _ in VALIDATORS.items(sim.world.state)]
    validator = sim.random.choice([*known, "00" * 20])
    power = sim.random.choice([0, 1, 10, 30, 2000])
    secret = hashlib.sha256(bytes([sim.random.randrange(40)])).digest()
    pub_key = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    content = sim.random.choice(
        [
            state_pb2.AddValidator(
                pub_key=pub_key,
                power=power,
                operator=people.address_text(sim.random.choice(OPERATORS)),
            ),
            state_pb2.ChangePower(validator=validator, power=power),
            state_pb2.RemoveValidator(validator=validator),
            state_pb2.RotateKey(validator=validator, pub_key=pub_key),
        ]
    )
    who = draw_operator(sim)
    message = tx_pb2.MsgPropose(proposer=people.address_text(who), content=pack(content))
    return sim.world.sign(who, message)


def approve(sim: Simulation) -> bytes:
    who = draw_operator(sim)
    approver = people.address_text(who)
    message = tx_pb2.MsgApprove(approver=approver, proposal_id=draw_proposal(sim))
    return sim.world.sign(who, message)


def withdraw(sim: Simulation) -> bytes:
    who = draw_operator(sim)
    approver = people.address_text(who)
    message = tx_pb2.MsgWithdraw(approver=approver, proposal_id=draw_proposal(sim))
    return sim.world.sign(who, message)


def plan_upgrade(sim: Simulation) -> bytes:
    """An upgrade that is far away, or cannot be; by the authority or by somebody else."""
    who = sim.random.choice(["distributor", "distributor", sim.anybody()])
    authority = people.address_text(who)
    if sim.random.random() < 0.5:
        return sim.world.sign(who, upgrade_tx_pb2.MsgCancelUpgrade(authority=authority))
    plan = Plan(name=sim.random.choice(["v2", "v3", "V 4"]), height=sim.random.choice([0, 1 << 40]))
    return sim.world.sign(who, upgrade_tx_pb2.MsgPlanUpgrade(authority=authority, plan=plan))


def draw_operator(sim: Simulation) -> str:
    return sim.random.choice([*OPERATORS * 5, sim.anybody()])


def draw_proposal(sim: Simulation) -> int:
    waiting = [proposal_id for proposal_id, _ in PROPOSALS.items(sim.world.state)]
    return sim.random.choice([*waiting * 3, 1])


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (2, propose),
    (4, approve),
    (1, withdraw),
    (1, plan_upgrade),
]
