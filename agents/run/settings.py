"""A home as its owner describes it, in a TOML file.

    key = "anna"
    annual_kwh = 3500

    [battery]
    capacity_wh = 10_000
    power_w = 5_000

    [load]
    energy_wh = 6_000
    power_w = 3_700
    first_hour = 22
    end_hour = 6

    [limits]
    money_per_day = 3_000_000

Anything that is not known is an error that names it. What is left out has a default that
`HomeSettings` states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from agents.trading import STRATEGIES
from agents.trading.expect import DEFAULT_ANNUAL_KWH, HOURS
from agents.trading.observation import PERMILLE
from client.errors import MissingError, UsageError
from client.files.toml_file import read_toml

HOMES_MAX = 1_000
NUMBER_MAX = 10**15
_Section = TypeVar("_Section")


@dataclass(frozen=True, slots=True)
class BatterySettings:
    """A battery behind the home's meter. wear_per_kwh: millionths for each kWh that comes out."""

    capacity_wh: int
    power_w: int
    charge_efficiency_permille: int = 950
    discharge_efficiency_permille: int = 950
    # The owner's: never planned to be lower.
    reserve_wh: int = 0
    # What is stored when the agent starts for the first time.
    state_of_charge_wh: int = 0
    wear_per_kwh: int = 10_000
    # A JSON file with `state_of_charge_wh`, which the battery's controller writes. Without one it
    # is taken to have done what was planned.
    state_file: str = ""


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """A flexible load: energy that is needed each day between two hours of the day."""

    energy_wh: int
    power_w: int
    first_hour: int
    end_hour: int


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What the owner allows. Money in millionths; 0: no limit."""

    money_per_day: int = 0
    order_max_wh: int = 0


@dataclass(frozen=True, slots=True)
class PublishSettings:
    """Forecasts of a target, which the account must have the role of a forecaster for."""

    target_id: int
    stake_per_slot: int = 10_000


@dataclass(frozen=True, slots=True)
class HomeSettings:
    """One home. Paths are relative to its file."""

    path: Path
    # The name of the key that signs, in the keyring: of its account, or one that `owner` has given
    # the right to trade.
    key: str
    # The account that trades, by its address or the name of its key; empty: that of `key`.
    owner: str = ""
    strategy: str = "planner"
    annual_kwh: int = DEFAULT_ANNUAL_KWH
    can_sell: bool = True
    # Hours of the day in this file are by the chain's clock plus this: 1 for Berlin in winter.
    hours_ahead: int = 0
    # A folder of models, whose champion forecasts; without one its own last days do.
    model_store: str = ""
    # What the battery and the flexible load are to do, for their controllers to read.
    schedule_file: str = ""
    battery: BatterySettings | None = None
    load: LoadSettings | None = None
    limits: LimitSettings = LimitSettings()
    publish: PublishSettings | None = None

    @property
    def journal(self) -> Path:
        """Where it keeps its journal."""
        return self.path.with_suffix(".sqlite")

    @property
    def stop_file(self) -> Path:
        """While this file is there, it sends nothing."""
        return self.path.with_suffix(".stop")

    def get_path(self, name: str) -> Path | None:
        """A file that the settings name; None for an empty name."""
        return self.path.parent / name if name else None


_SECTIONS: Mapping[str, type[Any]] = {
    "battery": BatterySettings,
    "load": LoadSettings,
    "limits": LimitSettings,
    "publish": PublishSettings,
}


def read_homes(path: Path) -> list[HomeSettings]:
    """The home of a file, or of each .toml file of a folder; MissingError or UsageError."""
    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise MissingError(f"{path} has no .toml file of a home")
        if len(files) > HOMES_MAX:
            raise UsageError(f"{path} has more than {HOMES_MAX} homes")
        homes = [read_home(file) for file in files]
    else:
        homes = [read_home(path)]
    keys = [home.key for home in homes]
    for home in homes:
        if keys.count(home.key) > 1:
            raise UsageError(f"{home.path}: another home has the key {home.key} too")
    return homes


def read_home(path: Path) -> HomeSettings:
    """The home of one file; raises MissingError, or UsageError that names what is wrong."""
    content = read_toml(path)
    sections = {
        name: _read_section(path, f"{name}.", content.pop(name), section)
        for name, section in _SECTIONS.items()
        if isinstance(content.get(name), dict)
    }
    home = _read_section(path, "", {**content, **sections, "path": path}, HomeSettings)
    _check(home)
    return home


def _read_section(
    path: Path, place: str, content: Mapping[str, Any], section: type[_Section]
) -> _Section:
    known = {one.name: one for one in fields(section)}  # type: ignore[arg-type]
    types = get_type_hints(section)
    for name, value in content.items():
        if name not in known:
            raise UsageError(f"{path}: {place}{name} is not known; use {', '.join(known)}")
        wanted = types[name]
        if wanted in (int, str, bool) and type(value) is not wanted:
            kind = {int: "a whole number", str: "a text", bool: "true or false"}[wanted]
            raise UsageError(f"{path}: {place}{name} is not {kind}")
        if wanted is int and not 0 <= value <= NUMBER_MAX and name != "hours_ahead":
            raise UsageError(f"{path}: {place}{name} is not between 0 and {NUMBER_MAX}")
        if name in _SECTIONS and not isinstance(value, _SECTIONS[name]):
            raise UsageError(f"{path}: {name} is not a table")
    for name, one in known.items():
        if name not in content and one.default is MISSING and one.default_factory is MISSING:
            raise UsageError(f"{path}: {place}{name} is missing")
    return section(**content)


def _check(home: HomeSettings) -> None:
    problems = []
    if home.strategy not in STRATEGIES:
        problems.append(f"strategy is not one of {', '.join(STRATEGIES)}")
    if not -HOURS < home.hours_ahead < HOURS:
        problems.append(f"hours_ahead is not between -{HOURS - 1} and {HOURS - 1}")
    if battery := home.battery:
        problems += [
            f"battery.{name} is not between 1 and 1000"
            for name in ("charge_efficiency_permille", "discharge_efficiency_permille")
            if not 1 <= getattr(battery, name) <= PERMILLE
        ]
        if not battery.capacity_wh > 0 or not battery.power_w:
            problems.append("battery has no capacity_wh or no power_w")
        if max(battery.reserve_wh, battery.state_of_charge_wh) > battery.capacity_wh:
            problems.append("battery.reserve_wh or state_of_charge_wh is more than capacity_wh")
    if load := home.load:
        if load.first_hour >= HOURS or load.end_hour > HOURS:
            problems.append(f"load.first_hour or load.end_hour is not an hour of 0 to {HOURS}")
        if load.first_hour == load.end_hour:
            problems.append("load.first_hour and load.end_hour are the same")
        if not load.energy_wh or not load.power_w:
            problems.append("load has no energy_wh or no power_w")
    if problems:
        raise UsageError(f"{home.path}: {problems[0]}")
