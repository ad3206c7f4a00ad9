"""What came of carbon: emissions, certificates, charges and the offset, and whether they add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
from blockenergy.carbon.v1.query_pb2 import QueryCarbonSlotRequest, QueryCarbonSlotResponse
from blockenergy.certificates.v1 import events_pb2
from blockenergy.certificates.v1.query_pb2 import (
    QuerySeriesRequest,
    QuerySeriesResponse,
    QueryStatementRequest,
    QueryStatementResponse,
)
from blockenergy.credits.v1.query_pb2 import QueryBatchesRequest, QueryBatchesResponse
from blockenergy.settlement.v1.state_pb2 import Line
from google.protobuf.message import Message
from matplotlib.figure import Figure

from chain import certificates
from client.node.rpc import Rpc
from client.queries import query
from node_config.demo.after.text import eur, kwh

OWN, BOUGHT, UNMATCHED, FACTOR = "#2f8f6b", "#8cc63f", "#b0b7bf", "#7f1d5a"
DPI = 150
_WH_PER_KWH, _G_PER_KG = 1000, 1000
_SERIES_ENDS = ("retired_wh", "cancelled_wh", "withdrawn_wh", "expired_wh")


@dataclass(slots=True)
class CarbonHour:
    """A slot of the whole street, and the factor of its zone in g per MWh."""

    factor_g_per_mwh: int = 0
    own_wh: int = 0
    bought_wh: int = 0
    unmatched_wh: int = 0


@dataclass(slots=True)
class CarbonResults:
    """Sums of the day; energy in Wh, money in millionths, emissions as statements have them."""

    hours: list[CarbonHour] = field(default_factory=list)
    statement: certificates.Sums = field(default_factory=certificates.Sums)
    # Of all lines: made by certified devices, used by who made it, given with renewable sales.
    made_wh: int = 0
    own_wh: int = 0
    given_wh: int = 0
    # Of all series: issued, still held, and by how they ended.
    issued_wh: int = 0
    held_wh: int = 0
    ended_wh: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SERIES_ENDS, 0))
    # By the events of the messages.
    retired_by_events_wh: int = 0
    sold_wh: int = 0
    sold_for: int = 0
    # What certificates and offsets have brought each account, less what they cost.
    gained: dict[str, int] = field(default_factory=dict)
    # Of all slots: charged, and in the fund for them, missing there, and refunded.
    charged: int = 0
    in_fund: int = 0
    missing: int = 0
    refunded: int = 0
    # The account of the fund.
    fund_balance: int = 0
    credits_minted_g: int = 0
    credits_retired_g: int = 0
    offset_g: int = 0


def collect_carbon(
    rpc: Rpc,
    slots: Sequence[int],
    lines: Mapping[int, Mapping[str, Line]],
    events: Sequence[Message],
    fund_balance: int,
    height: int,
) -> CarbonResults:
    """Queries all after one block; `lines` are by slot and address."""
    results = CarbonResults(fund_balance=fund_balance)
    for event in events:
        _count_event(results, event)
    for slot in slots:
        results.hours.append(_read_slot(rpc, slot, height, results))
        for owner, line in lines[slot].items():
            _count_line(rpc, slot, owner, line, height, results)
    accounts = {owner for of_slot in lines.values() for owner in of_slot}
    for account in sorted(accounts):
        _add_statement(rpc, account, slots, height, results)
    found = query(rpc, QueryBatchesRequest(), QueryBatchesResponse, height=height)
    results.credits_minted_g = sum(one.batch.minted_g for one in found.batches)
    results.credits_retired_g = sum(one.batch.retired_g for one in found.batches)
    return results


def find_broken_carbon(results: CarbonResults) -> Iterator[str]:
    """A sentence for every sum that is not what it is promised to be."""
    free_wh = results.made_wh - results.own_wh - results.given_wh
    if free_wh != results.issued_wh:
        yield f"{free_wh} Wh are free, certificates were issued for {results.issued_wh}"
    kept_wh = results.held_wh + sum(results.ended_wh.values())
    if kept_wh != results.issued_wh:
        yield f"{results.issued_wh} Wh of certificates were issued, {kept_wh} are there or ended"
    if results.ended_wh["retired_wh"] != results.retired_by_events_wh:
        yield f"{results.ended_wh['retired_wh']} Wh are retired, events have another sum"
    if results.in_fund + results.missing + results.refunded != results.charged:
        yield f"{results.charged} was charged, the books of the carbon fund have another sum"
    if results.in_fund != results.fund_balance:
        yield f"the carbon fund has {results.fund_balance}, its books say {results.in_fund}"
    told = results.statement
    if (told.charge, told.refunded) != (results.charged, results.refunded):
        yield "the statements have other sums of charges and refunds than the carbon fund"
    if not results.offset_g == told.offset_g == results.credits_retired_g:
        yield f"{results.offset_g} g were offset, {results.credits_retired_g} g are retired"


def format_carbon(results: CarbonResults) -> list[str]:
    """Emissions, certificates, money and the offset, in a few lines."""
    told = results.statement
    shown = certificates.compute_shown(told)
    factors = [hour.factor_g_per_mwh // _G_PER_KG for hour in results.hours] or [0]
    closes = not list(find_broken_carbon(results))
    return [
        f"Carbon, with the factors of a real day, {min(factors)} to {max(factors)} g/kWh:",
        (
            f"  emissions {shown.location_g / _G_PER_KG:.1f} kg by location, "
            f"{shown.market_g / _G_PER_KG:.1f} kg by market; {shown.matched_ppm / 10_000:.1f} % of "
            f"{kwh(told.use_wh)} kWh matched in their hour"
        ),
        (
            f"  certified {kwh(results.made_wh)} kWh = {kwh(results.own_wh)} used by who made it "
            f"+ {kwh(results.issued_wh)} free; of these {kwh(results.ended_wh['retired_wh'])} "
            f"retired, {kwh(results.held_wh)} held"
        ),
        (
            f"  sold {kwh(results.sold_wh)} kWh of certificates for {eur(results.sold_for)} EUR; "
            f"offset {results.offset_g} of {results.credits_minted_g} g of credits"
        ),
        (
            f"  charged {eur(results.charged)} EUR = {eur(results.refunded)} refunded "
            f"+ {eur(results.in_fund)} in the carbon fund + {eur(results.missing)} missing"
        ),
        "  certificates, carbon fund and credits beside their books: "
        + ("equal" if closes else "NOT EQUAL"),
    ]


def draw_carbon(path: Path, results: CarbonResults) -> None:
    """Writes a PNG: use by the hour, own, bought as certificates and unmatched, and the factor."""
    with mpl.rc_context({"font.size": 9, "axes.grid": True, "grid.alpha": 0.25}):
        figure = Figure(figsize=(9.5, 7.0), layout="constrained")
        use, emissions = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [3, 2]})
        _draw_use(use, results)
        _draw_emissions(emissions, results)
        hours = len(results.hours)
        emissions.set_xlabel("hour of the day (one slot each)")
        emissions.set_xlim(0, hours)
        emissions.set_xticks(range(0, hours + 1, 2 if hours > 6 else 1))
        for panel in (use, emissions):
            panel.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=DPI)


def _count_event(results: CarbonResults, event: Message) -> None:
    gained = results.gained
    if isinstance(event, events_pb2.EventCertificatesSold):
        results.sold_wh += sum(entry.wh for entry in event.entries)
        results.sold_for += event.cost
        gained[event.seller] = gained.get(event.seller, 0) + event.cost
        gained[event.buyer] = gained.get(event.buyer, 0) - event.cost
    elif isinstance(event, events_pb2.EventCertificatesRetired):
        results.retired_by_events_wh += sum(entry.wh for entry in event.entries)
        gained[event.consumer] = gained.get(event.consumer, 0) + event.refund
    elif isinstance(event, events_pb2.EventChargeOffset):
        results.offset_g += event.grams
        gained[event.consumer] = gained.get(event.consumer, 0) + event.refund


def _read_slot(rpc: Rpc, slot: int, height: int, results: CarbonResults) -> CarbonHour:
    request = QueryCarbonSlotRequest(slot=slot)
    found = query(rpc, request, QueryCarbonSlotResponse, height=height)
    results.charged += found.carbon_slot.charge
    results.in_fund += found.fund.balance
    results.missing += found.fund.missing
    results.refunded += found.fund.refunded
    return CarbonHour(found.carbon_slot.factor.residual_g_per_mwh)


def _count_line(
    rpc: Rpc, slot: int, owner: str, line: Line, height: int, results: CarbonResults
) -> None:
    results.made_wh += line.renewable_wh
    results.own_wh += line.self_wh
    results.given_wh += line.given_wh
    results.hours[-1].own_wh += line.self_wh
    if line.renewable_wh:
        request = QuerySeriesRequest(slot=slot, producer=owner)
        found = query(rpc, request, QuerySeriesResponse, height=height)
        results.issued_wh += found.series.issued_wh
        results.held_wh += found.held_wh
        for name in _SERIES_ENDS:
            results.ended_wh[name] += getattr(found.series, name)


def _add_statement(
    rpc: Rpc, account: str, slots: Sequence[int], height: int, results: CarbonResults
) -> None:
    """Adds what the statement of an account says to the hours and the sums."""
    request = QueryStatementRequest(
        account=account, first_slot=slots[0], last_slot=slots[-1], with_slots=True
    )
    found = query(rpc, request, QueryStatementResponse, height=height)
    own = certificates.Sums(*(getattr(found.sums, name) for name in certificates.Sums._fields))
    results.statement = certificates.add_up([results.statement, own])
    for one in found.slots:
        hour = results.hours[one.slot - slots[0]]
        hour.bought_wh += one.sums.retired_wh
        hour.unmatched_wh += one.sums.use_wh - one.sums.matched_wh


def _draw_use(panel: Any, results: CarbonResults) -> None:
    middles = [hour + 0.5 for hour in range(len(results.hours))]
    below = [0.0] * len(middles)
    for name, color, label in (
        ("own_wh", OWN, "matched by the home's own PV, metered in the same hour"),
        ("bought_wh", BOUGHT, "matched by certificates of neighbours, retired"),
        ("unmatched_wh", UNMATCHED, "not matched, charged"),
    ):
        values = [getattr(hour, name) / _WH_PER_KWH for hour in results.hours]
        panel.bar(middles, values, bottom=below, width=0.85, color=color, label=label)
        below = [low + value for low, value in zip(below, values, strict=True)]
    panel.set_ylim(0, max([*below, 0.1]) * 1.35)
    panel.set_ylabel("import by the meters in kWh")
    panel.legend(loc="upper left", frameon=False)
    panel.set_title("What of the street's import was matched by renewable energy", loc="left")


def _draw_emissions(panel: Any, results: CarbonResults) -> None:
    middles = [hour + 0.5 for hour in range(len(results.hours))]
    kg = [
        hour.unmatched_wh * hour.factor_g_per_mwh / 1_000_000 / _G_PER_KG for hour in results.hours
    ]
    panel.bar(middles, kg, width=0.85, color=UNMATCHED, label="emissions that were charged")
    panel.set_ylabel("kg CO2e by market")
    panel.set_ylim(0, max([*kg, 0.01]) * 1.35)
    factor = panel.twinx()
    factor.grid(visible=False)
    factor.stairs(
        [hour.factor_g_per_mwh / _G_PER_KG for hour in results.hours],
        range(len(results.hours) + 1),
        baseline=None, color=FACTOR, linewidth=1.8, label="factor",
    )  # fmt: skip
    factor.set_ylim(bottom=0)
    factor.set_ylabel("g CO2e per kWh", color=FACTOR)
    factor.spines[["top"]].set_visible(False)
    panel.set_title("What it emitted, and the grid's factor in each hour", loc="left")
