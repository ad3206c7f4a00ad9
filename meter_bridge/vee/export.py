"""Intervals as analysts and billing systems read them: Green Button (ESPI) and CMEP files.

Energy of every slot with the quality code of the format; a slot without energy is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from meter_bridge.vee.intervals import Intervals
from meter_bridge.vee.slots import Quality, Slot

# Quality of readings in ESPI (NAESB REQ.21), and of CMEP.
ESPI_QUALITY = {
    Quality.MEASURED: 17, Quality.DERIVED: 11, Quality.SUSPECT: 10, Quality.ESTIMATED: 8,
    Quality.EDITED: 7,
}  # fmt: skip
CMEP_QUALITY = {
    Quality.MEASURED: "R0", Quality.DERIVED: "R0", Quality.SUSPECT: "R1", Quality.ESTIMATED: "E0",
    Quality.EDITED: "A0",
}  # fmt: skip
FORWARD, REVERSE = 1, 19


def write_espi(meter_id: str, intervals: Intervals, slot_length_s: int) -> bytes:
    """A feed with a meter reading for each direction that has energy."""
    point = f"/espi/1_1/resource/Subscription/1/UsagePoint/{meter_id}"
    entries = [make_entry(point, (), "<UsagePoint/>")]
    for name, slots, direction in (
        ("import", intervals.imported, FORWARD),
        ("export", intervals.exported, REVERSE),
    ):
        kind = f"/espi/1_1/resource/ReadingType/{name}"
        meaning = (
            "<accumulationBehaviour>4</accumulationBehaviour>"
            f"<flowDirection>{direction}</flowDirection>"
            f"<intervalLength>{slot_length_s}</intervalLength>"
            "<powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom>"
        )
        reading = f"{point}/MeterReading/{name}"
        readings = "".join(make_reading(slot, slot_length_s) for slot in slots)
        entries += [
            make_entry(kind, (), f"<ReadingType>{meaning}</ReadingType>"),
            make_entry(reading, (kind,), "<MeterReading/>"),
            make_entry(
                f"{reading}/IntervalBlock/1", (), f"<IntervalBlock>{readings}</IntervalBlock>"
            ),
        ]
    body = "".join(entries)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    return f"{head}{body}</feed>\n".encode()


def make_entry(own: str, related: Iterable[str], resource: str) -> str:
    """An entry of the feed with its links."""
    links = f'<link rel="self" href="{own}"/>' + "".join(
        f'<link rel="related" href="{link}"/>' for link in related
    )
    end = resource.index(">") - (resource[resource.index(">") - 1] == "/")
    named = f'{resource[:end]} xmlns="http://naesb.org/espi"{resource[end:]}'
    return f"<entry>{links}<content>{named}</content></entry>"


def make_reading(slot: Slot, slot_length_s: int) -> str:
    """One interval; nothing for a slot that is missing."""
    if slot.energy_wh is None:
        return ""
    start_s = slot.number * slot_length_s
    return (
        f"<IntervalReading><timePeriod><duration>{slot_length_s}</duration>"
        f"<start>{start_s}</start></timePeriod><value>{slot.energy_wh}</value>"
        f"<ReadingQuality><quality>{ESPI_QUALITY[slot.quality]}</quality></ReadingQuality>"
        "</IntervalReading>"
    )


def write_cmep(meter_id: str, intervals: Intervals, slot_length_s: int) -> bytes:
    """A record for each direction, with at most one line for a day of slots."""
    per_line = max(1, 86_400 // slot_length_s)
    lines = []
    for unit, slots in (("KWH", intervals.imported), ("KWHR", intervals.exported)):
        known = [slot for slot in slots if slot.energy_wh is not None]
        lines += [
            make_record(meter_id, unit, known[at : at + per_line], slot_length_s)
            for at in range(0, len(known), per_line)
        ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def make_record(meter_id: str, unit: str, slots: list[Slot], slot_length_s: int) -> str:
    """One line. Times are the ends of slots in UTC."""
    minutes = slot_length_s // 60
    length = f"00{minutes // 1440:02d}{minutes // 60 % 24:02d}{minutes % 60:02d}"
    written = format_time((slots[-1].number + 1) * slot_length_s)
    head = f"MEPMD01,20080501,BLOCKENERGY,{meter_id},,{meter_id},{written},{meter_id},OK,E"
    triplets = ",".join(
        f"{format_time((slot.number + 1) * slot_length_s)},{CMEP_QUALITY[slot.quality]},"
        f"{format_kwh(slot.energy_wh or 0)}"
        for slot in slots
    )
    return f"{head},{unit},1.0,{length},{len(slots)},{triplets}"


def format_time(time_s: int) -> str:
    """A time as CMEP has it."""
    return f"{datetime.fromtimestamp(time_s, UTC):%Y%m%d%H%M}"


def format_kwh(energy_wh: int) -> str:
    """Kilowatt-hours with three decimals."""
    return f"{energy_wh // 1000}.{energy_wh % 1000:03d}"
