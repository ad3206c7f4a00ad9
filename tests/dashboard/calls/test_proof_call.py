"""The proof that the web API gives verifies, also where validators have changed since, and where
the chain has removed the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from blockenergy.dashboard.v1.account_pb2 import ProofResponse, SavedProof
from blockenergy.settlement.v1.state_pb2 import Line
from blockenergy.validators.v1.events_pb2 import EventValidatorChanged
from cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from google.protobuf import json_format
from proven_node import ProvenNode
from served import serving
from settled_streets import trade_and_settle
from sqlalchemy import insert, update

from chain import light, settlement
from client.cli import main
from client.light import saved as saved_proofs
from client.light.client import LightError
from client.light.saved import make_line_key, verify_saved
from dashboard.answers.line_proof import prove_in_tables
from dashboard.answers.rows import read_message, select_lines
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import EVENT, SLOT_RESULT, open_tables
from tests.clients.light.light_chain import make_signers, validators_of
from tests.support.streets import people
from tests.support.streets.settling import has_line, line_of
from tests.support.world import CHAIN_ID, World

TRADED = [("ben", True, 2_000, 1_000), ("eva", True, 1_000, 500)]
FIRST, SECOND = make_signers([10, 10, 10]), make_signers([10, 10, 10, 10], first=50)
OLD, NEW = (light.compute_validators_hash(validators_of(one)) for one in (FIRST, SECOND))
# The change is decided in this block, and in force from the second one after it on.
DECIDED = 3


def test_a_proof_holds_over_a_change_of_validators(tmp_path: Any, capsys: Any) -> None:
    engine = open_tables(tmp_path / "t.sqlite", SERVER_METADATA)
    node = ProvenNode(World(), {1: FIRST, DECIDED + 2: SECOND})
    with node.running():
        slot = trade_and_settle(node, TRADED)
        with serving(node, engine) as served:
            with engine.begin() as connection:
                name = EventValidatorChanged.DESCRIPTOR.full_name
                row = {"height": DECIDED, "number": 900, "type": name, "content": b""}
                connection.execute(insert(EVENT).values(row))
            browser = served.browser("ben")
            told = browser.call(f"proof/{slot}?trusted_height=2")
            plain = browser.call(f"proof/{slot}")
            assert browser.call(f"proof/{slot + 1}")[0] == 404
    assert told[0] == plain[0] == 200
    since = json_format.ParseDict(told[1], ProofResponse())
    found, height = verify_saved(since.proof, CHAIN_ID, OLD)
    assert found.owner == people.address_text("ben")
    assert found.line == line_of(node.world, slot, "ben")
    assert height == since.height == len(node.blocks)
    now = json_format.ParseDict(plain[1], ProofResponse())
    assert verify_saved(now.proof, CHAIN_ID, NEW)[0] == found
    with pytest.raises(LightError, match="has other validators than those that are trusted"):
        verify_saved(now.proof, CHAIN_ID, OLD)
    check_command(tmp_path, since, capsys)


def test_a_line_that_the_chain_has_removed_is_proven_by_the_root(
    make_place: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_proofs, "GROUP_LINES", 2)
    engine = open_tables(make_place(), SERVER_METADATA)
    node = ProvenNode(World({"settlement.params": {"history_slots": 1}}), {1: FIRST})
    with node.running(), serving(node, engine) as served:
        slot = trade_and_settle(node, TRADED)
        line = line_of(node.world, slot, "ben")
        served.catch_up()
        trade_and_settle(node, TRADED)
        trade_and_settle(node, TRADED)
        served.catch_up()
        assert not has_line(node.world, slot, "ben")
        browser = served.browser("ben")
        status, told = browser.call(f"proof/{slot}")
        with engine.connect() as connection:
            every = connection.execute(select_lines(slot)).all()
            proven = [prove_in_tables(connection, slot, row.address) for row in every]
        others = [
            served.browser("anna").call(f"proof/{slot - 1}")[0],
            browser.call(f"proof/{slot + 50}")[0],
        ]
        with engine.begin() as connection:
            connection.execute(update(SLOT_RESULT).values(lines="incomplete"))
        others.append(browser.call(f"proof/{slot}")[0])
    assert (status, others) == (200, [404, 404, 404])
    saved = json_format.ParseDict(told, ProofResponse()).proof
    assert len(saved.proof_ops) == 3
    assert len(proven) > 4
    for row, found_op in zip(every, proven, strict=True):
        assert found_op is not None
        value, op = found_op
        key = make_line_key(slot, row.address)[1]
        assert value == settlement.write_line(read_message(Line, row))
        assert light.verify_entry(root_of(saved), key, op) == value
    found, height = verify_saved(saved, CHAIN_ID, OLD)
    assert (found.slot, found.owner, height) == (
        slot,
        people.address_text("ben"),
        told_height(told),
    )
    assert found.line == line
    for change in (slot + 1, slot - 1):
        forged = SavedProof()
        forged.CopyFrom(saved)
        forged.key = make_line_key(change, people.address_text("ben"))[1]
        with pytest.raises(LightError):
            verify_saved(forged, CHAIN_ID, OLD)


def root_of(saved: SavedProof) -> bytes:
    """The root over the lines of its slot."""
    of_root = CommitmentProof.FromString(saved.proof_ops[1].data)
    return of_root.exist.value


def told_height(told: Any) -> int:
    return int(told["height"])


def check_command(folder: Any, told: ProofResponse, capsys: Any) -> None:
    """The command line says the same of the answer in a file, without a node."""
    file = folder / "proof.json"
    file.write_text(json_format.MessageToJson(told, preserving_proto_field_name=True))
    command = ["verify", "proof", str(file), "--for-chain", CHAIN_ID, "--validators"]
    assert main([*command, OLD.hex()]) == 0
    out, err = capsys.readouterr()
    assert people.address_text("ben") in out and f"after block {told.height}" in err
    assert main([*command, bytes(32).hex()]) == 1
    file.write_text("{")
    assert main([*command, OLD.hex()]) == 4
