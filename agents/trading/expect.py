"""Forecasts and expected prices from a home's own past, and from nothing.

Without history a home is taken for an ordinary one: the shape of a household's day, scaled to what
it says it uses in a year, and soon to what it has used so far. With history each slot is expected
to be as the same slot of the last days was, moved by what was wrong of late, and as uncertain as it
has been. These forecasts need no library and milliseconds; models that know more give the same
values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.trading.observation import PERMILLE

DAYS_USED, ERRORS_KEPT = 7, 28
# From so many days on the home is no longer taken for an ordinary one.
KNOWN_DAYS = 3
# What is left of the last error a slot of an hour later.
MEMORY_PERMILLE = 700
# How much the newest price counts.
NEWEST_PERMILLE = 200
DEFAULT_ANNUAL_KWH = 3_500
HOURS = 24
# A household's ordinary day: permille of its energy in each hour.
ORDINARY_DAY = (
    *(27, 23, 21, 20, 21, 26, 36, 44, 45, 44, 43, 45),
    *(47, 44, 42, 42, 45, 52, 60, 64, 62, 56, 48, 43),
)
# Until anything is known: how far off a forecast is taken to be, of the mean use.
FIRST_ERROR_PERMILLE = 1_200
_DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Past:
    """Net use of the last weeks by slot, without battery and flexible load; negative is surplus.

    `slots_per_day` are those that the day of the network has; gaps are simply not there.
    """

    slots_per_day: int
    net_wh: Mapping[int, int] = field(default_factory=dict)
    annual_kwh: int = DEFAULT_ANNUAL_KWH
    # How far the home's day is ahead of the slot numbers'.
    slots_ahead: int = 0

    def add(self, slot: int, net_wh: int) -> Past:
        """The past with one slot more; what is older than it needs is dropped."""
        oldest = slot - (DAYS_USED + ERRORS_KEPT) * self.slots_per_day
        kept = {one: wh for one, wh in self.net_wh.items() if one >= oldest}
        kept[slot] = net_wh
        return replace(self, net_wh=kept)


def forecast(past: Past, known_until: int, slots: Sequence[int]) -> dict[int, tuple[int, int, int]]:
    """Low, middle and high net use of slots after `known_until`, the last that was measured."""
    past = replace(past, annual_kwh=_learn_annual_kwh(past))
    off_wh = _recent_error(past, known_until)
    found = {}
    for slot in slots:
        ahead = max(1, slot - known_until)
        hours = max(1, ahead * HOURS // past.slots_per_day)
        middle = _expect(past, slot, known_until) + carry_error(off_wh, hours)
        low, high = _errors(past, slot, known_until)
        found[slot] = (middle + low, middle, middle + high)
    return found


def carry_error(off_wh: int, hours: int) -> int:
    """What is left, so many hours later, of what was used more than expected."""
    return off_wh * MEMORY_PERMILLE**hours // PERMILLE**hours if hours < HOURS else 0


def _expect(past: Past, slot: int, known_until: int) -> int:
    """The mean of the same slot of the last days; of an ordinary home where there is none."""
    per_day = past.slots_per_day
    first = slot - per_day * max(1, -(-(slot - known_until) // per_day))
    values = [
        past.net_wh[one]
        for one in range(first, first - DAYS_USED * per_day, -per_day)
        if one in past.net_wh and one <= known_until
    ]
    ordinary = expect_ordinary(past.annual_kwh, slot + past.slots_ahead, per_day)
    # Until there are enough days the ordinary home counts as the missing ones.
    while len(values) < KNOWN_DAYS:
        values.append(ordinary)
    return sum(values) // len(values)


def expect_ordinary(annual_kwh: int, slot: int, slots_per_day: int) -> int:
    """What an ordinary household of so many kWh a year uses in a slot."""
    hour = slot % slots_per_day * HOURS // slots_per_day
    day_wh = annual_kwh * 1000 // _DAYS_PER_YEAR
    return day_wh * ORDINARY_DAY[hour] * HOURS // (PERMILLE * slots_per_day)


def _learn_annual_kwh(past: Past) -> int:
    """What a year comes to by the slots so far, in which what the owner says counts as half a day.

    Slots with a surplus say nothing of what is used in them.
    """
    if len(past.net_wh) >= KNOWN_DAYS * past.slots_per_day:
        return past.annual_kwh
    said_wh = past.annual_kwh * 1000 // (2 * _DAYS_PER_YEAR)
    used_wh = usual_wh = said_wh
    for slot, net_wh in past.net_wh.items():
        if net_wh > 0:
            used_wh += net_wh
            usual_wh += expect_ordinary(
                past.annual_kwh, slot + past.slots_ahead, past.slots_per_day
            )
    return past.annual_kwh * used_wh // max(1, usual_wh)


def _recent_error(past: Past, known_until: int) -> int:
    """How much more was used in the last slot than was expected the slot before."""
    if known_until not in past.net_wh:
        return 0
    return past.net_wh[known_until] - _expect(past, known_until, known_until - 1)


def _errors(past: Past, slot: int, known_until: int) -> tuple[int, int]:
    """What a sixth of the errors at this time of day were below, and above."""
    per_day = past.slots_per_day
    first = slot - per_day * max(1, -(-(slot - known_until) // per_day))
    found = [
        past.net_wh[one] - past.net_wh[one - per_day]
        for one in range(first, first - ERRORS_KEPT * per_day, -per_day)
        if one in past.net_wh and one <= known_until and one - per_day in past.net_wh
    ]
    if len(found) < DAYS_USED:
        usual = past.annual_kwh * 1000 // (_DAYS_PER_YEAR * per_day)
        return -usual * FIRST_ERROR_PERMILLE // PERMILLE, usual * FIRST_ERROR_PERMILLE // PERMILLE
    ordered = sorted(found)
    at = len(ordered) // 6
    # Two days differ by more than a day from the mean of seven: by the root of 2 against 8 / 7.
    return min(0, ordered[at] * 3 // 4), max(0, ordered[-1 - at] * 3 // 4)


@dataclass(frozen=True, slots=True)
class PriceMemory:
    """The price that each slot of a day has had of late."""

    slots_per_day: int
    per_kwh: Mapping[int, int] = field(default_factory=dict)

    def add(self, slot: int, price_per_kwh: int) -> PriceMemory:
        """The memory with the price of one more slot."""
        number = slot % self.slots_per_day
        before = self.per_kwh.get(number, price_per_kwh)
        moved = before + (price_per_kwh - before) * NEWEST_PERMILLE // PERMILLE
        return replace(self, per_kwh={**self.per_kwh, number: moved})

    def expect(self, slots: Sequence[int], quotes: Mapping[int, int]) -> dict[int, int]:
        """Prices of slots: half by the quote of an open one, half by memory, as far as known."""
        known = list(self.per_kwh.values())
        mean = sum(known) // len(known) if known else None
        found = {}
        for slot in slots:
            usual = self.per_kwh.get(slot % self.slots_per_day, mean)
            both = [price for price in (usual, quotes.get(slot)) if price is not None]
            if both:
                found[slot] = sum(both) // len(both)
        return found
