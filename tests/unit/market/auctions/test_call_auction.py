"""Call auctions through the chain, by example: what orders get, and what the grid gets."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2

from tests.support.streets import people
from tests.support.streets.auctions import (
    ask,
    bid,
    cleared,
    clearing_of,
    close,
    fills_of,
    gate_s,
    orders_of,
    position_of,
    slot_of,
)
from tests.support.streets.settling import opened, settle
from tests.support.world import World

KW = 1_000
NORTH, SOUTH = "registry.feeders[north]", "registry.feeders[south]"


class TestOnePrice:
    def test_neighbours_trade_at_the_price_of_the_pool(self) -> None:
        world, slot = cleared(
            None, (bid, "ben", 2_000, 250_000, {}), (ask, "dirk", 2_000, 100_000, {})
        )
        # The pool is in balance: the next Wh costs 0.19 EUR.
        assert fills_of(world, slot) == {1: (2_000, 380_000), 2: (2_000, 380_000)}
        assert slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLOSED

    def test_the_pool_serves_what_is_left_over(self) -> None:
        world, slot = cleared(None, (bid, "ben", 5_000, 300_000, {}))
        # The 5000th Wh above balance costs 0.19 EUR + 5 kWh * 0.0022 EUR, and all have its price.
        assert fills_of(world, slot) == {1: (5_000, 5 * 201_000)}
        assert clearing_of(world, slot).clearing.pool_sold_wh == 5_000

    def test_it_goes_on_from_what_market_orders_have_bought(self) -> None:
        world, slot = opened()
        world.block(world.buy("clara", slot, 10_000, 300_000), bid(world, "ben", slot, 1, 300_000))
        close(world, slot)
        clearing = clearing_of(world, slot).clearing
        assert clearing.pool_sold_before_wh == 10_000
        assert clearing.nodes[0].price_per_kwh == 212_003

    def test_a_bid_below_the_price_gets_nothing_and_its_money_back(self) -> None:
        world, slot = opened()
        before = world.balance("ben")
        world.block(bid(world, "ben", slot, 5_000, 100_000))
        close(world, slot)
        assert fills_of(world, slot) == {1: (0, 0)}
        assert world.balance("ben") == before

    def test_nobody_trades_with_himself(self) -> None:
        world, slot = cleared(
            None, (bid, "anna", 1_000, 250_000, {}), (ask, "anna", 1_000, 100_000, {})
        )
        assert fills_of(world, slot) == {1: (0, 0), 2: (0, 0)}


class TestOddWh:
    """Two bids share 3 Wh at the margin: which gets the odd one follows from the orders alone."""

    @staticmethod
    def share(blocks_before: int, limit: int = 150_000) -> tuple[bytes, list[int]]:
        """The seed, and what eva and clara get of the 3 Wh that dirk sells."""
        world, slot = opened()
        for _ in range(blocks_before):
            world.block()
        world.block(
            bid(world, "eva", slot, 3, 250_000, local=True),
            bid(world, "clara", slot, 3, 250_000, local=True),
            ask(world, "dirk", slot, 3, limit),
        )
        close(world, slot)
        fills = [wh for wh, _ in fills_of(world, slot).values()]
        return clearing_of(world, slot).clearing.seed, fills

    def test_no_block_makes_a_difference(self) -> None:
        seed, fills = self.share(blocks_before=0)
        assert sorted(fills) == [1, 2, 3]
        assert self.share(blocks_before=3) == (seed, fills)

    def test_every_order_does(self) -> None:
        outcomes = {self.share(0, 150_000 + number)[0]: None for number in range(20)}
        assert len(outcomes) == 20


class TestSpecialOrders:
    def test_a_range_is_filled_in_proportion(self) -> None:
        fields = {"full_price_per_kwh": 150_000}
        world, slot = cleared(None, (bid, "ben", 1_000, 250_000, fields))
        # About 0.191 EUR, so 59 of 100 hundredths; in steps of 20 Wh that is 580 Wh.
        assert fills_of(world, slot)[1][0] == 580

    def test_a_range_of_few_wh_is_exact(self) -> None:
        fields = {"full_price_per_kwh": 140_000}
        world, slot = cleared(None, (bid, "ben", 50, 240_000, fields))
        price = clearing_of(world, slot).clearing.nodes[0].price_per_kwh
        assert fills_of(world, slot)[1][0] == 50 * (240_000 - price) // 100_000

    def test_an_asking_range_sells_more_at_a_higher_price(self) -> None:
        fields = {"full_price_per_kwh": 290_000}
        world, slot = cleared(None, (ask, "dirk", 50, 90_000, fields))
        price = clearing_of(world, slot).clearing.nodes[0].price_per_kwh
        assert fills_of(world, slot)[1][0] == 50 * (price - 90_000) // 200_000

    def test_what_cannot_have_its_minimum_is_killed(self) -> None:
        """South may take in 1 kWh; half of it would be too little for Clara."""
        world, slot = cleared(
            {SOUTH: {"capacity_w": KW}},
            (bid, "clara", 1_000, 250_000, {"minimum_acceptable_wh": 600}),
            (bid, "eva", 1_000, 250_000, {}),
        )
        assert clearing_of(world, slot).clearing.killed_order_ids == [1]
        assert [wh for wh, _ in fills_of(world, slot).values()] == [0, 1_000]

    def test_a_local_bid_takes_only_local_energy(self) -> None:
        """The pool would sell for 0.19 EUR; who wants the street's own pays more for it."""
        world, slot = cleared(
            None,
            (bid, "clara", 3_000, 280_000, {"local": True}),
            (ask, "dirk", 1_000, 200_000, {}),
        )
        assert fills_of(world, slot) == {1: (1_000, 280_000), 2: (1_000, 280_000)}

    def test_a_renewable_bid_takes_only_what_is_registered_so(self) -> None:
        changes = {"registry.meters[meter-eva]": {"energy_source": "ENERGY_SOURCE_WIND"}}
        world, slot = cleared(
            changes,
            (bid, "clara", 3_000, 280_000, {"local": True, "renewable": True}),
            (ask, "dirk", 2_000, 150_000, {}),
            (ask, "eva", 1_000, 150_000, {"renewable": True}),
        )
        fills = fills_of(world, slot)
        assert fills[1] == fills[3] == (1_000, 280_000)
        # Dirk sells to whoever does not care, here the pool.
        assert fills[2][0] == 2_000
        assert fills[2][1] < 2 * 190_000

    def test_local_energy_that_nobody_wants_as_such_goes_elsewhere(self) -> None:
        world, slot = cleared(
            None,
            (bid, "clara", 1_000, 280_000, {"local": True}),
            (ask, "dirk", 5_000, 100_000, {}),
            (bid, "ben", 4_000, 280_000, {}),
        )
        assert {amount * 1_000 // wh for wh, amount in fills_of(world, slot).values()} == {190_000}


class TestTheGrid:
    def test_a_full_line_parts_the_prices_and_earns_a_rent(self) -> None:
        changes = {NORTH: {"capacity_w": 3 * KW, "grid_fee_per_kwh": 1_000}}
        world, slot = cleared(changes, (bid, "ben", 5_000, 250_000, {}))
        clearing = clearing_of(world, slot).clearing
        head, north = clearing.nodes
        assert (head.price_per_kwh, north.price_per_kwh) == (196_600, 250_000)
        assert (north.import_wh, north.grid_fee) == (3_000, 3_000)
        assert north.congestion_rent == 3 * (250_000 - 196_600 - 1_000)
        info = slot_of(world, slot)
        assert (info.congestion_rent, info.grid_fees) == (north.congestion_rent, north.grid_fee)

    def test_the_grid_is_paid_when_the_slot_is_settled(self) -> None:
        changes = {NORTH: {"capacity_w": 3 * KW, "grid_fee_per_kwh": 1_000}}
        world, slot = cleared(changes, (bid, "ben", 5_000, 250_000, {}))
        before = world.balance("distributor")
        settle(world, slot)
        assert world.balance("distributor") - before == 3 * (250_000 - 196_600)

    def test_what_was_agreed_before_is_taken_off_the_capacity(self) -> None:
        world, slot = opened({NORTH: {"capacity_w": 3 * KW}})
        world.block(
            world.buy("anna", slot, 2_500, 300_000), bid(world, "ben", slot, 5_000, 300_000)
        )
        close(world, slot)
        assert [wh for wh, _ in fills_of(world, slot).values()] == [500]

    def test_a_line_that_was_closed_meanwhile_carries_nothing(self) -> None:
        """The feeder goes on as a market of its own."""
        world, slot = opened()
        world.block(
            bid(world, "ben", slot, 5_000, 300_000),
            bid(world, "clara", slot, 5_000, 300_000),
            ask(world, "dirk", slot, 1_000, 100_000),
        )
        world.block(change_feeder(world, "south", 0))
        close(world, slot)
        assert [wh for wh, _ in fills_of(world, slot).values()] == [5_000, 1_000, 1_000]

    def test_a_line_that_carries_too_much_may_still_be_relieved(self) -> None:
        """3 kWh are to flow in over a line that now carries one: it lets 4 kWh out, and none in."""
        world, slot = opened()
        world.block(
            world.buy("ben", slot, 3_000, 300_000),
            ask(world, "anna", slot, 9_000, 100_000),
            bid(world, "ben", slot, 1, 300_000),
        )
        world.block(change_feeder(world, "north", KW))
        close(world, slot)
        assert [wh for wh, _ in fills_of(world, slot).values()] == [4_001, 1]


THIN = {SOUTH: {"thin_market": True}}


class TestThinMarkets:
    def test_neighbours_trade_by_mcafees_rule(self) -> None:
        world, slot = cleared(
            THIN,
            (bid, "clara", 1_000, 250_000, {}),
            (bid, "eva", 1_000, 200_000, {}),
            (ask, "dirk", 1_000, 100_000, {}),
            (ask, "dirk", 1_000, 220_000, {}),
        )
        # Between the first that stay out: 0.20 EUR and 0.22 EUR.
        assert fills_of(world, slot)[1] == fills_of(world, slot)[3] == (1_000, 210_000)
        assert not slot_of(world, slot).congestion_rent

    def test_the_difference_of_the_prices_is_the_pools(self) -> None:
        world, slot = cleared(
            THIN,
            (bid, "clara", 1_000, 250_000, {}),
            (bid, "eva", 1_000, 240_000, {}),
            (ask, "dirk", 1_000, 100_000, {}),
            (ask, "dirk", 1_000, 120_000, {}),
        )
        fills = fills_of(world, slot)
        assert (fills[1], fills[3]) == ((1_000, 240_000), (1_000, 120_000))
        assert clearing_of(world, slot).clearing.pool_sold_wh == 0

    def test_the_rest_of_the_grid_trades_through_it(self) -> None:
        changes = {SOUTH: {"thin_market": True}, NORTH: {"parent": "south"}}
        world, slot = cleared(
            changes, (bid, "ben", 1_000, 250_000, {}), (bid, "clara", 1_000, 250_000, {})
        )
        assert [wh for wh, _ in fills_of(world, slot).values()] == [1_000, 0]

    def test_it_does_not_take_what_it_cannot_clear_as_it_was_meant(self) -> None:
        """The feeder became a thin market when the orders rested already."""
        world, slot = opened()
        world.block(
            bid(world, "clara", slot, 1_000, 250_000, minimum_acceptable_wh=10),
            bid(world, "eva", slot, 1_000, 250_000, full_price_per_kwh=200_000),
            bid(world, "eva", slot, 1_000, 250_000, local=True, renewable=True),
            bid(world, "eva", slot, 1_000, 240_000, local=True),
            bid(world, "eva", slot, 1_000, 230_000),
            ask(world, "dirk", slot, 1_000, 100_000),
            ask(world, "dirk", slot, 1_000, 235_000),
        )
        world.block(change_feeder(world, "south", 10_000 * KW, thin_market=True))
        close(world, slot)
        fills = [wh for wh, _ in fills_of(world, slot).values()]
        assert fills == [0, 0, 0, 1_000, 0, 1_000, 0]


def statuses(world: World, slot: int) -> list[state_pb2.SlotStatus]:
    return [slot_of(world, number).status for number in range(slot, slot + 3)]


class TestGates:
    def test_an_empty_auction_closes_at_once(self) -> None:
        world, slot = opened()
        world.block(at=gate_s(slot))
        assert slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLOSED
        assert f"market.clearings[{slot}]" not in world.short()

    def test_after_a_halt_there_is_one_auction_per_block(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot + 1, 1, 300_000))
        world.block(at=gate_s(slot + 2))
        closed, opened_ = state_pb2.SLOT_STATUS_CLOSED, state_pb2.SLOT_STATUS_OPEN
        # The first has no orders, the second is cleared and booked, the third waits.
        assert statuses(world, slot) == [closed, closed, opened_]
        world.block()
        assert statuses(world, slot) == [closed] * 3

    def test_a_slot_that_waits_takes_no_orders(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1, 300_000), bid(world, "ben", slot + 1, 1, 300_000))
        world.block(bid(world, "ben", slot + 1, 1, 300_000), at=gate_s(slot + 1))
        assert "gate" in world.results[0].log

    def test_fills_are_booked_piece_by_piece(self) -> None:
        world, slot = opened({"market.params": {"bookings_per_block_max": 2}})
        world.block(*[bid(world, name, slot, 100, 300_000) for name in ("ben", "clara", "eva")])
        world.block(at=gate_s(slot))
        assert slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLEARING
        assert [bool(order.hold_id) for _, order in orders_of(world, slot)] == [False, False, True]
        # The slot has all of it at once.
        assert slot_of(world, slot).bought_wh == 300
        world.block()
        assert slot_of(world, slot).status == state_pb2.SLOT_STATUS_CLOSED
        assert position_of(world, slot, "eva").bought_wh == 100

    def test_nothing_is_settled_before_all_is_booked(self) -> None:
        world, slot = opened({"market.params": {"bookings_per_block_max": 1}})
        world.block(*[bid(world, "ben", slot, 100, 300_000) for _ in range(4)])
        world.block(at=world.deadline_s(slot))
        for _ in range(3):
            assert f"settlement.results[{slot}]" not in world.short()
            world.block()
        world.block()
        world.block()
        assert f"settlement.results[{slot}]" in world.short()

    def test_who_was_removed_meanwhile_gets_what_was_agreed(self) -> None:
        world, slot = opened()
        world.block(bid(world, "ben", slot, 1_000, 300_000), ask(world, "dirk", slot, 500, 90_000))
        world.block(*remove_participant(world, "ben"), *remove_participant(world, "dirk"))
        assert not [result.log for result in world.results if result.code]
        close(world, slot)
        assert [wh for wh, _ in fills_of(world, slot).values()] == [1_000, 500]


def change_feeder(world: World, name: str, capacity_w: int, *, thin_market: bool = False) -> bytes:
    message = registry_tx_pb2.MsgChangeFeeder(
        registrar=people.address_text("registrar"),
        feeder=name,
        capacity_w=capacity_w,
        thin_market=thin_market,
    )
    return world.sign("registrar", message)


def remove_participant(world: World, name: str) -> list[bytes]:
    """The registrar removes somebody's meter, then the participant."""
    registrar = people.address_text("registrar")
    removed = world.remove_meter(f"meter-{name}")
    owner = registry_tx_pb2.MsgRemoveParticipant(
        registrar=registrar, address=people.address_text(name)
    )
    return [removed, world.sign("registrar", owner)]
