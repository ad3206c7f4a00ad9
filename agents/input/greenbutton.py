"""Green Button (ESPI) XML: energies in Wh by interval, with the utility's offset from UTC.

Only readings in Wh (uom 72) are taken. Flow direction 1 is import, 19 is export. Time is UTC;
the wall clock is that of the zone that is given, else that of the file's offset.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from agents.input.grid import Readings, to_seconds
from agents.input.table import get_stem, read_text
from client.errors import MissingError

_WH, _EXPORT = "72", "19"
_UNITS = {"72": 1.0}


def read(path: Path, zone: ZoneInfo | None) -> list[Readings]:
    """The readings of each usage point of a file."""
    text = read_text(path)
    # Entities are how a small file becomes a large one; Green Button has none of its own.
    if re.search(r"<!(DOCTYPE|ENTITY)", text):
        raise MissingError(f"{path} has a document type, which Green Button files have not")
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a document type there are no entities.
    except ET.ParseError as error:
        raise MissingError(f"{path} is not XML: {error}") from None
    rows = _read_rows(root, path)
    if not rows:
        raise MissingError(f"{path} has no interval readings of energy in Wh")
    offset_s = _find_offset_s(root)
    marks = (
        ()
        if zone or offset_s is None
        else (f"times are {offset_s / 3600:+g} h from UTC all year; give a zone for summer time",)
    )
    return [
        _make_readings(name, path, point_rows, zone, offset_s or 0, marks)
        for name, point_rows in sorted(rows.items())
    ]


def _read_rows(root: ET.Element, path: Path) -> dict[str, list[tuple[int, bool, float]]]:
    """(time, is export, Wh) by usage point."""
    types = _read_types(root)
    links = {href: other for entry in _entries(root) for href, other in _type_links(entry)}
    rows: dict[str, list[tuple[int, bool, float]]] = {}
    for entry in _entries(root):
        blocks = [one for one in entry.iter() if _tag(one) == "IntervalBlock"]
        if not blocks:
            continue
        own = next((one.get("href", "") for one in _links(entry) if one.get("rel") == "self"), "")
        up = next((one.get("href", "") for one in _links(entry) if one.get("rel") == "up"), "")
        reading = re.sub(r"/IntervalBlock.*$", "", up or own)
        kind = types.get(links.get(reading, ""), next(iter(types.values()), (1.0, False, True)))
        factor, is_export, is_energy = kind
        if not is_energy:
            continue
        point = re.search(r"UsagePoint/([^/]+)", reading)
        name = point[1] if point else ""
        for block in blocks:
            rows.setdefault(name, []).extend(_read_block(block, factor, is_export, path))
    return rows


def _read_block(
    block: ET.Element, factor: float, is_export: bool, path: Path
) -> list[tuple[int, bool, float]]:
    found = []
    for reading in (one for one in block.iter() if _tag(one) == "IntervalReading"):
        values = {_tag(one): (one.text or "").strip() for one in reading.iter()}
        try:
            time_s, value = int(values["start"]), float(values.get("value") or "nan")
        except (KeyError, ValueError):
            raise MissingError(f"{path} has an interval reading without start or value") from None
        found.append((time_s, is_export, value * factor))
    return found


def _read_types(root: ET.Element) -> dict[str, tuple[float, bool, bool]]:
    """(Wh per unit, is export, is energy) of each reading type, by its link."""
    types = {}
    for entry in _entries(root):
        for one in (one for one in entry.iter() if _tag(one) == "ReadingType"):
            values = {_tag(child): (child.text or "").strip() for child in one}
            power = int(values.get("powerOfTenMultiplier") or 0)
            own = [link.get("href", "") for link in _links(entry) if link.get("rel") == "self"]
            is_energy = values.get("uom", _WH) in _UNITS
            is_export = values.get("flowDirection") == _EXPORT
            types[own[0] if own else ""] = (10.0**power, is_export, is_energy)
    return types


def _type_links(entry: ET.Element) -> list[tuple[str, str]]:
    """From a meter reading to its type."""
    if not any(_tag(one) == "MeterReading" for one in entry.iter()):
        return []
    own = [one.get("href", "") for one in _links(entry) if one.get("rel") == "self"]
    related = [one.get("href", "") for one in _links(entry) if "ReadingType" in one.get("href", "")]
    return [(own[0], related[0])] if own and related else []


def _find_offset_s(root: ET.Element) -> int | None:
    for one in root.iter():
        if _tag(one) == "tzOffset":
            try:
                return int((one.text or "").strip())
            except ValueError:
                return None
    return None


def _make_readings(
    name: str,
    path: Path,
    rows: list[tuple[int, bool, float]],
    zone: ZoneInfo | None,
    offset_s: int,
    marks: tuple[str, ...],
) -> Readings:
    times = sorted({time_s for time_s, _, _ in rows})
    at = {time_s: number for number, time_s in enumerate(times)}
    energy = {False: np.full(len(times), np.nan), True: np.full(len(times), np.nan)}
    for time_s, is_export, value in rows:
        energy[is_export][at[time_s]] = value
    if zone is None:
        local = np.array(times, dtype=np.int64) + offset_s
    else:
        local = np.array(
            [to_seconds(datetime.fromtimestamp(one, UTC).astimezone(zone)) for one in times]
        )
    label = get_stem(path) if not name else f"{get_stem(path)}/{name}"
    return Readings(label, local, energy[False], np.nan_to_num(energy[True]), marks)


def _entries(root: ET.Element) -> list[ET.Element]:
    return [one for one in root.iter() if _tag(one) == "entry"]


def _links(entry: ET.Element) -> list[ET.Element]:
    return [one for one in entry if _tag(one) == "link"]


def _tag(element: ET.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]
