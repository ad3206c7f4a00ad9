"""What a folder of meters alone does not say, and a plan needs: a tariff, carbon, a battery."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from agents.observation import HOUR_S, Battery, Grid, Street
from client.errors import UsageError

PRICE_MAX, PARTS_MAX = 1e6, 24
# As the battery of the homes of the data: what comes out of it again, and half its size as power.
EFFICIENCY, POWER_SHARE = 0.9, 0.5
_PART = re.compile(r"(?:(\d{1,2})-(\d{1,2})=)?(\d+(?:\.\d+)?)")


def supply(street: Street, tariff: str, battery_kwh: float) -> Street:
    """The street with what it lacks; `tariff` is only for one without prices, and `battery_kwh`, if
    not 0, for homes without a battery. Raises UsageError.
    """
    marks = list(street.marks)
    price, carbon = street.price, street.carbon
    if tariff:
        told = read_tariff(tariff, street.grid)
        if price is not None:
            marks.append("the folder has prices of its own, so --tariff is not used")
        price = told if price is None else price
    if carbon is None:
        carbon = np.ones(street.grid.slots)
        marks.append("no carbon intensity is known, so each kWh counts the same in carbon")
    homes = street.homes
    if battery_kwh:
        battery = Battery(battery_kwh, battery_kwh * POWER_SHARE, EFFICIENCY)
        homes = tuple(replace(home, battery=home.battery or battery) for home in homes)
    return replace(street, homes=homes, price=price, carbon=carbon, marks=tuple(marks))


def read_tariff(text: str, grid: Grid) -> np.ndarray:
    """The price of each slot: `0.25`, or `0.22,16-21=0.54` with other prices from hour to hour."""
    parts = [_PART.fullmatch(part.strip()) for part in text.split(",")[: PARTS_MAX + 1]]
    first = parts[0]
    if len(parts) > PARTS_MAX or first is None or first[1]:
        raise UsageError(f"--tariff {text[:80]!r} is not such as 0.25 or 0.22,16-21=0.54")
    begin = grid.begin.hour + grid.begin.minute / 60
    hour = (begin + np.arange(grid.slots) * grid.slot_s / HOUR_S) % 24
    price = np.full(grid.slots, float(first[3]))
    for part in parts[1:]:
        if part is None or part[1] is None or not int(part[1]) < int(part[2]) <= 24:
            raise UsageError(f"--tariff {text[:80]!r}: hours are such as 16-21=0.54, up to 24")
        price[(hour >= int(part[1])) & (hour < int(part[2]))] = float(part[3])
    if price.max() > PRICE_MAX:
        raise UsageError(f"--tariff {text[:80]!r} has a price above {PRICE_MAX:g}")
    return price
