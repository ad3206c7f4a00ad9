"""Streets made of a formula, for tests of agents: as much regularity as a home has, and noise."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from agents.observation import Battery, Grid, Home, Street

BEGIN = datetime(2026, 1, 5)  # noqa: DTZ001 - a Monday, by the wall clock.


def make_street(homes: int = 3, days: int = 70, *, seed: int = 1, with_pv: bool = False) -> Street:
    """Homes with a morning and an evening, a weekend, and noise that depends on the time of day."""
    import numpy as np

    random = np.random.default_rng(seed)
    hours = np.arange(days * 24)
    hour, weekday = hours % 24, hours // 24 % 7
    base = (
        200 + 500 * np.exp(-(((hour - 19) / 2.5) ** 2)) + 250 * np.exp(-(((hour - 7) / 1.5) ** 2))
    )
    base = base * np.where(weekday >= 5, 1.3, 1.0)
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)
    found = []
    for number in range(homes):
        moved = np.roll(base, number)
        load = moved * (1 + 0.5 * number) * random.lognormal(0, 0.35, hours.size)
        pv = sun * 1500 * np.repeat(random.uniform(0.3, 1.0, days), 24) if with_pv else 0.0 * sun
        battery = Battery(6.4, 5.0, 0.9, 1e-5) if with_pv else None
        found.append(Home(f"home_{number}", load - pv, load, pv, battery))
    price = np.where((hour >= 16) & (hour < 21), 0.5, 0.2)
    carbon = 0.15 + 0.05 * np.cos(hour / 24 * 2 * np.pi)
    return Street(Grid(BEGIN, 3600, hours.size), tuple(found), price, carbon)


def write_street(folder: Path, street: Street) -> Path:
    """As our CSV, one file per meter."""
    for home in street.homes:
        rows = [
            f"{street.grid.time_of(slot).isoformat()},{home.name},{value:.3f},0"
            for slot, value in enumerate(home.get("load"))
        ]
        text = "time,meter,import_wh,export_wh\n" + "\n".join(rows) + "\n"
        (folder / f"{home.name}.csv").write_text(text)
    return folder


def change(street: Street, **values: Any) -> Street:
    """The street with other homes or signals."""
    from dataclasses import replace

    return replace(street, **values)
