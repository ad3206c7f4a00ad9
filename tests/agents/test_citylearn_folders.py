"""Folders of CityLearn, good and bad, read and planned: used, marked, or rejected in a sentence."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("highspy", reason="the extra agents is not installed")

from agents.input.folder import read_street  # noqa: E402

DAYS = 9
HEADER = ["month", "hour", "day_type", "non_shiftable_load", "solar_generation"]
ONE, TWO = "Building_1", "Building_2"
LOAD, SOLAR = 3, 4
BATTERY = {"capacity": 6.4, "nominal_power": 5.0, "efficiency": 0.9}

Tables = dict[str, list[list[str]]]
Change = Callable[[Tables, dict[str, Any]], None]


def make_tables() -> Tables:
    """Nine days from a Monday, the 1st of August 2022, for two buildings."""
    hours = range(DAYS * 24)
    sun = [max(0, 700 - 20 * (one % 24 - 12) ** 2) for one in hours]
    rows = [
        ["8", str(one % 24 + 1), str(one // 24 % 7 + 1), f"{0.5 + one * 37 % 90 / 100}", str(light)]
        for one, light in zip(hours, sun, strict=True)
    ]
    prices = [["0.5" if 16 <= one % 24 < 21 else "0.2"] for one in hours]
    carbon = [[f"{0.15 + one % 24 / 1000}"] for one in hours]
    return {
        ONE: [HEADER, *rows],
        TWO: [HEADER, *([*row[:3], row[3] + "1", row[4]] for row in rows)],
        "pricing": [["electricity_pricing"], *prices],
        "carbon_intensity": [["carbon_intensity"], *carbon],
    }


def write(folder: Path, change: Change) -> Path:
    tables = {name: [list(row) for row in rows] for name, rows in make_tables().items()}
    battery = dict(BATTERY)
    change(tables, battery)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    devices = {
        "pv": {"attributes": {"nominal_power": 4}},
        "electrical_storage": {"attributes": battery},
    }
    buildings = {name: {"energy_simulation": f"{name}.csv", **devices} for name in (ONE, TWO)}
    (folder / "schema.json").write_text(json.dumps({"buildings": buildings}))
    return folder


def put(column: int, rows: range, value: str, name: str = ONE) -> Change:
    """Replaces the value in some rows; {} stands for the old one."""

    def change(tables: Tables, _: dict[str, Any]) -> None:
        for row in tables[name][rows.start + 1 : rows.stop + 1]:
            row[column] = value.format(row[column])

    return change


def each(move: Callable[[list[list[str]]], None], *names: str) -> Change:
    """Rows of some tables are moved."""

    def change(tables: Tables, _: dict[str, Any]) -> None:
        for name in names or tables:
            move(tables[name])

    return change


def drop(first: int, count: int) -> Callable[[list[list[str]]], None]:
    def move(rows: list[list[str]]) -> None:
        del rows[first + 1 : first + 1 + count]

    return move


def repeat(first: int, count: int) -> Callable[[list[list[str]]], None]:
    def move(rows: list[list[str]]) -> None:
        rows[first + 1 + count : first + 1 + count] = rows[first + 1 : first + 1 + count]

    return move


def keep(hours: int) -> Change:
    return each(lambda rows: rows.__delitem__(slice(hours + 1, None)))


ALL = range(DAYS * 24)


@pytest.mark.parametrize(
    ("change", "missing", "sentence"),
    [
        (put(LOAD, range(50, 60), ""), 10, "10 hours of load missing"),
        (put(LOAD, range(50, 60), "NaN"), 10, "10 hours of load missing"),
        (put(LOAD, range(50, 53), "-{}"), 3, "3 hours with a negative load"),
        (put(LOAD, range(50, 90), "1.2"), 40, "40 hours with a load stuck at one value"),
        (put(LOAD, range(50, 51), "1e300"), 1, "far beyond all others"),
        (put(LOAD, range(24, 200), "0"), 0, "without any load, taken as they stand"),
        (put(SOLAR, range(50, 60), "x"), 10, "10 hours of PV missing"),
        (put(SOLAR, range(50, 60), "-9"), 10, "10 hours with negative PV"),
        (put(0, range(50, 60), "inf", "pricing"), 0, "10 hours of electricity_pricing missing"),
        # A day of 23 hours, one of 25, a longer gap in one file, the same rows twice.
        (each(drop(50, 1)), 1, "1 hours of load missing"),
        (each(repeat(50, 1)), 0, "1 hours stand twice"),
        (each(drop(60, 30), ONE), 30, "30 hours of load missing"),
        (each(repeat(100, 40)), 0, "40 hours stand twice"),
    ],
)
def test_bad_hours_are_marked_and_all_others_stay(
    tmp_path: Path, change: Change, missing: int, sentence: str
) -> None:
    (tmp_path / "good").mkdir()
    good = read_street(write(tmp_path / "good", lambda *_: None))
    (tmp_path / "bad").mkdir()
    bad = read_street(write(tmp_path / "bad", change))
    assert sentence in "; ".join([*bad.homes[0].marks, *bad.marks])
    assert (bad.grid, not good.homes[0].marks) == (good.grid, True)
    assert int(np.isnan(bad.homes[0].net_wh).sum()) == missing
    same = bad.homes[0].net_wh == good.homes[0].net_wh
    changed = 176 if "without any load" in sentence else missing
    assert int(same.sum()) == DAYS * 24 - changed
    assert np.array_equal(bad.homes[1].net_wh, good.homes[1].net_wh, equal_nan=True) or missing


def spoil(**values: object) -> Change:
    return lambda _, battery: battery.update(values)


def forget(name: str) -> Change:
    def change(tables: Tables, _: dict[str, Any]) -> None:
        del tables[name]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (keep(24), "needs 2 days of data"),
        (keep(0), "has a header line but no rows"),
        (put(0, range(5, 6), "13"), "months outside 1 to 12"),
        (put(1, range(5, 6), ""), "hours outside 1 to 24"),
        (each(lambda rows: rows.__setitem__(slice(1, None), rows[:0:-1]), ONE), "by the hour"),
        (put(0, ALL, "", "pricing"), "no usable number"),
        (each(drop(5, 1), "pricing"), "needs a column electricity_pricing with 216 rows"),
        (each(lambda rows: rows[0].__setitem__(0, "p"), "pricing"), "needs a column"),
        (forget("pricing"), "or --tariff"),
        (spoil(capacity=-5), "or --battery-kwh"),
        (spoil(efficiency=0), "or --battery-kwh"),
        (spoil(nominal_power="NaN"), "or --battery-kwh"),
    ],
)
def test_what_no_plan_can_be_made_of_is_a_sentence(
    tmp_path: Path, change: Change, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agent", "plan", str(write(tmp_path, change))]) == 4
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_week_with_everything_wrong_is_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(tables: Tables, battery: dict[str, Any]) -> None:
        keep(7 * 24)(tables, battery)
        put(LOAD, range(30, 40), "")(tables, battery)
        put(LOAD, range(60, 63), "-{}")(tables, battery)
        put(SOLAR, range(20, 30), "NaN")(tables, battery)
        put(0, range(70, 80), "", "pricing")(tables, battery)
        put(0, range(90, 95), "-0.1", "pricing")(tables, battery)
        put(0, range(3), "", "carbon_intensity")(tables, battery)
        put(LOAD, range(7 * 24), "0", TWO)(tables, battery)
        each(drop(100, 1))(tables, battery)
        each(repeat(120, 1))(tables, battery)

    folder = write(tmp_path, change)
    assert main(["agent", "plan", str(folder), "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["slots"] == 7 * 24
    assert found["slots_without_plan"] == 0
    assert 0.5 < found["score"] < 1.2
    assert len(found["homes"][0]["marks"]) == 4
    assert len(found["marks"]) == 2


def test_no_building_is_used_without_a_load(tmp_path: Path) -> None:
    def change(tables: Tables, battery: dict[str, Any]) -> None:
        put(LOAD, ALL, "-{}")(tables, battery)

    street = read_street(write(tmp_path, change))
    assert [home.name for home in street.homes] == [TWO]
    assert street.left_out == {ONE: "has no usable hour of load"}

    def empty(tables: Tables, battery: dict[str, Any]) -> None:
        for name in (ONE, TWO):
            put(LOAD, ALL, "x", name)(tables, battery)

    with pytest.raises(ClientError, match="no building"):
        read_street(write(tmp_path, empty))
