"""From the values of a telegram, by OBIS code, to its registers of import and export.

An OBIS code is `A-B:C.D.E*F` or, from many meters, only `C.D.E`: A is the medium, 1 for
electricity; C.D is 1.8 for the import register and 2.8 for export, E the tariff, 0 for all of them
together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from meter_bridge.formats.telegram import Quantity, TelegramError, to_wh

IMPORT, EXPORT = "1.8", "2.8"
# 255 is the present value; others are of months gone by.
_CODE = re.compile(r"(?:1-([0-9]{1,3}):)?([12]\.8)\.([0-9]{1,3})(?:\*255)?", re.ASCII)
_ENERGY = frozenset({"wh", "kwh", "mwh"})


def format_obis(code: bytes) -> str:
    """The text of an OBIS code of six bytes; without a last group of 255."""
    a, b, c, d, e, f = code
    return f"{a}-{b}:{c}.{d}.{e}" + ("" if f == 255 else f"*{f}")


def read_registers_wh(values: Mapping[str, Quantity]) -> tuple[int | None, int | None]:
    """Import and export in Wh; None where the telegram has no register.

    Errors: TelegramError.
    """
    return read_register_wh(values, IMPORT), read_register_wh(values, EXPORT)


def read_register_wh(values: Mapping[str, Quantity], kind: str) -> int | None:
    """The total register if there is one, else the sum over tariffs 1, 2, 3 and so on.

    Errors: TelegramError if a tariff is missing.
    """
    tariffs = find_tariffs(values, kind)
    if not tariffs:
        return None
    if 0 in tariffs:
        return to_wh(tariffs[0])
    if sorted(tariffs) != list(range(1, len(tariffs) + 1)):
        found = ", ".join(f"{kind}.{tariff}" for tariff in sorted(tariffs))
        raise TelegramError(f"The telegram has {found}, so a tariff is missing.")
    return sum(map(to_wh, tariffs.values()))


def find_tariffs(values: Mapping[str, Quantity], kind: str) -> dict[int, Quantity]:
    """The registers of one direction by tariff, of the first channel that has any."""
    channels: dict[int, dict[int, Quantity]] = {}
    for code, quantity in values.items():
        found = _CODE.fullmatch(code)
        if found and found[2] == kind and quantity.unit.lower() in _ENERGY:
            channels.setdefault(int(found[1] or 0), {})[int(found[3])] = quantity
    return channels[min(channels)] if channels else {}
