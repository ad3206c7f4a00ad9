"""Offers: what is held for them, what they cost where, and what becomes of them."""

from __future__ import annotations

import pytest
from blockenergy.market.v1 import events_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from tests.support import cast, settling
from tests.support.refusals import refusals
from tests.support.trading_places import FEES, Places
from tests.support.world import reading

PRICE = 150_000


def bond(quantity_wh: int, price: int = PRICE) -> int:
    """A tenth of what not delivering costs beyond the revenue; rounded up."""
    return -(-quantity_wh * (300_000 - price) // 10_000)


def cover(quantity_wh: int) -> int:
    """A tenth of the highest price there is; rounded up."""
    return -(-quantity_wh * 300_000 // 10_000)


class TestTheBond:
    def test_it_is_that_of_what_is_available_and_follows_every_change(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        balance = world.balance("dirk")
        for price, available_wh in [(PRICE, 4_000), (PRICE, 7_001), (299_999, 333), (80_000, 50)]:
            world.block(places.offer("dirk", slot, price, available_wh))
            assert places.held("dirk") == bond(available_wh, price)
            assert world.balance("dirk") == balance - bond(available_wh, price)
        world.block(places.offer("dirk", slot, 0, 0))
        assert world.balance("dirk") == balance
        assert places.offer_of(slot, "dirk") is None
        assert places.held("dirk") == 0

    def test_what_is_sold_takes_its_part_along(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 1_003))
        for quantity_wh, left_wh in [(1, 1_002), (1_000, 2), (2, 0)]:
            before = places.position(slot, "dirk").sell_collateral
            world.block(places.buy_offer("clara", "dirk", slot, quantity_wh))
            gained = places.position(slot, "dirk").sell_collateral - before
            assert gained == bond(left_wh + quantity_wh) - bond(left_wh)
            assert places.held("dirk") == bond(1_003)
        assert places.offer_of(slot, "dirk") is None

    def test_it_has_to_be_covered(self) -> None:
        places = Places({"bank.balances[dirk, ueur]": bond(4_000) + 7})
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 4_001))
        assert refusals(world) == ["INSUFFICIENT_FUNDS"]
        world.block(places.offer("dirk", slot, PRICE, 4_000))
        world.block(places.offer("dirk", slot, PRICE, 4_001))
        assert refusals(world) == ["INSUFFICIENT_FUNDS"]
        offer = places.offer_of(slot, "dirk")
        assert offer is not None
        assert offer.available_wh == 4_000


class TestThePurchase:
    def test_both_sides_are_agreed_and_secured_at_once(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 5_000))
        world.block(places.buy_offer("clara", "dirk", slot, 2_000))
        bought, sold = places.position(slot, "clara"), places.position(slot, "dirk")
        assert (bought.bought_wh, bought.cost, bought.buy_collateral) == (
            2_000,
            300_000,
            cover(2_000),
        )
        assert (sold.sold_wh, sold.revenue, sold.sell_collateral) == (2_000, 300_000, bond(2_000))
        assert places.held("clara") == 300_000 + cover(2_000)
        offer = places.offer_of(slot, "dirk")
        assert offer is not None
        assert offer.available_wh == 3_000

    def test_it_leaves_the_price_of_the_pool_as_it_was(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 5_000))
        world.block(places.buy_offer("clara", "dirk", slot, 5_000))
        result = world.block(world.buy("ben", slot, 1_000, 300_000))
        traded = [e for e in result.events if isinstance(e, events_pb2.EventSlotTraded)]
        assert [event.price_per_kwh for event in traded] == [191_100]

    def test_who_comes_later_in_the_block_finds_what_is_left(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 1_000))
        world.block(
            places.buy_offer("clara", "dirk", slot, 600),
            places.buy_offer("eva", "dirk", slot, 600),
            places.buy_offer("eva", "dirk", slot, 400),
            places.buy_offer("eva", "dirk", slot, 1),
        )
        assert refusals(world) == ["", "OFFER_TOO_SMALL", "", "OFFER_UNKNOWN"]

    def test_a_price_that_is_raised_just_before_meets_the_limit(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 1_000))
        world.block(
            places.offer("dirk", slot, PRICE + 1, 1_000),
            places.buy_offer("clara", "dirk", slot, 600, limit=PRICE),
        )
        assert refusals(world) == ["", "OFFER_TOO_DEAR"]

    def test_a_seller_who_buys_from_another_keeps_both_apart(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(
            places.offer("eva", slot, PRICE, 1_000), places.offer("dirk", slot, 100_000, 500)
        )
        world.block(
            places.buy_offer("eva", "dirk", slot, 500),
            places.buy_offer("clara", "eva", slot, 1_000),
        )
        eva = places.position(slot, "eva")
        assert (eva.bought_wh, eva.cost, eva.sold_wh, eva.revenue) == (500, 50_000, 1_000, 150_000)
        assert places.held("eva") == 50_000 + cover(500) + bond(1_000)

    @pytest.mark.parametrize("quantity_wh", [1, 3, 999, 1_001])
    def test_uneven_amounts_are_the_pools_never_the_limits(self, quantity_wh: int) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, 150_001, 2_000))
        limit = 150_001 + FEES["north"] + FEES["south"]
        world.block(places.buy_offer("anna", "dirk", slot, quantity_wh, limit))
        assert refusals(world) == [""]
        info = places.slot_info(slot)
        assert info.cost == -(-limit * quantity_wh // 1_000)
        assert 0 <= info.cost - info.revenue - info.grid_fees <= 2


class TestPlaces:
    @pytest.mark.parametrize(
        ("seller", "buyer", "lines"),
        [
            ("dirk", "clara", []),
            ("dirk", "anna", ["south", "north"]),
            ("eva", "ben", ["south", "north", "yard"]),
            # They share the line of north, so that only the yard's is crossed.
            ("anna", "ben", ["yard"]),
            ("anna", "clara", ["north", "south"]),
        ],
    )
    def test_the_fee_is_that_of_the_lines_between(
        self, seller: str, buyer: str, lines: list[str]
    ) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        fee = sum(FEES[name] for name in lines)
        world.block(places.offer(seller, slot, PRICE, 5_000))
        world.block(places.buy_offer(buyer, seller, slot, 2_000, PRICE + fee - 1))
        assert refusals(world) == ["OFFER_TOO_DEAR"]
        world.block(places.buy_offer(buyer, seller, slot, 2_000, PRICE + fee))
        assert refusals(world) == [""]
        bought = places.position(slot, buyer)
        assert (bought.cost, bought.grid_fees) == (2 * (PRICE + fee), 2 * fee)
        assert places.position(slot, seller).revenue == 2 * PRICE
        assert places.slot_info(slot).grid_fees == 2 * fee
        for name in FEES:
            assert abs(places.flow(slot, name)) == (2_000 if name in lines else 0)

    @pytest.mark.parametrize(
        ("line", "seller", "buyer"),
        [
            ("south", "dirk", "anna"), ("north", "dirk", "anna"), ("north", "dirk", "ben"),
            ("yard", "dirk", "ben"), ("yard", "anna", "ben"), ("south", "anna", "clara"),
        ],
    )  # fmt: skip
    def test_every_line_on_the_way_must_have_room(self, line: str, seller: str, buyer: str) -> None:
        places = Places({f"registry.feeders[{line}]": {"capacity_w": 1_500}})
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer(seller, slot, PRICE, 5_000))
        world.block(places.buy_offer(buyer, seller, slot, 1_000))
        world.block(places.buy_offer(buyer, seller, slot, 501))
        assert refusals(world) == ["FEEDER_FULL"]
        assert line in world.results[0].log
        world.block(places.buy_offer(buyer, seller, slot, 500))
        assert refusals(world) == [""]
        assert abs(places.flow(slot, line)) == 1_500

    def test_neighbours_trade_on_a_feeder_whose_line_is_closed(self) -> None:
        places = Places({"registry.feeders[south]": {"capacity_w": 0}})
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 5_000))
        world.block(
            places.buy_offer("anna", "dirk", slot, 1), places.buy_offer("eva", "dirk", slot, 1)
        )
        assert refusals(world) == ["FEEDER_FULL", ""]

    def test_energy_the_other_way_makes_room(self) -> None:
        places = Places({"registry.feeders[south]": {"capacity_w": 1_000}})
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(
            places.offer("dirk", slot, PRICE, 5_000), places.offer("anna", slot, PRICE, 5_000)
        )
        world.block(places.buy_offer("clara", "anna", slot, 1_000))
        world.block(places.buy_offer("anna", "dirk", slot, 2_001))
        assert refusals(world) == ["FEEDER_FULL"]
        world.block(places.buy_offer("anna", "dirk", slot, 2_000))
        assert refusals(world) == [""]
        assert places.flow(slot, "south") == -1_000

    def test_who_moves_stays_in_a_slot_where_the_first_trade_was(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(3)
        world.block(places.offer("dirk", slot, PRICE, 5_000))
        remove = registry_tx_pb2.MsgRemoveMeter(
            registrar=cast.address_text("registrar"), meter_id="meter-dirk"
        )
        add = registry_tx_pb2.MsgAddMeter(
            registrar=cast.address_text("registrar"),
            meter_id="meter-fred",
            owner=cast.address_text("dirk"),
            bridge=cast.address_text("bridge"),
            feeder="north",
            capacity_w=10_000,
            pub_key=cast.meter_key("meter-fred").public_key().public_bytes_raw(),
        )
        world.block(world.sign("registrar", remove, add))
        assert refusals(world) == [""]
        world.block(places.buy_offer("anna", "dirk", slot, 1_000))
        world.block(world.sell("dirk", slot, 1_000, 80_000))
        assert places.position(slot, "dirk").feeder == "south"
        world.block(world.sell("dirk", slot + 1, 1_000, 80_000))
        assert places.position(slot + 1, "dirk").feeder == "north"


class TestTheEnd:
    @pytest.mark.parametrize("verb", ["Suspend", "Remove"])
    def test_nobody_buys_from_a_seller_who_may_not_act(self, verb: str) -> None:
        places = Places({"registry.meters[meter-dirk]": {"owner": "eva"}})
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 5_000))
        message = getattr(registry_tx_pb2, f"Msg{verb}Participant")(
            registrar=cast.address_text("registrar"), address=cast.address_text("dirk")
        )
        world.block(world.sign("registrar", message))
        world.block(places.buy_offer("clara", "dirk", slot, 1_000))
        assert refusals(world) == ["PARTICIPANT_NOT_ACTIVE"]
        assert world.results[0].log.startswith("the seller: ")
        # The bond is free again when the gate has closed, whoever may act or not.
        world.block(at=places.gate_s(slot))
        world.block()
        assert places.held("dirk") == 0

    def test_what_is_left_at_the_gate_ends_and_what_was_sold_stays(self) -> None:
        places = Places({"market.params": {"bookings_per_block_max": 2}})
        world, slot = places.world, places.world.slot_ahead(1)
        balances = {name: world.balance(name) for name in ("anna", "dirk", "eva")}
        world.block(*(places.offer(name, slot, PRICE, 1_000) for name in balances))
        world.block(places.buy_offer("clara", "dirk", slot, 400))
        world.block(places.buy_offer("clara", "anna", slot, 1), at=places.gate_s(slot))
        assert refusals(world) == ["SLOT_PAST"]
        for _ in range(3):
            world.block()
        assert all(places.offer_of(slot, name) is None for name in balances)
        freed = {name: world.balance(name) - balance for name, balance in balances.items()}
        assert freed == {"anna": 0, "dirk": -bond(1_000) + bond(600), "eva": 0}

    def test_every_end_is_announced(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        world.block(places.offer("dirk", slot, PRICE, 1_000), places.offer("eva", slot, PRICE, 9))
        events = list(world.block(at=places.gate_s(slot)).events) + list(world.block().events)
        ended = [event for event in events if isinstance(event, events_pb2.EventOfferSet)]
        assert sorted(cast.name_of(event.seller) for event in ended) == ["dirk", "eva"]
        assert not any(event.available_wh for event in ended)

    def test_it_is_delivered_and_paid_as_any_other_trade(self) -> None:
        places = Places()
        world, slot = places.world, places.world.slot_ahead(1)
        names = ("anna", "dirk", "distributor")
        before = {name: world.balance(name) for name in names}
        world.block(places.offer("dirk", slot, PRICE, 2_000))
        world.block(places.buy_offer("anna", "dirk", slot, 2_000))
        readings = [reading("meter-anna", slot, 2_000, 0), reading("meter-dirk", slot, 0, 2_000)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settling.settle(world, slot)
        gained = {name: world.balance(name) - before[name] for name in names}
        assert gained == {"anna": -360_000, "dirk": 300_000, "distributor": 60_000}
        assert settling.result_of(world, slot).grid_fees == 60_000
