"""A node that is not on the list of peers, with a real CometBFT: it is let in by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from blockenergy.peers.v1.tx_pb2 import MsgRemovePeer

from client.signing.keyring import Keyring
from node_config.localnet.network import Network, get_height
from node_config.localnet.ports import find_free_ports
from tests.chaos.support.rpc import connect, wait_until
from tests.node.operations.newcomer import DEADLINE_S, Newcomer, list_peer, read_plan, send
from tests.support.running.networks import quick, running_network, with_cometbft

pytestmark = pytest.mark.network

VALIDATORS = 3
# Of one node: our CometBFT dials again every two seconds.
REJECTIONS = 2


@contextmanager
def running(folder: Path) -> Iterator[tuple[Network, Newcomer]]:
    """Validators with one inbound place each for whom they do not know, and a node beside them."""
    preset = with_cometbft(
        quick("demo"),
        base={"log_level": "p2p:info,*:error"},
        p2p={"max_num_inbound_peers": 1},
    )
    ports = find_free_ports(VALIDATORS + 1)
    with running_network(folder / "net", VALIDATORS, preset, ports=ports) as network:
        newcomer = Newcomer(network, ports, preset)
        try:
            newcomer.start()
            yield network, newcomer
        finally:
            newcomer.stop()


def get_peers(url: str) -> set[str]:
    """The node ids of those whom a node is connected with."""
    with connect(url) as rpc:
        return {peer["node_info"]["id"] for peer in rpc.call("net_info", {})["peers"]}


def count_rejections(network: Network, newcomer: Newcomer) -> list[int]:
    """How often each validator has closed a connection because its node is not listed."""
    logs = [network.layout.logs / f"{node.name}-cometbft.log" for node in network.layout.nodes]
    return [
        sum(
            "error while adding peer" in line and newcomer.node_id in line
            for line in log.read_text().splitlines()
        )
        for log in logs
    ]


def wait_for_rejections(network: Network, newcomer: Newcomer, more: int) -> None:
    """Waits until every validator has rejected the node so many times more."""
    before = count_rejections(network, newcomer)
    wait_until(
        lambda: all(
            now >= then + more
            for now, then in zip(count_rejections(network, newcomer), before, strict=True)
        ),
        DEADLINE_S,
        "every validator to reject the node",
    )


def test_only_a_listed_node_is_let_in(tmp_path: Path) -> None:
    with running(tmp_path) as (network, newcomer):
        keys = Keyring(network.layout.keys)
        operator = keys.resolve_address("distributor1")
        validators = {read_plan(node).node_id for node in network.layout.nodes}

        # It has the genesis document, the right keys of all others, and tries again and again.
        wait_for_rejections(network, newcomer, REJECTIONS)
        assert newcomer.get_height() == 0, "it has read a block"
        assert not any(newcomer.node_id in get_peers(url) for url in network.rpc_urls)

        list_peer(network, newcomer)
        wait_until(lambda: get_peers(newcomer.url) == validators, DEADLINE_S, "it to be let in")
        target = max(map(get_height, network.layout.nodes)) + 2
        wait_until(lambda: newcomer.get_height() >= target, DEADLINE_S, "it to catch up")

        # Off the list, it keeps what it has, until it has to ask again.
        removal = MsgRemovePeer(sender=operator, node_id=newcomer.node_id)
        send(network, "distributor1", removal)
        assert get_peers(newcomer.url) == validators
        newcomer.stop()
        newcomer.start()
        wait_for_rejections(network, newcomer, REJECTIONS)
        assert not any(newcomer.node_id in get_peers(url) for url in network.rpc_urls)
