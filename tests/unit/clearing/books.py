"""Order books for the tests: short to write, random, and taken apart into single Wh."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import count
from math import ceil, floor

from chain.market.clearing import ASK, BID, Book, Branch, Network, NodeOrders, Order, Pool
from chain.market.rules import Curve

STREET = Curve(80_000, 300_000, 50_000)
CAPACITIES = (0, 1, 2, 3, 5, 8, 13, 100)
Steps = list[tuple[int, int]]


def make_book(bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]) -> Book:
    """Step orders, each of another owner."""
    numbers = count(1)
    return Book(*([make_order(next(numbers), *step) for step in side] for side in (bids, asks)))


def make_order(number: int, limit: int, quantity_wh: int, minimum_acceptable_wh: int = 0) -> Order:
    return Order(number, b"owner %d" % number, limit, quantity_wh, minimum_acceptable_wh)


def make_random_orders(
    rng: random.Random,
    side: int,
    numbers: Iterable[int],
    *,
    owners: int = 0,
    minimums: bool = False,
    ranges: bool = False,
) -> list[Order]:
    """Orders with few different prices, so that ties and touching limits are frequent."""
    orders = []
    for number in numbers:
        limit, quantity_wh = rng.randint(0, 20), rng.randint(0, 8)
        owner = b"%d" % (rng.randrange(owners) if owners else number)
        full_at = limit - side * rng.randint(1, 8)
        if ranges and full_at >= 0 and rng.random() < 0.4:
            orders.append(Order(number, owner, limit, quantity_wh, 0, full_at))
        else:
            least = rng.randint(0, quantity_wh) if minimums and rng.random() < 0.4 else 0
            orders.append(Order(number, owner, limit, quantity_wh, least))
    return orders


def make_random_pool(rng: random.Random) -> Pool:
    low = rng.randint(0, 10)
    width = rng.randint(1, 15)
    curve = Curve(low, low + width, rng.choice((0, 1, 2, 5, 30)), rng.randint(0, width // 4))
    return Pool(curve, rng.randint(-10, 10))


def make_random_book(rng: random.Random, most: int = 6, *, pool: bool = False, **more: int) -> Book:
    """A book with up to so many orders on each side."""
    bids, asks = rng.randint(0, most), rng.randint(0, most)
    return Book(
        make_random_orders(rng, BID, range(bids), **more),
        make_random_orders(rng, ASK, range(bids, bids + asks), **more),
        make_random_pool(rng) if pool else None,
    )


def make_random_network(
    rng: random.Random, *, pool: bool = False, fees: bool = False, **more: int
) -> Network:
    """A feeder of up to eight nodes; now and then a line is missing or carries nothing.

    fees: lines may have a fee, and another capacity in each direction.
    """
    size, numbers = rng.randint(1, 8), count()

    def take(most: int) -> list[int]:
        return [next(numbers) for _ in range(rng.randint(0, most))]

    nodes = [
        NodeOrders(
            make_random_orders(rng, BID, take(3), **more),
            make_random_orders(rng, ASK, take(3), **more),
        )
        for _ in range(size)
    ]
    places = rng.sample(range(size), size)
    lines = []
    for index in range(1, size):
        ends = [places[index], places[rng.randrange(index)]]
        rng.shuffle(ends)
        if rng.random() < 0.97:
            forward = rng.choice(CAPACITIES)
            backward = rng.choice(CAPACITIES) if fees else forward
            fee = rng.choice((0, 0, 1, 2, 5)) if fees else 0
            lines.append(Branch(ends[0], ends[1], forward, backward, fee))
    return Network(nodes, lines, make_random_pool(rng) if pool else None)


def take_apart(orders: Sequence[Order], side: int) -> Steps:
    """Every order as steps; a range as one step per Wh, straight from its definition."""
    steps: Steps = []
    for order in orders:
        if order.full_at is None:
            steps.append((order.limit, order.quantity_wh))
            continue
        width = side * (order.limit - order.full_at)
        steps += [
            (order.limit - side * ceil(Fraction(number * width, order.quantity_wh)), 1)
            for number in range(1, order.quantity_wh + 1)
        ]
    return steps


def take_pool_apart(pool: Pool | None, most_wh: int) -> tuple[Steps, Steps]:
    """What the pool bids and asks, Wh by Wh, from the area of its price line."""
    if pool is None:
        return [], []
    (low, high, depth, margin), net = pool.curve, pool.net_wh
    low, high = low + margin, high - margin

    def price(place: int) -> Fraction:
        """The average price of the Wh after a place, on the line."""
        if not depth:
            return Fraction(high if place >= 0 else low)
        middle = low + Fraction(high - low) * (2 * place + 1 + 2 * depth) / (4 * depth)
        return min(max(middle, Fraction(low)), Fraction(high))

    bids = [(floor(price(net - number) - margin), 1) for number in range(1, most_wh + 1)]
    asks = [(ceil(price(net + number) + margin), 1) for number in range(most_wh)]
    return bids, asks
