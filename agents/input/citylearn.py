"""A folder of the CityLearn 2022 challenge: a CSV per building, weather, prices, carbon, schemas.

The data has month, hour and weekday but no date: the year is chosen so that the weekdays fit. An
hour is named by its end, 1 to 24. PV is in W per kW of installed power, which the schema gives.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from agents.input.citylearn_hours import describe_hours, find_hours, spread, to_offset
from agents.input.cleaning import EMPTY_DAYS, STUCK_HOURS, find_runs, find_spikes
from agents.input.grid import SLOTS_MAX
from agents.input.table import get_stem, read_columns, read_text, to_numbers
from agents.observation import HOUR_S, Battery, Grid, Home, Street
from client.errors import MissingError

COLUMNS = {"month", "hour", "day_type", "non_shiftable_load", "solar_generation"}
# Of PV and of a battery, in kW and kWh; and of prices, carbon and degrees.
POWER_MAX_KW, VALUE_MAX = 1e6, 1e6
_EXTRA_LOADS = ("dhw_demand", "cooling_demand", "heating_demand")
_WH_PER_KWH = 1000.0


def read(folder: Path, files: dict[str, Path]) -> Street:
    """Reads a folder; `files` are its CSV files by name."""
    schemas = _read_schemas(folder)
    tables = {name: read_columns(path) for name, path in files.items() if _is_building(name)}
    tables = {name: table for name, table in tables.items() if table.keys() >= COLUMNS}
    if not tables:
        raise MissingError(
            f"{folder} has no building with the columns {', '.join(sorted(COLUMNS))}"
        )
    names = sorted(tables, key=_by_number)
    hours = {name: find_hours(tables[name], files[name]) for name in names}
    first = min(begin for begin, _ in hours.values())
    at = {name: rows + to_offset(begin, first) for name, (begin, rows) in hours.items()}
    slots = 1 + max(int(rows.max()) for rows in at.values())
    if slots > SLOTS_MAX:
        raise MissingError(f"the buildings of {folder} do not belong to the same year")
    made = [
        _make_home(name, tables[name], schemas.get(name, {}), at[name], slots) for name in names
    ]
    homes = tuple(home for home in made if np.isfinite(home.net_wh).any())
    if not homes:
        raise MissingError(f"no building of {folder} has a usable hour of load")
    used = {home.name for home in homes}
    left_out = {name: "has no usable hour of load" for name in names if name not in used}
    marks: list[str] = []
    price, carbon, temperature = (
        _read_shared(files, stem, column, list(at.values()), slots, marks)
        for stem, column in (
            ("pricing", "electricity_pricing"),
            ("carbon_intensity", "carbon_intensity"),
            ("weather", "outdoor_dry_bulb_temperature"),
        )
    )
    grid = Grid(first, HOUR_S, slots)
    return Street(grid, homes, price, carbon, temperature, left_out, tuple(marks))


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


def _make_home(
    name: str, table: dict[str, list[str]], schema: dict[str, Any], at: np.ndarray, slots: int
) -> Home:
    marks = describe_hours(at)
    load_wh = _WH_PER_KWH * spread(to_numbers(table["non_shiftable_load"]), at, slots)
    made = spread(to_numbers(table["solar_generation"]), at, slots)
    pv_kw = _get_number(schema, "pv", "nominal_power", POWER_MAX_KW)
    if pv_kw is None and np.any(made > 0):
        marks.append("no schema says how much PV is installed, so net is load")
    if not pv_kw or np.isnan(made).all():
        made = np.zeros(slots)
    pv_wh = made * (pv_kw or 0.0)
    if any(np.any(to_numbers(table[one]) > 0) for one in _EXTRA_LOADS if one in table):
        marks.append("demand for heat and cold is not part of the load")
    stuck = find_runs(load_wh, STUCK_HOURS) & (load_wh != 0)
    load_wh = _remove(
        load_wh,
        marks,
        {
            "hours with a negative load taken as missing": load_wh < 0,
            "hours with a load far beyond all others taken as missing": find_spikes(load_wh),
            "hours with a load stuck at one value taken as missing": stuck,
            "hours of load missing": np.isnan(load_wh),
        },
    )
    pv_wh = _remove(
        pv_wh,
        marks,
        {
            "hours with negative PV taken as missing": pv_wh < 0,
            "hours with PV far beyond all others taken as missing": find_spikes(pv_wh),
            "hours of PV missing": np.isnan(pv_wh),
        },
    )
    empty = find_runs(load_wh, EMPTY_DAYS * 24) & (load_wh == 0)
    if empty.any():
        marks.append(f"{int(empty.sum())} hours without any load, taken as they stand")
    battery = _make_battery(schema, marks)
    return Home(name, load_wh - pv_wh, load_wh, pv_wh, battery, tuple(marks))


def _remove(values: np.ndarray, marks: list[str], wrong: dict[str, np.ndarray]) -> np.ndarray:
    """The values without those that are wrong, which is said."""
    for sentence, found in wrong.items():
        if found.any():
            marks.append(f"{int(found.sum())} {sentence}")
            values = np.where(found, np.nan, values)
    return values


def _make_battery(schema: dict[str, Any], marks: list[str]) -> Battery | None:
    if not isinstance(schema.get("electrical_storage"), dict):
        return None
    capacity_kwh, power_kw, efficiency, loss = (
        _get_number(schema, "electrical_storage", name, high)
        for name, high in (
            ("capacity", POWER_MAX_KW),
            ("nominal_power", POWER_MAX_KW),
            ("efficiency", 1.0),
            ("capacity_loss_coefficient", 1.0),
        )
    )
    if not capacity_kwh or not power_kw or not efficiency:
        marks.append(
            "the battery is left out: its schema needs a capacity and a nominal_power above 0, and "
            "an efficiency above 0 and not above 1"
        )
        return None
    return Battery(capacity_kwh, power_kw, efficiency, loss or 0.0)


def _get_number(schema: dict[str, Any], device: str, attribute: str, high: float) -> float | None:
    """A number of a schema from 0 to `high`; None for anything else."""
    try:
        value = float(schema[device]["attributes"][attribute])
    except (KeyError, TypeError, ValueError):
        return None
    return value if 0 <= value <= high else None


def _read_shared(
    files: dict[str, Path],
    stem: str,
    column: str,
    buildings: list[np.ndarray],
    slots: int,
    marks: list[str],
) -> np.ndarray | None:
    """A column that has a row for each row of a building, at the same hours."""
    if stem not in files:
        return None
    table = read_columns(files[stem])
    rows = table.get(column)
    at = next((one for one in buildings if rows is not None and len(one) == len(rows)), None)
    if rows is None or at is None:
        lengths = " or ".join(map(str, sorted({len(one) for one in buildings})))
        raise MissingError(
            f"{files[stem]} needs a column {column} with {lengths} rows, as the buildings"
        )
    values = to_numbers(rows)
    values = spread(np.where(np.abs(values) <= VALUE_MAX, values, np.nan), at, slots)
    missing = int(np.isnan(values).sum())
    if missing == slots:
        raise MissingError(f"{files[stem]} has no usable number in the column {column}")
    if missing:
        marks.append(f"{missing} hours of {column} missing")
    return values
