"""What is due of renewable sales, however positions are closed and curtailed."""

from __future__ import annotations

from blockenergy.market.v1.state_pb2 import Position
from hypothesis import given
from hypothesis import strategies as st

from chain.market import renewable

_PART = st.integers(0, 500)
# Bought and sold, the renewable part of each, and what of the smaller side is closed, in permille.
_TRADED = st.tuples(_PART, _PART, _PART, _PART, st.integers(0, 1000))


@given(st.lists(_TRADED, min_size=1, max_size=8))
def test_nothing_bought_as_renewable_is_due_from_nobody(traded: list[tuple[int, ...]]) -> None:
    """On a feeder asks are filled at least as much as bids; each position may be closed in part."""
    positions = [
        Position(
            bought_wh=bid + other_bought,
            sold_wh=ask + other_sold,
            renewable_bid_wh=bid,
            renewable_ask_wh=ask,
        )
        for bid, other_bought, ask, other_sold, _ in traded
    ]
    bids_wh = sum(position.renewable_bid_wh for position in positions)
    asks_wh = sum(position.renewable_ask_wh for position in positions)
    if asks_wh < bids_wh:
        positions.append(Position(sold_wh=bids_wh - asks_wh, renewable_ask_wh=bids_wh - asks_wh))
        asks_wh = bids_wh
    for position, (_, _, _, _, permille) in zip(positions, traded, strict=False):
        if closed_wh := min(position.bought_wh, position.sold_wh) * permille // 1000:
            renewable.close_sides(position, closed_wh)
            position.bought_wh -= closed_wh
            position.sold_wh -= closed_wh
    due_wh = sum(
        renewable.compute_due_wh(position.renewable_ask_wh, bids_wh, asks_wh)
        for position in positions
    )
    assert due_wh >= sum(position.renewable_bid_wh for position in positions)
    assert all(position.renewable_bid_wh <= position.bought_wh for position in positions)


def test_what_was_bought_as_renewable_is_passed_on() -> None:
    position = Position(bought_wh=10, sold_wh=10, renewable_bid_wh=10, renewable_ask_wh=10)
    renewable.close_sides(position, 10)
    assert (position.renewable_bid_wh, position.renewable_ask_wh) == (0, 0)


def test_other_energy_that_is_bought_back_leaves_the_sale_due() -> None:
    position = Position(bought_wh=10, sold_wh=10, renewable_ask_wh=10)
    renewable.close_sides(position, 10)
    assert position.renewable_ask_wh == 10
