"""The life cycle of ecological credits as Regen Ledger's published scenarios have it: class C01,
project 001, vintage 2020, amounts with six decimals. Their tonnes are grams here.
"""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.credits.v1 import tx_pb2
from google.protobuf.message import Message

from tests.support.streets import people
from tests.support.world import World

BATCH = "C01-001-20200101-20210101-1"
START_S, END_S = 1_577_836_800, 1_609_459_200
T = 1_000_000


class Ledger:
    """A chain with a class and a project; every invariant is checked after each message."""

    def __init__(self, origin: str = "") -> None:
        unit = {"operator": "issuer", "unit": "REGISTRY_UNIT_TONNE"}
        self.world = World({f"credits.registries[{origin}]": unit} if origin else None)
        for message in (
            tx_pb2.MsgCreateClass(
                admin=address("issuer"), class_id="C01", methodology="soil", origin=origin
            ),
            tx_pb2.MsgCreateProject(
                issuer=address("issuer"), class_id="C01", project="001", jurisdiction="US-WA"
            ),
        ):
            assert not self.send("issuer", message)

    def send(self, signer: str, message: Message) -> str:
        """The sentence with which a message is rejected; empty if it is not."""
        self.world.block(self.world.sign(signer, message))
        return self.world.results[0].log if self.world.results[0].code else ""

    def create_batch(self, **issuance: Any) -> str:
        message = tx_pb2.MsgCreateBatch(
            issuer=address("issuer"), class_id="C01", project="001",
            vintage_start_s=START_S, vintage_end_s=END_S, **issuance,
        )  # fmt: skip
        return self.send("issuer", message)

    def mint(
        self, grams: int, receipt: str, serials: tuple[int, int], signer: str = "issuer"
    ) -> str:
        message = tx_pb2.MsgMintCredits(
            operator=address(signer), batch=BATCH, recipient=address("anna"), grams=grams,
            receipt=receipt, first_serial=serials[0], last_serial=serials[1],
        )  # fmt: skip
        return self.send(signer, message)

    def retire(self, grams: int) -> str:
        message = tx_pb2.MsgRetireCredits(
            owner=address("anna"), batch=BATCH, grams=grams, jurisdiction="US-WA",
            purpose="electricity",
        )  # fmt: skip
        return self.send("anna", message)

    def cancel(self, grams: int) -> str:
        message = tx_pb2.MsgCancelCredits(
            owner=address("anna"), batch=BATCH, grams=grams, purpose="other-registry"
        )
        return self.send("anna", message)

    def supply(self) -> tuple[int, int, int]:
        """Tradable, retired and cancelled, in grams."""
        short = self.world.short()
        batch = short[f"credits.batches[{BATCH}]"]
        tradable = int(short[f"bank.denoms[credit/{BATCH}]"].get("supply", 0))
        return tradable, int(batch.get("retired_g", 0)), int(batch.get("cancelled_g", 0))

    def held(self, name: str) -> int:
        return self.world.balance(name, f"credit/{BATCH}")


def address(name: str) -> str:
    return people.address_text(name)


def made_here(tonnes: int) -> Ledger:
    ledger = Ledger()
    assert not ledger.create_batch(recipient=address("anna"), grams=tonnes * T)
    return ledger


def test_a_batch_is_issued_and_sealed() -> None:
    ledger = made_here(100)
    assert (ledger.held("anna"), ledger.supply()) == (100 * T, (100 * T, 0, 0))
    assert "sealed" in ledger.mint(10 * T, "R-1", (1, 10))


@pytest.mark.parametrize("act", ["retire", "cancel"])
@pytest.mark.parametrize("grams", [5 * T, 10 * T, 9_123_450, 9_123_456])
def test_what_is_owned_is_retired_or_cancelled(act: str, grams: int) -> None:
    ledger = made_here(10)
    assert not getattr(ledger, act)(grams)
    gone = (grams, 0) if act == "retire" else (0, grams)
    assert (ledger.held("anna"), ledger.supply()) == (10 * T - grams, (10 * T - grams, *gone))
    assert getattr(ledger, act)(10 * T - grams + 1)


@pytest.mark.parametrize("act", ["retire", "cancel"])
def test_no_more_than_is_owned(act: str) -> None:
    ledger = made_here(10)
    assert "balance" in getattr(ledger, act)(15 * T)
    assert ledger.supply() == (10 * T, 0, 0)


def test_credits_that_come_from_elsewhere_come_once_and_leave_by_a_word() -> None:
    ledger = Ledger("verra")
    assert not ledger.create_batch()
    assert "operator" in ledger.mint(10 * T, "R-1", (1, 10), signer="anna")
    assert not ledger.mint(10 * T, "R-1", (1, 10))
    assert "receipt" in ledger.mint(5 * T, "R-1", (11, 20))
    assert ledger.mint(10 * T, "R-2", (10, 19))
    assert ledger.supply() == (10 * T, 0, 0)
    lock = tx_pb2.MsgLockCredits(
        owner=address("anna"), batch=BATCH, grams=10 * T, foreign_account="A-7"
    )
    assert not ledger.send("anna", lock)
    assert (ledger.held("anna"), ledger.supply()) == (0, (10 * T, 0, 0))
    confirmed = tx_pb2.MsgConfirmExport(operator=address("issuer"), lock=1, receipt="OUT-1")
    assert not ledger.send("issuer", confirmed)
    assert ledger.supply() == (0, 0, 0)
    assert ledger.send("issuer", confirmed)


def test_only_what_came_from_elsewhere_goes_back() -> None:
    lock = tx_pb2.MsgLockCredits(owner=address("anna"), batch=BATCH, grams=T, foreign_account="A-7")
    assert "made here" in made_here(10).send("anna", lock)
