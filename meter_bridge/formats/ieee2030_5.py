"""Readings of IEEE 2030.5 (Smart Energy Profile), as Itron's meters serve them on a home network.

A bare `Reading` is a number; what it means is in the `ReadingType` of its set, or in the
configuration of the source. A `MirrorUsagePoint` has both. Nothing in them detects a changed digit:
they come over TLS.
"""

from __future__ import annotations

from meter_bridge.formats.encoding.documents import (
    Element,
    ReadingType,
    make_quantity,
    read_reading_type,
    read_xml,
)
from meter_bridge.formats.encoding.registers import read_registers_wh
from meter_bridge.formats.telegram import (
    Content,
    Context,
    Quantity,
    TelegramError,
    as_meter_id,
)

NAMESPACE = "urn:ieee:std:2030.5:ns"
REGISTER = 9
# Where a reading may lie beside its type.
SETS = ("MirrorMeterReading", "MeterReading", "ReadingSet")


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one document.

    Errors: TelegramError.
    """
    root = read_xml(raw)
    if root.namespace != NAMESPACE:
        raise TelegramError(f"The telegram's XML is not in the namespace {NAMESPACE}.")
    values: dict[str, Quantity] = {}
    times: list[int] = []
    for reading, meaning in find_readings(root, None):
        value = reading.get_int("value")
        if value is None:
            raise TelegramError("The telegram has a reading without a value.")
        code = context.obis or name_code(meaning)
        values[code] = assume_unit(code, make_quantity(value, meaning))
        start_s = reading.get_int("timePeriod", "start")
        if start_s is not None:
            length_s = reading.get_int("timePeriod", "duration") or 0
            times.append(start_s + length_s)
    if not values:
        raise TelegramError("The telegram has no reading.")
    imported, exported = read_registers_wh(values)
    return [
        Content(
            meter_id=find_meter_id(root),
            time_s=max(times, default=None),
            import_register_wh=imported,
            export_register_wh=exported,
            values=values,
        )
    ]


def find_readings(element: Element, meaning: Element | None) -> list[tuple[Element, ReadingType]]:
    """All readings, each with the type that is nearest above it."""
    meaning = element.find("ReadingType") or meaning
    if element.name == "Reading":
        return [(element, read_reading_type(meaning))]
    found: list[tuple[Element, ReadingType]] = []
    for child in element.children:
        found += find_readings(child, meaning)
    return found


def name_code(meaning: ReadingType) -> str:
    """The OBIS code of a value; `value` if nothing says what it means."""
    direction = "2" if meaning.is_export else "1"
    if meaning.unit == "Wh":
        return f"1-0:{direction}.8.0" if meaning.accumulation == REGISTER else "energy"
    return {"W": f"1-0:{direction}.7.0", "V": "1-0:32.7.0", "Hz": "1-0:14.7.0"}.get(
        meaning.unit, "value"
    )


def assume_unit(code: str, quantity: Quantity) -> Quantity:
    """Watt-hours or watts, if the configuration says what a bare value means."""
    if quantity.unit:
        return quantity
    kind = code.partition(":")[2].split(".")[1:2]
    return Quantity(quantity.amount, {"8": "Wh", "7": "W"}.get(kind[0], "") if kind else "")


def find_meter_id(root: Element) -> str:
    """The device's long identifier, if the document has one."""
    found = next((one for one in root.walk() if one.name in {"deviceLFDI", "lFDI"}), None)
    return as_meter_id(found.text.strip()) if found else ""
