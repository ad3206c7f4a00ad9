"""The same homes on the chain's own rules in one process: what they know, and what comes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agents.trading import STRATEGIES, Battery
from chain import app
from client.cli import main
from node_config.compiled import find_compiled
from node_config.simulated import year
from node_config.simulated.hindsight import compute_cost_in_hindsight
from node_config.simulated.homes import HomeData
from node_config.simulated.street import (
    Clock,
    StreetResult,
    compute_cost_alone,
    follow_meter,
    run_street,
)
from node_config.simulated.tournament import compare, make_jobs
from node_config.simulated.year import Case, foresee, run_jobs

DAYS = 4
CLOCK = Clock(3600, 0, DAYS * 24)
BATTERY = Battery(6_400, 5_000, 949, 949, 0, 0, 10_000)


def make_net_wh(number: int, days: int = DAYS) -> list[int]:
    """A home with an evening and, every second one, with sun."""
    return [
        300
        + 90 * ((number * 7 + hour * 5) % 11)
        + (1_200 if 17 <= hour % 24 < 22 else 0)
        - (number % 2) * 350 * max(0, 6 - abs(hour % 24 - 12))
        for hour in range(days * 24)
    ]


def make_homes(count: int = 3, **changes: object) -> list[HomeData]:
    homes = [HomeData(f"home_{n}", make_net_wh(n), BATTERY) for n in range(count)]
    return [replace(home, **changes) for home in homes]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result() -> StreetResult:
    return run_street(make_homes(), CLOCK)


def test_everything_is_accepted_and_settled(result: StreetResult) -> None:
    assert result.rejections == ()
    for number, home in enumerate(result.homes):
        flows = result.net_wh[number]
        assert home.import_wh == sum(wh for wh in flows if wh > 0)
        assert home.export_wh == -sum(wh for wh in flows if wh < 0)
        assert all(0 <= wh <= BATTERY.capacity_wh for wh in result.stored_wh[number])
        use = make_net_wh(number)
        assert home.cost_alone == compute_cost_alone(use, 80_000, 300_000)
        # What was lost in the battery is what flowed in and out more than was used.
        lost_wh = sum(flows) - sum(use) - home.stored_end_wh
        assert 0 <= lost_wh < 0.2 * sum(abs(a - b) for a, b in zip(flows, use, strict=True))


def test_a_market_and_a_battery_are_worth_something(result: StreetResult) -> None:
    assert sum(home.cost for home in result.homes) < sum(h.cost_alone for h in result.homes)
    known = run_street([foresee(home, 24) for home in make_homes()], CLOCK)
    # Who knows its use does not know the prices: it need not pay less than those who guess well.
    assert sum(home.cost for home in known.homes) < sum(home.cost_alone for home in known.homes)


def test_nobody_pays_less_than_with_hindsight(result: StreetResult) -> None:
    for home, data in zip(result.homes, make_homes(), strict=True):
        assert home.cost_in_hindsight <= home.cost
        alone = compute_cost_in_hindsight(replace(data, battery=None), result.prices)
        assert home.cost_in_hindsight <= alone


def test_hindsight_stores_what_is_cheap_for_what_is_dear() -> None:
    """2 kWh at 0.10 for 2 kWh at 0.30, of which a tenth is lost each way; the third price pays
    nothing for the loss.
    """
    battery = Battery(1_800, 2_000, 900, 900, 0, 0, 10_000)
    home = HomeData("home", [500, 2_000, 500, 2_000], battery)
    prices = [100_000, 300_000, 250_000, 300_000]
    drawn = 1_620 * 300_000 // 1_000
    expected = 500 * 100 + 2_000 * 300 + 500 * 250 + 2_000 * 300 + 2_000 * 100 - drawn
    assert compute_cost_in_hindsight(home, prices) == expected


def test_the_last_slot_costs_what_it_costs_in_a_longer_run() -> None:
    """What was not read at the end would be charged as if nothing had been agreed."""
    homes = [HomeData("home", [1_000] * 48)]
    one, two = (run_street(homes, replace(CLOCK, slots=count)).homes[0] for count in (24, 48))
    # No more than the same energy at the highest price, and fees of millionths.
    assert one.cost <= one.cost_alone + 10_000
    assert two.cost <= two.cost_alone + 10_000


def test_the_future_changes_nothing_before_it(result: StreetResult) -> None:
    """All that is used from a slot on is changed: what flowed, was stored and paid before stays."""
    at = 2 * 24 + 9
    homes = []
    for number, home in enumerate(make_homes()):
        use = make_net_wh(number)
        changed = use[:at] + [3 * wh + 500 for wh in reversed(use[at:])]
        homes.append(replace(home, net_wh=changed))
    other = run_street(homes, CLOCK)
    for number in range(len(homes)):
        assert other.net_wh[number][:at] == result.net_wh[number][:at]
        assert other.stored_wh[number][:at] == result.stored_wh[number][:at]
    # The price of the slot itself was made before it began.
    assert other.prices[: at + 1] == result.prices[: at + 1]
    assert other.prices != result.prices
    assert other.net_wh != result.net_wh


def test_it_is_the_same_again_and_in_other_processes(result: StreetResult) -> None:
    """On the compiled rules, where this machine has them."""
    jobs = year.make_jobs(Case(tuple(make_homes()), CLOCK))
    assert run_jobs(jobs, 2)["agents"] == result
    rules = run_jobs(dict.fromkeys(("one", "two"), find_rules), 2)
    assert set(map(is_compiled, rules.values())) == {find_compiled() is not None}


def find_rules() -> str:
    return str(app.__file__)


def is_compiled(path: str) -> bool:
    return not path.endswith(".py")


def test_forecasts_of_a_model_are_the_same_on_two_threads() -> None:
    for library in ("numpy", "lightgbm", "highspy"):
        pytest.importorskip(library, reason="the extra agents is not installed")
    from streets import make_street

    from node_config.simulated.year import make_case

    street = make_street(2, 26, with_pv=True)
    one, two = (make_case(street, 0, None, model=True, threads=count) for count in (1, 2))
    for left, right in zip(one.homes, two.homes, strict=True):
        assert left.expect is not None
        assert right.expect is not None
        assert left.battery == right.battery
        # Too little is known in the first week to say how uncertain a model is.
        assert left.expect(7 * 24 - 1) is None
        for index in (7 * 24, 500, 26 * 24 - 1):
            found = left.expect(index)
            assert found is not None
            low, middle, high = found[5]
            assert low <= middle <= high
            assert found == right.expect(index)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_no_strategy_has_orders_rejected(strategy: str) -> None:
    found = run_street(make_homes(strategy=strategy), replace(CLOCK, slots=30))
    assert found.rejections == ()
    assert len(found.prices) == 30


def test_a_tournament_says_who_gains() -> None:
    strategies = ["planner", "zero"]
    case = Case(tuple(make_homes()), CLOCK)
    jobs = make_jobs(case, strategies)
    assert list(jobs) == ["round 0", "round 1", "only planner", "only zero", "best"]
    rows = compare(run_jobs(jobs, 1), strategies)
    assert {row["strategy"] for row in rows} == set(strategies)
    for row in rows:
        # Those who know their next day do not know prices, so they are no bound.
        assert 0 < row["welfare"] < 1.5
        assert row["taken"] == pytest.approx(row["mixed"] - row["own"], abs=0.0011)
    assert rows[0]["mixed"] >= rows[1]["mixed"]


def test_a_battery_that_serves_itself() -> None:
    home = HomeData("a", [-1_000, 500, 2_000], Battery(800, 5_000, 1_000, 1_000, 0, 0))
    assert follow_meter(home, 3) == [-200, 0, 1_700]


def test_the_command_writes_all_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("numpy", "matplotlib", "lightgbm"):
        pytest.importorskip(library, reason="the extra agents is not installed")
    from streets import make_street, write_street

    write_street(tmp_path, make_street(2, 3))
    picture, table = tmp_path / "sim.png", tmp_path / "out.csv.txt"
    arguments = ["agent", "simulate", str(tmp_path), "--days", "2", "--forecast", "simple"]
    arguments += ["--battery-kwh", "5", "--workers", "1", "--foresight", "-o", "json"]
    assert main([*arguments, "--picture", str(picture), "--csv", str(table)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [home["name"] for home in said["homes"]] == ["home_0", "home_1"]
    assert said["orders_rejected"] == 0
    assert set(said["all"]) == {
        *("name", "no_market", "no_market_with_battery", "no_battery"),
        *("agents", "foresight", "hindsight"),
    }
    assert len(table.read_text().splitlines()) == 1 + 2 * 48
    assert picture.stat().st_size > 10_000
    assert main([*arguments[:3], "--days", "-1"]) == 2
    assert "--days -1 is not between" in capsys.readouterr().err
