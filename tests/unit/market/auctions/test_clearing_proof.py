"""Anybody can check the record of a call auction, and finds out where it was tampered with."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.market.v1 import state_pb2

from chain.market import Curve, verify_record
from tests.support.streets.auctions import ask, bid, cleared, clearing_of, orders_of

NORTH, SOUTH = "registry.feeders[north]", "registry.feeders[south]"


class TestProof:
    """A record that was tampered with is found out."""

    @pytest.fixture
    def record(self) -> tuple[state_pb2.Clearing, Curve, list[Any]]:
        world, slot = cleared(
            {NORTH: {"capacity_w": 3_000, "grid_fee_per_kwh": 1_000}, SOUTH: {"thin_market": True}},
            (bid, "ben", 2_500, 250_000, {}),
            (bid, "anna", 2_500, 250_000, {}),
            (bid, "clara", 1_000, 250_000, {}),
            (ask, "dirk", 1_000, 100_000, {}),
            (ask, "eva", 1_000, 120_000, {}),
            (bid, "eva", 500, 90_000, {}),
            (bid, "ben", 1_000, 260_000, {"full_price_per_kwh": 240_000}),
        )
        answer = clearing_of(world, slot)
        curve = Curve(answer.price_low_per_kwh, answer.price_high_per_kwh, answer.depth_wh)
        return answer.clearing, curve, orders_of(world, slot)

    def test_as_it_is_it_is_right(self, record: Any) -> None:
        assert verify_record(*record) == []

    @pytest.mark.parametrize("place", range(7))
    def test_a_fill(self, record: Any, place: int) -> None:
        clearing, curve, orders = record
        clearing.fills_wh[place] += 1
        assert verify_record(clearing, curve, orders)

    @pytest.mark.parametrize(
        "field", ["price_per_kwh", "import_wh", "congestion_rent", "grid_fee", "parent"]
    )
    def test_a_line(self, record: Any, field: str) -> None:
        clearing, curve, orders = record
        north = clearing.nodes[1]
        setattr(north, field, getattr(north, field) + 1)
        assert verify_record(clearing, curve, orders)

    @pytest.mark.parametrize("field", ["volume_wh", "bid_price_per_kwh", "ask_price_per_kwh"])
    def test_a_thin_market(self, record: Any, field: str) -> None:
        clearing, curve, orders = record
        thin = clearing.thin_markets[0]
        setattr(thin, field, getattr(thin, field) + 1)
        assert verify_record(clearing, curve, orders)

    @pytest.mark.parametrize("field", ["pool_sold_wh", "volume_wh", "pool_sold_before_wh"])
    def test_a_sum(self, record: Any, field: str) -> None:
        clearing, curve, orders = record
        setattr(clearing, field, getattr(clearing, field) + 5_000)
        assert verify_record(clearing, curve, orders)

    @pytest.mark.parametrize(
        "line", [{"depth_wh": 0}, {"price_low": 400_000}, {"price_high": 2**64}]
    )
    def test_a_price_line_that_is_none(self, record: Any, line: dict[str, int]) -> None:
        clearing, curve, orders = record
        assert verify_record(clearing, curve._replace(**line), orders)

    @pytest.mark.parametrize("field", ["price_limit_per_kwh", "full_price_per_kwh"])
    def test_a_limit_above_every_price(self, record: Any, field: str) -> None:
        clearing, curve, orders = record
        setattr(orders[0][1], field, 2**64 - 1)
        assert verify_record(clearing, curve, orders) == ["order 1 has a limit above every price"]

    def test_an_order_that_is_left_out(self, record: Any) -> None:
        clearing, curve, orders = record
        assert verify_record(clearing, curve, orders[1:])

    def test_a_node_that_is_left_out(self, record: Any) -> None:
        clearing, curve, orders = record
        del clearing.nodes[1]
        assert verify_record(clearing, curve, orders)
