"""Validators that break the rules: one that proposes lies, and one whose key is used twice."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from blockenergy.validators.v1.query_pb2 import QueryValidatorRequest, QueryValidatorResponse
from blockenergy.validators.v1.state_pb2 import STATUS_TOMBSTONED

from client.node.rpc import Rpc
from client.queries import query
from node_config.localnet.layout import load_layout
from node_config.localnet.network import Network
from node_config.localnet.ports import Ports
from tests.chaos.support.liar import GARBAGE, lie
from tests.chaos.support.observed.figures import note
from tests.chaos.support.processes import Faults
from tests.chaos.support.rpc import connect, wait_until
from tests.chaos.support.trial import DEADLINE_S, VALIDATORS, trial
from tests.chaos.support.twin import TWIN, add_twin

pytestmark = pytest.mark.crash

BLOCKS = 12
REJECTIONS_MIN = 3
REJECTED = "state machine rejected a proposed block"


def test_a_proposer_that_lies(tmp_path: Path, chance: random.Random) -> None:
    """The others reject its blocks and go on with the next proposer's."""
    name = chance.choice([f"node{number}" for number in range(VALIDATORS)])
    faults = Faults()
    faults.always[f"{name}-app"] = lie()
    with trial(tmp_path, chance, faults=faults) as run:
        run.go_on(BLOCKS)
        honest = next(node for node in run.network.layout.nodes if node.name != name)
        log = run.network.layout.logs / f"{honest.name}-cometbft.log"
        wait_until(
            lambda: log.read_text().count(REJECTED) >= REJECTIONS_MIN, DEADLINE_S, "rejections"
        )
        with connect(honest.rpc_url) as rpc:
            liar = Rpc(run.network.layout.get_node(name).rpc_url).status().validator_address
            require_honest_blocks(rpc, liar)
        note(f"{name} lies: {log.read_text().count(REJECTED)} proposals rejected")


def require_honest_blocks(rpc: Rpc, liar: bytes) -> None:
    """No block is the liar's, and no transaction is."""
    for height in range(1, rpc.status().latest_height + 1):
        block = rpc.block(height)
        assert block.proposer != liar
        assert not [raw for raw in block.txs if raw.startswith(GARBAGE)]


def test_a_validator_key_used_twice(tmp_path: Path, chance: random.Random) -> None:
    """Evidence is committed and can be searched for, its validator loses its power for good, and
    the network goes on.
    """
    name = chance.choice([f"node{number}" for number in range(VALIDATORS)])

    def add(home: Path) -> None:
        base_port = load_layout(home).nodes[0].p2p.port
        add_twin(home, name, Ports(base_port), VALIDATORS)

    with trial(tmp_path, chance, prepare=add) as run:
        with connect(run.network.rpc_urls[0]) as rpc:
            address = Rpc(run.network.layout.get_node(name).rpc_url).status().validator_address
            wait_until(lambda: bool(find_evidence(rpc, address)), DEADLINE_S, "evidence")
            height = find_evidence(rpc, address)[0]
        run.network.wait_for_height(height + 2, DEADLINE_S)
        require_tombstoned(run.network, height, address)
        require_evidence_everywhere(run.network, height, address)
        note(f"the key of {name} used twice: evidence in block {height}")
        # Without the second node all is as it was; it is there at the end, to be checked as well.
        run.network.stop_unit(TWIN)
        run.go_on(nodes=[node.name for node in run.network.layout.nodes if node.name != TWIN])
        run.network.start_unit(TWIN)


def find_evidence(rpc: Rpc, validator: bytes) -> list[int]:
    """The heights of the blocks with evidence against a validator, as anybody can find them."""
    search = f"misbehavior.validator='{validator.hex().upper()}'"
    found = rpc.call("block_search", {"query": search, "order_by": "asc"})
    return [int(one["block"]["header"]["height"]) for one in found["blocks"]]


def require_tombstoned(network: Network, height: int, validator: bytes) -> None:
    """Two blocks after the evidence it signs no more, on any node."""
    for url in network.rpc_urls:
        with connect(url) as rpc:
            result = rpc.call("validators", {"height": str(height + 2)})
            address = validator.hex()
            assert address.upper() not in [one["address"] for one in result["validators"]]
            request = QueryValidatorRequest(address=address)
            found = query(rpc, request, QueryValidatorResponse).validator
            assert (found.status, found.power) == (STATUS_TOMBSTONED, 0)


def require_evidence_everywhere(network: Network, height: int, validator: bytes) -> None:
    for url in network.rpc_urls:
        with connect(url) as rpc:
            block = rpc.call("block", {"height": str(height)})["block"]
            (evidence, *_) = block["evidence"]["evidence"]
            vote = evidence["value"]["vote_a"]
            assert bytes.fromhex(vote["validator_address"]) == validator
            events = [
                dict(event.attributes)
                for event in rpc.block_results(height).block_events
                if event.type == "misbehavior"
            ]
            assert events
            assert events[0]["type"] == "DUPLICATE_VOTE"
            assert events[0]["height"] == vote["height"]
