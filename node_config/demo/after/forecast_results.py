"""What came of the forecasts and of the prediction market, from the events of the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from blockenergy.forecast.v1 import events_pb2
from blockenergy.forecast.v1.state_pb2 import MARKET_STATUS_RESOLVED
from google.protobuf.message import Message
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from client.cli.forecast.predict import name_outcomes
from node_config.demo.after.text import eur, kwh

BAND, MEDIAN, CAME, COPY = "#3969ac", "#1d3557", "#c1452f", "#a66f00"
DPI = 150
_BESIDE: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1, 0.5), "frameon": False}
_QUANTILES = 9
_WH_PER_KWH = 1000
_MICRO = 1_000_000


@dataclass(slots=True)
class ForecastResults:
    """The events of the module, sorted. `names` are the accounts' by their addresses."""

    names: dict[str, str]
    fixed: list[events_pb2.EventForecastFixed] = field(default_factory=list)
    scores: list[events_pb2.EventForecastScored] = field(default_factory=list)
    outcomes: dict[int, int] = field(default_factory=dict)
    created: list[events_pb2.EventMarketCreated] = field(default_factory=list)
    trades: list[events_pb2.EventSharesTraded] = field(default_factory=list)
    moves: list[events_pb2.EventMarketMoved] = field(default_factory=list)
    paid: list[events_pb2.EventSharesPaid] = field(default_factory=list)
    ended: list[events_pb2.EventMarketPaid] = field(default_factory=list)


def sort_events(events: Sequence[Message], names: dict[str, str]) -> ForecastResults:
    """Sorts the events of a day."""
    results = ForecastResults(names)
    lists: dict[type[Message], list[Any]] = {
        events_pb2.EventForecastFixed: results.fixed,
        events_pb2.EventForecastScored: results.scores,
        events_pb2.EventMarketCreated: results.created,
        events_pb2.EventSharesTraded: results.trades,
        events_pb2.EventMarketMoved: results.moves,
        events_pb2.EventSharesPaid: results.paid,
        events_pb2.EventMarketPaid: results.ended,
    }
    for event in events:
        if isinstance(event, events_pb2.EventOutcomeKnown):
            results.outcomes[event.slot] = event.outcome.value
        elif type(event) in lists:
            lists[type(event)].append(event)
    return results


def format_forecasts(results: ForecastResults) -> list[str]:
    """Skills, rewards, and the result of the market, in a few lines."""
    lines = [f"Forecasts of the street's net use, {len(results.outcomes)} slots on record:"]
    for address, name in results.names.items():
        own = [event for event in results.scores if event.forecaster == address]
        if own:
            skill = f"{own[-1].skill_permille / 10:.1f} %"
            rewards = sum(event.score.reward for event in own)
            burned = sum(event.score.burned for event in own)
            lines.append(
                f"  {name:16}{len(own):>3} slots scored, skill {skill}, "
                f"rewards {eur(rewards)} EUR, lost of its stakes {eur(burned)} EUR"
            )
    return lines + _format_market(results)


def find_broken_forecasts(results: ForecastResults, hours: int, reward: int) -> list[str]:
    """A sentence for every guarantee that does not hold."""
    broken = []
    for slot in {event.slot for event in results.scores}:
        paid = sum(event.score.reward for event in results.scores if event.slot == slot)
        if paid > reward:
            broken.append(f"slot {slot}: rewards of {paid}, {reward} were ordered")
    forecasters = {event.forecaster for event in results.fixed}
    if len(results.scores) != hours * len(forecasters):
        broken.append(f"{len(results.scores)} of {hours * len(forecasters)} forecasts were scored")
    if len(results.ended) != len(results.created):
        broken.append(f"{len(results.ended)} of {len(results.created)} markets are paid")
    for created, ended in zip(results.created, results.ended, strict=False):
        taken = created.market.funding + sum(
            -trade.amount if trade.sold else trade.amount for trade in results.trades
        )
        given = ended.returned + sum(event.amount for event in results.paid)
        if taken != given:
            broken.append(f"the market took in {taken} and paid {given}")
    return broken


def draw_forecasts(path: Path, results: ForecastResults, name: str, copycat: str) -> None:
    """Writes a PNG: forecasts against what came, and the market's probabilities over its trades."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(9.5, 7.0), layout="constrained")
        above, below = figure.subplots(2, 1, gridspec_kw={"height_ratios": [3, 2]})
        _draw_quantiles(above, results, name, copycat)
        _draw_prices(below, results)
        for panel in (above, below):
            panel.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=DPI)


def _format_market(results: ForecastResults) -> list[str]:
    if not results.created:
        return ["  no prediction market"]
    market = results.created[0].market
    names = name_outcomes(market)
    lines = [f"Market on the net use of slot {market.slot} ({', '.join(names)} Wh):"]
    final = [event for event in results.moves if event.status == MARKET_STATUS_RESOLVED]
    if final and market.slot in results.outcomes:
        came = kwh(results.outcomes[market.slot])
        lines[0] += f" it came to {came} kWh, {names[final[0].outcome]}"
    for event in results.paid:
        name = results.names.get(event.owner, event.owner)
        # Profits of sales are in the amount.
        stake = max(0, event.paid - event.received)
        gain = event.amount - stake
        lines.append(
            f"  {name:16}paid {eur(stake)} EUR for shares, was paid "
            f"{eur(event.amount)}: {eur(gain)} EUR"
        )
    return lines + [
        f"  its creator got back {eur(ended.returned)} of {eur(market.funding)} EUR"
        for ended in results.ended
    ]


def _draw_quantiles(panel: Any, results: ForecastResults, name: str, copycat: str) -> None:
    for event in results.fixed:
        who = results.names.get(event.forecaster)
        rows = [
            [one / _WH_PER_KWH for one in event.quantiles[first : first + _QUANTILES]]
            for first in range(0, len(event.quantiles), _QUANTILES)
        ]
        hours = [place + 0.5 for place in range(len(rows))]
        if who == name:
            low, middle, high = ([row[place] for row in rows] for place in (0, 4, 8))
            panel.fill_between(hours, low, high, color=BAND, alpha=0.3, label="10 % to 90 %")
            panel.plot(hours, middle, color=MEDIAN, label=f"median of the {name}")
        elif who == copycat:
            same = [row[4] for row in rows]
            panel.plot(hours, same, color=COPY, linestyle=":", label="yesterday, repeated")
    first = min(results.outcomes, default=0)
    came = [(slot - first + 0.5, value / _WH_PER_KWH) for slot, value in results.outcomes.items()]
    came = sorted(came)[-len(results.fixed[0].quantiles) // _QUANTILES :] if results.fixed else []
    offset = came[0][0] - 0.5 if came else 0
    panel.plot(
        [hour - offset for hour, _ in came], [value for _, value in came], "o", color=CAME,
        markersize=4, label="what came",
    )  # fmt: skip
    panel.set_ylabel("net use in kWh")
    panel.set_xlabel("hour of the day (one slot each)")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend(**_BESIDE)
    panel.set_title("Forecasts of the street, fixed before the day, against its meters", loc="left")


def _draw_prices(panel: Any, results: ForecastResults) -> None:
    if not results.created:
        return
    names = name_outcomes(results.created[0].market)
    even = [_MICRO // len(names)] * len(names)
    rows = [even, *(list(event.prices_micro) for event in results.trades)]
    edges = range(len(rows) + 1)
    # One above the other, because they are 1 together, and equal ones would hide each other.
    below = [0.0] * len(rows)
    for place, name in enumerate(names):
        top = [sum(row[: place + 1]) / _MICRO for row in rows]
        panel.stairs(top, edges, baseline=below, fill=True, alpha=0.7, label=f"{name} Wh")
        below = top
    panel.set_ylim(0, 1)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set_ylabel("probability")
    panel.set_xlabel("trades")
    panel.legend(**_BESIDE, reverse=True)
    panel.set_title("What the market says of the evening peak, trade by trade", loc="left")
