"""Who cannot pay: what is owed and by whom, and that no money is lost on the way (INV-10)."""

from __future__ import annotations

from typing import Any

from blockenergy.settlement.v1 import tx_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.support import people
from tests.support.properties import examples
from tests.support.settling import (
    NO_SEED,
    arrears_of,
    has_line,
    line_of,
    opened,
    result_of,
    settle,
)
from tests.support.world import World, reading

LOW, HIGH = 80_000, 300_000


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
        # Ben's order takes 0.2211 EUR on hold, his collateral is used up by 0.3 kWh of excess use.
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
        ben, treasury = people.address_text("ben"), people.address_text("treasury")
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
            "bank.balances[treasury, ueur]": None,
        }
        world, slot = opened(changes)
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 40_000)), at=at)
        settle(world, slot)
        # 40 kWh for 3.20 EUR: 2.75 from the slot's funding, 0.10 from the backstop.
        assert arrears_of(world) == {
            "backstop, treasury": 3_100_000,
            "treasury, dirk": 350_000,
            "treasury, purses": 2_750_000,
        }
        assert world.balance("dirk") == 102_850_000

    def test_nobody_owes_himself_anything(self) -> None:
        """The treasury is its own backstop here."""
        changes = {
            "settlement.params": {"backstop": "treasury"},
            "bank.balances[treasury, ueur]": 2_750_000,
        }
        world, slot = opened(changes)
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 10_000)), at=at)
        settle(world, slot)
        assert arrears_of(world) == {}
        assert world.balance("dirk") == 100_800_000
        assert world.balance("treasury") == 1_950_000

    def test_a_slot_without_trades_is_settled_at_the_imbalance_prices(self) -> None:
        world, slot = opened({**NO_SEED, "market.params": {"surplus_share_permille": 600}})
        readings = [reading("meter-ben", slot, 2_000), reading("meter-dirk", slot, 0, 1_000)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settle(world, slot)
        assert line_of(world, slot, "ben").imbalance_charge == 600_000
        assert line_of(world, slot, "dirk").imbalance_credit == 80_000
        # 1 kWh came from outside for 0.30 EUR; purse and fund share the rest.
        assert result_of(world, slot).surplus_to_purse == 132_000
        assert result_of(world, slot).fund_credit == 88_000

    def test_what_the_treasury_owes_a_purse_comes_back_to_it(self) -> None:
        """The purse's next slot is funded from what is there; what was paid since comes with it."""
        changes = {
            "bank.balances[treasury, ueur]": None,
            "bank.balances[ben, ueur]": 1,
            "market.params": {"purses": 2},
            **{f"market.purses[{number}]": None for number in range(2, 12)},
            "market.purses[0]": {"money": 0, "seed": 0},
            "bank.balances[purses, ueur]": 2_750_000,
        }
        world, slot = opened(changes)
        assert slot % 2 == 1
        world.block(world.submit(reading("meter-ben", slot, 5_000)), at=world.end_s(slot))
        settle(world, slot)
        # Nobody has the 1.50 EUR for 5 kWh; they are missing in the purse.
        assert result_of(world, slot).purse_credit == 1_250_001
        purse = world.short()["market.purses[1]"]
        assert (purse["money"], purse["owed"]) == ("1250001", "1499999")
        pay = tx_pb2.MsgPayArrears(
            debtor=people.address_text("treasury"),
            creditor=people.address_text("purses"),
            amount=1_000_000,
        )
        world.block(world.send("anna", "treasury", 1_000_000), world.sign("treasury", pay))
        assert [result.code for result in world.results] == [0, 0]
        assert world.short()["market.restored"] == "1000000"
        settle(world, slot + 2)
        purse = world.short()["market.purses[1]"]
        assert purse["owed"] == "499999" and world.short()["market.restored"] == "0"


actions = st.tuples(
    st.sampled_from(people.HOUSEHOLDS),
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
        changes |= {f"bank.balances[{name}, ueur]": wealth for name in people.HOUSEHOLDS}
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
    lines = [
        line_of(world, slot, name) for name in people.HOUSEHOLDS if has_line(world, slot, name)
    ]
    exchanged = sum(line.credited - line.charged + line.uncovered for line in lines)
    outside = result.backstop_paid - result.backstop_received
    funding = 2_750_000
    inside = result.fund_credit + result.purse_credit - result.treasury_advance - funding
    waiting = sum(arrears_of(world).get(f"treasury, {name}", 0) for name in people.HOUSEHOLDS)
    # What the lines have gained, the world outside, the fund, the purse and the treasury have lost,
    # and the reverse; only what the treasury still owes to households has not moved.
    assert exchanged + outside + inside == waiting


def _money(world: World) -> int:
    """Everything that anybody has, free or on hold."""
    short = world.short()
    free = sum(int(short[path]) for path in short if path.startswith("bank.balances["))
    holds = [short[path] for path in short if path.startswith("bank.holds[")]
    return free + sum(int(hold.get("amount", 0)) for hold in holds)
