"""A full book lets its worst order go, so that nobody keeps others out with orders that are never
filled.

An order is the worse the farther its limit is from the other side, and with the same distance the
smaller it is. There are places for all orders of a slot, and among them places for those with a
minimum acceptable quantity and for linear ones, which are slow to clear.
"""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market.keeper import MarketError
from chain.market.open_slot import OpenSlot
from chain.market.ranking import Kind, Rank, get_book, get_kind, get_rank
from chain.market.state import LIMIT_ORDERS, LIMIT_ORDERS_BY_RANK
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore

# Max linear orders per auction: each is cleared as its steps.
LINEAR_ORDERS_MAX = 1_000
_SIDES = (state_pb2.SIDE_BUY, state_pb2.SIDE_SELL)


def find_evicted(state: HasStore, slot: OpenSlot, order: state_pb2.LimitOrder) -> list[int]:
    """The orders that have to go so that one more, not counted yet, has its place: none or one.

    Rejects an order that is not better than those.
    """
    info, params, kind = slot.info, slot.params, get_kind(order)
    kinds = {
        Kind.MINIMUM: (info.minimum_quantity_orders, params.minimum_quantity_orders_max),
        Kind.LINEAR: (info.linear_orders, LINEAR_ORDERS_MAX),
    }
    if kind in kinds and kinds[kind][0] >= kinds[kind][1]:
        # This makes room in the whole book as well.
        return [_require_worse(state, slot, order, [kind])]
    if info.resting_orders >= params.resting_orders_max:
        return [_require_worse(state, slot, order, list(Kind))]
    return []


def _require_worse(
    state: HasStore, slot: OpenSlot, order: state_pb2.LimitOrder, kinds: list[Kind]
) -> int:
    """The worst order of some kinds; rejects an order that is not better."""
    books = [get_book(kind, side) for kind in kinds for side in _SIDES]
    found = [worst for book in books if (worst := _find_worst(state, slot, book))]
    assert found, "a book is full and has no orders"
    rank, order_id = min(found)
    is_better = get_rank(order, slot.curve) > rank
    detail = "the book is full of orders that are at least as good"
    require(is_better, MarketError.TOO_MANY_ORDERS, detail)
    return order_id


def _find_worst(state: HasStore, slot: OpenSlot, book: int) -> tuple[Rank, int] | None:
    """Rank and number of the worst order that rests in a book of a slot."""
    first = (slot.number, (book, (0, 0)))
    entry = next(LIMIT_ORDERS_BY_RANK.items(state, after=first), None)
    if entry is None or (entry[0][0], entry[0][1][0]) != (slot.number, book):
        return None
    order = LIMIT_ORDERS.get_shared(state, entry[1])
    assert order is not None, "an index points to a missing order"
    return get_rank(order, slot.curve), entry[1][1]
