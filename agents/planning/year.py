"""Plans every slot of the data, moves the batteries by the model, and scores what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.observation import HOUR_S, Street
from agents.planning.battery import Bank, Charge, move, start
from agents.planning.outlook import QUANTILES, Outlook, look_ahead
from agents.planning.program import WAY_EFFICIENCY, Plan, Planner, Weights
from agents.planning.scores import MONTH_HOURS, Score, compute_score
from agents.planning.signals import predict_carbon, predict_price
from client.errors import MissingError

WH_PER_KWH = 1000.0
# In the score ramping counts half of a third; a little more is better, as plans come out less well.
RAMP_FACTOR, PEAK_FACTOR = 1.2, 0.0
# What a kWh moved costs, as a share of what a kWh is worth: forecasts are not good for less.
MOVED_SHARE = 0.1
# What a kWh in the battery is worth at the end, as a share of the mean of the horizon.
END_SHARE = 0.9
# Until a day is known: kWh a home imports in an hour, and how much that changes by the hour.
FIRST_IMPORT_KWH, FIRST_RAMP_KWH = 0.7, 0.25
SLOTS_MIN_DAYS = 2
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Case:
    """Homes with batteries, in kWh per slot: their use without them, and what is known ahead."""

    base_kwh: np.ndarray
    price: np.ndarray
    carbon: np.ndarray
    price_ahead: np.ndarray
    carbon_ahead: np.ndarray
    outlook: Outlook
    bank: Bank
    per_day: int
    slot_h: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the plans: net use with and without batteries and what was stored, in kWh.

    `worth` is what a kWh was worth to each home in each slot when that was planned, in the unit of
    prices; `fallbacks` counts slots in which there was no plan and batteries rested.
    """

    case: Case
    net_kwh: np.ndarray
    stored_kwh: np.ndarray
    worth: np.ndarray
    score: Score
    fallbacks: int

    @property
    def base_kwh(self) -> np.ndarray:
        """Net use without batteries, of the slots that were planned."""
        return self.case.base_kwh[:, : self.net_kwh.shape[1]]


def make_case(street: Street, threads: int = 1) -> Case:
    """What is known of a street; raises MissingError without prices, carbon or batteries."""
    grid, per_day = street.grid, street.grid.slots_per_day
    if street.price is None or street.carbon is None:
        raise MissingError("a plan needs prices: pricing.csv in a folder of CityLearn, or --tariff")
    if all(home.battery is None for home in street.homes):
        raise MissingError(
            "no home has a battery: a schema must name electrical_storage, or --battery-kwh one"
        )
    if grid.slots < SLOTS_MIN_DAYS * per_day:
        raise MissingError(f"a plan needs {SLOTS_MIN_DAYS} days of data or more")
    base = fill_gaps(street.get_matrix("net"), per_day) / WH_PER_KWH
    load = get_load(street) / WH_PER_KWH
    price, carbon = (fill_gaps(one[None], per_day)[0] for one in (street.price, street.carbon))
    return Case(
        base,
        price,
        carbon,
        predict_price(price, per_day),
        predict_carbon(carbon, per_day),
        look_ahead(load, np.maximum(load - base, 0.0), grid, threads),
        Bank.of([home.battery for home in street.homes]),
        per_day,
        grid.slot_s / HOUR_S,
    )


def get_load(street: Street) -> np.ndarray:
    """What homes use, without gaps; where only net energy is metered, what they import."""
    return np.maximum(fill_gaps(street.get_matrix("load"), street.grid.slots_per_day), 0.0)


def fill_gaps(values: np.ndarray, per_day: int) -> np.ndarray:
    """Missing slots take the value of the day before, else zero."""
    filled = values.copy()
    for slot in np.flatnonzero(np.isnan(values).any(axis=0)):
        before = filled[:, slot - per_day] if slot >= per_day else np.zeros(len(values))
        filled[:, slot] = np.where(np.isnan(filled[:, slot]), before, filled[:, slot])
    return filled


def plan_all(
    case: Case, slots: int | None = None, on_progress: Progress = lambda done, whole: None
) -> Result:
    """Plans the first `slots` slots, all by default, from empty batteries and no history."""
    slots = case.base_kwh.shape[1] if slots is None else slots
    base = case.base_kwh[:, :slots]
    planner = Planner(case.bank, case.per_day, len(QUANTILES), case.slot_h)
    scales = _Scales(case)
    charge = start(case.bank)
    net, stored, worth = base.copy(), np.zeros_like(base), np.zeros_like(base)
    fallbacks = 0
    for slot in range(slots):
        on_progress(slot, slots)
        weights, unit = scales.weigh(slot)
        plan = make_plan(case, planner, slot, charge, net, weights)
        if plan is None:
            fallbacks += 1
            wanted = np.zeros(len(base))
        else:
            wanted = plan.charge_kwh[:, 0] - plan.discharge_kwh[:, 0]
            worth[:, slot] = plan.worth[:, 0] / unit
        charge, moved = move(case.bank, charge, wanted, case.slot_h)
        net[:, slot] += moved
        stored[:, slot] = charge.stored_kwh
    score = compute_score(net, base, case.price[:slots], case.carbon[:slots], case.slot_h)
    return Result(case, net, stored, worth, score, fallbacks)


def make_plan(
    case: Case, planner: Planner, slot: int, charge: Charge, net: np.ndarray, weights: Weights
) -> Plan | None:
    """The plan for a slot and the day from it on, from what came before the slot."""
    month = max(1, round(MONTH_HOURS / case.slot_h))
    past = net[:, slot - slot % month : slot].sum(axis=0)
    return planner.plan(
        slot,
        charge.stored_kwh,
        case.outlook.quantiles[:, :, slot],
        case.outlook.mean[:, slot].sum(axis=0),
        float(net[:, slot - 1].sum()) if slot else 0.0,
        float(past.max()) if past.size else 0.0,
        weights,
    )


class _Scales:
    """What each part of the score is divided by, as known so far: its mean without batteries."""

    def __init__(self, case: Case) -> None:
        self._case = case
        imported = np.maximum(case.base_kwh, 0.0)
        total = case.base_kwh.sum(axis=0)
        self._cost = np.cumsum(imported * case.price, axis=1)
        self._carbon = np.cumsum(imported * case.carbon, axis=1)
        self._ramp = np.cumsum(np.abs(np.diff(total, prepend=total[:1])))

    def weigh(self, slot: int) -> tuple[Weights, np.ndarray]:
        """Weights for the plan of a slot, and what one of price is in them, by home."""
        case = self._case
        homes = len(case.base_kwh)
        price, carbon = case.price_ahead[slot], case.carbon_ahead[slot]
        if slot >= case.per_day:
            before = slot - 1
            cost, emitted = self._cost[:, before] / slot, self._carbon[:, before] / slot
            ramp = self._ramp[before] / slot
        else:
            usual = np.full(homes, FIRST_IMPORT_KWH * case.slot_h)
            cost, emitted = usual * price.mean(), usual * carbon.mean()
            ramp = FIRST_RAMP_KWH * homes * case.slot_h
        # A home that hardly ever imports must not outweigh all others.
        cost, emitted = (np.maximum(one, 0.1 * one.mean() + 1e-9) for one in (cost, emitted))
        unit = 1.0 / (cost * homes)
        imported = price * unit[:, None] + carbon / (emitted[:, None] * homes)
        worth = imported.mean(axis=1)
        weights = Weights(
            imported,
            MOVED_SHARE * worth,
            0.5 * RAMP_FACTOR / max(float(ramp), 1e-9),
            PEAK_FACTOR,
            END_SHARE * WAY_EFFICIENCY * worth,
        )
        return weights, unit
