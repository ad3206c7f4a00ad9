"""The day as one picture: production, use, trades and prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from node_config.demo.after.results import Results

# Colours that also differ in brightness, for colour-blind readers.
PV, LOAD, BOUGHT, SOLD = "#f2b701", "#3969ac", "#1d3557", "#a66f00"
PRICE, BOUNDS, SHORT, LONG = "#7f1d5a", "#9a9a9a", "#c1452f", "#2f8f6b"
DPI = 150


def draw(path: Path, results: Results) -> None:
    """Writes a PNG with three panels over the hours of the day."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(9.5, 9.0), layout="constrained")
        energy, price, imbalance = figure.subplots(
            3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2, 1.6]}
        )
        homes = len(results.parties)
        with_pv = sum(1 for party in results.parties if party.pv_peak_w)
        figure.suptitle(
            f"A street of {homes} homes, {with_pv} with PV, on a sunny day in April: "
            "traded and settled by the hour",
            fontweight="bold",
        )
        _draw_energy(energy, results)
        _draw_price(price, results)
        _draw_imbalance(imbalance, results)
        imbalance.set_xlabel("hour of the day (one slot each)")
        imbalance.set_xlim(0, results.day.hours)
        imbalance.set_xticks(range(0, results.day.hours + 1, 2 if results.day.hours > 6 else 1))
        for panel in (energy, price, imbalance):
            panel.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=DPI)


def _draw_energy(panel: Any, results: Results) -> None:
    edges = range(len(results.slots) + 1)
    consumed = [slot.consumed_wh / 1000 for slot in results.slots]
    produced = [slot.produced_wh / 1000 for slot in results.slots]
    bought = [slot.bought_wh / 1000 for slot in results.slots]
    sold = [slot.sold_wh / 1000 for slot in results.slots]
    panel.stairs(produced, edges, fill=True, color=PV, alpha=0.55, label="PV production")
    panel.stairs(consumed, edges, fill=True, color=LOAD, alpha=0.35, label="consumption")
    panel.stairs(bought, edges, color=BOUGHT, linewidth=1.6, label="bought in the market")
    panel.stairs(sold, edges, color=SOLD, linewidth=1.6, linestyle="--", label="sold in the market")
    panel.set_ylabel("energy per slot in kWh\n(mean power in kW)")
    panel.set_ylim(bottom=0)
    panel.legend(loc="upper left", ncols=2, frameon=False)
    panel.set_title(
        "Homes use their own PV first and trade the difference; cars and boilers wait for noon",
        loc="left",
        fontsize=9,
    )


def _draw_price(panel: Any, results: Results) -> None:
    edges = range(len(results.slots) + 1)
    low, high = results.day.price_low_per_kwh / 10_000, results.day.price_high_per_kwh / 10_000
    prices = [slot.price_per_kwh / 10_000 for slot in results.slots]
    for bound, text in ((high, "from outside"), (low, "feed-in")):
        panel.axhline(bound, color=BOUNDS, linestyle=":", linewidth=1.2)
        panel.annotate(
            f"{text}: {bound:g}",
            (0, bound),
            xytext=(4, 3),
            textcoords="offset points",
            color="#555555",
            fontsize=8,
        )
    panel.stairs(prices, edges, color=PRICE, linewidth=2.0, baseline=None)
    panel.set_ylabel("price in ct/kWh")
    panel.set_ylim(0, high * 1.15)
    panel.set_title(
        "Last price in each slot: low when the sun shines, high in the evening",
        loc="left",
        fontsize=9,
    )


def _draw_imbalance(panel: Any, results: Results) -> None:
    middles = [hour + 0.5 for hour in range(len(results.slots))]
    prices = results.day.price_high_per_kwh, results.day.price_low_per_kwh
    # Charges and credits have one price each, so the amounts give the energy.
    short = [slot.result.imbalance_charge / prices[0] for slot in results.slots]
    long = [-slot.result.imbalance_credit / prices[1] for slot in results.slots]
    panel.bar(middles, short, width=0.8, color=SHORT, label="short: used more, or fed in less")
    panel.bar(middles, long, width=0.8, color=LONG, label="long: used less, or fed in more")
    panel.axhline(0, color="#333333", linewidth=0.8)
    panel.set_ylabel("imbalance in kWh")
    panel.legend(loc="upper left", ncols=2, frameon=False)
    top = max([*short, *(-value for value in long), 0.1]) * 1.5
    panel.set_ylim(-top, top)
    panel.set_title(
        "What the meters say beyond the orders: forecasts are never exact", loc="left", fontsize=9
    )
