"""Who cannot pay: what is owed and by whom, and that no money is lost on the way (INV-10)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.properties import examples
from tests.support.streets import people
from tests.support.streets.settling import (
    NO_SEED,
    arrears_of,
    has_line,
    line_of,
    opened,
    owed_by_fund,
    result_of,
    settle,
)
from tests.support.world import World, reading

LOW, HIGH = 80_000, 300_000
FUND = "bank.balances[default-fund, ueur]"


class TestWhoCannotPay:
    def test_what_a_debtor_has_not_got_is_owed_to_the_default_fund_which_advances_it(self) -> None:
        changes = {"bank.balances[ben, ueur]": 1_000_000, FUND: 5_000_000}
        world, slot = opened(changes)
        treasury = world.balance("treasury")
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        assert line_of(world, slot, "ben").uncovered == 2_000_000
        assert arrears_of(world) == {"ben": 2_000_000}
        assert owed_by_fund(world) == {}
        assert world.balance("ben") == 0
        assert world.balance("backstop") == 1_000_000_000 + 3_000_000
        assert result_of(world, slot).default_fund_advance == 2_000_000
        assert world.balance("default-fund") == 3_000_000
        assert world.balance("treasury") == treasury

    def test_money_that_comes_to_a_debtor_pays_the_arrears_at_once(self) -> None:
        """Nothing can be sent on before a settlement sees it."""
        world, slot = opened({"bank.balances[ben, ueur]": 1_000_000, FUND: 2_000_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        world.block(world.send("anna", "ben", 500_000), world.send("ben", "anna", 1))
        assert [result.code for result in world.results] == [0, 5]
        assert arrears_of(world) == {"ben": 1_500_000}
        world.block(world.send("anna", "ben", 5_000_000), world.send("ben", "anna", 3_500_000))
        assert [result.code for result in world.results] == [0, 0]
        assert arrears_of(world) == {}
        assert world.balance("default-fund") == 2_000_000

    def test_the_hold_pays_first_then_the_balance(self) -> None:
        # Ben's order takes 0.2211 EUR on hold, his collateral is used up by 0.3 kWh of excess use.
        world, slot = opened({"bank.balances[ben, ueur]": 300_000})
        world.block(world.buy("ben", slot, 1_000, 240_000))
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-ben", slot, 1_300)), at=at)
        settle(world, slot)
        assert world.balance("ben") == 300_000 - 191_100 - 90_000
        assert arrears_of(world) == {}

    def test_a_debtor_places_no_orders_until_the_arrears_are_within_the_credit_limit(self) -> None:
        """What rests or waits for delivery pays first when it is released."""
        changes = {"bank.balances[ben, ueur]": 1_000_000, "market.params": {"credit_limit": 7}}
        world, slot = opened(changes)
        at = world.end_s(slot)
        world.block(world.buy("ben", slot + 3, 1_000, HIGH))
        world.block(world.submit(reading("meter-ben", slot, 10_000)), at=at)
        settle(world, slot)
        owed = arrears_of(world)["ben"]
        world.block(world.buy("ben", slot + 4, 1, HIGH))
        assert "arrears" in world.results[0].log or "owes more" in world.results[0].log
        world.block(world.cancel("ben", slot + 3, True, 1_000, LOW))
        assert [result.code for result in world.results] == [0]
        assert 0 < arrears_of(world)["ben"] < owed
        assert world.balance("ben") == 0
        world.block(world.send("anna", "ben", owed))
        world.block(world.buy("ben", slot + 4, 1, HIGH))
        assert [result.code for result in world.results] == [0]

    def test_a_dry_backstop_is_stood_in_for_by_the_default_fund(self) -> None:
        world, slot = opened({"bank.balances[backstop, ueur]": 100_000, FUND: 700_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 10_000)), at=at)
        settle(world, slot)
        # 10 kWh flow out for 0.80 EUR; the backstop has 0.10 EUR.
        assert world.balance("dirk") == 100_800_000
        assert arrears_of(world) == {"backstop": 700_000}
        assert result_of(world, slot).backstop_received == 100_000
        assert result_of(world, slot).default_fund_advance == 700_000

    def test_what_the_fund_cannot_pay_it_owes_and_pays_when_it_has_money(self) -> None:
        world, slot = opened({"bank.balances[backstop, ueur]": 100_000, FUND: 50_000})
        at = world.end_s(slot)
        world.block(world.submit(reading("meter-dirk", slot, 0, 40_000)), at=at)
        settle(world, slot)
        # 40 kWh for 3.20 EUR: 0.10 from the backstop, 0.05 from the fund, none of the 2.75 with
        # which the slot was opened.
        assert arrears_of(world) == {"backstop": 3_100_000}
        assert owed_by_fund(world) == {f"{slot}, dirk": 3_050_000}
        assert result_of(world, slot).purse_credit == 2_750_000
        assert result_of(world, slot).owed_by_default_fund == 3_050_000
        world.block(world.send("anna", "backstop", 3_000_000))
        assert owed_by_fund(world) == {f"{slot}, dirk": 50_000}
        world.block(world.send("anna", "backstop", 3_000_000))
        assert owed_by_fund(world) == arrears_of(world) == {}
        assert world.balance("dirk") == 103_200_000
        assert world.balance("default-fund") == 50_000

    def test_a_share_of_the_surplus_fills_the_fund_up_to_its_target(self) -> None:
        shares = {"default_fund_share_permille": 500, "default_fund_target": 30_000}
        world, slot = opened({"settlement.params": shares, FUND: 10_000})
        readings = [reading("meter-ben", slot, 1_000), reading("meter-dirk", slot, 0, 1_000)]
        world.block(world.submit(*readings), at=world.end_s(slot))
        settle(world, slot)
        # Ben pays 0.30 EUR, Dirk gets 0.08 EUR.
        assert result_of(world, slot).default_fund_credit == 20_000
        assert result_of(world, slot).fund_credit == 200_000
        assert world.balance("default-fund") == 30_000

    def test_a_shell_seller_drains_neither_the_treasury_nor_the_market(self) -> None:
        """Dirk sells all that his connection carries, slot for slot, to a friend who uses it, and
        delivers nothing.
        """
        changes = {
            "bank.balances[dirk, ueur]": 220_000, FUND: 500_000,
            "bank.balances[treasury, ueur]": 25_000_000,
        }  # fmt: skip
        world, slot = opened(changes)
        before = _with_purses_and_slots(world)
        for number in range(12):
            this = slot + number
            world.block(world.sell("dirk", this, 10_000, LOW), world.buy("eva", this, 10_000, HIGH))
            at = world.end_s(this)
            world.block(world.submit(reading("meter-eva", this, 10_000 * (number + 1))), at=at)
        settle(world, slot + 11)
        assert _with_purses_and_slots(world) >= before - 12
        statuses = {value.get("status") for value in _slots(world)}
        assert statuses <= {"SLOT_STATUS_OPEN", "SLOT_STATUS_CLOSED", "SLOT_STATUS_SETTLED"}

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

    def test_what_the_default_fund_owes_a_purse_comes_back_to_it(self) -> None:
        """The purse's next slot is funded from what is there; what was paid since comes with it."""
        changes = {
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
        # Nobody has the 1.50 EUR for 5 kWh: the backstop waits for them, not the purse.
        assert result_of(world, slot).purse_credit == 2_750_000


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
    inside = result.fund_credit + result.purse_credit - result.default_fund_advance - funding
    waiting = sum(owed_by_fund(world).get(f"{slot}, {name}", 0) for name in people.HOUSEHOLDS)
    # What the lines have gained, the world outside, the funds and the purse have lost, and the
    # reverse; only what the default fund still owes to households has not moved.
    assert result.purse_credit >= funding + result.pool_gain - result.pool_loss
    assert exchanged + outside + inside == waiting


def _money(world: World) -> int:
    """Everything that anybody has, free or on hold."""
    short = world.short()
    free = sum(int(short[path]) for path in short if path.startswith("bank.balances["))
    holds = [short[path] for path in short if path.startswith("bank.holds[")]
    return free + sum(int(hold.get("amount", 0)) for hold in holds)


def _slots(world: World) -> list[dict[str, Any]]:
    short = world.short()
    return [short[path] for path in short if path.startswith("market.slots[")]


def _in_open_slots(world: World) -> int:
    """The funding of slots that are not settled."""
    open_slots = [slot for slot in _slots(world) if slot["status"] != "SLOT_STATUS_SETTLED"]
    return sum(int(slot.get("funding", 0)) for slot in open_slots)


def _with_purses_and_slots(world: World) -> int:
    """The money of the treasury, and what is in purses and open slots."""
    return world.balance("treasury") + world.balance("purses") + _in_open_slots(world)
