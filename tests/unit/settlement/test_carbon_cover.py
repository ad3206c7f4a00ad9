"""A purchase that holds the carbon charge in advance: who spends the rest still pays it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from blockenergy.market.v1 import state_pb2, tx_pb2

from tests.support.streets import people
from tests.support.streets.green_street import GreenStreet
from tests.support.streets.settling import line_of

USE_WH, CHARGE = 5_000, 168_000


def buy_in_the_pool(street: GreenStreet) -> None:
    street.world.block(street.world.buy("ben", street.first, USE_WH, 300_000))


def buy_in_the_auction(street: GreenStreet) -> None:
    world = street.world
    message = tx_pb2.MsgPlaceLimitOrder(
        owner=people.address_text("ben"),
        slot=street.first,
        side=state_pb2.SIDE_BUY,
        quantity_wh=USE_WH,
        price_limit_per_kwh=300_000,
    )
    world.block(world.sign("ben", message), world.sell("anna", street.first, USE_WH, 80_000))


def buy_an_offer(street: GreenStreet) -> None:
    world, anna = street.world, people.address_text("anna")
    offer = tx_pb2.MsgSetOffer(
        seller=anna, slot=street.first, available_wh=USE_WH, price_per_kwh=100_000
    )
    world.block(world.sign("anna", offer))
    bought = tx_pb2.MsgBuyOffer(
        buyer=people.address_text("ben"),
        seller=anna,
        slot=street.first,
        quantity_wh=USE_WH,
        price_limit_per_kwh=300_000,
    )
    world.block(world.sign("ben", bought))


@pytest.mark.parametrize("buy", [buy_in_the_pool, buy_in_the_auction, buy_an_offer])
@pytest.mark.parametrize("cover_per_kwh", [33_600, 0])
def test_a_purchase_covers_the_charge(
    buy: Callable[[GreenStreet], None], cover_per_kwh: int
) -> None:
    street = GreenStreet(
        {
            "market.params": {
                "carbon_cover_per_kwh": cover_per_kwh, "imbalance_collateral_permille": 0,
            },
            "auth.params": {"min_gas_price_micro": 0},
        }
    )  # fmt: skip
    world = street.world
    buy(street)
    # The auction is held when the gate closes.
    world.block(at=world.end_s(street.first - 1))
    world.block(world.send("ben", "eva", world.balance("ben")))
    street.run_slot(0, ben=(USE_WH, 0), anna=(0, USE_WH))
    line = line_of(world, street.first, "ben")
    assert (line.bought_wh, line.carbon_charge) == (USE_WH, CHARGE)
    assert (line.uncovered == 0) == (cover_per_kwh > 0)
