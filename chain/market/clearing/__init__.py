"""Clearing of order books: pure functions of integers, exact and the same on every machine.

Promises that the outcome is optimal (maximum welfare, then maximum volume), that it does not depend
on the sequence of the orders, that splitting an order gains nothing, and that anybody can verify
all of it with `verify_clearing` and `verify_network_clearing`.
"""

from chain.market.clearing.auction import Outcome, clear_auction
from chain.market.clearing.certificate import compute_welfare, verify_clearing
from chain.market.clearing.mcafee import TruthfulOutcome, clear_truthful
from chain.market.clearing.nodes.network import Branch, Network, NodeOrders
from chain.market.clearing.nodes.network_certificate import verify_network_clearing
from chain.market.clearing.nodes.nodal import NetworkOutcome, clear_network
from chain.market.clearing.orders import (
    ASK,
    BID,
    MARGINAL_ASK,
    MARGINAL_BID,
    MIDPOINT,
    Book,
    BookError,
    Order,
    Pool,
    PriceRule,
)

__all__ = [
    "ASK",
    "BID",
    "MARGINAL_ASK",
    "MARGINAL_BID",
    "MIDPOINT",
    "Book",
    "BookError",
    "Branch",
    "Network",
    "NetworkOutcome",
    "NodeOrders",
    "Order",
    "Outcome",
    "Pool",
    "PriceRule",
    "TruthfulOutcome",
    "clear_auction",
    "clear_network",
    "clear_truthful",
    "compute_welfare",
    "verify_clearing",
    "verify_network_clearing",
]
