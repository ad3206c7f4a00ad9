"""The proof that the web API gives verifies, also where validators have changed since."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.dashboard.v1.account_pb2 import ProofResponse
from blockenergy.validators.v1.events_pb2 import EventValidatorChanged
from google.protobuf import json_format
from proven_node import ProvenNode
from served import serving
from settled_streets import trade_and_settle
from sqlalchemy import insert

from chain import light
from client.cli import main
from client.light.client import LightError
from client.light.saved import verify_saved
from dashboard.model.accounts import SERVER_METADATA
from dashboard.model.tables import EVENT, open_tables
from tests.clients.light.light_chain import make_signers, validators_of
from tests.support.streets import people
from tests.support.streets.settling import line_of
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
