"""Green Button (ESPI, NAESB REQ.21): intervals of energy in an Atom feed.

Times are UTC. A block of intervals belongs to a meter reading, and this to a reading type, by the
links of their entries. Nothing in a file detects a changed digit: it comes over TLS, or with a
digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from meter_bridge.formats.encoding.documents import (
    Element,
    ReadingType,
    make_quantity,
    read_reading_type,
    read_xml,
)
from meter_bridge.formats.telegram import (
    Content,
    Context,
    Interval,
    Quantity,
    TelegramError,
    as_meter_id,
    to_wh,
)

NAMESPACE = "http://naesb.org/espi"
INTERVALS_MAX = 200_000
DAY_S = 86_400
# How values accumulate that are registers: cumulative, and summation.
REGISTERS = (3, 9)


@dataclass(frozen=True)
class Entry:
    """One resource of a feed with its links."""

    resource: Element
    own: str
    up: str
    related: tuple[str, ...]


def read(raw: bytes, _: Context) -> list[Content]:
    """One content for each usage point and direction, in the order of the file.

    Errors: TelegramError.
    """
    root = read_xml(raw)
    entries = list(find_entries(root))
    types = {one.own: one.resource for one in entries if one.resource.name == "ReadingType"}
    # Of each usage point: intervals, and what registers showed at the end of others.
    found: dict[str, tuple[list[Interval], list[Interval]]] = {}
    for entry in entries:
        if entry.resource.name == "IntervalBlock":
            meaning = read_reading_type(find_type(entry, entries, types))
            if meaning.unit == "Wh":
                point = found.setdefault(name_usage_point(entry.own), ([], []))
                is_register = meaning.accumulation in REGISTERS
                point[is_register].extend(read_block(entry.resource, meaning))
    if not found:
        raise TelegramError("The file has no intervals of energy in Wh.")
    return [make_content(point, *values) for point, values in found.items()]


def make_content(point: str, intervals: list[Interval], shown: list[Interval]) -> Content:
    """The intervals of one usage point, sorted, none twice, and what its registers showed last."""
    ordered = tuple(sorted(set(intervals), key=lambda one: (one.start_s, one.is_export)))
    if len(ordered) > INTERVALS_MAX:
        raise TelegramError(f"The file has more than {INTERVALS_MAX} intervals.")
    sums = {
        name: sum(one.energy_wh for one in ordered if one.is_export is is_export)
        for name, is_export in (("import", False), ("export", True))
        if any(one.is_export is is_export for one in ordered)
    }
    shown.sort(key=lambda one: one.start_s + one.length_s)
    registers = {one.is_export: one.energy_wh for one in shown}
    return Content(
        meter_id=point,
        time_s=max((one.start_s + one.length_s for one in (*ordered, *shown)), default=None),
        import_register_wh=registers.get(False),
        export_register_wh=registers.get(True),
        values={f"sum of {name}": Quantity(Decimal(wh), "Wh") for name, wh in sums.items()},
        intervals=ordered,
    )


def find_entries(root: Element) -> Iterator[Entry]:
    """The resources of a feed; those of a document without a feed have no links."""
    wrapped = [one for one in root.walk() if one.name == "entry"]
    for entry in wrapped:
        content = entry.find("content")
        links: dict[str, list[str]] = {}
        for child in entry.children:
            if child.name == "link":
                relation = child.attributes.get("rel", "")
                links.setdefault(relation, []).append(child.attributes.get("href", ""))
        for resource in content.children if content else ():
            yield Entry(
                resource,
                links.get("self", [""])[0],
                links.get("up", [""])[0],
                tuple(links.get("related", ())),
            )
    if not wrapped:
        for one in root.walk():
            if one.name in {"ReadingType", "IntervalBlock"}:
                yield Entry(one, "", "", ())


def find_type(block: Entry, entries: list[Entry], types: dict[str, Element]) -> Element | None:
    """The reading type of a block: that of the meter reading whose link leads to the block."""
    if len(types) == 1:
        return next(iter(types.values()))
    for entry in entries:
        is_above = entry.own and block.own.startswith(f"{entry.own}/")
        if entry.resource.name == "MeterReading" and (is_above or block.up in entry.related):
            return next((types[link] for link in entry.related if link in types), None)
    return None


def read_block(block: Element, meaning: ReadingType) -> Iterator[Interval]:
    """The intervals of one block. Errors: TelegramError."""
    # A register is read at a moment.
    least_s = 0 if meaning.accumulation in REGISTERS else 1
    for one in block.children:
        if one.name != "IntervalReading":
            continue
        start_s = one.get_int("timePeriod", "start")
        length_s = one.get_int("timePeriod", "duration")
        value = one.get_int("value")
        if start_s is None or length_s is None or value is None:
            raise TelegramError("An interval lacks its start, its duration or its value.")
        if start_s < 0 or not least_s <= length_s <= DAY_S:
            raise TelegramError(f"An interval of {length_s} s from {start_s} is not possible.")
        is_export = meaning.is_export or (meaning.is_net and value < 0)
        energy_wh = to_wh(make_quantity(abs(value) if meaning.is_net else value, meaning))
        quality = one.find("ReadingQuality", "quality")
        text = quality.text.strip()[:20] if quality else ""
        yield Interval(start_s, length_s, energy_wh, is_export, text)


def name_usage_point(link: str) -> str:
    """The number of the usage point in a link; empty if it has none."""
    _, found, rest = link.partition("UsagePoint/")
    return as_meter_id(rest.partition("/")[0]) if found else ""
