"""The proof at the end of the demonstration, its summary, its table and its picture."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from blockenergy.market.v1.state_pb2 import Slot
from blockenergy.settlement.v1.state_pb2 import Line, SlotResult

from node_config.demo.after.promises import find_broken
from node_config.demo.after.results import LINE_FIELDS, PartyTotals, Results, SlotTotals
from node_config.demo.after.summary import CSV_HEADER, format_summary, write_csv
from node_config.demo.carbon import choose_entries, read_factors
from node_config.demo.day import plan_day
from node_config.preset import load_preset

PNG = b"\x89PNG\r\n\x1a\n"


def make_results() -> Results:
    """One home that bought 2 kWh for 0.40, and used 2.5 kWh: 0.15 for the rest."""
    day = plan_day(load_preset("demo"), 1, 1_800_000_000)
    charged = 400_000 + 150_000
    line = {
        **dict.fromkeys(LINE_FIELDS, 0),
        "bought_wh": 2000,
        "import_wh": 2500,
        "cost": 400_000,
        "imbalance_charge": 150_000,
        "charged": charged,
    }
    return Results(
        day=day,
        slots=[
            SlotTotals(
                hour=0,
                slot=day.first_slot,
                price_per_kwh=204_000,
                bought_wh=2000,
                sold_wh=0,
                consumed_wh=2600,
                produced_wh=100,
                info=Slot(bought_wh=2000, cost=400_000, funding=1_375_000),
                result=SlotResult(import_wh=2500, imbalance_charge=150_000, pool_loss=200_000),
            )
        ],
        parties=[PartyTotals("home01", 3000, line, 0, 30_000_000, 30_000_000 - charged - 6, 6)],
        operators={"treasury": (70_000_000, 70_000_000 + charged + 6)},
        supply_before=100_000_000,
        supply_after=100_000_000,
        app_hashes=[b"h" * 32] * 4,
        height=99,
        txs=3,
        orders=1,
        readings=1,
    )


def test_a_day_that_adds_up_breaks_no_promise() -> None:
    assert list(find_broken(make_results())) == []


def lose_a_certificate(results: Results) -> None:
    results.carbon.issued_wh, results.carbon.held_wh = 300, 299


def issue_more_than_is_free(results: Results) -> None:
    results.carbon.issued_wh = results.carbon.held_wh = 1


def keep_a_charge(results: Results) -> None:
    results.carbon.charged, results.carbon.in_fund = 9, 8


def empty_the_carbon_fund(results: Results) -> None:
    results.carbon.in_fund = results.carbon.charged = 5


def offset_with_nothing(results: Results) -> None:
    results.carbon.offset_g = 7


def forget_a_closed_position(results: Results) -> None:
    results.parties[0].closed = 3


def mint(results: Results) -> None:
    results.supply_after += 1


def fork(results: Results) -> None:
    results.app_hashes[2] = b"x" * 32


def lose_a_reading(results: Results) -> None:
    results.readings = 0


def lose_money(results: Results) -> None:
    results.parties[0].balance_after -= 1


def estimate(results: Results) -> None:
    results.parties[0].slots_estimated = 1


def trade_with_nobody(results: Results) -> None:
    results.slots[0].info.cost += 1


def earn_from_nobody(results: Results) -> None:
    results.slots[0].result.pool_loss += 1_000_000


def count_wrong(results: Results) -> None:
    results.slots[0].result.import_wh += 1


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (mint, "the supply was 100000000 and is 100000001"),
        (fork, "the validators differ in their app hash at height 99"),
        (lose_a_reading, "0 of 1 readings were recorded"),
        (lose_money, "home01 has -550007 more, its lines, fees and certificates say -550006"),
        (estimate, "1 slots of home01 were estimated"),
        (trade_with_nobody, "cost: slots have 400001, homes have 400000"),
        (earn_from_nobody, "all gained -1000000, of 0 that there were to gain"),
        (lose_a_certificate, "300 Wh of certificates were issued, 299 are there or ended"),
        (issue_more_than_is_free, "0 Wh are free, certificates were issued for 1"),
        (keep_a_charge, "9 was charged, the books of the carbon fund have another sum"),
        (empty_the_carbon_fund, "the carbon fund has 0, its books say 5"),
        (offset_with_nothing, "7 g were offset, 0 g are retired"),
        (
            forget_a_closed_position,
            "has -550006 more, its lines, fees and certificates say -550009",
        ),
        (count_wrong, "the meters say 2501 Wh, the homes used another amount"),
    ],
)
def test_a_broken_promise_is_named(spoil: Callable[[Results], None], sentence: str) -> None:
    results = make_results()
    spoil(results)
    assert sentence in "; ".join(find_broken(results))


def test_summary_shows_energy_money_and_proof() -> None:
    results = make_results()
    shown = format_summary(results)
    home = next(line for line in shown.splitlines() if line.startswith("home01"))
    assert home.split() == [
        *["home01", "3.00", "2.0", "0.0", "2.5", "0.0", "0.5"],
        *["0.40", "0.00", "-0.15", "-0.55", "-0.75"],
    ]
    who_paid = [line.split()[:2] for line in shown.splitlines() if line.startswith("  ")]
    assert ["homes", "0.20"] in who_paid and ["pool", "-0.20"] in who_paid
    assert ["together", "0.00"] in who_paid
    assert "Fees of the homes' transactions: 0.000006 EUR" in shown
    assert "Supply: 100.000000 EUR before, 100.000000 after: equal" in shown
    assert "on 4 validators: equal" in shown
    fork(results)
    results.broken += find_broken(results)
    assert "NOT EQUAL" in format_summary(results)
    assert "BROKEN: the validators differ" in format_summary(results)


def test_table_has_a_row_per_slot(tmp_path: Path) -> None:
    path = tmp_path / "demo.csv"
    write_csv(path, make_results())
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [CSV_HEADER]
    assert rows[0]["hour"] == "0"
    assert rows[0]["import_wh"] == "2500"
    assert rows[0]["cost"] == "400000"
    assert rows[0]["pool_loss"] == "200000"
    assert "" not in rows[0].values()


def test_pictures_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the demonstration's libraries are not installed")
    from node_config.demo.after.carbon_results import CarbonHour, CarbonResults, draw_carbon
    from node_config.demo.after.picture import draw

    path, carbon = tmp_path / "demo.png", tmp_path / "carbon.png"
    draw(path, make_results())
    hours = [CarbonHour(106_208, own_wh=10, bought_wh=200, unmatched_wh=700), CarbonHour(102_486)]
    draw_carbon(carbon, CarbonResults(hours=hours))
    assert path.read_bytes().startswith(PNG) and carbon.read_bytes().startswith(PNG)


def test_the_factors_are_those_of_the_day() -> None:
    day = plan_day(load_preset("demo"), 3, 1_800_000_000)
    message = read_factors(day, "somebody")
    assert (message.first_slot, len(message.factors)) == (day.first_slot, 3)
    assert message.factors[0].residual_g_per_mwh == 106_208


def test_certificates_are_chosen_for_what_was_used_and_not_matched() -> None:
    lines = {
        7: {"a": Line(renewable_wh=900, self_wh=100), "b": Line(import_wh=500, claim_wh=50)},
        8: {"a": Line(renewable_wh=900), "b": Line(import_wh=500, inexact=True)},
        9: {"a": Line(renewable_wh=5), "b": Line(import_wh=500)},
        10: {"b": Line(import_wh=500)},
    }
    found = [(entry.slot, entry.wh) for entry in choose_entries(lines, "a", "b")]
    assert found == [(7, 450)]
