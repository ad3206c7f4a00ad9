"""What holds to the unit of every network that is cleared, money above all (INV-9, INV-5).

Written from the definitions, without the certificate, on the scale of the chain: Wh and millionths.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import count
from math import ceil

from books import STREET
from hypothesis import event, given
from hypothesis import strategies as st

from chain.market.clearing import (
    ASK,
    BID,
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Branch,
    Network,
    NetworkOutcome,
    NodeOrders,
    Order,
    Pool,
    PriceRule,
    clear_network,
    verify_network_clearing,
)
from chain.market.rules import compute_potential, compute_scale
from chain.runtime.units import WH_PER_KWH, ceil_div, floor_div
from tests.support.properties import examples

EXAMPLES = 400
# Few different ones, so that limits meet, also across a fee.
PRICES = st.sampled_from(
    [0, 1, 80_000, 150_001, 165_001, 165_002, 190_000, 201_000, 216_000, 300_000]
) | st.integers(0, 320_000)
QUANTITIES = st.sampled_from([0, 1, 2, 7, 500, 1_000]) | st.integers(0, 9_000)
FEES = st.sampled_from([0, 1, 15_000, 40_007])
RULES = st.sampled_from([MIDPOINT, MARGINAL_ASK, MARGINAL_BID, PriceRule(1, 3)])


@st.composite
def draw_order(draw: st.DrawFn, number: int, side: int) -> Order:
    limit, quantity_wh = draw(PRICES), draw(QUANTITIES)
    owner = draw(st.sampled_from([b"ann", b"bob", b"cy", b"dee", b"eve", b"%d" % number]))
    kind = draw(st.sampled_from(["step", "step", "minimum", "range"]))
    if kind == "minimum":
        return Order(number, owner, limit, quantity_wh, draw(st.integers(0, quantity_wh)))
    full_at = limit - side * draw(st.integers(1, 60_000))
    if kind == "range" and full_at >= 0:
        # A step for each Wh is more than a test needs.
        return Order(number, owner, limit, min(quantity_wh, 50), 0, full_at)
    return Order(number, owner, limit, quantity_wh)


@st.composite
def draw_network(draw: st.DrawFn) -> Network:
    # With room for the parts of an order.
    numbers = count(0, 10)
    nodes = [
        NodeOrders(
            *(
                [draw(draw_order(next(numbers), side)) for _ in range(draw(st.integers(0, 3)))]
                for side in (BID, ASK)
            )
        )
        for _ in range(draw(st.integers(1, 5)))
    ]
    lines = []
    for place in range(1, len(nodes)):
        ends = draw(st.permutations([place, draw(st.integers(0, place - 1))]))
        lines.append(Branch(*ends, draw(QUANTITIES), draw(QUANTITIES), draw(FEES)))
    net_wh = draw(st.integers(-60_000, 60_000))
    step = STREET._replace(depth_wh=0, margin=5_500)
    curve = draw(st.sampled_from([STREET, STREET._replace(margin=5_500), step]))
    pool = draw(st.sampled_from([None, Pool(curve, net_wh)]))
    return Network(nodes, draw(st.permutations(lines)), pool)


def list_fills(
    network: Network, outcome: NetworkOutcome
) -> Iterator[tuple[Order, int, int, int | None]]:
    """Every order with its side, fill and price."""
    for node, bid_fills, ask_fills, price in zip(
        network.nodes, outcome.bid_fills, outcome.ask_fills, outcome.prices, strict=True
    ):
        for side, orders, fills in ((BID, node.bids, bid_fills), (ASK, node.asks, ask_fills)):
            for order, fill in zip(orders, fills, strict=True):
                yield order, side, fill, price


def compute_pool_area(pool: Pool, sold_wh: int) -> Fraction:
    """What the price line asks for moving the pool so far, in millionths."""
    curve, net_wh = pool
    area = compute_potential(curve, net_wh + sold_wh) - compute_potential(curve, net_wh)
    return Fraction(area, compute_scale(curve)) + Fraction(curve.margin * abs(sold_wh), WH_PER_KWH)


@examples(EXAMPLES)
@given(draw_network(), RULES)
def test_what_buyers_pay_covers_sellers_pool_rents_and_fees(
    network: Network, rule: PriceRule
) -> None:
    outcome = clear_network(network, rule)
    exact, booked = 0, 0
    for _, side, fill, price in list_fills(network, outcome):
        value = fill * (price or 0)
        exact += side * value
        booked += ceil_div(value, WH_PER_KWH) if side == BID else -floor_div(value, WH_PER_KWH)
    rent, fee = sum(outcome.rents), sum(outcome.fees)
    assert exact == outcome.pool_wh * (outcome.prices[0] or 0) + rent + fee
    left = booked - rent // WH_PER_KWH - fee // WH_PER_KWH
    area = compute_pool_area(network.pool, outcome.pool_wh) if network.pool else Fraction(0)
    assert left >= ceil(area)
    event(f"pool trades: {outcome.pool_wh != 0}, rent: {rent > 0}, fee: {fee > 0}")


@examples(EXAMPLES)
@given(draw_network(), RULES)
def test_lines_keep_to_their_capacities_and_prices_to_flows_and_fees(
    network: Network, rule: PriceRule
) -> None:
    outcome = clear_network(network, rule)
    taken = [
        sum(bids) - sum(asks)
        for bids, asks in zip(outcome.bid_fills, outcome.ask_fills, strict=True)
    ]
    taken[0] -= outcome.pool_wh
    for line, flow, rent, fee in zip(
        network.branches, outcome.flows, outcome.rents, outcome.fees, strict=True
    ):
        taken[line.start] += flow
        taken[line.end] -= flow
        assert -line.backward_capacity_wh <= flow <= line.forward_capacity_wh
        assert fee == line.fee_per_kwh * abs(flow)
        start, end = outcome.prices[line.start], outcome.prices[line.end]
        if start is None or end is None:
            assert flow == rent == 0
            continue
        step = end - start
        assert rent == max(0, abs(step) - line.fee_per_kwh) * abs(flow)
        if flow < line.forward_capacity_wh:
            assert step <= (line.fee_per_kwh if flow >= 0 else -line.fee_per_kwh)
        if flow > -line.backward_capacity_wh:
            assert step >= (-line.fee_per_kwh if flow <= 0 else line.fee_per_kwh)
    assert not any(taken)


@examples(EXAMPLES)
@given(draw_network(), RULES)
def test_prices_lie_between_limits_of_those_who_trade(network: Network, rule: PriceRule) -> None:
    outcome = clear_network(network, rule)
    filled = [one for one in list_fills(network, outcome) if one[2]]
    lowest = [order.limit for order, side, _, _ in filled if side == ASK]
    highest = [order.limit for order, side, _, _ in filled if side == BID]
    lowest += [STREET.price_low] if outcome.pool_wh > 0 else []
    highest += [STREET.price_high] if outcome.pool_wh < 0 else []
    for order, side, _, price in filled:
        assert price is not None
        assert min(lowest) <= price <= max(highest)
        assert side * (order.limit - price) >= 0
    assert all(price is None or price >= 0 for price in outcome.prices)


@examples(EXAMPLES)
@given(draw_network(), RULES)
def test_minimums_are_kept_and_anybody_can_check_it(network: Network, rule: PriceRule) -> None:
    outcome = clear_network(network, rule)
    assert verify_network_clearing(network, outcome) == []
    for order, _, fill, _ in list_fills(network, outcome):
        assert fill == 0 or order.minimum_acceptable_wh <= fill <= order.quantity_wh
        assert not (fill and order.order_id in outcome.killed)
    # Who would have had enough without asking for it is never sent away.
    without = Network(
        [
            NodeOrders(
                *([order._replace(minimum_acceptable_wh=0) for order in side] for side in node)
            )
            for node in network.nodes
        ],
        network.branches,
        network.pool,
    )
    free = clear_network(without, rule)
    minimums = {
        o.order_id: o.minimum_acceptable_wh for n in network.nodes for side in n for o in side
    }
    if all(not 0 < fill < minimums[o.order_id] for o, _, fill, _ in list_fills(without, free)):
        event("all minimums are met")
        if no_minimum_is_netted(network):
            assert outcome == free


def no_minimum_is_netted(network: Network) -> bool:
    """Whether no owner of a fill-or-kill order has orders on both sides."""
    buyers = {o.owner for node in network.nodes for o in node.bids}
    sellers = {o.owner for node in network.nodes for o in node.asks}
    bound = {
        o.owner for node in network.nodes for side in node for o in side if o.minimum_acceptable_wh
    }
    return not bound & buyers & sellers


@examples(EXAMPLES)
@given(draw_network(), st.data())
def test_splitting_an_order_gains_nothing(network: Network, data: st.DataObject) -> None:
    """At its node: so much for each owner as before, whoever else is there."""
    network = Network(
        [
            NodeOrders(
                *([order._replace(minimum_acceptable_wh=0) for order in side] for side in node)
            )
            for node in network.nodes
        ],
        network.branches,
        network.pool,
    )
    places = [
        (place, side, index)
        for place, node in enumerate(network.nodes)
        for side in (0, 1)
        for index, order in enumerate(node[side])
        if order.full_at is None
    ]
    if not places:
        return
    place, side, index = data.draw(st.sampled_from(places))
    sides = [list(network.nodes[place].bids), list(network.nodes[place].asks)]
    order = sides[side][index]
    part = data.draw(st.integers(0, order.quantity_wh))
    sides[side][index : index + 1] = [
        order._replace(order_id=order.order_id + 1, quantity_wh=part),
        order._replace(order_id=order.order_id + 2, quantity_wh=order.quantity_wh - part),
    ]
    nodes = list(network.nodes)
    nodes[place] = NodeOrders(*sides)
    split = network._replace(nodes=nodes)
    before, after = clear_network(network), clear_network(split)
    assert sum_by_owner(network, before) == sum_by_owner(split, after)
    assert before[:4] == after[:4]


def sum_by_owner(network: Network, outcome: NetworkOutcome) -> dict[tuple[int, bytes, int], int]:
    """What each owner has at each node."""
    sums: dict[tuple[int, bytes, int], int] = {}
    for place, (node, *fills) in enumerate(
        zip(network.nodes, outcome.bid_fills, outcome.ask_fills, strict=True)
    ):
        for side, (orders, filled) in enumerate(zip(node, fills, strict=True)):
            for order, fill in zip(orders, filled, strict=True):
                key = (place, order.owner, side)
                sums[key] = sums.get(key, 0) + fill
    return sums
