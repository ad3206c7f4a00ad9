"""Orders with a minimum that leave one by one: how often everything is cleared is limited."""

from __future__ import annotations

import random

import pytest
from books import STREET, make_order, make_random_network

from chain.market.clearing import (
    Network,
    NetworkOutcome,
    NodeOrders,
    Pool,
    clear_network,
    verify_network_clearing,
)
from chain.market.clearing.nodes import network_leaving
from chain.market.clearing.nodes.network_leaving import WORK_MAX, count_rounds_max

LARGE_WH = 10**7
# Two more than the first kind of rounds: all at the margin leave, then all that are left.
LAST_ROUNDS = 2


def make_staircase(levels: int, asks: int, more_bids: int = 0) -> Network:
    """Bids for all or nothing, each a little lower than the one before and larger than what is
    sold: when one has left, the next is at the margin.
    """
    sold = [make_order(number, 100_000 + number, 1_000) for number in range(asks)]
    bought = [make_order(10**6 + number, 90_000 + number, 20) for number in range(more_bids)]
    bound = [
        make_order(10**7 + number, 160_000 - number, LARGE_WH, LARGE_WH) for number in range(levels)
    ]
    return Network([NodeOrders([*bought, *bound], sold)], [], Pool(STREET))


def count_steps(network: Network) -> int:
    return sum(len(side) for node in network.nodes for side in node)


def require_minimums(network: Network, outcome: NetworkOutcome) -> None:
    for node, bids, asks in zip(network.nodes, outcome.bid_fills, outcome.ask_fills, strict=True):
        for orders, fills in ((node.bids, bids), (node.asks, asks)):
            for order, fill in zip(orders, fills, strict=True):
                assert not fill or fill >= order.minimum_acceptable_wh


def test_the_work_for_the_largest_book_is_limited() -> None:
    """8,700 asks, what 1,000 linear orders come to, and 200 bids that leave one by one."""
    network = make_staircase(levels=200, asks=8_700, more_bids=50_000)
    steps = count_steps(network)
    outcome = clear_network(network)
    assert 10 < outcome.rounds <= count_rounds_max(steps) + LAST_ROUNDS < 200
    assert outcome.rounds * steps <= WORK_MAX + LAST_ROUNDS * steps
    assert len(outcome.killed) == 200
    assert verify_network_clearing(network, outcome) == []


def test_a_usual_book_has_a_round_for_each() -> None:
    outcome = clear_network(make_staircase(levels=200, asks=100))
    assert (outcome.rounds, len(outcome.killed)) == (201, 200)


def test_who_bids_enough_stays_when_the_rest_leaves_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = make_staircase(levels=50, asks=30)
    good = make_order(10**8, 299_000, 5_000, 5_000)
    node = NodeOrders([*network.nodes[0].bids, good], network.nodes[0].asks)
    network = network._replace(nodes=[node])
    monkeypatch.setattr(network_leaving, "WORK_MAX", 3 * count_steps(network))
    outcome = clear_network(network)
    assert outcome.rounds == 4
    assert good.order_id not in outcome.killed
    assert outcome.bid_fills[0][-1] == 5_000
    assert verify_network_clearing(network, outcome) == []


@pytest.mark.parametrize("work_max", [1, 60])
def test_whatever_leaves_the_rest_is_cleared_as_it_should_be(
    work_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_leaving, "WORK_MAX", work_max)
    rng, reached = random.Random(14), set()
    for _ in range(400):
        network = make_random_network(rng, minimums=True, pool=rng.random() < 0.5)
        outcome = clear_network(network)
        reached.add(outcome.rounds - count_rounds_max(count_steps(network)))
        assert verify_network_clearing(network, outcome) == []
        require_minimums(network, outcome)
    # Above zero: orders have left together.
    assert 0 < max(reached) <= LAST_ROUNDS
