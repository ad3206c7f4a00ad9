"""Offers: what is held for them, what they cost where, and what becomes of them."""

from __future__ import annotations

import pytest
from blockenergy.market.v1 import events_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from tests.support.rejections import rejections
from tests.support.streets import people, settling
from tests.support.streets.grid_market import FEES, GridMarket
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
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        balance = world.balance("dirk")
        for price, available_wh in [(PRICE, 4_000), (PRICE, 7_001), (299_999, 333), (80_000, 50)]:
            world.block(grid.offer("dirk", slot, price, available_wh))
            assert grid.held("dirk") == bond(available_wh, price)
            assert world.balance("dirk") == balance - bond(available_wh, price)
        world.block(grid.offer("dirk", slot, 0, 0))
        assert world.balance("dirk") == balance
        assert grid.offer_of(slot, "dirk") is None
        assert grid.held("dirk") == 0

    def test_what_is_sold_takes_its_part_along(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 1_003))
        for quantity_wh, left_wh in [(1, 1_002), (1_000, 2), (2, 0)]:
            before = grid.position(slot, "dirk").sell_collateral
            world.block(grid.buy_offer("clara", "dirk", slot, quantity_wh))
            gained = grid.position(slot, "dirk").sell_collateral - before
            assert gained == bond(left_wh + quantity_wh) - bond(left_wh)
            assert grid.held("dirk") == bond(1_003)
        assert grid.offer_of(slot, "dirk") is None

    def test_it_has_to_be_covered(self) -> None:
        grid = GridMarket({"bank.balances[dirk, ueur]": bond(4_000) + 7})
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 4_001))
        assert rejections(world) == ["INSUFFICIENT_FUNDS"]
        world.block(grid.offer("dirk", slot, PRICE, 4_000))
        world.block(grid.offer("dirk", slot, PRICE, 4_001))
        assert rejections(world) == ["INSUFFICIENT_FUNDS"]
        offer = grid.offer_of(slot, "dirk")
        assert offer is not None
        assert offer.available_wh == 4_000


class TestThePurchase:
    def test_both_sides_are_agreed_and_secured_at_once(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 5_000))
        world.block(grid.buy_offer("clara", "dirk", slot, 2_000))
        bought, sold = grid.position(slot, "clara"), grid.position(slot, "dirk")
        assert (bought.bought_wh, bought.cost, bought.buy_collateral) == (
            2_000,
            300_000,
            cover(2_000),
        )
        assert (sold.sold_wh, sold.revenue, sold.sell_collateral) == (2_000, 300_000, bond(2_000))
        assert grid.held("clara") == 300_000 + cover(2_000)
        offer = grid.offer_of(slot, "dirk")
        assert offer is not None
        assert offer.available_wh == 3_000

    def test_it_leaves_the_price_of_the_pool_as_it_was(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 5_000))
        world.block(grid.buy_offer("clara", "dirk", slot, 5_000))
        result = world.block(world.buy("ben", slot, 1_000, 300_000))
        traded = [e for e in result.events if isinstance(e, events_pb2.EventSlotTraded)]
        assert [event.price_per_kwh for event in traded] == [191_100]

    @pytest.mark.parametrize("names", [("clara", "eva", "anna"), ("anna", "eva", "clara")])
    def test_all_that_buy_in_a_block_share_whoever_comes_first(self, names: tuple[str]) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 1_000))
        wanted_wh = {"clara": 1_000, "eva": 600, "anna": 401}
        world.block(*(grid.buy_offer(name, "dirk", slot, wanted_wh[name]) for name in names))
        bought_wh = {name: grid.position(slot, name).bought_wh for name in wanted_wh}
        assert bought_wh == {"clara": 499, "eva": 299, "anna": 200}
        offer = grid.offer_of(slot, "dirk")
        assert offer is not None and offer.available_wh == 2

    @pytest.mark.parametrize("seller_first", [True, False])
    @pytest.mark.parametrize(("price", "available_wh"), [(PRICE + 1, 1_000), (PRICE, 900), (0, 0)])
    def test_a_seller_cannot_answer_a_purchase_within_its_block(
        self, seller_first: bool, price: int, available_wh: int
    ) -> None:
        """Not even one that proposes the block: whatever the sequence, the purchase lapses."""
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 1_000))
        balance = world.balance("clara")
        change = grid.offer("dirk", slot, price, available_wh)
        buy = grid.buy_offer("clara", "dirk", slot, 600)
        world.block(*((change, buy) if seller_first else (buy, change)))
        assert grid.position(slot, "clara").bought_wh == 0
        assert world.balance("clara") == balance
        assert grid.held("clara") == 0

    def test_purchases_share_the_headroom_of_a_line(self) -> None:
        grid = GridMarket({"registry.feeders[south]": {"capacity_w": 900}})
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 5_000), grid.offer("eva", slot, PRICE, 5_000))
        world.block(
            grid.buy_offer("anna", "dirk", slot, 600),
            grid.buy_offer("ben", "eva", slot, 900),
            grid.buy_offer("clara", "eva", slot, 1_000),
        )
        assert rejections(world) == ["", "", ""]
        bought_wh = [grid.position(slot, name).bought_wh for name in ("anna", "ben", "clara")]
        assert bought_wh == [360, 540, 1_000]
        assert grid.flow(slot, "south") == -900

    def test_a_seller_who_buys_from_another_is_left_with_the_difference(self) -> None:
        """What she bought is closed against as much of what she sold; dear as that was, she does
        not gain from passing it on.
        """
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(
            grid.offer("eva", slot, PRICE, 1_000),
            grid.offer("dirk", slot, 100_000, 500),
        )
        world.block(
            grid.buy_offer("eva", "dirk", slot, 500),
            grid.buy_offer("clara", "eva", slot, 1_000),
        )
        eva = grid.position(slot, "eva")
        assert (eva.bought_wh, eva.cost, eva.sold_wh, eva.revenue) == (0, 0, 500, 75_000)
        assert grid.held("eva") == bond(500)
        assert grid.slot_info(slot).cancellation_income == 0

    def test_who_sells_cheaper_than_bought_pays_at_once(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(
            grid.offer("eva", slot, 100_000, 1_000), grid.offer("dirk", slot, 150_000, 1_000)
        )
        world.block(
            grid.buy_offer("eva", "dirk", slot, 1_000), grid.buy_offer("clara", "eva", slot, 1_000)
        )
        assert grid.held("eva") == 0
        assert world.balance("eva") == 100_000_000 - 50_000
        assert grid.slot_info(slot).cancellation_income == 50_000

    @pytest.mark.parametrize("quantity_wh", [1, 3, 999, 1_001])
    def test_uneven_amounts_are_the_pools_never_the_limits(self, quantity_wh: int) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, 150_001, 2_000))
        limit = 150_001 + FEES["north"] + FEES["south"]
        world.block(grid.buy_offer("anna", "dirk", slot, quantity_wh, limit))
        assert rejections(world) == [""]
        info = grid.slot_info(slot)
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
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        fee = sum(FEES[name] for name in lines)
        world.block(grid.offer(seller, slot, PRICE, 5_000))
        world.block(grid.buy_offer(buyer, seller, slot, 2_000, PRICE + fee - 1))
        assert rejections(world) == ["OFFER_TOO_DEAR"]
        world.block(grid.buy_offer(buyer, seller, slot, 2_000, PRICE + fee))
        assert rejections(world) == [""]
        bought = grid.position(slot, buyer)
        assert (bought.cost, bought.grid_fees) == (2 * (PRICE + fee), 2 * fee)
        assert grid.position(slot, seller).revenue == 2 * PRICE
        assert grid.slot_info(slot).grid_fees == 2 * fee
        for name in FEES:
            assert abs(grid.flow(slot, name)) == (2_000 if name in lines else 0)

    @pytest.mark.parametrize(
        ("line", "seller", "buyer"),
        [
            ("south", "dirk", "anna"), ("north", "dirk", "anna"), ("north", "dirk", "ben"),
            ("yard", "dirk", "ben"), ("yard", "anna", "ben"), ("south", "anna", "clara"),
        ],
    )  # fmt: skip
    def test_every_line_on_the_way_must_have_room(self, line: str, seller: str, buyer: str) -> None:
        grid = GridMarket({f"registry.feeders[{line}]": {"capacity_w": 1_500}})
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer(seller, slot, PRICE, 5_000))
        world.block(grid.buy_offer(buyer, seller, slot, 1_000))
        world.block(grid.buy_offer(buyer, seller, slot, 501))
        assert rejections(world) == ["FEEDER_FULL"]
        assert line in world.results[0].log
        world.block(grid.buy_offer(buyer, seller, slot, 500))
        assert rejections(world) == [""]
        assert abs(grid.flow(slot, line)) == 1_500

    def test_neighbours_trade_on_a_feeder_whose_line_is_closed(self) -> None:
        grid = GridMarket({"registry.feeders[south]": {"capacity_w": 0}})
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 5_000))
        world.block(
            grid.buy_offer("anna", "dirk", slot, 1),
            grid.buy_offer("eva", "dirk", slot, 1),
        )
        assert rejections(world) == ["FEEDER_FULL", ""]

    def test_energy_the_other_way_makes_room(self) -> None:
        grid = GridMarket({"registry.feeders[south]": {"capacity_w": 1_000}})
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(
            grid.offer("dirk", slot, PRICE, 5_000),
            grid.offer("anna", slot, PRICE, 5_000),
        )
        world.block(grid.buy_offer("clara", "anna", slot, 1_000))
        world.block(grid.buy_offer("anna", "dirk", slot, 2_001))
        assert rejections(world) == ["FEEDER_FULL"]
        world.block(grid.buy_offer("anna", "dirk", slot, 2_000))
        assert rejections(world) == [""]
        assert grid.flow(slot, "south") == -1_000

    def test_who_moves_stays_in_a_slot_where_the_first_trade_was(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(3)
        world.block(grid.offer("dirk", slot, PRICE, 5_000))
        removed = world.remove_meter("meter-dirk")
        add = registry_tx_pb2.MsgAddMeter(
            registrar=people.address_text("registrar"),
            meter_id="meter-fred",
            owner=people.address_text("dirk"),
            bridge=people.address_text("bridge"),
            feeder="north",
            capacity_w=10_000,
            pub_key=people.meter_key("meter-fred").public_key().public_bytes_raw(),
        )
        world.block(removed, world.sign("registrar", add))
        assert rejections(world) == ["", ""]
        world.block(grid.buy_offer("anna", "dirk", slot, 1_000))
        world.block(world.sell("dirk", slot, 1_000, 80_000))
        assert grid.position(slot, "dirk").feeder == "south"
        world.block(world.sell("dirk", slot + 1, 1_000, 80_000))
        assert grid.position(slot + 1, "dirk").feeder == "north"


class TestTheEnd:
    @pytest.mark.parametrize("verb", ["Suspend", "Remove"])
    def test_nobody_buys_from_a_seller_who_may_not_act(self, verb: str) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 5_000))
        remove = metering_tx_pb2.MsgRemoveMeter(
            registrar=people.address_text("registrar"), meter_id="meter-dirk"
        )
        world.block(world.sign("registrar", remove))
        message = getattr(registry_tx_pb2, f"Msg{verb}Participant")(
            registrar=people.address_text("registrar"), address=people.address_text("dirk")
        )
        world.block(world.sign("registrar", message))
        world.block(grid.buy_offer("clara", "dirk", slot, 1_000))
        assert rejections(world) == ["PARTICIPANT_NOT_ACTIVE"]
        assert world.results[0].log.startswith("the seller: ")
        # The bond is free again when the gate has closed, whoever may act or not.
        world.block(at=grid.gate_s(slot))
        world.block()
        assert grid.held("dirk") == 0

    def test_what_is_left_at_the_gate_ends_and_what_was_sold_stays(self) -> None:
        grid = GridMarket({"market.params": {"bookings_per_block_max": 2}})
        world, slot = grid.world, grid.world.slot_ahead(1)
        balances = {name: world.balance(name) for name in ("anna", "dirk", "eva")}
        world.block(*(grid.offer(name, slot, PRICE, 1_000) for name in balances))
        world.block(grid.buy_offer("clara", "dirk", slot, 400))
        world.block(grid.buy_offer("clara", "anna", slot, 1), at=grid.gate_s(slot))
        assert rejections(world) == ["SLOT_PAST"]
        for _ in range(3):
            world.block()
        assert all(grid.offer_of(slot, name) is None for name in balances)
        freed = {name: world.balance(name) - balance for name, balance in balances.items()}
        assert freed == {"anna": 0, "dirk": -bond(1_000) + bond(600), "eva": 0}

    def test_every_end_is_announced(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        world.block(grid.offer("dirk", slot, PRICE, 1_000), grid.offer("eva", slot, PRICE, 9))
        events = list(world.block(at=grid.gate_s(slot)).events) + list(world.block().events)
        ended = [event for event in events if isinstance(event, events_pb2.EventOfferSet)]
        assert sorted(people.name_of(event.seller) for event in ended) == ["dirk", "eva"]
        assert not any(event.available_wh for event in ended)

    def test_it_is_delivered_and_paid_as_any_other_trade(self) -> None:
        grid = GridMarket()
        world, slot = grid.world, grid.world.slot_ahead(1)
        names = ("anna", "dirk", "distributor")
        before = {name: world.balance(name) for name in names}
        world.block(grid.offer("dirk", slot, PRICE, 2_000))
        world.block(grid.buy_offer("anna", "dirk", slot, 2_000))
        readings = [reading("meter-anna", slot, 2_000, 0), reading("meter-dirk", slot, 0, 2_000)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settling.settle(world, slot)
        gained = {name: world.balance(name) - before[name] for name in names}
        assert gained == {"anna": -360_000, "dirk": 300_000, "distributor": 60_000}
        assert settling.result_of(world, slot).grid_fees == 60_000
