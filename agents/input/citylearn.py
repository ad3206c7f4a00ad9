"""A folder of the CityLearn 2022 challenge: a CSV per building, weather, prices, carbon, schemas.

The data has month, hour and weekday but no date: the year is chosen so that the weekdays fit. An
hour is named by its end, 1 to 24. PV is in W per kW of installed power, which the schema gives.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from agents.input.cleaning import EMPTY_DAYS, STUCK_HOURS, find_runs
from agents.input.table import get_stem, read_columns, read_text, to_numbers
from agents.observation import HOUR_S, Battery, Grid, Home, Street
from client.errors import MissingError

COLUMNS = {"month", "hour", "day_type", "non_shiftable_load", "solar_generation"}
_YEARS = range(2022, 1999, -1)
_WEEKDAYS = range(1, 8)
_EXTRA_LOADS = ("dhw_demand", "cooling_demand", "heating_demand")
_WH_PER_KWH = 1000.0


def read(folder: Path, files: dict[str, Path]) -> Street:
    """Reads a folder; `files` are its CSV files by name."""
    buildings = _read_schemas(folder)
    tables = {name: read_columns(path) for name, path in files.items() if _is_building(name)}
    tables = {name: table for name, table in tables.items() if table.keys() >= COLUMNS}
    if not tables:
        raise MissingError(
            f"{folder} has no building with the columns {', '.join(sorted(COLUMNS))}"
        )
    names = sorted(tables, key=_by_number)
    lengths = {len(tables[name]["month"]) for name in names}
    if len(lengths) > 1:
        raise MissingError(
            f"the buildings in {folder} have {_join(lengths)} rows; all must have as many"
        )
    slots = lengths.pop()
    grid = Grid(_find_begin(tables[names[0]], folder), HOUR_S, slots)
    homes = tuple(_make_home(name, tables[name], buildings.get(name, {}), grid) for name in names)
    price, carbon, temperature = (
        _read_shared(files, stem, column, slots)
        for stem, column in (
            ("pricing", "electricity_pricing"),
            ("carbon_intensity", "carbon_intensity"),
            ("weather", "outdoor_dry_bulb_temperature"),
        )
    )
    return Street(grid, homes, price, carbon, temperature)


def _is_building(name: str) -> bool:
    return name not in ("pricing", "carbon_intensity", "weather")


def _by_number(name: str) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, name))
    return (int(digits[:9]) if digits else 0), name


def _read_schemas(folder: Path) -> dict[str, dict[str, Any]]:
    """What the schemas of a folder say about each building."""
    buildings: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("schema*.json")):
        try:
            known = json.loads(read_text(path)).get("buildings", {})
            buildings |= {
                get_stem(Path(str(one["energy_simulation"]))): one for one in known.values()
            }
        except (ValueError, AttributeError, KeyError, TypeError):
            raise MissingError(f"{path} is not a schema of CityLearn") from None
    return buildings


def _make_home(name: str, table: dict[str, list[str]], schema: dict[str, Any], grid: Grid) -> Home:
    load_wh = _WH_PER_KWH * to_numbers(table["non_shiftable_load"])
    pv_kw = _get_number(schema, "pv", "nominal_power")
    pv_wh = np.nan_to_num(to_numbers(table["solar_generation"])) * (pv_kw or 0.0)
    marks = []
    if pv_kw is None and pv_wh.size and np.any(to_numbers(table["solar_generation"]) > 0):
        marks.append("no schema says how much PV is installed, so net is load")
    if any(np.any(to_numbers(table[one]) > 0) for one in _EXTRA_LOADS if one in table):
        marks.append("demand for heat and cold is not part of the load")
    for values, sentence in (
        (load_wh < 0, "hours with a negative load taken as missing"),
        (
            find_runs(load_wh, STUCK_HOURS) & (load_wh != 0),
            "hours with a load stuck at one value taken as missing",
        ),
        (np.isnan(load_wh), "hours of load missing"),
    ):
        if values.any():
            marks.append(f"{int(values.sum())} {sentence}")
            load_wh = np.where(values, np.nan, load_wh)
    empty = find_runs(load_wh, EMPTY_DAYS * 24) & (load_wh == 0)
    if empty.any():
        marks.append(f"{int(empty.sum())} hours without any load, taken as they stand")
    return Home(name, load_wh - pv_wh, load_wh, pv_wh, _make_battery(schema), tuple(marks))


def _make_battery(schema: dict[str, Any]) -> Battery | None:
    values = [
        _get_number(schema, "electrical_storage", name)
        for name in ("capacity", "nominal_power", "efficiency", "capacity_loss_coefficient")
    ]
    capacity_kwh, power_kw, efficiency, loss = values
    if capacity_kwh is None or power_kw is None or efficiency is None:
        return None
    return Battery(capacity_kwh, power_kw, efficiency, loss or 0.0)


def _get_number(schema: dict[str, Any], device: str, attribute: str) -> float | None:
    try:
        return float(schema[device]["attributes"][attribute])
    except (KeyError, TypeError, ValueError):
        return None


def _read_shared(files: dict[str, Path], stem: str, column: str, slots: int) -> np.ndarray | None:
    if stem not in files:
        return None
    table = read_columns(files[stem])
    if column not in table or len(table[column]) != slots:
        raise MissingError(
            f"{files[stem]} needs a column {column} with {slots} rows, as the buildings"
        )
    return to_numbers(table[column])


def _find_begin(table: dict[str, list[str]], folder: Path) -> datetime:
    """When the first hour begins: by the first change of month, in a year whose weekdays fit."""
    month, hour, weekday = (to_numbers(table[name]) for name in ("month", "hour", "day_type"))
    if not (np.isin(month, range(1, 13)).all() and np.isin(hour, range(1, 25)).all()):
        raise MissingError(f"{folder} has months outside 1 to 12 or hours outside 1 to 24")
    changes = np.flatnonzero(month[1:] != month[:-1]) + 1
    at = int(changes[0]) if changes.size else 0
    ordinary = np.flatnonzero(np.isin(weekday[at:], _WEEKDAYS)) + at
    for year in _YEARS:
        # At a change of month the first begins; without one the first row is taken for it.
        begin = datetime(year, int(month[at]), 1) + timedelta(hours=int(hour[at]) - 1 - at)  # noqa: DTZ001
        if not ordinary.size:
            return begin
        one = int(ordinary[0])
        if (begin + timedelta(hours=one)).isoweekday() == int(weekday[one]):
            return begin
    raise MissingError(f"{folder} has weekdays that fit no year")


def _join(numbers: set[int]) -> str:
    return " and ".join(map(str, sorted(numbers)))
