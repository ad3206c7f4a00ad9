"""The record of a call auction, and the auction that it records.

`build_auction` makes the order books of a record's nodes and thin markets from the limit orders of
the slot; `write_outcome` writes the result into the record; `list_fills` gives the fill of each
order. All are functions of their arguments, used by the chain and by everybody who verifies it
(proof.py).

A node trades one product of one feeder. Asks are at the most specific product that they can supply,
bids at the one they want, and between the products of a feeder energy flows only towards the less
specific one. So a bid for local energy gets no other, and a bid for any energy gets the cheapest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2

from chain.market import rules
from chain.market.clearing import (
    Book,
    Branch,
    Network,
    NetworkOutcome,
    NodeOrders,
    Order,
    Pool,
    PriceRule,
    TruthfulOutcome,
)
from chain.runtime.encoding import bech32
from chain.runtime.units import PERMILLE, WH_PER_KWH, ceil_div

# (order id, order), in the order of the ids.
Orders = Sequence[tuple[int, state_pb2.LimitOrder]]

# A linear order is cleared as max 50 step orders: with one step per Wh a single order could take as
# long as thousands.
LINEAR_STEPS_MAX = 50
# Flow from a product of a feeder into a less specific one is not limited.
_ANY_CAPACITY_WH = 1 << 63


class RecordError(ValueError):
    """A record that does not match its orders; the text says where."""


class Venue(NamedTuple):
    """Where an order is cleared: the number of a node, or that of a thin market."""

    is_thin: bool
    number: int


class Auction(NamedTuple):
    """What is cleared. venues: that of each order, or None if it cannot take part."""

    network: Network
    thin_markets: list[Book]
    venues: list[Venue | None]


class Fill(NamedTuple):
    """What an order gets: energy, and the amount to pay or to receive for it, at one price."""

    filled_wh: int = 0
    price_per_kwh: int = 0
    amount: int = 0


class Venues:
    """Finds the venue of an order among the nodes and thin markets of a record."""

    def __init__(self, clearing: state_pb2.Clearing) -> None:
        self._nodes: dict[tuple[str, int], int] = {
            (node.feeder, node.product): number for number, node in enumerate(clearing.nodes)
        }
        self._thin = {thin.feeder: number for number, thin in enumerate(clearing.thin_markets)}

    def find(self, order: state_pb2.LimitOrder) -> Venue | None:
        """The venue of an order; None if its feeder has become a thin market, which has no minimum
        quantities, linear orders or energy sources.
        """
        if order.feeder in self._thin:
            return Venue(True, self._thin[order.feeder]) if is_plain(order) else None
        product = get_product(order)
        if order.side == state_pb2.SIDE_SELL:
            while product and (order.feeder, product) not in self._nodes:
                product -= 1
        if (order.feeder, product) not in self._nodes:
            raise RecordError(f"an order on feeder {order.feeder!r} has no node")
        return Venue(False, self._nodes[order.feeder, product])


def is_plain(order: state_pb2.LimitOrder) -> bool:
    """Whether a thin market can clear an order with its conditions. All energy there is local."""
    asks_for_source = order.side == state_pb2.SIDE_BUY and order.renewable
    return not (order.minimum_acceptable_wh or order.full_price_per_kwh or asks_for_source)


def get_product(order: state_pb2.LimitOrder) -> int:
    """The product that a buyer wants; the most specific product that a seller has."""
    if not order.feeder:
        return state_pb2.PRODUCT_ANY
    if order.renewable:
        return state_pb2.PRODUCT_LOCAL_RENEWABLE
    is_local = order.local or order.side == state_pb2.SIDE_SELL
    return state_pb2.PRODUCT_LOCAL if is_local else state_pb2.PRODUCT_ANY


def build_auction(clearing: state_pb2.Clearing, curve: rules.Curve, orders: Orders) -> Auction:
    """The auction of a record; raises RecordError if an order has no venue in it."""
    nodes = [NodeOrders([], []) for _ in clearing.nodes]
    thin_markets = [Book([], []) for _ in clearing.thin_markets]
    found, venues = [], Venues(clearing)
    for order_id, order in orders:
        venue = venues.find(order)
        if venue is not None:
            books = thin_markets if venue.is_thin else nodes
            _get_side(books[venue.number], order).extend(_list_steps(order_id, order))
        found.append(venue)
    net_wh = clearing.pool_sold_before_wh - clearing.pool_bought_before_wh
    network = Network(nodes, list(_list_branches(clearing)), Pool(curve, net_wh))
    return Auction(network, thin_markets, found)


def get_price_rule(clearing: state_pb2.Clearing) -> PriceRule:
    """The position of prices between their bounds."""
    return PriceRule(clearing.price_rule_permille, PERMILLE)


def write_outcome(
    clearing: state_pb2.Clearing,
    orders: Orders,
    auction: Auction,
    outcome: NetworkOutcome,
    thin_outcomes: Sequence[TruthfulOutcome],
) -> None:
    """Writes the result of clearing into a record."""
    clearing.pool_sold_wh = max(0, outcome.pool_wh)
    clearing.pool_bought_wh = max(0, -outcome.pool_wh)
    for node, price in zip(clearing.nodes, outcome.prices, strict=True):
        node.has_price = price is not None
        node.price_per_kwh = price or 0
    # The first node is the grid supply point, which has no branch.
    for index, node in enumerate(clearing.nodes[1:]):
        node.import_wh = max(0, outcome.flows[index])
        node.export_wh = max(0, -outcome.flows[index])
        node.congestion_rent = outcome.rents[index] // WH_PER_KWH
        node.grid_fee = outcome.fees[index] // WH_PER_KWH
    for thin, truthful in zip(clearing.thin_markets, thin_outcomes, strict=True):
        thin.volume_wh = truthful.volume_wh
        thin.bid_price_per_kwh = truthful.buy_price or 0
        thin.ask_price_per_kwh = truthful.sell_price or 0
    clearing.fills_wh.extend(_join_fills(orders, auction, outcome, thin_outcomes))
    clearing.volume_wh = compute_volume_wh(clearing, orders)
    clearing.killed_order_ids.extend(number // LINEAR_STEPS_MAX for number in outcome.killed)


def list_fills(clearing: state_pb2.Clearing, orders: Orders) -> Iterator[Fill]:
    """The fill of each order. Buyers pay rounded up, sellers receive rounded down."""
    venues = Venues(clearing)
    for (_, order), filled_wh in zip(orders, clearing.fills_wh, strict=True):
        yield compute_fill(clearing, venues, order, filled_wh)


def compute_fill(
    clearing: state_pb2.Clearing, venues: Venues, order: state_pb2.LimitOrder, filled_wh: int
) -> Fill:
    """The fill of an order, of its energy."""
    venue = venues.find(order) if filled_wh else None
    if venue is None:
        return Fill()
    is_buy = order.side == state_pb2.SIDE_BUY
    if venue.is_thin:
        thin = clearing.thin_markets[venue.number]
        price = thin.bid_price_per_kwh if is_buy else thin.ask_price_per_kwh
    else:
        price = clearing.nodes[venue.number].price_per_kwh
    exact = rules.Price(price, 1)
    compute_amount = rules.compute_payment if is_buy else rules.compute_receipt
    return Fill(filled_wh, price, compute_amount(exact, filled_wh))


def compute_volume_wh(clearing: state_pb2.Clearing, orders: Orders) -> int:
    """Energy of all bids or all asks, whichever is more; the pool trades the difference."""
    bought = sum(
        filled_wh
        for (_, order), filled_wh in zip(orders, clearing.fills_wh, strict=True)
        if order.side == state_pb2.SIDE_BUY
    )
    return max(bought, sum(clearing.fills_wh) - bought)


def _list_branches(clearing: state_pb2.Clearing) -> Iterator[Branch]:
    """The branch from the parent to each node except the grid supply point."""
    for number, node in enumerate(clearing.nodes[1:], start=1):
        if node.parent >= number:
            raise RecordError(f"node {number} comes before its parent")
        if node.product == state_pb2.PRODUCT_ANY:
            capacities = node.import_capacity_wh, node.export_capacity_wh
        else:
            capacities = 0, _ANY_CAPACITY_WH
        yield Branch(node.parent, number, *capacities, node.grid_fee_per_kwh)


def _get_side(book: NodeOrders | Book, order: state_pb2.LimitOrder) -> list[Order]:
    side = book.bids if order.side == state_pb2.SIDE_BUY else book.asks
    assert isinstance(side, list)
    return side


def _list_steps(order_id: int, order: state_pb2.LimitOrder) -> Iterator[Order]:
    """What the engine clears for an order: itself, or the steps of its range, the best first.

    A range accepts quantity * |price - limit| / |full price - limit|; each step has the price at
    which that is all of it and of those before it.
    """
    number, owner = order_id * LINEAR_STEPS_MAX, bech32.decode(order.owner)
    limit, quantity_wh = order.price_limit_per_kwh, order.quantity_wh
    if max(limit, order.full_price_per_kwh) > rules.PRICE_MAX:
        raise RecordError(f"order {order_id} has a limit above every price")
    if not order.full_price_per_kwh:
        yield Order(number, owner, limit, quantity_wh, order.minimum_acceptable_wh)
        return
    width = order.full_price_per_kwh - limit
    step_wh = ceil_div(quantity_wh, LINEAR_STEPS_MAX)
    for step, before_wh in enumerate(range(0, quantity_wh, step_wh)):
        with_it_wh = min(quantity_wh, before_wh + step_wh)
        move = ceil_div(abs(width) * with_it_wh, quantity_wh)
        price = limit + move if width > 0 else limit - move
        yield Order(number + step, owner, price, with_it_wh - before_wh)


def count_steps(order: state_pb2.LimitOrder) -> int:
    """How many step orders an order is cleared as."""
    if not order.full_price_per_kwh:
        return 1
    return ceil_div(order.quantity_wh, ceil_div(order.quantity_wh, LINEAR_STEPS_MAX))


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
    for (_, order), venue in zip(orders, auction.venues, strict=True):
        if venue is None:
            yield 0
        else:
            books = thin_markets if venue.is_thin else nodes
            fills = books[venue.number][order.side != state_pb2.SIDE_BUY]
            yield sum(islice(fills, count_steps(order)))
