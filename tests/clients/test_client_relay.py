"""What a relayer says of a chain of another kind, and of itself."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import pytest
from ibc.core.channel.v2.packet_pb2 import Packet
from ibc.core.channel.v2.tx_pb2 import MsgRecvPacket
from ibc.core.client.v1.tx_pb2 import MsgUpdateClient

from client.cost import GasPrice
from client.errors import ClientError, RpcError, UsageError
from client.relay import gas
from client.relay.carrier import Carrier, Progress, Standing
from client.relay.commands import run_passes
from client.relay.end import End
from client.relay.journal import Journal
from client.relay.metrics import Metrics
from client.relay.options import add_ends, read_costs
from client.relay.packets import Answered, Sent


def parse(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_ends(parser)
    ends = [f"--{name}-{side}=x" for side in "ab" for name in ("node", "chain", "from")]
    return parser.parse_args([*ends, *options])


def test_a_chain_of_the_sdk_has_its_own_prefix_and_gas() -> None:
    args = parse("--prefix-b", "wasm", "--gas-prices-b", "0.025uatom")
    assert read_costs(args, "a") == {"gas_price": None}
    costs = read_costs(args, "b")
    assert costs["prefix"] == "wasm"
    update, packet = MsgUpdateClient(client_id="x" * 2_000), MsgRecvPacket()
    small, large = (costs["get_cost"](sent) for sent in ([packet], [update, packet]))
    assert 300_000 <= small.gas_limit < large.gas_limit < 1_000_000
    (fee,) = large.fee
    assert fee.denom == "uatom"
    assert int(fee.amount) == -(-large.gas_limit * 25 // 1_000)
    assert gas.compute_cost([packet], GasPrice(0, "")).fee == []


@pytest.mark.parametrize("prefix", ["", "wasm1", "Wasm", "x" * 41, "é"])
def test_a_prefix_that_cannot_be_is_a_sentence(prefix: str) -> None:
    with pytest.raises(UsageError, match="--prefix-b"):
        read_costs(parse("--prefix-b", prefix), "b")


class Node(End):
    """Its blocks, in some of which a packet was sent; one may have no results yet."""

    def __init__(self, height: int, sent: Sequence[int] = (), without_results: int = 0) -> None:
        self.height, self.sent, self.without_results = height, sent, without_results

    @property
    def chain_id(self) -> str:
        return "north-1"

    def get_height(self) -> int:
        return self.height

    def list_news(self, height: int) -> list[Sent | Answered]:
        if height == self.without_results:
            raise RpcError("could not find results")
        return [Sent(Packet(sequence=1))] if height in self.sent else []


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(7), ""),
        (Node(7, sent=[6]), ""),
        (Node(7, sent=[7]), "north-1"),
        (Node(9, sent=[8]), "north-1"),
        (Node(7, without_results=7), "north-1"),
    ],
)
def test_what_only_the_next_block_proves_is_left_to_carry(node: Node, expected: str) -> None:
    """The journal has been read up to block 6, which block 7 proves."""
    for ends in ((node, Node(7)), (Node(7), node)):
        assert Carrier(ends, (Journal(6), Journal(6))).find_news() == expected


def test_a_chain_without_a_next_block_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A timer starts the relayer again; the one before must have ended."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    carrier = Carrier((Node(7, sent=[7]), Node(7)), (Journal(6), Journal(6)))
    monkeypatch.setattr(carrier, "run_pass", Progress)
    args = argparse.Namespace(once=True, output="text")
    with pytest.raises(ClientError, match="north-1 makes no block"):
        run_passes(args, carrier, Metrics(), lambda: None)


def test_figures_are_of_what_was_carried_and_of_where_the_chains_are() -> None:
    metrics = Metrics()
    standings = [Standing("north-1", 50, 40, 3, 2, 900), Standing("wasm-1", 70, 70, 0, 0, 800)]
    metrics.note_pass(Progress(packets=4, rejected=1), standings)
    metrics.note_pass(Progress(packets=1, updates=1), standings)
    metrics.note_failure()

    def read(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"blockenergy_relay_{name}", labels)

    assert read("carried_total", kind="packets") == 5
    assert read("carried_total", kind="updates") == 1
    assert read("rejected_total") == read("failed_passes_total") == 1
    assert read("height", chain="north-1") == 50
    assert read("read_height", chain="north-1") == 40
    assert read("open_packets", chain="north-1") == 3
    assert read("open_answers", chain="north-1") == 2
    assert read("client_left_seconds", chain="wasm-1") == 800
