"""Validators by vote on a real network: CometBFT has the set of the chain, two blocks later."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockenergy.validators.v1 import state_pb2, tx_pb2
from blockenergy.validators.v1.query_pb2 import QueryValidatorsRequest, QueryValidatorsResponse
from google.protobuf.message import Message

from chain import light
from client.account import Signer, TxOutcome
from client.light.client import LightClient, trust
from client.light.store import Settings, TrustStore
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.tx import pack
from node_config.localnet.network import Network
from tests.support.running.networks import quick, running_network

pytestmark = pytest.mark.network

DEADLINE_S = 60
VALIDATORS = 4


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    home = tmp_path_factory.mktemp("votes") / "net"
    with running_network(home, VALIDATORS, quick("demo")) as network:
        yield network


class Votes:
    """Decides as the operators of a network."""

    def __init__(self, network: Network) -> None:
        self.rpc = Rpc(network.rpc_urls[0])
        keyring = Keyring(network.layout.home / "keys")
        chain_id = self.rpc.status().chain_id
        self.signers = [
            Signer(
                self.rpc,
                keyring.load(f"distributor{number}", ask_passphrase=lambda: ""),
                chain_id=chain_id,
                wait_s=DEADLINE_S,
            )
            for number in range(VALIDATORS)
        ]

    def decide(self, content: Message) -> int:
        """Passes a proposal; returns the height at which it did."""
        first, *others = self.signers
        message = tx_pb2.MsgPropose(proposer=first.address, content=pack(content))
        proposal_id: int = self._send(first, message).responses[0].proposal_id  # type: ignore[attr-defined]
        for signer in others:
            approval = tx_pb2.MsgApprove(approver=signer.address, proposal_id=proposal_id)
            outcome = self._send(signer, approval)
            if outcome.responses[0].outcome == state_pb2.OUTCOME_PASSED:  # type: ignore[attr-defined]
                return outcome.height
        raise AssertionError("nobody else is left to approve")

    def _send(self, signer: Signer, message: Message) -> TxOutcome:
        return signer.send([message]).require_ok()

    def get_set(self, height: int) -> dict[str, int]:
        """What CometBFT has at a height, which it waits for."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self.rpc.status().latest_height < height:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        result = self.rpc.call("validators", {"height": str(height), "per_page": "100"})
        return {one["address"].lower(): int(one["voting_power"]) for one in result["validators"]}

    def list_records(self) -> dict[str, state_pb2.Validator]:
        found = query(self.rpc, QueryValidatorsRequest(), QueryValidatorsResponse)
        return {one.address: one.validator for one in found.validators}


def test_votes_change_the_set_that_signs(network: Network) -> None:
    votes = Votes(network)
    first = votes.get_set(1)
    assert sorted(first.values()) == [10] * VALIDATORS
    assert first == {address: one.power for address, one in votes.list_records().items()}
    strong, weak = (address_of(network, number) for number in (0, 3))

    height = votes.decide(state_pb2.ChangePower(validator=strong, power=22))
    assert votes.get_set(height + 1)[strong] == 10
    assert votes.get_set(height + 2)[strong] == 22

    height = votes.decide(state_pb2.RemoveValidator(validator=weak))
    assert weak in votes.get_set(height + 1)
    deadline_s = time.monotonic() + DEADLINE_S
    while weak in votes.get_set(votes.rpc.status().latest_height):
        assert time.monotonic() < deadline_s
    records = votes.list_records()
    assert records[weak].status == state_pb2.STATUS_REMOVED
    latest = votes.rpc.status().latest_height
    powers = {address: one.power for address, one in records.items() if one.power}
    assert votes.get_set(latest + 3) == powers
    follow(network)


def address_of(network: Network, number: int) -> str:
    path = network.layout.home / f"node{number}" / "config" / "priv_validator_key.json"
    key: dict[str, Any] = json.loads(Path(path).read_text())
    return str(key["address"]).lower()


def follow(network: Network) -> None:
    """A light client that trusts the first header gets to the latest one."""
    primary, *witnesses = (Rpc(url) for url in network.rpc_urls)
    settings = Settings(primary.status().chain_id, primary.node, (), 3600)
    store = TrustStore(settings, [trust(primary, 1, primary.block(1).hash)])
    latest = LightClient(primary, witnesses[:1], store).latest()
    assert light.compute_header_hash(latest) == primary.block(latest.height).hash
