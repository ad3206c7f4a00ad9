"""What the data of a push means: the lists of Kamstrup, Aidon, Kaifa, Landis+Gyr and their like.

    pairs         code, value, and often scaler with unit: Kamstrup, Aidon, Austrian meters
    described     a list of what follows, then the values: Landis+Gyr and others in Switzerland
    by position   Kaifa in Norway, whose list has no codes

A value without a scaler has the one of its maker's description.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from meter_bridge.formats.encoding.axdr import Data
from meter_bridge.formats.encoding.registers import format_obis, read_registers_wh
from meter_bridge.formats.telegram import (
    Content,
    Quantity,
    TelegramError,
    as_meter_id,
    scale,
)

# Units of IEC 62056-6-2.
UNITS = {
    27: "W", 28: "VA", 29: "var", 30: "Wh", 31: "VAh", 32: "varh", 33: "A", 35: "V", 44: "Hz",
    13: "m3", 8: "°", 255: "",
}  # fmt: skip
CLOCK = "1.0.0"
# Where meters say who they are, by precedence, without the group of the channel.
IDENTIFIERS = ("42.0.0", "96.1.0", "0.0.5", "96.1.1", "0.0.0")
CODE_BYTES, DATE_TIME_BYTES = 6, 12
KAIFA = ("KFM_",)
# Identifiers of the list, of the meter and of its type come first, where there are any.
KAIFA_NAMES = ("list", "0-0:96.1.0", "0-0:96.1.7")
KAIFA_THREE_PHASES = (
    "1-0:1.7.0", "1-0:2.7.0", "1-0:3.7.0", "1-0:4.7.0", "1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0",
    "1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0",
)  # fmt: skip
KAIFA_ONE_PHASE = (*KAIFA_THREE_PHASES[:5], "1-0:32.7.0")
KAIFA_HOURLY = ("0-0:1.0.0", "1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0")
# Scalers of values that are sent without one, by maker and kind of quantity.
SCALERS = {
    "Kamstrup": {"A": -2, "Wh": 1, "varh": 1},
    "KFM": {"A": -3, "V": -1},
    "LGZ": {"A": -2, "": -3},
    "ISK": {"A": -2, "": -3},
}
# Some send whole volts and some tenths; no meter at a house has a thousand volts.
VOLTS_MAX = 1_000
# A Kamstrup meter of this type measures through transformers.
KAMSTRUP_TRANSFORMER, KAMSTRUP_TYPE = "685", "1-1:96.1.1"


@dataclass
class PushedList:
    """What a list says, by OBIS code."""

    values: dict[str, Quantity] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    date_time: bytes = b""

    def make_content(
        self, time_s: int | None, checks: tuple[str, ...], counter: int | None
    ) -> Content:
        """The content of the telegram."""
        imported, exported = read_registers_wh(self.values)
        return Content(
            meter_id=self._find_meter_id(),
            time_s=time_s,
            import_register_wh=imported,
            export_register_wh=exported,
            values=self.values,
            checks=checks,
            counter=counter,
        )

    def _find_meter_id(self) -> str:
        by_group = {code.partition(":")[2]: text for code, text in self.texts.items()}
        texts = (as_meter_id(by_group.get(group, "").strip()) for group in IDENTIFIERS)
        return next((text for text in texts if text), "")


def read_list(body: Data) -> PushedList:
    """What the data of a push says.

    Errors: TelegramError.
    """
    if not isinstance(body, list) or not body:
        raise TelegramError("The telegram's data is no list, or an empty one.")
    first = body[0]
    if is_description(first):
        entries = list(read_described(body))
    elif as_text(first).startswith(KAIFA) or (len(body) == 1 and isinstance(first, int)):
        entries = list(read_positions(body))
    else:
        entries = list(read_pairs(body))
    return collect(entries, find_maker(body, entries))


# A code, its value, and scaler with unit if they are given.
Entry = tuple[str, Data, "tuple[int, str] | None"]


def read_pairs(items: list[Data]) -> Iterator[Entry]:
    """Codes followed by their values, in one list or in a list each."""
    position = 0
    while position < len(items):
        item = items[position]
        if isinstance(item, list):
            yield from read_pairs(item)
        elif isinstance(item, bytes) and is_code(item) and position + 1 < len(items):
            unit = as_unit(items[position + 2]) if position + 2 < len(items) else None
            yield format_obis(item), items[position + 1], unit
            position += 2 if unit else 1
        elif isinstance(item, bytes) and len(item) == DATE_TIME_BYTES:
            yield f"0-0:{CLOCK}", item, None
        position += 1


def is_description(item: Data) -> bool:
    """Whether a list describes the values behind it: class, code, attribute and index of each."""
    return (
        isinstance(item, list)
        and len(item) > 0
        and all(
            isinstance(one, list)
            and len(one) == 4
            and isinstance(one[0], int)
            and is_code(one[1])
            and isinstance(one[2], int)
            for one in item
        )
    )


def read_described(items: list[Data]) -> Iterator[Entry]:
    """Values behind their description, of which the first entry is the description itself."""
    description = items[0]
    assert isinstance(description, list)
    if len(description) != len(items):
        raise TelegramError("The telegram has more or fewer values than it describes.")
    for described, value in zip(description[1:], items[1:], strict=True):
        assert isinstance(described, list) and isinstance(described[1], bytes)
        # Attribute 2 is the value; others are units and the like.
        if described[2] == 2:
            yield format_obis(described[1]), value, None


def read_positions(items: list[Data]) -> Iterator[Entry]:
    """Kaifa's list, whose length says what it has."""
    names: tuple[str, ...] = () if len(items) == 1 else KAIFA_NAMES
    rest = len(items) - len(names)
    measured = {
        1: ("1-0:1.7.0",), 6: KAIFA_ONE_PHASE, 10: KAIFA_THREE_PHASES,
        11: (*KAIFA_ONE_PHASE, *KAIFA_HOURLY), 15: (*KAIFA_THREE_PHASES, *KAIFA_HOURLY),
    }.get(rest)  # fmt: skip
    if measured is None:
        raise TelegramError(f"The telegram has a list of {len(items)} values, which is not known.")
    for code, value in zip((*names, *measured), items, strict=True):
        yield code, value, None


def collect(entries: list[Entry], maker: str) -> PushedList:
    """Sorts values, texts and the clock; scales what has no scaler by the maker's description."""
    found = PushedList()
    for code, value, given in entries:
        if isinstance(value, bytes) and code.endswith(f":{CLOCK}"):
            found.date_time = value
        elif isinstance(value, int) and not isinstance(value, bool):
            exponent, unit = given or guess_unit(code, maker)
            if unit == "V" and not given and value > VOLTS_MAX and exponent == 0:
                exponent = -1
            if code in found.values and found.values[code] != Quantity(
                scale(value, exponent), unit
            ):
                raise TelegramError(f"The telegram contains {code} twice.")
            found.values[code] = Quantity(scale(value, exponent), unit)
        elif text := as_text(value):
            found.texts[code] = text
    return found


def guess_unit(code: str, maker: str) -> tuple[int, str]:
    """Scaler and unit of a value that is sent without them."""
    c, _, rest = code.partition(":")[2].partition(".")
    kind, unit = rest.partition(".")[0], ""
    if kind == "8":
        unit = {"1": "Wh", "2": "Wh"}.get(c, "varh")
    elif c in {"31", "51", "71", "91"}:
        unit = "A"
    elif c in {"32", "52", "72", "12"}:
        unit = "V"
    elif c == "14":
        unit = "Hz"
    elif c in {"13", "33", "53", "73"}:
        unit = ""
    elif kind == "7":
        unit = "var" if int(c) % 20 in {3, 4} else "W"
    return SCALERS.get(maker, {}).get(unit, 0), unit


def find_maker(body: list[Data], entries: list[Entry]) -> str:
    """The maker whose scalers apply, by what the list says of itself."""
    texts = [as_text(body[0]), *(as_text(value) for _, value, _ in entries)]
    by_code = {code: as_text(value) for code, value, _ in entries}
    is_transformer = by_code.get(KAMSTRUP_TYPE, "").startswith(KAMSTRUP_TRANSFORMER)
    for maker in SCALERS:
        if any(text.startswith(maker) for text in texts):
            return "Kamstrup transformer" if maker == "Kamstrup" and is_transformer else maker
    return "KFM" if len(body) == 1 else ""


SCALERS["Kamstrup transformer"] = {**SCALERS["Kamstrup"], "A": -3}


def is_code(item: Data) -> bool:
    """Whether bytes are an OBIS code of electricity or of the device."""
    return isinstance(item, bytes) and len(item) == CODE_BYTES and item[0] <= 1


def as_unit(item: Data) -> tuple[int, str] | None:
    """Scaler and unit, if a value is followed by them."""
    if isinstance(item, list) and len(item) == 2:
        exponent, unit = item
        if isinstance(exponent, int) and isinstance(unit, int):
            return exponent, UNITS.get(unit, f"unit {unit}")
    return None


def as_text(item: Data) -> str:
    """Printable text of bytes or a string; else nothing."""
    if isinstance(item, bytes):
        item = item.decode("ascii", "replace")
    return item if isinstance(item, str) and item.isprintable() and item.isascii() else ""
