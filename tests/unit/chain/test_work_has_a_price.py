"""What a stranger to good manners can have the chain do, and what that costs: attacks that paid
while work was free.
"""

from __future__ import annotations

import pytest
from blockenergy.bank.v1 import tx_pb2 as bank_tx_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.market.v1.state_pb2 import SIDE_SELL
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain import app
from chain.runtime.gas import compute_message_gas
from node_config.preset import FOLDER, load_preset
from tests.support import vectors
from tests.support.rejections import rejections
from tests.support.streets import people
from tests.support.vectors import Vector
from tests.support.world import FIRST_SLOT, World, reading

PRESETS = sorted(path.stem for path in FOLDER.glob("*.toml"))
PRICE = {"auth.params": {"min_gas_price_micro": 50}}
DEPOSIT = 1_000
HIGH = 300_000
EUR = 1_000_000
MICRO = 1_000_000
# About that: what 1 unit of gas stands for.
NS_PER_GAS = 4


def make_buy(buyer: str, slot: int) -> Message:
    return market_tx_pb2.MsgBuy(
        buyer=people.address_text(buyer), slot=slot, quantity_wh=1, price_limit_per_kwh=HIGH
    )


def make_reserve(world: World, owner: str) -> Message:
    return bank_tx_pb2.MsgReserve(
        owner=people.address_text(owner),
        beneficiary=people.address_text("dirk"),
        amount=Coin(denom="ueur", amount="1"),
        deadline_s=world.time_s + 3_600,
    )


def compute_fee_of(name: str, *messages: Message, size_bytes: int = 300) -> float:
    """Millionths for a transaction with the values of a preset; not rounded."""
    params = load_preset(name).params["auth"]
    gas = params["gas_per_tx"] + params["gas_per_byte"] * size_bytes
    gas += sum(map(compute_message_gas, messages))
    return float(gas * params["min_gas_price_micro"] / MICRO)


class TestGasIsKnownBefore:
    @pytest.mark.parametrize(
        "vector",
        [one for one in vectors.load_all() if "message" in one.content],
        ids=lambda one: one.name,
    )
    def test_it_depends_on_the_transaction_alone(self, vector: Vector) -> None:
        """Whatever becomes of it, a transaction takes what its bytes and messages say."""
        world = World(vector.get("pre"))
        raw = vectors.prepare(world, vector)
        result = app.finalize_block(world.store, world.block_info, [raw]).tx_results[0]
        if not result.gas_used:
            assert result.code, "what is executed takes gas"
            return
        tx = app.RULES.decode_tx(raw, 1_000)
        params = world.genesis["auth"]["params"]
        expected = int(params["gas_per_tx"]) + int(params["gas_per_byte"]) * len(raw)
        assert result.gas_used == expected + sum(h.count_gas(m) for h, m in tx.messages)

    @pytest.mark.parametrize("url", sorted(app.RULES.handlers))
    def test_every_message_takes_gas(self, url: str) -> None:
        assert app.RULES.handlers[url].gas.own >= 1_000


class TestFloods:
    def test_a_flood_of_orders_is_paid_for(self) -> None:
        """16 orders of 1 Wh a transaction, from an account that has nothing to pay with."""
        world = World({**PRICE, "bank.balances[ben, ueur]": 20})
        world.block()
        slot = world.slot_ahead(2)
        world.block(world.spoil("ben", *[make_buy("ben", slot)] * 16, gas_limit=500_000))
        assert rejections(world) == ["INSUFFICIENT_FEE"]
        world.block(world.spoil("ben", *[make_buy("ben", slot)] * 16))
        assert rejections(world) == ["INSUFFICIENT_FUNDS"]
        assert world.balance("ben") == 20

    def test_each_order_is_paid_for_even_if_it_fails(self) -> None:
        world = World(PRICE)
        world.block()
        slot = world.slot_ahead(2)
        world.block(
            world.sign("ben", *[make_buy("ben", slot)] * 16),
            world.sign("ben", *[make_buy("ben", slot + 99)] * 16),
        )
        placed, failed = world.results
        assert (placed.code, bool(failed.code)) == (0, True)
        assert min(placed.gas_used, failed.gas_used) > 16 * 25_000

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_home_pays_cents_and_a_flood_pays_for_every_block(self, name: str) -> None:
        order = compute_fee_of(name, make_buy("ben", 1))
        assert 50 * 365 * order < 0.05 * EUR
        params = load_preset(name).params["auth"]
        block = params["gas_per_block_max"] * params["min_gas_price_micro"] / MICRO
        # A day of full blocks, one a second.
        assert 86_400 * block > 300 * EUR

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_full_block_takes_a_second_at_most(self, name: str) -> None:
        gas = load_preset(name).params["auth"]["gas_per_block_max"]
        assert gas * NS_PER_GAS <= 10**9

    @pytest.mark.parametrize("name", PRESETS)
    def test_every_message_fits_in_a_transaction(self, name: str) -> None:
        params = load_preset(name).params
        largest = max(handler.gas.own for handler in app.RULES.handlers.values())
        assert largest + 1_000_000 < params["auth"]["gas_limit_max"]


class TestSignatures:
    def test_wrong_readings_cost_what_good_ones_do(self) -> None:
        """Each takes a verification, so each is paid for."""
        world = World(PRICE | {"bank.balances[bridge, ueur]": EUR})
        end_s = world.end_s(FIRST_SLOT)
        homes = [f"meter-{name}" for name in people.HOUSEHOLDS]
        wrong = [reading(home, FIRST_SLOT, 5, signed_by="meter-fred") for home in homes]
        good = [reading(home, FIRST_SLOT, 5) for home in homes]
        world.block()
        world.block(world.submit(*wrong), world.submit(*good), at=end_s)
        paid = EUR - world.balance("bridge")
        assert [result.code for result in world.results] == [0, 0]
        first, second = (result.gas_used for result in world.results)
        assert min(first, second) > len(homes) * 13_000
        assert paid >= (first + second) * 50 // MICRO

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_block_verifies_a_limited_number(self, name: str) -> None:
        params = load_preset(name).params["auth"]
        many = metering_tx_pb2.MsgSubmitReadings(readings=[Reading()] * 48_000)
        assert compute_message_gas(many) > 3 * params["gas_per_block_max"]


class TestWhatStays:
    def test_every_hold_needs_a_deposit(self) -> None:
        """A hold of one millionth is as large as any other: money for ten lets one have ten."""
        balance = 10 * (DEPOSIT + 1)
        world = World(
            {
                "bank.params": {"deposit_per_entry": DEPOSIT},
                "bank.balances[clara, ueur]": balance,
            }
        )
        world.block(*(world.sign("clara", make_reserve(world, "clara")) for _ in range(12)))
        assert rejections(world) == [""] * 10 + ["INSUFFICIENT_FUNDS"] * 2
        assert world.balance("clara") == 0
        world.block(at=world.time_s + 3_601)
        assert world.balance("clara") == balance

    def test_a_deposit_returns_as_it_was_given(self) -> None:
        """A change of the parameter does not change what was left before."""
        world = World({"bank.params": {"deposit_per_entry": DEPOSIT}})
        world.block(world.sign("clara", make_reserve(world, "clara")))
        document = app.export(world.store)
        document["bank"]["params"]["deposit_per_entry"] = "5000000"
        later = World.from_document(document)
        later.time_s = world.time_s + 3_601
        later.block()
        assert later.balance("clara") == 100_000_000

    def test_empty_accounts_take_no_place_in_a_slot(self) -> None:
        """A sale of 1 Wh at the highest price needs no collateral, but its deposit."""
        world = World(
            {"bank.params": {"deposit_per_entry": DEPOSIT}, "bank.balances[dirk, ueur]": None}
        )
        world.block()
        order = market_tx_pb2.MsgPlaceLimitOrder(
            owner=people.address_text("dirk"),
            slot=world.slot_ahead(2),
            side=SIDE_SELL,
            quantity_wh=1,
            price_limit_per_kwh=HIGH,
        )
        offer = market_tx_pb2.MsgSetOffer(
            seller=people.address_text("dirk"),
            slot=world.slot_ahead(2),
            price_per_kwh=HIGH,
            available_wh=1,
        )
        world.block(world.sign("dirk", order), world.sign("dirk", offer))
        assert rejections(world) == ["INSUFFICIENT_FUNDS"] * 2

    def test_booking_needs_no_money_beside_what_an_order_has_left(self) -> None:
        """Even if all that an account had is on hold, and deposits have become dear since."""
        spent = 100 * HIGH * 11 // 10 // 1_000 + DEPOSIT
        world = World(
            {"bank.params": {"deposit_per_entry": DEPOSIT}, "bank.balances[ben, ueur]": spent}
        )
        world.block()
        slot = world.slot_ahead(2)
        order = market_tx_pb2.MsgPlaceLimitOrder(
            owner=people.address_text("ben"),
            slot=slot,
            side=1,
            quantity_wh=100,
            price_limit_per_kwh=HIGH,
        )
        world.block(world.sign("ben", order))
        assert (rejections(world), world.balance("ben")) == ([""], 0)
        document = app.export(world.store)
        document["bank"]["params"]["deposit_per_entry"] = "5000000"
        later = World.from_document(document)
        later.time_s, later.height = world.time_s, world.height
        later.block(at=slot * 60 - 20)
        later.block()
        assert later.balance("ben") >= DEPOSIT
        assert f"market.positions[{slot}, ben]" in later.short()

    @pytest.mark.parametrize("name", PRESETS)
    def test_a_large_state_is_dear(self, name: str) -> None:
        """320,000 entries are 33 MB on every node."""
        assert 320_000 * load_preset(name).params["bank"]["deposit_per_entry"] >= 300 * EUR
