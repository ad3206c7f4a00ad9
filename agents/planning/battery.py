"""How a battery takes and gives energy: the model of CityLearn 2022, for all homes at once.

Its efficiency depends on the power, its power on the state of charge, and its capacity falls a
little with each kWh. Where a schema gives no curves these are the challenge's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.observation import Battery

# Share of the nominal power -> round-trip efficiency; share of the capacity -> share of the power.
EFFICIENCY_AT = (0.0, 0.3, 0.7, 0.8, 1.0)
EFFICIENCY = (0.83, 0.83, 0.9, 0.9, 0.85)
POWER_AT = (0.0, 0.8, 1.0)
POWER = (1.0, 1.0, 0.2)


@dataclass(frozen=True, slots=True)
class Bank:
    """The batteries of all homes. kWh and kW; a home without one has zeros."""

    capacity_kwh: np.ndarray
    power_kw: np.ndarray
    efficiency: np.ndarray
    capacity_loss: np.ndarray

    @classmethod
    def of(cls, batteries: Sequence[Battery | None]) -> Bank:
        """From each home's battery."""
        rows = [
            (one.capacity_kwh, one.power_kw, one.efficiency, one.capacity_loss)
            if one
            else (0, 0, 1, 0)
            for one in batteries
        ]
        return cls(*np.array(rows, dtype=np.float64).T)


@dataclass(frozen=True, slots=True)
class Charge:
    """What is stored, and what can still be stored, in kWh."""

    stored_kwh: np.ndarray
    capacity_kwh: np.ndarray


def start(bank: Bank) -> Charge:
    """Empty and new."""
    return Charge(np.zeros_like(bank.capacity_kwh), bank.capacity_kwh.copy())


def get_power_max_kw(bank: Bank, stored_kwh: np.ndarray) -> np.ndarray:
    """The most power at this state of charge, in and out."""
    share = np.divide(
        stored_kwh, bank.capacity_kwh, out=np.zeros_like(stored_kwh), where=bank.capacity_kwh > 0
    )
    return bank.power_kw * np.interp(share, POWER_AT, POWER)


def move(
    bank: Bank, charge: Charge, energy_kwh: np.ndarray, slot_h: float
) -> tuple[Charge, np.ndarray]:
    """Asks each battery to take (positive) or give energy at its terminals.

    Returns its state afterwards and the energy that it took or gave.
    """
    limit = get_power_max_kw(bank, charge.stored_kwh) * slot_h
    asked = np.clip(energy_kwh, -limit, limit)
    for _ in range(2):
        root = np.sqrt(_get_efficiency(bank, np.abs(asked) / slot_h))
        room = np.maximum(charge.capacity_kwh - charge.stored_kwh, 0.0) / root
        asked = np.clip(np.clip(energy_kwh, -limit, limit), -charge.stored_kwh * root, room)
    change = np.where(asked >= 0, asked * root, asked / root)
    stored = np.clip(charge.stored_kwh + change, 0.0, bank.capacity_kwh)
    wear = np.divide(
        bank.capacity_loss * bank.capacity_kwh * np.abs(asked),
        2.0 * charge.capacity_kwh,
        out=np.zeros_like(asked),
        where=charge.capacity_kwh > 0,
    )
    return Charge(stored, np.maximum(charge.capacity_kwh - wear, 0.0)), asked


def _get_efficiency(bank: Bank, power_kw: np.ndarray) -> np.ndarray:
    share = np.divide(power_kw, bank.power_kw, out=np.zeros_like(power_kw), where=bank.power_kw > 0)
    # The curve is that of a battery of 0.9 at best; another one keeps its shape.
    return np.interp(share, EFFICIENCY_AT, EFFICIENCY) / max(EFFICIENCY) * bank.efficiency
