"""The summary on the terminal, and the CSV with one row per slot."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from node_config.demo.after.carbon_results import format_carbon
from node_config.demo.after.forecast_results import format_forecasts
from node_config.demo.after.results import Results
from node_config.demo.after.text import eur, kwh
from node_config.demo.after.who_paid import format_who_paid

PARTY_HEADER = (
    f"{'':8}{'PV':>6}{'bought':>9}{'sold':>8}{'import':>9}{'export':>9}{'off':>7}"
    f"{'paid':>8}{'earned':>8}{'imbal.':>8}{'net':>9}{'alone':>9}"
)
UNITS = (
    f"{'':8}{'kWp':>6}{'kWh':>9}{'kWh':>8}{'kWh':>9}{'kWh':>9}{'kWh':>7}"
    f"{'EUR':>8}{'EUR':>8}{'EUR':>8}{'EUR':>9}{'EUR':>9}"
)
NOTES = {"pool": ", the funding of slots that are open now"}
CSV_HEADER = [
    *["slot", "hour", "price_per_kwh", "bought_wh", "sold_wh", "import_wh", "export_wh"],
    *["consumed_wh", "produced_wh", "cost", "revenue", "imbalance_charge", "imbalance_credit"],
    *["pool_gain", "pool_loss", "surplus_to_purse", "fund_credit", "treasury_credit"],
    *["backstop_paid", "backstop_received"],
]


def format_summary(results: Results) -> str:
    """Energy and money per home, then the sums, then the checks."""
    lines = ["Energy and money per home", "", PARTY_HEADER, UNITS]
    lines += [_format_party(results, number) for number in range(len(results.parties))]
    lines += [_format_totals(results), "", *_format_money(results), ""]
    lines += [*format_carbon(results.carbon), ""]
    lines += [*format_forecasts(results.forecasts), "", *_format_chain(results)]
    return "\n".join(lines)


def compute_alone(results: Results) -> int:
    """The result of all homes without a market."""
    prices = results.day.price_low_per_kwh, results.day.price_high_per_kwh
    return sum(party.compute_without_market(*prices) for party in results.parties)


def write_csv(path: Path, results: Results) -> None:
    """One row per slot; energy in Wh, money in millionths."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_HEADER)
        for slot in results.slots:
            known = {
                **{name: getattr(slot.result, name, None) for name in CSV_HEADER},
                "slot": slot.slot,
                "hour": slot.hour,
                "price_per_kwh": slot.price_per_kwh,
                "bought_wh": slot.bought_wh,
                "sold_wh": slot.sold_wh,
                "consumed_wh": slot.consumed_wh,
                "produced_wh": slot.produced_wh,
                "cost": slot.info.cost,
                "revenue": slot.info.revenue,
            }
            writer.writerow([known[name] for name in CSV_HEADER])


def _format_party(results: Results, number: int) -> str:
    party, day = results.parties[number], results.day
    sums = party.sums
    alone = party.compute_without_market(day.price_low_per_kwh, day.price_high_per_kwh)
    peak = f"{party.pv_peak_w / 1000:.2f}" if party.pv_peak_w else "-"
    return f"{party.name:8}{peak:>6}" + _format_row(sums, party.net_money, alone)


def _format_totals(results: Results) -> str:
    sums = {
        name: sum(party.sums[name] for party in results.parties) for name in results.parties[0].sums
    }
    net = sum(party.net_money for party in results.parties)
    return f"{'all':8}{'':6}" + _format_row(sums, net, compute_alone(results))


def _format_row(sums: Mapping[str, int], net: int, alone: int) -> str:
    off_wh = sums["import_wh"] - sums["export_wh"] - sums["bought_wh"] + sums["sold_wh"]
    imbalance = sums["imbalance_credit"] - sums["imbalance_charge"]
    return (
        f"{kwh(sums['bought_wh']):>9}{kwh(sums['sold_wh']):>8}{kwh(sums['import_wh']):>9}"
        f"{kwh(sums['export_wh']):>9}{kwh(off_wh):>7}{eur(sums['cost']):>8}"
        f"{eur(sums['revenue']):>8}{eur(imbalance):>8}{eur(net):>9}{eur(alone):>9}"
    )


def _format_money(results: Results) -> list[str]:
    day, slots = results.day, [slot.result for slot in results.slots]

    def total(name: str) -> int:
        return sum(getattr(result, name) for result in slots)

    fees = sum(party.fees for party in results.parties)
    at_risk = max(slot.info.funding for slot in results.slots)
    low, high = day.price_low_per_kwh, day.price_high_per_kwh
    lines = [
        f"alone: the same day without a market, {eur(high)} EUR per kWh used, {eur(low)} fed in",
        (
            f"Imbalance: {eur(total('imbalance_charge'))} EUR charged, "
            f"{eur(total('imbalance_credit'))} credited"
        ),
        f"Pool: at most {eur(at_risk)} EUR at risk in each slot, from its purses",
        f"Fees of the homes' transactions: {eur(fees, 6)} EUR",
    ]
    lines += [
        f"  {name:16}{eur(before):>14} → {eur(after):>14} EUR{NOTES.get(name, '')}"
        for name, (before, after) in results.operators.items()
        if before != after
    ]
    return [*lines, "", *format_who_paid(results)]


def _format_chain(results: Results) -> list[str]:
    supply = results.supply_before, results.supply_after
    hashes = sorted({app_hash.hex().upper()[:16] for app_hash in results.app_hashes})
    validators = len(results.app_hashes)
    is_one_hash = len(set(results.app_hashes)) == 1
    lines = [
        f"Supply: {eur(supply[0], 6)} EUR before, {eur(supply[1], 6)} after: "
        + ("equal" if supply[0] == supply[1] else "NOT EQUAL"),
        f"App hash after block {results.height}: {', '.join(hashes)}… on {validators} validators: "
        + ("equal" if is_one_hash else "NOT EQUAL"),
        (
            f"{results.height} blocks, {results.txs} transactions, {results.orders} orders, "
            f"{results.readings} readings, {len(results.slots)} slots settled"
        ),
    ]
    return lines + [f"BROKEN: {sentence}" for sentence in results.broken]
