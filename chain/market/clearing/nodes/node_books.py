"""The orders of each node, prepared for clearing a network, also more than once."""

from __future__ import annotations

from collections.abc import Sequence

from chain.market.clearing.excess import ASK_RANK, BID_RANK, RANKS, Excess
from chain.market.clearing.ladder import SideOfBook
from chain.market.clearing.nodes.flows import Bounds
from chain.market.clearing.nodes.network import NodeOrders
from chain.market.clearing.orders import ASK, BID, Order, Side


class NodeBooks:
    """Staircases and ladders of all nodes; orders can be removed."""

    def __init__(self, nodes: list[NodeOrders]) -> None:
        self.nodes = nodes
        self.steps = sum(len(side) for node in nodes for side in node)
        # More than all orders together.
        self.most_wh = 1 + sum(order.quantity_wh for n in nodes for side in n for order in side)
        # The numbers of nodes that have orders with a minimum.
        self.bound = [
            number
            for number, n in enumerate(nodes)
            if any(o.minimum_acceptable_wh for side in n for o in side)
        ]
        self._excess = [Excess(node) for node in nodes]
        self._sides: list[tuple[SideOfBook, SideOfBook]] = []
        self._bound_orders = {
            order.order_id: (number, side, index)
            for number in self.bound
            for side, orders in zip((BID, ASK), nodes[number], strict=True)
            for index, order in enumerate(orders)
            if order.minimum_acceptable_wh
        }

    def take_excess(self) -> list[Excess | None]:
        """The staircases, to be changed; without orders with a minimum available only once."""
        if self.bound:
            return [one.copy() for one in self._excess]
        taken: list[Excess | None] = [*self._excess]
        self._excess = []
        return taken

    def get_side(self, number: int, side: Side) -> SideOfBook:
        """All bids or all asks of a node."""
        self._prepare_sides()
        return self._sides[number][0 if side == BID else 1]

    def get_orders(self, number: int, side: Side) -> Sequence[Order]:
        """The bids or asks of a node; removed ones are empty."""
        return self.nodes[number][0 if side == BID else 1]

    def get_own_bounds(self, number: int, key: int) -> Bounds:
        """Bounds of the net import of a node's own orders, at a key."""
        self._prepare_sides()
        price, rank = divmod(key, RANKS)
        demand, supply = self._sides[number]
        bought, sold = demand.get_accepted(price), supply.get_accepted(price)
        bought_least, sold_least = bought, sold
        if rank == BID_RANK:
            bought_least = demand.get_accepted(price + 1)
        elif rank == ASK_RANK:
            sold_least = supply.get_accepted(price - 1)
        return Bounds(bought_least - sold, bought - sold_least)

    def get_traded(self, number: int, key: int, net_wh: int) -> tuple[int, int]:
        """What a node with a net import buys and sells: only one side is shared at a key."""
        price, rank = divmod(key, RANKS)
        demand, supply = self._sides[number]
        if rank == BID_RANK:
            sold = supply.get_accepted(price)
            return sold + net_wh, sold
        bought = demand.get_accepted(price)
        return bought, bought - net_wh

    def get_bound_orders(self) -> list[tuple[int, Side, Order]]:
        """The orders with a minimum that are not removed, each with its node and side."""
        return [
            (number, side, self._get_list(number, side)[index])
            for number, side, index in self._bound_orders.values()
        ]

    def remove(self, order_ids: Sequence[int]) -> None:
        """Empties orders with a minimum."""
        for order_id in order_ids:
            number, side, index = self._bound_orders.pop(order_id)
            orders = self._get_list(number, side)
            order = orders[index]
            orders[index] = order._replace(quantity_wh=0, minimum_acceptable_wh=0)
            self._excess[number].remove(order, side)
            self.get_side(number, side).remove([order])

    def _get_list(self, number: int, side: Side) -> list[Order]:
        orders = self.get_orders(number, side)
        assert isinstance(orders, list), "self-trade netting makes lists"
        return orders

    def _prepare_sides(self) -> None:
        if not self._sides:
            self._sides = [(SideOfBook(n.bids, BID), SideOfBook(n.asks, ASK)) for n in self.nodes]
