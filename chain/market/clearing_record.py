"""The record of a call auction, and the auction that it is the record of.

`build_auction` makes the order books of a record's nodes and thin markets from the limit orders of
the slot; `write_outcome` puts into the record what clearing them came to; `list_fills` says what
each order gets. All are functions of their arguments, for the chain and for everybody who checks it
(clearing_proof.py).

A node trades one product of one feeder. Sellers stand at the most special product that there is of
what they have, buyers at the one they want, and between the products of a feeder energy flows only
towards the less special one. So who wants energy of his own feeder gets no other, and who does not
care gets the cheapest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.clearing import (
    Book,
    Line,
    Network,
    NetworkOutcome,
    NodeOrders,
    Order,
    Pool,
    PriceRule,
    TruthfulOutcome,
)
from chain.runtime import bech32
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div

# (order id, order), in the order of the ids.
Orders = Sequence[tuple[int, state_pb2.LimitOrder]]

# A proportional range is cleared as step orders, so many at the most: with one for each Wh a single
# order could take as long as thousands.
RANGE_STEPS_MAX = 50
# What flows from a product of a feeder into a less special one is not limited.
_ANY_CAPACITY_WH = 1 << 63


class RecordError(ValueError):
    """A record that does not fit its orders; the text says where."""


class Place(NamedTuple):
    """Where an order is cleared: the number of a node, or that of a thin market."""

    is_thin: bool
    number: int


class Auction(NamedTuple):
    """What is cleared. places: of each order, its place, or None if it cannot take part."""

    network: Network
    thin_markets: list[Book]
    places: list[Place | None]


class Fill(NamedTuple):
    """What an order gets: energy, and what is to be paid or received for it, at one price."""

    filled_wh: int = 0
    price_per_kwh: int = 0
    amount: int = 0


class Places:
    """Finds the place of an order by the nodes and thin markets of a record."""

    def __init__(self, clearing: state_pb2.Clearing) -> None:
        self._nodes: dict[tuple[str, int], int] = {
            (node.feeder, node.product): place for place, node in enumerate(clearing.nodes)
        }
        self._thin = {thin.feeder: place for place, thin in enumerate(clearing.thin_markets)}

    def find(self, order: state_pb2.LimitOrder) -> Place | None:
        """The place of an order; None if its feeder has become a thin market, which cannot give it
        the minimum, the range or the source that it was placed with.
        """
        if order.feeder in self._thin:
            return Place(True, self._thin[order.feeder]) if is_plain(order) else None
        product = get_product(order)
        if order.side == state_pb2.SIDE_SELL:
            while product and (order.feeder, product) not in self._nodes:
                product -= 1
        if (order.feeder, product) not in self._nodes:
            raise RecordError(f"an order on feeder {order.feeder!r} has no node")
        return Place(False, self._nodes[order.feeder, product])


def is_plain(order: state_pb2.LimitOrder) -> bool:
    """Whether a thin market can clear an order as it was meant. All energy there is local."""
    asks_for_source = order.side == state_pb2.SIDE_BUY and order.renewable
    return not (order.minimum_acceptable_wh or order.full_price_per_kwh or asks_for_source)


def get_product(order: state_pb2.LimitOrder) -> int:
    """What a buyer wants; the most special product that a seller has."""
    if not order.feeder:
        return state_pb2.PRODUCT_ANY
    if order.renewable:
        return state_pb2.PRODUCT_LOCAL_RENEWABLE
    is_local = order.local or order.side == state_pb2.SIDE_SELL
    return state_pb2.PRODUCT_LOCAL if is_local else state_pb2.PRODUCT_ANY


def build_auction(clearing: state_pb2.Clearing, curve: rules.Curve, orders: Orders) -> Auction:
    """The auction of a record; raises RecordError if an order has no place in it."""
    nodes = [NodeOrders([], []) for _ in clearing.nodes]
    thin_markets = [Book([], []) for _ in clearing.thin_markets]
    places, finder = [], Places(clearing)
    for order_id, order in orders:
        place = finder.find(order)
        if place is not None:
            books = thin_markets if place.is_thin else nodes
            _get_side(books[place.number], order).extend(_list_steps(order_id, order))
        places.append(place)
    net_wh = clearing.pool_sold_before_wh - clearing.pool_bought_before_wh
    network = Network(nodes, list(_list_lines(clearing)), Pool(curve, net_wh))
    return Auction(network, thin_markets, places)


def get_price_rule(clearing: state_pb2.Clearing) -> PriceRule:
    """Where prices lie between their bounds."""
    return PriceRule(clearing.price_rule_permille, PERMILLE)


def write_outcome(
    clearing: state_pb2.Clearing,
    orders: Orders,
    auction: Auction,
    outcome: NetworkOutcome,
    thin_outcomes: Sequence[TruthfulOutcome],
) -> None:
    """Puts what clearing has come to into a record."""
    clearing.pool_sold_wh = max(0, outcome.pool_wh)
    clearing.pool_bought_wh = max(0, -outcome.pool_wh)
    for node, price in zip(clearing.nodes, outcome.prices, strict=True):
        node.has_price = price is not None
        node.price_per_kwh = price or 0
    # The head, which has no line, is the first node.
    for place, node in enumerate(clearing.nodes[1:]):
        node.import_wh = max(0, outcome.flows[place])
        node.export_wh = max(0, -outcome.flows[place])
        node.congestion_rent = outcome.rents[place] // WH_PER_KWH
        node.grid_fee = outcome.fees[place] // WH_PER_KWH
    for thin, truthful in zip(clearing.thin_markets, thin_outcomes, strict=True):
        thin.volume_wh = truthful.volume_wh
        thin.bid_price_per_kwh = truthful.buy_price or 0
        thin.ask_price_per_kwh = truthful.sell_price or 0
    clearing.fills_wh.extend(_join_fills(orders, auction, outcome, thin_outcomes))
    clearing.volume_wh = compute_volume_wh(clearing, orders)
    clearing.killed_order_ids.extend(number // RANGE_STEPS_MAX for number in outcome.killed)


def list_fills(clearing: state_pb2.Clearing, orders: Orders) -> Iterator[Fill]:
    """What each order gets. Buyers pay rounded up, sellers receive rounded down."""
    finder = Places(clearing)
    for (_, order), filled_wh in zip(orders, clearing.fills_wh, strict=True):
        yield compute_fill(clearing, finder, order, filled_wh)


def compute_fill(
    clearing: state_pb2.Clearing, finder: Places, order: state_pb2.LimitOrder, filled_wh: int
) -> Fill:
    """What an order gets that is filled with so much."""
    place = finder.find(order) if filled_wh else None
    if place is None:
        return Fill()
    is_buy = order.side == state_pb2.SIDE_BUY
    if place.is_thin:
        thin = clearing.thin_markets[place.number]
        price = thin.bid_price_per_kwh if is_buy else thin.ask_price_per_kwh
    else:
        price = clearing.nodes[place.number].price_per_kwh
    exact = rules.Price(price, 1)
    compute_amount = rules.compute_payment if is_buy else rules.compute_receipt
    return Fill(filled_wh, price, compute_amount(exact, filled_wh))


def compute_volume_wh(clearing: state_pb2.Clearing, orders: Orders) -> int:
    """What all buyers or all sellers trade, whichever is more; the pool has the difference."""
    bought = sum(
        filled_wh
        for (_, order), filled_wh in zip(orders, clearing.fills_wh, strict=True)
        if order.side == state_pb2.SIDE_BUY
    )
    return max(bought, sum(clearing.fills_wh) - bought)


def _list_lines(clearing: state_pb2.Clearing) -> Iterator[Line]:
    """The line of each node but the head; it starts at the parent."""
    for place, node in enumerate(clearing.nodes[1:], start=1):
        if node.parent >= place:
            raise RecordError(f"node {place} stands before its parent")
        if node.product == state_pb2.PRODUCT_ANY:
            capacities = node.import_capacity_wh, node.export_capacity_wh
        else:
            capacities = 0, _ANY_CAPACITY_WH
        yield Line(node.parent, place, *capacities, node.grid_fee_per_kwh)


def _get_side(book: NodeOrders | Book, order: state_pb2.LimitOrder) -> list[Order]:
    side = book.bids if order.side == state_pb2.SIDE_BUY else book.asks
    assert isinstance(side, list)
    return side


def _list_steps(order_id: int, order: state_pb2.LimitOrder) -> Iterator[Order]:
    """What the engine clears for an order: itself, or the steps of its range, the best first.

    A range accepts quantity * |price - limit| / |full price - limit|; each step has the price at
    which that is all of it and of those before it.
    """
    number, owner = order_id * RANGE_STEPS_MAX, bech32.decode(order.owner)
    limit, quantity_wh = order.price_limit_per_kwh, order.quantity_wh
    if max(limit, order.full_price_per_kwh) > rules.PRICE_MAX:
        raise RecordError(f"order {order_id} has a limit above every price")
    if not order.full_price_per_kwh:
        yield Order(number, owner, limit, quantity_wh, order.minimum_acceptable_wh)
        return
    width = order.full_price_per_kwh - limit
    step_wh = ceil_div(quantity_wh, RANGE_STEPS_MAX)
    for place, before_wh in enumerate(range(0, quantity_wh, step_wh)):
        with_it_wh = min(quantity_wh, before_wh + step_wh)
        move = ceil_div(abs(width) * with_it_wh, quantity_wh)
        price = limit + move if width > 0 else limit - move
        yield Order(number + place, owner, price, with_it_wh - before_wh)


def count_steps(order: state_pb2.LimitOrder) -> int:
    """How many orders the engine clears for one."""
    if not order.full_price_per_kwh:
        return 1
    return ceil_div(order.quantity_wh, ceil_div(order.quantity_wh, RANGE_STEPS_MAX))


def _join_fills(
    orders: Orders,
    auction: Auction,
    outcome: NetworkOutcome,
    thin_outcomes: Sequence[TruthfulOutcome],
) -> Iterator[int]:
    """The fills of all nodes and thin markets, in the order of the orders."""
    network = zip(outcome.bid_fills, outcome.ask_fills, strict=True)
    nodes = [(iter(bids), iter(asks)) for bids, asks in network]
    thin_markets = [(iter(one.bid_fills), iter(one.ask_fills)) for one in thin_outcomes]
    for (_, order), place in zip(orders, auction.places, strict=True):
        if place is None:
            yield 0
        else:
            books = thin_markets if place.is_thin else nodes
            fills = books[place.number][order.side != state_pb2.SIDE_BUY]
            yield sum(islice(fills, count_steps(order)))
