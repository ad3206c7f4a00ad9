"""The certificate finds what is wrong: a clearing is changed in one place, and it says so."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from books import STREET, make_book, make_order, make_random_book, make_random_network

from chain.market.clearing import (
    Book,
    Branch,
    Network,
    NetworkOutcome,
    NodeOrders,
    Outcome,
    Pool,
    clear_auction,
    clear_network,
    verify_clearing,
    verify_network_clearing,
)

BOOK = make_book([(9, 10), (8, 10), (7, 10), (4, 10)], [(3, 10), (4, 10), (5, 10), (8, 10)])
POOL_BOOK = Book([make_order(1, 300_000, 10_000)], [], Pool(STREET))
NETWORK = Network(
    [NodeOrders([], [make_order(1, 10, 10)]), NodeOrders([make_order(2, 30, 6)], [])],
    [Branch(0, 1, 5, 5)],
)
# The fee is 4; the line carries 6 Wh of the 9 that it can.
FEE_NETWORK = NETWORK._replace(branches=[Branch(0, 1, 9, 0, 4)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: o._replace(price=7), "not where the rule puts it"),
        (lambda o: o._replace(price=None), "without a price"),
        (lambda o: o._replace(price_low=4), "end of the interval"),
        (lambda o: o._replace(price_low=8), "empty"),
        (lambda o: o._replace(volume_wh=29), "volume"),
        (lambda o: o._replace(bid_fills=[10, 10, 9, 1]), "beyond its limit"),
        (lambda o: o._replace(bid_fills=[11, 10, 9, 0]), "outside its quantities"),
        (lambda o: o._replace(bid_fills=[10, 10, 9, 0]), "are bought"),
        (
            lambda o: o._replace(volume_wh=29, bid_fills=[10, 10, 9, 0], ask_fills=[10, 10, 9, 0]),
            "wants more",
        ),
        (lambda o: o._replace(killed=[1]), "no minimum"),
        (lambda o: o._replace(bid_fills=[30]), "one fill for each"),
    ],
)
def test_one_price(change: Callable[[Outcome], Outcome], reason: str) -> None:
    outcome = clear_auction(BOOK)
    assert verify_clearing(BOOK, outcome) == []
    assert any(reason in problem for problem in verify_clearing(BOOK, change(outcome)))


def test_trades_without_a_gain_count_for_the_volume() -> None:
    book = make_book([(5, 3)], [(5, 3)])
    short = Outcome(2, 5, 5, 5, [2], [2], 0, [])
    assert any("left apart" in problem for problem in verify_clearing(book, short))


def test_the_pool_is_held_to_its_curve() -> None:
    outcome = clear_auction(POOL_BOOK)
    dearer = outcome._replace(price_low=213_000, price=213_000, price_high=213_000)
    assert any("the pool sells" in problem for problem in verify_clearing(POOL_BOOK, dearer))
    alone = POOL_BOOK._replace(pool=None)
    assert any("there is no pool" in problem for problem in verify_clearing(alone, outcome))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: o._replace(flows=[4]), "lacks"),
        (lambda o: o._replace(flows=[6]), "can carry"),
        (lambda o: o._replace(rents=[0]), "does not earn"),
        (lambda o: o._replace(prices=[10, 10]), "wants more"),
        (lambda o: o._replace(prices=[10, 31]), "beyond its limit"),
        (
            lambda o: o._replace(flows=[4], rents=[80], bid_fills=[[], [4]], ask_fills=[[4], []]),
            "not full",
        ),
        (lambda o: o._replace(pool_wh=1), "no pool"),
        (lambda o: o._replace(prices=[None, None]), "without a price"),
        (lambda o: o._replace(prices=[10]), "one price"),
        (lambda o: o._replace(rents=[]), "one rent"),
    ],
)
def test_a_network(change: Callable[[NetworkOutcome], NetworkOutcome], reason: str) -> None:
    outcome = clear_network(NETWORK)
    assert verify_network_clearing(NETWORK, outcome) == []
    assert any(reason in problem for problem in verify_network_clearing(NETWORK, change(outcome)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: o._replace(fees=[23]), "does not charge its fee"),
        (lambda o: o._replace(fees=[]), "one rent and one fee"),
        (lambda o: o._replace(rents=[24], fees=[0]), "does not charge its fee"),
        (lambda o: o._replace(prices=[10, 13], rents=[-6]), "does not earn"),
        (lambda o: o._replace(prices=[10, 15], rents=[6]), "differ by more than its fee"),
        (lambda o: o._replace(prices=[10, 15]), "does not earn"),
        (lambda o: o._replace(flows=[-6]), "can carry 0 Wh"),
        (lambda o: o._replace(prices=[None, 14]), "without a price"),
        (
            lambda o: o._replace(flows=[0], fees=[0], bid_fills=[[], [0]], ask_fills=[[0], []]),
            "wants more",
        ),
        (
            lambda o: NetworkOutcome([None] * 2, [0], [0], [0], [[], [0]], [[0], []], 0, []),
            "duality gap",
        ),
        (
            lambda o: NetworkOutcome([-1, -1], [0], [0], [0], [[], [0]], [[0], []], 0, []),
            "below zero",
        ),
    ],
)
def test_a_fee(change: Callable[[NetworkOutcome], NetworkOutcome], reason: str) -> None:
    outcome = clear_network(FEE_NETWORK)
    assert (outcome.prices, outcome.flows, outcome.fees) == ([10, 14], [6], [24])
    assert verify_network_clearing(FEE_NETWORK, outcome) == []
    problems = verify_network_clearing(FEE_NETWORK, change(outcome))
    assert any(reason in problem for problem in problems)


def test_fill_or_kill_on_a_network() -> None:
    bound = NodeOrders([make_order(2, 30, 6, 5)], [])
    network = NETWORK._replace(nodes=[NETWORK.nodes[0], bound], branches=[Branch(0, 1, 4, 4)])
    outcome = clear_network(network)
    assert (outcome.killed, verify_network_clearing(network, outcome)) == ([2], [])
    stayed = outcome._replace(killed=[])
    assert any("duality gap" in problem for problem in verify_network_clearing(network, stayed))
    free = outcome._replace(killed=[1, 2])
    assert any("no minimum" in problem for problem in verify_network_clearing(network, free))
    part = clear_network(NETWORK._replace(branches=[Branch(0, 1, 4, 4)]))
    assert any("outside its" in problem for problem in verify_network_clearing(network, part))


def test_not_trading_where_trade_is_possible_leaves_a_gap() -> None:
    nothing = NetworkOutcome([None, None], [0], [0], [0], [[], [0]], [[0], []], 0, [])
    assert any("duality gap" in problem for problem in verify_network_clearing(NETWORK, nothing))


def test_moving_one_wh_between_owners_is_noticed_unless_both_are_at_the_margin() -> None:
    rng, noticed = random.Random(5), 0
    for _ in range(1_000):
        book = make_random_book(rng)
        outcome = clear_auction(book)
        if len(book.bids) < 2 or outcome.price is None:
            continue
        giver, taker = rng.sample(range(len(book.bids)), 2)
        fills = list(outcome.bid_fills)
        fills[giver] -= 1
        fills[taker] += 1
        at_margin = book.bids[giver].limit == book.bids[taker].limit == outcome.price
        problems = verify_clearing(book, outcome._replace(bid_fills=fills))
        if not at_margin:
            assert problems
            noticed += 1
    assert noticed > 100


def test_any_number_of_a_network_that_is_changed_is_noticed() -> None:
    rng, noticed = random.Random(6), 0
    for number in range(1_000):
        network = make_random_network(rng, fees=True, pool=number % 2 == 0)
        outcome = clear_network(network)
        changed = [outcome._replace(pool_wh=outcome.pool_wh + rng.choice((-1, 1)))]
        for name in ("flows", "rents", "fees"):
            changed += [
                outcome._replace(**{name: one}) for one in shift(rng, getattr(outcome, name))
            ]
        for name in ("bid_fills", "ask_fills"):
            nodes = getattr(outcome, name)
            for place, fills in enumerate(nodes):
                for one in shift(rng, fills):
                    nodes_after = [*nodes[:place], one, *nodes[place + 1 :]]
                    changed.append(outcome._replace(**{name: nodes_after}))
        assert all(verify_network_clearing(network, one) for one in changed)
        noticed += len(changed)
    assert noticed > 10_000


def shift(rng: random.Random, numbers: list[int]) -> list[list[int]]:
    """The list with each of its numbers, in turn, one more or one less."""
    return [
        [*numbers[:place], number + rng.choice((-1, 1)), *numbers[place + 1 :]]
        for place, number in enumerate(numbers)
    ]


def test_a_price_that_parts_a_line_or_breaks_a_limit_is_noticed() -> None:
    rng, noticed = random.Random(7), 0
    for number in range(1_000):
        network = make_random_network(rng, fees=True, pool=number % 2 == 0)
        outcome = clear_network(network)
        for place, price in enumerate(outcome.prices):
            if price is None:
                continue
            # Beyond all limits, and a fee on each of seven lines.
            prices = [*outcome.prices[:place], price + 60, *outcome.prices[place + 1 :]]
            if any(outcome.bid_fills[place]) or any(outcome.ask_fills[place]):
                assert verify_network_clearing(network, outcome._replace(prices=prices))
                noticed += 1
    assert noticed > 500
