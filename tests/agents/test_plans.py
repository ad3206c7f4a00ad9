"""Batteries are planned from what was known, within what they can do; scored as CityLearn does."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("highspy", reason="the extra agents is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from streets import make_street  # noqa: E402

from agents.observation import Battery, Street  # noqa: E402
from agents.planning.battery import Bank, Charge, get_power_max_kw, move, start  # noqa: E402
from agents.planning.program import WAY_EFFICIENCY, Planner, Weights  # noqa: E402
from agents.planning.scores import compute_score  # noqa: E402
from agents.planning.supply import supply  # noqa: E402
from agents.planning.year import Result, fill_gaps, make_case, plan_all  # noqa: E402

ONE = Battery(6.4, 5.0, 0.9, 1e-5)
DAYS = 34


@pytest.fixture(scope="module")
def result() -> Result:
    return plan_all(make_case(make_street(2, DAYS, with_pv=True)))


def test_batteries_save(result: Result) -> None:
    assert result.score.cost < 0.95
    assert result.score.score < 1.0
    assert result.fallbacks == 0
    assert result.net_kwh.shape == (2, DAYS * 24)


def test_what_is_stored_is_what_was_moved(result: Result) -> None:
    moved = result.net_kwh - result.base_kwh
    change = np.diff(result.stored_kwh, axis=1, prepend=0.0)
    assert (result.stored_kwh >= 0).all()
    assert (result.stored_kwh <= 6.4).all()
    # Each way loses something, but less than a tenth.
    assert (change <= moved + 1e-9).all()
    assert (change >= np.where(moved > 0, 0.9 * moved, moved / 0.9) - 1e-9).all()


def test_the_future_changes_no_plan() -> None:
    """Use, sun, price and carbon of the slot that is planned and of all later ones are changed."""
    street = make_street(2, DAYS, with_pv=True)
    at = 30 * 24 + 9

    def reverse(values: np.ndarray) -> np.ndarray:
        return np.concatenate((values[:at], values[at:][::-1] * 3.0 + 1.0))

    homes = []
    for home in street.homes:
        assert home.load_wh is not None
        assert home.pv_wh is not None
        load, pv = reverse(home.load_wh), reverse(home.pv_wh)
        homes.append(replace(home, load_wh=load, pv_wh=pv, net_wh=load - pv))
    assert street.price is not None
    assert street.carbon is not None
    other = replace(
        street, homes=tuple(homes), price=reverse(street.price), carbon=reverse(street.carbon)
    )
    one, two = (plan_all(make_case(each), at + 1) for each in (street, other))
    np.testing.assert_array_equal(one.stored_kwh, two.stored_kwh)
    later = [plan_all(make_case(each), at + 4).stored_kwh for each in (street, other)]
    assert not np.array_equal(*later)


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=60), st.integers(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_battery_never_holds_more_than_it_can(asked: list[float], quarter_hours: int) -> None:
    bank, slot_h = Bank.of([ONE, None]), (1.0, 0.25)[quarter_hours]
    charge = start(bank)
    given_kwh = taken_kwh = 0.0
    for energy in asked:
        limit = get_power_max_kw(bank, charge.stored_kwh) * slot_h
        charge, moved = move(bank, charge, np.full(2, energy), slot_h)
        assert 0 <= charge.stored_kwh[0] <= 6.4
        assert abs(moved[0]) <= limit[0] + 1e-9
        assert abs(moved[0]) <= abs(energy) + 1e-9
        assert moved[1] == 0
        taken_kwh += max(moved[0], 0.0)
        given_kwh += max(-moved[0], 0.0)
    assert given_kwh <= taken_kwh * 0.9 + 1e-9
    assert charge.capacity_kwh[0] <= 6.4


def test_a_battery_by_hand() -> None:
    """2 kW of 5 kW: efficiency 0.8475 both ways together; nearly full it takes a fifth."""
    bank = Bank.of([ONE])
    charge, moved = move(bank, start(bank), np.array([2.0]), 1.0)
    assert moved[0] == 2.0
    assert charge.stored_kwh[0] == pytest.approx(2.0 * 0.8475**0.5)
    assert charge.capacity_kwh[0] == pytest.approx(6.4 - 1e-5 * 2.0 / 2)
    full = Charge(np.array([6.4]), np.array([6.4]))
    assert move(bank, full, np.array([-5.0]), 1.0)[1][0] == pytest.approx(-1.0)


def test_a_score_by_hand() -> None:
    base = np.array([[2.0, 4.0, -1.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
    net = np.array([[2.0, 2.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0]])
    price, carbon = np.array([1.0, 2.0, 1.0, 1.0]), np.array([1.0, 0.0, 1.0, 1.0])
    score = compute_score(net, base, price, carbon)
    assert score.cost == pytest.approx((9 / 13 + 1) / 2)
    assert score.carbon == pytest.approx((5 / 5 + 1) / 2)
    assert score.ramping == pytest.approx(2 / 11)
    assert score.load_factor == pytest.approx((1 - 2.75 / 3) / (1 - 3 / 5))
    grid = (score.ramping + score.load_factor) / 2
    assert score.score == pytest.approx((score.cost + score.carbon + grid) / 3)
    assert compute_score(base, base, price, carbon).score == 1.0


def test_a_plan_moves_energy_from_cheap_to_dear() -> None:
    """Certain needs of 1 kWh, dear in the last hours: it charges when cheap, never both at once."""
    planner = Planner(Bank.of([ONE]), 6, 1, 1.0)
    prices = np.array([[1.0, 1.0, 1.0, 5.0, 5.0, 5.0]])
    weights = Weights(prices, np.array([0.01]), 0.0, 0.0, np.array([0.0]))
    needs = np.ones((1, 1, 6))
    for slot in range(9):
        plan = planner.plan(slot, np.zeros(1), needs, np.ones(6), 1.0, 0.0, weights)
        assert plan is not None
        assert np.minimum(plan.charge_kwh, plan.discharge_kwh).max() < 1e-9
        assert plan.discharge_kwh[0, 3:].sum() == pytest.approx(3.0)
        assert plan.charge_kwh[0, :3].sum() == pytest.approx(3.0 / WAY_EFFICIENCY**2)
        assert plan.worth[0, 0] == pytest.approx(1.0)


def test_gaps_are_filled_from_the_day_before() -> None:
    values = np.array([[1.0, np.nan, 3.0, np.nan]])
    assert fill_gaps(values, 2).tolist() == [[1.0, 0.0, 3.0, 0.0]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"price": None}, "a plan needs prices"),
        ({"homes": make_street(2, 3).homes}, "no home has a battery"),
    ],
)
def test_what_lacks_for_a_plan_is_a_sentence(change: dict[str, object], sentence: str) -> None:
    street: Street = replace(make_street(2, 3, with_pv=True), **change)  # type: ignore[arg-type]
    with pytest.raises(ClientError, match=sentence):
        make_case(street)


def write_citylearn(folder: Path, street: Street) -> None:
    """A folder as the challenge has it; the data begins on the first of a month."""
    hours = [street.grid.time_of(slot) for slot in range(street.grid.slots)]
    buildings = {}
    for home in street.homes:
        assert home.load_wh is not None
        assert home.pv_wh is not None
        rows = ["month,hour,day_type,non_shiftable_load,solar_generation"]
        rows += [
            f"{time.month},{time.hour + 1},{time.isoweekday()},{load / 1000},{pv / 2}"
            for time, load, pv in zip(hours, home.load_wh, home.pv_wh, strict=True)
        ]
        (folder / f"{home.name}.csv").write_text("\n".join(rows) + "\n")
        attributes = {"capacity": 6.4, "nominal_power": 5.0, "efficiency": 0.9}
        buildings[home.name] = {
            "energy_simulation": f"{home.name}.csv",
            "electrical_storage": {"attributes": attributes},
            "pv": {"attributes": {"nominal_power": 2.0}},
        }
    (folder / "schema.json").write_text(json.dumps({"buildings": buildings}))
    for name, column, values in (
        ("pricing", "electricity_pricing", street.price),
        ("carbon_intensity", "carbon_intensity", street.carbon),
    ):
        assert values is not None
        (folder / f"{name}.csv").write_text("\n".join([column, *map(str, values)]) + "\n")


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also below Python nothing else is printed: the solver would introduce itself."""
    write_citylearn(tmp_path, make_street(2, 30, with_pv=True))
    schedule, picture = tmp_path / "schedule.txt", tmp_path / "plan.png"
    options = ["--score", "citylearn", "--days", "4", "--schedule", str(schedule)]
    folder = str(tmp_path)
    assert main(["agent", "plan", folder, *options, "--picture", str(picture), "-o", "json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert {"cost", "carbon", "ramping", "load_factor", "score"} <= shown.keys()
    assert shown["slots"] == 96
    with schedule.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 96
    assert max(int(row["stored_wh"]) for row in rows) <= 6400
    assert picture.read_bytes().startswith(b"\x89PNG")
    (tmp_path / "pricing.csv").unlink()
    assert main(["agent", "plan", folder]) == 4
    assert "pricing.csv" in capfd.readouterr().err


def test_a_meter_of_a_home_owner_is_planned_whatever_is_wrong_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight days in UTC around the day of 23 hours in Berlin: a gap, NaN, rows twice, a stuck
    register, a negative use; with PV, a battery and a tariff that the folder does not have.
    """
    begin = 1_774_483_200  # 26 March 2026.
    rows = []
    for hour in range(8 * 24):
        sun = max(0, 2_000 - 90 * (hour % 24 - 11) ** 2)
        net = 300 + hour * 37 % 90 - sun
        use = "NaN" if hour == 50 else "231" if 100 <= hour < 130 else str(max(0, net))
        rows.append(f"{begin + 3600 * hour},anna,{use},{max(0, -net)}")
    rows[60:70] = []
    rows += [rows[20], rows[21], f"{begin + 3600 * 80},anna,-7,0", "soon,anna,1,0"]
    path = tmp_path / "anna.csv"
    path.write_text("time,meter,import_wh,export_wh\n" + "\n".join(rows) + "\n")
    command = ["agent", "plan", str(path), "--zone", "Europe/Berlin", "-o", "json"]
    assert main(command) == 4
    assert "--tariff" in capsys.readouterr().err
    command += ["--battery-kwh", "5", "--tariff", "0.22,17-21=0.54"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["slots_without_plan"] == 0
    [home] = found["homes"]
    # It stores the sun of noon for the dear evening.
    assert home["cost"] < home["cost_without_battery"]
    said = "; ".join(home["marks"])
    for sentence in ("stuck", "missing", "rows stand twice", "without a time", "several values"):
        assert sentence in said
    assert "carbon" in found["marks"][0]


@pytest.mark.parametrize("tariff", ["x", "0.2,", "0.2,5-5=1", "0.2,20-25=1", "16-21=0.5", "1e9"])
def test_a_tariff_that_is_none_is_a_sentence(tariff: str) -> None:
    with pytest.raises(ClientError, match="--tariff"):
        supply(make_street(1, 3), tariff, 0.0)


def test_a_tariff_by_hours() -> None:
    street = replace(make_street(1, 2), price=None)
    price = supply(street, "0.2, 0-2=0.1,16-21=0.5", 0.0).price
    assert price is not None
    assert list(price[:24]) == [0.1] * 2 + [0.2] * 14 + [0.5] * 5 + [0.2] * 3
