"""Settling through the chain: who pays what, who waits, and that no money is lost (INV-10)."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from blockenergy.settlement.v1 import events_pb2, query_pb2, state_pb2, tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support import cast
from tests.support.properties import examples
from tests.support.world import World, reading

LOW, HIGH = 80_000, 300_000
EVERYBODY = (*cast.GRID, *cast.HOUSEHOLDS, *cast.MODULE_ACCOUNTS)
ONE_AT_A_TIME = {"settlement.params": {"accounts_per_block_max": 1}}


def opened(changes: dict[str, Any] | None = None) -> tuple[World, int]:
    """A street whose first slots are open, and the number of the first."""
    world = World(changes)
    world.block()
    return world, world.slot_ahead(1)


def settle(world: World, slot: int) -> None:
    """Empty blocks of one second until a slot is settled."""
    world.block(at=max(world.time_s, world.deadline_s(slot)))
    for _ in range(30):
        if f"settlement.results[{slot}]" in world.short() and is_settled(world, slot):
            return
        world.block(at=world.time_s + 1)
    raise AssertionError(f"slot {slot} is not settled after 30 blocks")


def is_settled(world: World, slot: int) -> bool:
    return bool(world.short()[f"market.slots[{slot}]"]["status"] == "SLOT_STATUS_SETTLED")


def line_of(world: World, slot: int, name: str) -> state_pb2.Line:
    request = query_pb2.QueryLineRequest(slot=slot, owner=cast.address_text(name))
    path = "/blockenergy.settlement.v1.Query/Line"
    return world.query(path, request, query_pb2.QueryLineResponse).line


def result_of(world: World, slot: int) -> state_pb2.SlotResult:
    request = query_pb2.QueryResultRequest(slot=slot)
    path = "/blockenergy.settlement.v1.Query/Result"
    return world.query(path, request, query_pb2.QueryResultResponse).result


def arrears_of(world: World) -> dict[str, int]:
    start = "settlement.arrears["
    short = world.short()
    return {path[len(start) : -1]: int(short[path]) for path in short if path.startswith(start)}


class TestTiming:
    def test_a_slot_is_settled_at_its_reading_deadline_and_not_before(self) -> None:
        world, slot = opened()
        world.block(at=world.deadline_s(slot) - 1)
        assert not is_settled(world, slot)
        world.block(at=world.deadline_s(slot))
        assert is_settled(world, slot)

    def test_no_account_twice_and_no_more_per_block_than_allowed(self) -> None:
        world, slot = opened(ONE_AT_A_TIME)
        world.block(*(world.buy(name, slot, 1_000, HIGH) for name in ("ben", "clara", "eva")))
        world.block(at=world.deadline_s(slot))
        counts = []
        while not is_settled(world, slot):
            lines = [path for path in world.short() if path.startswith("settlement.lines[")]
            counts.append(len(lines))
            world.block(at=world.time_s + 1)
        # One account per block, then the block that closes the books.
        assert counts == [1, 2, 3, 4, 5]
        assert result_of(world, slot).parties == 5

    @pytest.mark.parametrize("accounts_per_block", [1, 2, 3, 5, 100])
    def test_the_outcome_does_not_depend_on_the_pace(self, accounts_per_block: int) -> None:
        world, slot = opened({"settlement.params": {"accounts_per_block_max": accounts_per_block}})
        world.block(
            world.buy("ben", slot, 5_000, HIGH),
            world.buy("eva", slot, 4_000, HIGH),
            world.sell("dirk", slot, 9_000, LOW),
        )
        world.block(
            world.submit(reading("meter-ben", slot, 6_000), reading("meter-dirk", slot, 0, 9_500)),
            at=world.end_s(slot),
        )
        settle(world, slot)
        balances = {name: world.balance(name) for name in ("ben", "eva", "dirk", "fund")}
        assert balances == {
            "ben": 100_000_000 - 950_000 - 300_000,
            "eva": 100_000_000 - 760_000,
            "dirk": 100_000_000 + 1_710_000 + 40_000,
            "fund": 300_000 - 40_000 - 150_000,
        }

    def test_after_a_halt_all_due_slots_are_settled_one_after_the_other(self) -> None:
        world, slot = opened(ONE_AT_A_TIME)
        world.block(at=world.deadline_s(slot + 4))
        settled = []
        for _ in range(40):
            result = world.block(at=world.time_s + 1)
            settled += [
                event.slot
                for event in result.events
                if isinstance(event, events_pb2.EventSlotSettled)
            ]
        assert settled == [slot, slot + 1, slot + 2, slot + 3, slot + 4]


class TestMissingReadings:
    def test_a_silent_buyer_is_taken_to_have_used_what_it_bought(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.imbalance_charge, line.estimated) == (5_000, 0, True)

    def test_a_silent_seller_is_taken_to_have_delivered_nothing(self) -> None:
        world, slot = opened()
        world.block(world.sell("dirk", slot, 5_000, LOW))
        settle(world, slot)
        line = line_of(world, slot, "dirk")
        assert (line.export_wh, line.imbalance_charge, line.estimated) == (0, 1_500_000, True)

    def test_the_next_reading_makes_up_for_an_estimate(self) -> None:
        """Over two slots Ben is settled for exactly what his meter shows."""
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH), world.buy("ben", slot + 1, 1_000, HIGH))
        world.block(world.submit(reading("meter-ben", slot + 1, 6_200)), at=world.end_s(slot + 1))
        settle(world, slot + 1)
        lines = [line_of(world, number, "ben") for number in (slot, slot + 1)]
        assert [line.import_wh for line in lines] == [5_000, 1_200]
        assert [line.estimated for line in lines] == [True, False]

    def test_an_estimate_that_was_too_high_is_used_up_before_anything_is_settled(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        for number, shown_wh in ((slot + 1, 3_000), (slot + 2, 5_500)):
            at = world.end_s(number)
            world.block(world.submit(reading("meter-ben", number, shown_wh)), at=at)
        settle(world, slot + 2)
        uses = [line_of(world, number, "ben").import_wh for number in (slot, slot + 2)]
        assert uses == [5_000, 500]
        baseline = world.short()["metering.baselines[meter-ben]"]
        assert baseline["settled_import_wh"] == baseline["import_wh"] == "5500"

    def test_two_meters_of_one_owner_add_up(self) -> None:
        second = {
            "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
            "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        }  # fmt: skip
        world, slot = opened({"registry.meters[meter-fred]": second})
        world.block(world.buy("ben", slot, 5_000, HIGH))
        readings = [reading("meter-ben", slot, 4_000), reading("meter-fred", slot, 1_500, 500)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.export_wh, line.imbalance_charge) == (5_500, 500, 0)

    def test_one_silent_meter_of_two_is_estimated_from_what_is_left_of_the_position(self) -> None:
        second = {
            "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
            "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_000,
        }  # fmt: skip
        world, slot = opened({"registry.meters[meter-fred]": second})
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(world.submit(reading("meter-fred", slot, 1_500)), at=world.end_s(slot))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.estimated, line.imbalance_charge) == (5_000, True, 0)


class TestWhoCannotPay:
    def test_what_a_debtor_has_not_got_is_owed_to_the_treasury_which_advances_it(self) -> None:
        world, slot = opened({"bank.balances[ben, ueur]": 1_000_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        assert line_of(world, slot, "ben").uncovered == 2_000_000
        assert arrears_of(world) == {"ben, treasury": 2_000_000}
        assert world.balance("ben") == 0
        assert world.balance("backstop") == 1_000_000_000 + 3_000_000
        assert result_of(world, slot).treasury_advance == 2_000_000

    def test_arrears_are_taken_from_the_next_settlement(self) -> None:
        world, slot = opened({"bank.balances[ben, ueur]": 1_000_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        world.block(world.send("anna", "ben", 500_000))
        world.block(at=world.deadline_s(slot + 1))
        assert arrears_of(world) == {"ben, treasury": 1_500_000}
        world.block(world.send("anna", "ben", 5_000_000))
        world.block(at=world.deadline_s(slot + 2))
        assert arrears_of(world) == {}
        assert world.balance("ben") == 3_500_000

    def test_the_hold_pays_first_then_the_balance(self) -> None:
        # Ben's order takes 0.2211 EUR on hold, his cover is used up by 0.3 kWh too much.
        world, slot = opened({"bank.balances[ben, ueur]": 300_000})
        world.block(world.buy("ben", slot, 1_000, 240_000))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 1_300)), at=at)
        settle(world, slot)
        assert world.balance("ben") == 300_000 - 191_100 - 90_000
        assert arrears_of(world) == {}

    def test_a_debtor_can_pay_arrears_by_message(self) -> None:
        world, slot = opened({"bank.balances[ben, ueur]": 1_000_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        ben, treasury = cast.address_text("ben"), cast.address_text("treasury")
        pay = tx_pb2.MsgPayArrears(debtor=ben, creditor=treasury, amount=2_000_000)
        world.block(world.send("anna", "ben", 2_000_000), world.sign("ben", pay))
        assert [result.code for result in world.results] == [0, 0]
        assert arrears_of(world) == {}

    def test_a_dry_backstop_is_stood_in_for_by_the_treasury(self) -> None:
        world, slot = opened({"bank.balances[backstop, ueur]": 100_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 10_000)), at=at)
        settle(world, slot)
        # 10 kWh flow out for 0.80 EUR; the backstop has 0.10 EUR.
        assert world.balance("dirk") == 100_800_000
        assert arrears_of(world) == {"backstop, treasury": 700_000}
        assert result_of(world, slot).backstop_received == 800_000

    def test_with_backstop_and_treasury_dry_the_treasury_owes_the_producer(self) -> None:
        changes = {
            "bank.balances[backstop, ueur]": 100_000,
            "bank.balances[treasury, ueur]": 2_750_000,
        }
        world, slot = opened(changes)
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 40_000)), at=at)
        settle(world, slot)
        # 40 kWh for 3.20 EUR: 2.75 from the slot's funding, 0.10 from the backstop.
        assert arrears_of(world) == {"backstop, treasury": 3_100_000, "treasury, dirk": 350_000}
        assert world.balance("dirk") == 102_850_000

    def test_a_slot_without_funding_is_settled_at_the_imbalance_prices(self) -> None:
        world, slot = opened({"bank.balances[treasury, ueur]": 2_750_000})
        unfunded = slot + 1
        readings = [
            reading("meter-ben", unfunded, 2_000),
            reading("meter-dirk", unfunded, 0, 1_000),
        ]
        world.block(at=world.end_s(slot))
        world.block(world.submit(*readings), at=world.end_s(unfunded))
        settle(world, unfunded)
        assert line_of(world, unfunded, "ben").imbalance_charge == 600_000
        assert line_of(world, unfunded, "dirk").imbalance_credit == 80_000
        # 1 kWh came from outside for 0.30 EUR; the fund has the rest.
        assert result_of(world, unfunded).fund_credit == 220_000


class TestWhoIsGone:
    def test_a_suspended_participant_is_settled_as_agreed(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(_registrar(world, "SuspendParticipant", address=cast.address_text("ben")))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 5_000)), at=at)
        settle(world, slot)
        assert world.balance("ben") == 100_000_000 - 977_500

    def test_a_suspended_meter_is_settled_as_silent(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(_registrar(world, "SuspendMeter", meter_id="meter-ben"))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 9_000)), at=at)
        settle(world, slot)
        assert line_of(world, slot, "ben").estimated

    def test_what_a_meter_has_read_before_it_was_removed_is_settled(self) -> None:
        world, slot = opened()
        world.block(world.sell("dirk", slot, 5_000, LOW))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 5_000)), at=at)
        world.block(_registrar(world, "RemoveMeter", meter_id="meter-dirk"))
        settle(world, slot)
        line = line_of(world, slot, "dirk")
        assert (line.export_wh, line.imbalance_charge) == (5_000, 0)
        settle(world, slot + 1)
        assert world.short()["registry.meters[meter-dirk]"]["closed"] is True
        assert not _has_line(world, slot + 1, "dirk")

    def test_a_position_without_a_meter_is_settled_as_not_used(self) -> None:
        world, slot = opened()
        world.block(world.buy("ben", slot, 5_000, HIGH))
        world.block(_registrar(world, "RemoveMeter", meter_id="meter-ben"))
        settle(world, slot)
        line = line_of(world, slot, "ben")
        assert (line.import_wh, line.imbalance_credit, line.estimated) == (0, 400_000, False)


class TestHistory:
    def test_old_slots_are_forgotten_with_all_that_belongs_to_them(self) -> None:
        world, slot = opened({"settlement.params": {"history_slots": 2, "pruned_per_block_max": 1}})
        at = world.end_s(slot)
        world.block(
            world.submit(reading("meter-ben", slot, 100), reading("meter-ben", slot, 99)), at=at
        )
        world.run_until(world.deadline_s(slot + 2))
        assert any(f"[{slot}" in path for path in world.short())
        for _ in range(20):
            world.block()
        assert not [path for path in world.short() if f"[{slot}" in path]
        kept = {f"settlement.results[{number}]" for number in (slot + 1, slot + 2)}
        assert kept <= world.short().keys()

    def test_readings_of_slots_that_never_opened_are_forgotten_too(self) -> None:
        world, slot = opened({"settlement.params": {"history_slots": 1}})
        never_opened = slot - 1
        world.block(
            world.submit(reading("meter-ben", never_opened, 100)), at=world.end_s(never_opened)
        )
        assert f"metering.readings[{never_opened}, meter-ben]" in world.short()
        world.run_until(world.deadline_s(slot + 1))
        assert f"metering.readings[{never_opened}, meter-ben]" not in world.short()

    def test_a_conflict_goes_before_its_reading(self) -> None:
        """A piece at a time, without an invariant ever being broken in between."""
        world, slot = opened({"settlement.params": {"history_slots": 1, "pruned_per_block_max": 1}})
        readings = [reading("meter-ben", slot, shown_wh) for shown_wh in (100, 99, 98)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        conflict, recorded = (
            f"metering.{kind}[{slot}, meter-ben]" for kind in ("conflicts", "readings")
        )
        assert world.short()[conflict]["count"] == "2"
        world.run_until(world.deadline_s(slot + 1))
        assert conflict not in world.short()
        assert recorded in world.short()
        world.block()
        assert recorded not in world.short()


def _registrar(world: World, kind: str, **fields: Any) -> bytes:
    message = getattr(registry_tx_pb2, f"Msg{kind}")
    return world.sign("registrar", message(registrar=cast.address_text("registrar"), **fields))


actions = st.tuples(
    st.sampled_from(cast.HOUSEHOLDS),
    st.integers(1, 30_000),
    st.integers(LOW, HIGH),
    st.integers(0, 10_000),
    st.sampled_from(["on time", "silent"]),
)


@given(
    st.lists(actions, max_size=5, unique_by=lambda action: action[0]),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([0, 100_000, 100_000_000]),
)
@examples(60)
def test_inv_10_money_is_conserved_whoever_deviates_and_whoever_cannot_pay(
    parties: list[tuple[str, int, int, int, str]], accounts_per_block: int, wealth: int
) -> None:
    changes: dict[str, Any] = {"settlement.params": {"accounts_per_block_max": accounts_per_block}}
    if wealth:
        changes |= {f"bank.balances[{name}, ueur]": wealth for name in cast.HOUSEHOLDS}
        changes["bank.balances[backstop, ueur]"] = wealth
    world, slot = opened(changes)
    before = _money(world)
    producers = {"anna", "dirk"}
    world.block(
        *(
            (world.sell if name in producers else world.buy)(name, slot, quantity_wh, limit)
            for name, quantity_wh, limit, _, _ in parties
        )
    )
    readings = [
        reading(f"meter-{name}", slot, *((0, shown) if name in producers else (shown, 0)))
        for name, _, _, shown, mood in parties
        if mood == "on time"
    ]
    world.block(*([world.submit(*readings)] if readings else []), at=world.end_s(slot))
    settle(world, slot)
    assert _money(world) == before
    result = result_of(world, slot)
    lines = [line_of(world, slot, name) for name in cast.HOUSEHOLDS if _has_line(world, slot, name)]
    exchanged = sum(line.credited - line.charged + line.uncovered for line in lines)
    outside = result.backstop_paid - result.backstop_received
    funding = 2_750_000
    inside = result.fund_credit + result.treasury_credit - result.treasury_advance - funding
    waiting = sum(arrears_of(world).get(f"treasury, {name}", 0) for name in cast.HOUSEHOLDS)
    # What the lines have gained, the world outside, the fund and the treasury have lost, and the
    # reverse; only what the treasury still owes to households has not moved.
    assert exchanged + outside + inside == waiting


def _money(world: World) -> int:
    """Everything that anybody has, free or on hold."""
    short = world.short()
    free = sum(int(short[path]) for path in short if path.startswith("bank.balances["))
    holds = [short[path] for path in short if path.startswith("bank.holds[")]
    return free + sum(int(hold.get("amount", 0)) for hold in holds)


def _has_line(world: World, slot: int, name: str) -> bool:
    return f"settlement.lines[{slot}, {name}]" in world.short()
