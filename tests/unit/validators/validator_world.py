"""A world whose blocks can hold evidence, and a model of the set that consensus has."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from blockenergy.validators.v1 import events_pb2, state_pb2, tx_pb2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from chain import app
from chain.runtime.consensus import Evidence, EvidenceType, ValidatorUpdate
from chain.runtime.context import BlockInfo
from chain.validators.state import VALIDATORS
from tests.support.streets import people
from tests.support.transactions import pack
from tests.support.world import CHAIN_ID, World

OPERATORS = ("distributor", "registrar", "treasury", "backstop")


def make_key(number: int) -> bytes:
    """A key; those of street.json are 1 to 4, in the order of OPERATORS."""
    secret = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(bytes([number])).digest())
    if number <= len(OPERATORS):
        secret = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return secret.public_key().public_bytes_raw()


def address_of(number: int) -> str:
    return hashlib.sha256(make_key(number)).hexdigest()[:40]


class ValidatorWorld(World):
    """Applies every update as CometBFT does, and ends as it does where that is not possible."""

    consensus: dict[bytes, int]

    def begin(self) -> ValidatorWorld:
        """Takes over the set of genesis."""
        self.consensus = {
            one.pub_key: one.power for _, one in VALIDATORS.items(self.state) if one.power
        }
        return self

    def next(self, *txs: bytes, evidence: Sequence[int] = (), after_s: int = 0) -> app.BlockResult:
        """Executes a block with evidence against validators, by their number."""
        found = tuple(
            Evidence(
                EvidenceType.DUPLICATE_VOTE,
                bytes.fromhex(address_of(number)),
                10,
                self.height,
                self.time_s,
                40,
            )
            for number in evidence
        )
        self.height += 1
        self.time_s += after_s
        block = replace(BlockInfo(CHAIN_ID, self.height, self.time_s), evidence=found)
        result = app.finalize_block(self.store, block, txs)
        self.store.apply(result.changes)
        self.results = result.tx_results
        self._pending.clear()
        update_set(self.consensus, result.consensus.validators)
        assert not (problems := app.check_invariants(self.store)), problems
        told = {one.pub_key: one.power for _, one in VALIDATORS.items(self.state) if one.power}
        assert told == self.consensus
        return result

    def propose(self, who: str, content: Message | AnyMessage) -> bytes:
        packed = content if isinstance(content, AnyMessage) else pack(content)
        message = tx_pb2.MsgPropose(proposer=people.address_text(who), content=packed)
        return self.sign(who, message)

    def approve(self, who: str, proposal_id: int) -> bytes:
        approver = people.address_text(who)
        return self.sign(who, tx_pb2.MsgApprove(approver=approver, proposal_id=proposal_id))

    def withdraw(self, who: str, proposal_id: int) -> bytes:
        approver = people.address_text(who)
        return self.sign(who, tx_pb2.MsgWithdraw(approver=approver, proposal_id=proposal_id))

    def decide(self, content: Message, proposal_id: int = 1) -> None:
        """All operators agree, in one block."""
        first, *others = OPERATORS
        proposed = self.propose(first, content)
        result = self.next(proposed, *(self.approve(who, proposal_id) for who in others))
        outcomes = [
            event.outcome
            for tx in result.tx_results
            for event in tx.events
            if isinstance(event, events_pb2.EventProposalEnded)
        ]
        assert outcomes == [state_pb2.OUTCOME_PASSED], [found.log for found in self.results]

    def power(self, number: int) -> int:
        return self.consensus.get(make_key(number), 0)

    def settle(self) -> int:
        """Blocks until nothing changes any more; returns how many changed the set."""
        steps = 0
        for _ in range(200):
            steps += bool(self.next().consensus.validators)
        return steps


def update_set(powers: dict[bytes, int], updates: Sequence[ValidatorUpdate]) -> None:
    """What CometBFT makes of updates (types/validator_set.go, updateWithChangeSet); AssertionError
    where it would end every node.
    """
    keys = [update.pub_key for update in updates]
    assert len(set(keys)) == len(keys), "a key twice"
    before = sum(powers.values())
    for update in updates:
        assert 0 <= update.power <= 1 << 60, "a power that cannot be"
        if update.power:
            powers[update.pub_key] = update.power
        else:
            assert powers.pop(update.pub_key, None) is not None, "none to remove"
    assert powers, "an empty set"
    assert sum(powers.values()) < 1 << 60, f"too much power, after {before}"


def add(number: int, power: int, operator: str = "backstop") -> state_pb2.AddValidator:
    return state_pb2.AddValidator(
        pub_key=make_key(number), power=power, operator=people.address_text(operator)
    )
