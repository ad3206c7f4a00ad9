"""One function for each thing that hourly data can honestly show; None where it cannot.

Single appliances are not among them: at a quarter of an hour or more, to see a fridge is to guess.
Energy is in kWh a year, power in W, money a year in the unit of the price.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from agents.observation import DAYS_PER_WEEK, HOUR_S, Grid, Home

DAYS_PER_YEAR = 365
RECENT_DAYS = 56
DAYS_MIN = 14
HEAT_BELOW_C, COOL_ABOVE_C = 15.0, 22.0
CAR_KW, CAR_HOURS_MIN = 3.0, 2
NIGHT = range(5)
# A kWh a day can be moved in most homes: a washing machine, a boiler.
MOVED_KWH_PER_DAY = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence, what it is about, how sure it is (0 to 1), and its numbers."""

    topic: str
    sentence: str
    certainty: float
    energy_kwh_per_year: float
    money_per_year: float

    def to_dict(self) -> dict[str, object]:
        """By name, rounded to what can be known."""
        return {
            key: round(value, 2) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True, slots=True)
class View:
    """A home by whole days from midnight and slots, in kWh, with prices in the same shape."""

    load: np.ndarray
    pv: np.ndarray
    price: np.ndarray
    temperature: np.ndarray | None
    slot_h: float

    @property
    def hours(self) -> np.ndarray:
        """The hour of the day of each slot of a day."""
        return (np.arange(self.load.shape[1]) * self.slot_h).astype(int)

    @property
    def mean_price(self) -> float:
        """What a kWh costs on average."""
        return float(np.nanmean(self.price))


def make_view(
    home: Home,
    grid: Grid,
    price: np.ndarray | None,
    flat_price: float,
    temperature: np.ndarray | None,
) -> View | None:
    """None for a home with less than two weeks of data, or without any use."""
    first, per_day = grid.first_at(0), grid.slots_per_day
    days = (grid.slots - first) // per_day

    def cut(values: np.ndarray) -> np.ndarray:
        return values[first : first + days * per_day].reshape(days, per_day)

    load = cut(home.get("load")) / 1000.0
    known = np.isfinite(load).all(axis=1)
    if known.sum() < DAYS_MIN or not load[known].any():
        return None
    prices = cut(price) if price is not None else np.full(load.shape, flat_price)
    pv = cut(home.pv_wh) / 1000.0 if home.pv_wh is not None else np.maximum(-load, 0.0)
    seen = None if temperature is None else cut(temperature)[known]
    return View(load[known], pv[known], prices[known], seen, grid.slot_s / HOUR_S)


def find_all(view: View) -> list[Finding]:
    """Everything that can be said, by money."""
    found = [
        one
        for function in (
            find_base_load,
            find_heating,
            find_cooling,
            find_car,
            find_pv,
            find_peak_share,
            find_moving,
        )
        if (one := function(view)) is not None
    ]
    return sorted(found, key=lambda one: (-abs(one.money_per_year), one.topic))


def find_base_load(view: View) -> Finding | None:
    """What runs always: the lowest tenth of the nights of the last eight weeks."""
    nights = view.load[-RECENT_DAYS:, np.isin(view.hours, NIGHT)]
    power_kw = float(np.quantile(np.maximum(nights, 0.0), 0.1)) / view.slot_h
    if power_kw <= 0:
        return None
    energy = power_kw * 24 * DAYS_PER_YEAR
    money = energy * view.mean_price
    share = energy / max(float(view.load.mean(axis=0).sum()) * DAYS_PER_YEAR, 1e-9)
    spread = float(np.quantile(nights, 0.25) / max(np.quantile(nights, 0.1), 1e-9)) - 1.0
    return Finding(
        "base_load",
        f"{1000 * power_kw:.0f} W run day and night: {energy:.0f} kWh a year, {share:.0%} of all "
        f"use, which costs {money:.0f}; look for what need not be on",
        max(0.3, 0.95 - spread),
        energy,
        money,
    )


def find_heating(view: View) -> Finding | None:
    """What rises as it gets colder."""
    return _find_by_temperature(view, "heating", HEAT_BELOW_C, -1)


def find_cooling(view: View) -> Finding | None:
    """What rises as it gets hotter."""
    return _find_by_temperature(view, "cooling", COOL_ABOVE_C, 1)


def _find_by_temperature(view: View, topic: str, from_c: float, sign: int) -> Finding | None:
    if view.temperature is None:
        return None
    degrees = np.maximum(sign * (view.temperature.mean(axis=1) - from_c), 0.0)
    use = view.load.sum(axis=1)
    good = np.isfinite(degrees)
    if good.sum() < DAYS_MIN or (degrees[good] > 0).sum() < DAYS_MIN / 2:
        return None
    degrees, use = degrees[good], use[good]
    slope = float(np.cov(degrees, use)[0, 1] / max(degrees.var(ddof=1), 1e-9))
    like = float(np.corrcoef(degrees, use)[0, 1])
    if slope <= 0 or not like > 0.2:
        return None
    energy = slope * float(degrees.mean()) * DAYS_PER_YEAR
    money = energy * view.mean_price
    side = "below" if sign < 0 else "above"
    return Finding(
        topic,
        f"each degree {side} {from_c:.0f} °C costs {slope:.1f} kWh a day: {topic} takes about "
        f"{energy:.0f} kWh a year, {money:.0f} in money",
        min(0.9, like),
        energy,
        money,
    )


def find_car(view: View) -> Finding | None:
    """Rectangles of 3 kW or more above what was before, for two hours or more."""
    power = view.load.reshape(-1) / view.slot_h
    # A car that charges every other night must not become what is usual.
    usual = np.quantile(view.load, 0.25, axis=0) / view.slot_h
    extra = (power - np.tile(usual, len(view.load))) * view.slot_h
    above = extra >= CAR_KW * view.slot_h
    least = max(1, round(CAR_HOURS_MIN / view.slot_h))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], above.astype(int), [0]))))
    begins, ends = edges[::2], edges[1::2]
    long = ends - begins >= least
    if long.sum() < len(view.load) / DAYS_PER_WEEK:
        return None
    taken = sum(
        float(extra[one:other].sum()) for one, other in zip(begins[long], ends[long], strict=True)
    )
    energy = taken / len(view.load) * DAYS_PER_YEAR
    money = energy * view.mean_price
    often = long.sum() / len(view.load) * DAYS_PER_WEEK
    return Finding(
        "car",
        f"{often:.1f} times a week {CAR_KW:.0f} kW or more run for hours, as a car that charges: "
        f"{energy:.0f} kWh a year, {money:.0f}; at night it may cost less",
        0.6 if view.slot_h <= 0.25 else 0.4,
        energy,
        money,
    )


def find_pv(view: View) -> Finding | None:
    """What the sun gave, and what of it was used at once."""
    made = float(view.pv.sum())
    if made <= 0:
        return None
    used = float(np.minimum(view.pv, np.maximum(view.load, 0.0)).sum())
    energy = made / len(view.pv) * DAYS_PER_YEAR
    kept = used / len(view.pv) * DAYS_PER_YEAR
    money = kept * view.mean_price
    return Finding(
        "pv",
        f"PV gives {energy:.0f} kWh a year; {kept / energy:.0%} of it is used at once, which saves "
        f"{money:.0f}; the rest could fill a battery or a boiler",
        0.9,
        energy,
        money,
    )


def find_peak_share(view: View) -> Finding | None:
    """How much is used while a kWh costs more than halfway between the lowest and highest price."""
    if np.ptp(view.price) <= 0:
        return None
    dear = view.price > (view.price.min() + view.price.max()) / 2
    share = float(view.load[dear].sum() / max(view.load.sum(), 1e-9))
    usual = float(dear.mean())
    energy = share * float(view.load.sum()) / len(view.load) * DAYS_PER_YEAR
    money = energy * (float(view.price[dear].mean()) - float(view.price[~dear].mean()))
    return Finding(
        "peak_share",
        f"{share:.0%} of the energy is used in the dearest {usual:.0%} of the time, which costs "
        f"{money:.0f} a year more than at other times",
        0.95,
        energy,
        money,
    )


def find_moving(view: View) -> Finding | None:
    """What a kWh a day, moved from the dearest to the cheapest hour of its day, saves."""
    spread = float((view.price.max(axis=1) - view.price.min(axis=1)).mean())
    if spread <= 0:
        return None
    energy = MOVED_KWH_PER_DAY * DAYS_PER_YEAR
    return Finding(
        "moving",
        f"a kWh a day that runs in the cheapest hour instead of the dearest saves "
        f"{spread * energy:.0f} a year",
        0.9,
        energy,
        spread * energy,
    )
