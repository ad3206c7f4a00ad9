"""Scenarios of the demonstration: number of homes, prices, profiles, and faults in them."""

from pathlib import Path

import pytest

from client.errors import MissingError, UsageError
from node_config.demo.__main__ import make_parser, make_scenario
from node_config.demo.home.homes import make_street
from node_config.demo.scenario import Scenario, read_profiles
from node_config.preset import load_preset


def write(path: Path, load_w: int = 400, pv_w: int = 100, hours: int = 24) -> Path:
    rows = [f"{hour},{load_w + hour},{pv_w}" for hour in range(hours)]
    path.write_text("\n".join(["hour,load_w,pv_w", *rows]) + "\n")
    return path


def test_own_profiles_are_scaled_to_each_home(tmp_path: Path) -> None:
    profiles = read_profiles(write(tmp_path / "day.csv"))
    # 4,000 kWh a year are the profile itself: 400 Wh in the first hour, 423 in the last.
    load_wh = profiles.compute_load_wh(4_000, [1.0] * 96)
    assert (load_wh[0], load_wh[-1], len(load_wh)) == (100, 105, 96)
    assert profiles.compute_load_wh(8_000, [1.0] * 96)[0] == 200
    assert profiles.compute_pv_wh(5_000, 180) == [125] * 96
    home, other, last = make_street(1, *Scenario(profiles=profiles).get_profiles(), homes=3)
    assert sum(home.pv_wh[0]) == sum(home.pv_wh[12]) > 0 == sum(other.pv_wh[12])
    assert last.name == "home03"


def test_options(tmp_path: Path) -> None:
    path = write(tmp_path / "day.csv")
    arguments = ["--homes", "7", "--price-low", "0.05", "--profiles", str(path)]
    scenario = make_scenario(make_parser().parse_args(arguments))
    assert (scenario.homes, scenario.profiles) == (7, read_profiles(path))
    market = scenario.apply(load_preset("demo")).params["market"]
    assert (market["price_low_per_kwh"], market["price_high_per_kwh"]) == (50_000, 300_000)
    assert make_scenario(make_parser().parse_args([])) == Scenario()


@pytest.mark.parametrize("arguments", [["--homes", "0"], ["--homes", "61"], ["--price-low", "-1"]])
def test_wrong_options(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        make_scenario(make_parser().parse_args(arguments))


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("hour,load_w", "time,load_w", "the first line is not hour,load_w,pv_w"),
        ("7,407,100", "7,407", "line 9 is not the hour 7 and two numbers of watts"),
        ("7,407,100", "8,407,100", "line 9 is not the hour 7"),
        ("7,407,100", "7,-407,100", "line 9 is not the hour 7"),
        ("7,407,100", "7,1000001,100", "line 9 has more than 1000000 W"),
        ("23,423,100\n", "", "23 hours instead of 24"),
    ],
)
def test_a_wrong_file(tmp_path: Path, before: str, after: str, sentence: str) -> None:
    path = write(tmp_path / "day.csv")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    with pytest.raises(UsageError, match=sentence):
        read_profiles(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"nothing\.csv cannot be read"):
        read_profiles(tmp_path / "nothing.csv")
