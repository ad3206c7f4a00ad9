"""The proof at the end of the demonstration, its summary, its table and its picture."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from blockenergy.market.v1.state_pb2 import Slot
from blockenergy.settlement.v1.state_pb2 import SlotResult

from node_config.demo.day import plan_day
from node_config.demo.promises import find_broken
from node_config.demo.results import LINE_FIELDS, PartyTotals, Results, SlotTotals
from node_config.demo.summary import CSV_HEADER, format_summary, write_csv
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


def count_wrong(results: Results) -> None:
    results.slots[0].result.import_wh += 1


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (mint, "the supply was 100000000 and is 100000001"),
        (fork, "the validators differ in their app hash at height 99"),
        (lose_a_reading, "0 of 1 readings were recorded"),
        (lose_money, "home01 has -550007 more, its settlements and fees say -550006"),
        (estimate, "1 slots of home01 were estimated"),
        (trade_with_nobody, "cost: slots have 400001, homes have 400000"),
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
    assert "Homes together are 0.20 EUR better off than alone, carbon" in shown
    assert "Pool: lost 0.20 EUR" in shown
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


def test_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the demonstration's libraries are not installed")
    from node_config.demo.picture import draw

    path = tmp_path / "demo.png"
    draw(path, make_results())
    assert path.read_bytes().startswith(PNG)
