"""Homes made of known parts: what is said about them is what they are made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from client.cli import main

np = pytest.importorskip("numpy", reason="the extra agents is not installed")

from streets import BEGIN, make_street, write_street  # noqa: E402

from agents.insight.findings import Finding, find_all, make_view  # noqa: E402
from agents.observation import Grid, Home  # noqa: E402

DAYS = 70
HOURS = np.arange(DAYS * 24)
GRID = Grid(BEGIN, 3600, HOURS.size)


def findings(load_wh: np.ndarray, **known: np.ndarray) -> dict[str, Finding]:
    home = Home("home", load_wh, load_wh, known.get("pv"))
    view = make_view(home, GRID, known.get("price"), 0.25, known.get("temperature"))
    assert view is not None
    return {one.topic: one for one in find_all(view)}


def test_a_home_that_is_only_base_load() -> None:
    found = findings(np.full(HOURS.size, 150.0))
    assert found.keys() == {"base_load"}
    base = found["base_load"]
    assert base.energy_kwh_per_year == pytest.approx(150 * 8.76)
    assert base.money_per_year == pytest.approx(150 * 8.76 * 0.25)
    assert "150 W" in base.sentence


def test_heating_is_what_follows_the_cold() -> None:
    temperature = 10 + 8 * np.sin(HOURS / 24 / 20 * np.pi)
    cold = np.maximum(15 - temperature.reshape(-1, 24).mean(axis=1), 0.0)
    load = 100.0 + np.repeat(cold, 24) * 2000 / 24
    found = findings(load, temperature=temperature)
    assert found["heating"].energy_kwh_per_year == pytest.approx(2 * cold.mean() * 365, rel=0.01)
    assert "2.0 kWh a day" in found["heating"].sentence
    assert "cooling" not in found
    assert "heating" not in findings(load)


def test_a_car_is_a_rectangle_and_a_kettle_is_none() -> None:
    night = (HOURS % 24 < 4) & (HOURS // 24 % 2 == 0)
    found = findings(200.0 + np.where(night, 7000.0, 0.0))
    assert found["car"].energy_kwh_per_year == pytest.approx(28 * 365 / 2, rel=0.05)
    kettle = HOURS % 24 == 7
    assert "car" not in findings(200.0 + np.where(kettle, 2900.0, 0.0))


def test_pv_prices_and_moving() -> None:
    hour = HOURS % 24
    pv = np.where((hour >= 10) & (hour < 14), 1000.0, 0.0)
    price = np.where((hour >= 17) & (hour < 21), 0.5, 0.2)
    found = findings(np.full(HOURS.size, 400.0), pv=pv, price=price)
    assert found["pv"].energy_kwh_per_year == pytest.approx(4 * 365)
    assert "40%" in found["pv"].sentence
    assert found["moving"].money_per_year == pytest.approx(0.3 * 365)
    assert found["peak_share"].energy_kwh_per_year == pytest.approx(1.6 * 365)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    street = make_street(2, 30)
    empty = Home("vacant", np.zeros(30 * 24), np.zeros(30 * 24))
    write_street(tmp_path, replace(street, homes=(*street.homes, empty)))
    assert main(["agent", "insight", str(tmp_path), "--price", "0.4", "-o", "json"]) == 0
    shown = {home["name"]: home for home in json.loads(capsys.readouterr().out)["homes"]}
    assert shown["home_0"]["findings"][0]["topic"] == "base_load"
    assert not shown["vacant"]["findings"]
    assert "nothing can be said" in shown["vacant"]["marks"][-1]
    assert main(["agent", "insight", str(tmp_path)]) == 0
    assert "W run day and night" in capsys.readouterr().out
    assert main(["agent", "insight", str(tmp_path), "--price", "0"]) == 2
