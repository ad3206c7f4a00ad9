"""Finds out what a folder or file holds, and reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from agents.input import citylearn, greenbutton, meter_csv
from agents.input.cleaning import clean
from agents.input.grid import Readings, find_slot_s, make_grid, place
from agents.input.table import SUFFIXES, get_stem, read_text
from agents.observation import Home, Street
from client.errors import MissingError, UsageError

XML_SUFFIXES = (".xml", ".xml.gz")
FEEDER, LABELS = "feeder", "labels"
FILES_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a folder by what they are."""

    csv: dict[str, Path]
    xml: list[Path]


def read_street(path: Path, zone_name: str = "", *, is_raw: bool = False) -> Street:
    """All homes of a folder, or of one file; raises MissingError with one sentence.

    The file `feeder.csv` becomes the home `feeder`; `labels.csv` is not read. With `is_raw` a
    register that is stuck stays as it is, for whoever looks for faults.
    """
    zone = _get_zone(zone_name)
    source = find_files(path)
    meters = {name: one for name, one in source.csv.items() if name != LABELS}
    if _is_citylearn(meters):
        return citylearn.read(path, meters)
    readings = [
        replace(one, name=FEEDER) if name.lower() == FEEDER else one
        for name, file in meters.items()
        for one in meter_csv.read(file, zone)
    ]
    readings += [one for file in source.xml for one in greenbutton.read(file, zone)]
    if not readings:
        raise MissingError(f"{path} holds no meters: neither CSV, CityLearn 2022 nor Green Button")
    return make_street(_merge(readings), is_raw=is_raw)


def find_files(path: Path) -> Source:
    """The files of a folder that may hold meters."""
    if not path.exists():
        raise MissingError(f"{path} does not exist")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    if len(files) > FILES_MAX:
        raise MissingError(f"{path} holds more than {FILES_MAX} files")
    return Source(
        {get_stem(one): one for one in files if one.name.endswith(SUFFIXES)},
        [one for one in files if one.name.endswith(XML_SUFFIXES)],
    )


def make_street(readings: list[Readings], *, is_raw: bool = False) -> Street:
    """Homes on one grid; a meter that cannot be used is left out with a sentence."""
    left_out = {one.name: "has fewer than two readings" for one in readings if _is_alone(one)}
    usable = [one for one in readings if one.name not in left_out]
    if not usable:
        raise MissingError("no meter has two readings")
    grid = make_grid(usable, find_slot_s(usable))
    homes = []
    for one in usable:
        placed = place(one, grid)
        import_wh, export_wh, marks = clean(placed[0], placed[1], grid, is_raw=is_raw)
        if np.isnan(import_wh).all():
            left_out[one.name] = "has no usable reading"
            continue
        net_wh = import_wh - export_wh
        load_wh = None if (export_wh > 0).any() else import_wh
        homes.append(Home(one.name, net_wh, load_wh, marks=(*placed[2], *marks)))
    if not homes:
        raise MissingError("no meter has a usable reading")
    return Street(grid, tuple(homes), left_out=left_out)


def _is_alone(one: Readings) -> bool:
    return len(np.unique(one.time_s)) < 2


def _merge(readings: list[Readings]) -> list[Readings]:
    """Readings of the same meter in several files, one after another."""
    by_name: dict[str, list[Readings]] = {}
    for one in readings:
        by_name.setdefault(one.name, []).append(one)
    return [
        many[0]
        if len(many) == 1
        else Readings(
            name,
            np.concatenate([one.time_s for one in many]),
            np.concatenate([one.import_wh for one in many]),
            np.concatenate([one.export_wh for one in many]),
            tuple(dict.fromkeys(mark for one in many for mark in one.marks)),
        )
        for name, many in by_name.items()
    ]


def _is_citylearn(meters: dict[str, Path]) -> bool:
    """Whether a file has the columns of a CityLearn building."""
    for name in meters:
        if name in ("pricing", "carbon_intensity", "weather"):
            continue
        first = read_text(meters[name]).split("\n", 1)[0].lower()
        if {one.strip() for one in first.split(",")} >= citylearn.COLUMNS:
            return True
    return False


def _get_zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{name} is no time zone such as Europe/Berlin") from None
