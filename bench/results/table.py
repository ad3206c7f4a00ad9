"""The results of all measurements as one table, each figure with its bar where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Row(NamedTuple):
    """One figure. `holds` is None where there is no bar, or where this size has none."""

    what: str
    figure: str
    bar: str = ""
    holds: bool | None = None


# Bars of a million meters or accounts are compared at this size only.
LARGE = 1_000_000


def make_table(results: Mapping[str, Any]) -> str:
    """Markdown, for people and for docs/performance.md."""
    lines = ["| what | measured | bar | holds |", "|---|---|---|---|"]
    for name, make_rows in _MAKERS.items():
        if name in results:
            for row in make_rows(results[name]):
                verdict = {None: "", True: "yes", False: "**no**"}[row.holds]
                lines.append(f"| {row.what} | {row.figure} | {row.bar} | {verdict} |")
    return "\n".join(lines) + "\n"


def _transfers(result: Mapping[str, Any]) -> Iterator[Row]:
    for name, speed in result["median_per_second"].items():
        yield Row(f"{name}, 1 validator, committed/s", f"{speed:,.0f}")
    ratio = result["ratio"]
    yield Row("transfers, ratio to CometBFT's kvstore", f"{ratio:.2f}", "0.5", ratio >= 0.5)


def _network(result: Mapping[str, Any]) -> Iterator[Row]:
    for row in result["summary"]:
        where = f"{row['node']}, {row['validators']} validators"
        if row["figure"] == "per_second":
            yield Row(f"{where}, committed/s", f"{row['median']:,.0f}")
        else:
            yield from _finality(where, row)
        if "ratio_to_sdk" in row:
            yield _ratio_to_sdk(row)


def _finality(where: str, row: Mapping[str, Any]) -> Iterator[Row]:
    percent = row["figure"].split("_")[1]
    what, figure = f"{where}, time to finality, {percent}", f"{row['median']:.3f} s"
    if percent == "p95" and row["node"] == "BlockEnergy" and row["validators"] == 4:
        yield Row(what, figure, "0.35 s", row["median"] <= 0.35)
    else:
        yield Row(what, figure)


def _ratio_to_sdk(row: Mapping[str, Any]) -> Row:
    what = f"ratio to the Cosmos SDK, {row['validators']} validators, {row['figure']}"
    ratio = row["ratio_to_sdk"]
    if row["figure"] == "per_second":
        bar = {1: 4.0, 4: 2.5}.get(row["validators"])
        return Row(what, f"{ratio:.2f}", f"{bar or ''}", None if bar is None else ratio >= bar)
    is_bar = row["validators"] == 4 and row["figure"] == "finality_p95_s"
    return Row(what, f"{ratio:.2f}", "below 1" if is_bar else "", ratio < 1 if is_bar else None)


def _orders(result: Mapping[str, Any]) -> Iterator[Row]:
    for row in result["orders"]:
        yield Row(
            f"market orders per second of one core, {row['orders_per_block']:,} in a block",
            f"{row['orders_per_cpu_s']:,}",
        )


def _settlement(result: Mapping[str, Any]) -> Iterator[Row]:
    for row in result["slots"]:
        meters, at = row["meters"], f"{row['meters']:,} meters"
        rate, seconds = row["readings_per_cpu_s"], row["settlement_cpu_s"]
        longest, own = row["settlement_block_max_s"], row["own_mib"]
        large = meters >= LARGE
        yield Row(
            f"{at}: signed readings per second of one core",
            f"{rate:,}",
            "8,000" if large else "",
            rate >= 8_000 if large else None,
        )
        yield Row(
            f"{at}: slot settled, seconds of one core",
            f"{seconds:,.1f} ({seconds / meters * 1e6:.0f} us a meter)",
            "60" if large else "",
            seconds < 60 if large else None,
        )
        yield Row(
            f"{at}: longest block of the settlement",
            f"{longest:.2f} s",
            "1 s" if large else "",
            longest <= 1.0 if large else None,
        )
        yield Row(
            f"{at}: memory of its own; with the pages of files, at most",
            f"{own:,} MiB; {row['peak_mib']:,} MiB",
            "1,536 MiB" if large else "",
            row["peak_mib"] <= 1536 if large else None,
        )


def _accounts(result: Mapping[str, Any]) -> Iterator[Row]:
    for row in result["accounts"]:
        at, large = f"{row['accounts']:,} accounts", row["accounts"] >= LARGE
        ratio, updates = row["ratio_to_first"], row["tree_updates_per_cpu_s"]
        yield Row(
            f"{at}: processor time of a transfer, to that at the smallest size",
            f"{row['us_per_transfer']:.0f} us, {ratio:.2f}",
            "1.3" if large else "",
            ratio <= 1.3 if large else None,
        )
        yield Row(
            f"{at}: Merkle updates with persistence, per second",
            f"{updates:,}",
            "50,000" if large else "",
            updates >= 50_000 if large else None,
        )
        yield Row(f"{at}: start-up", f"{row['start_cpu_s']:.1f} s of one core")
        yield Row(
            f"{at}: memory after the start, disk per account",
            f"{row['start_mib']:,} MiB, {row['disk_bytes_per_account']} B",
        )


def _replay(result: Mapping[str, Any]) -> Iterator[Row]:
    for name in ("BlockEnergy", "CometBFT kvstore"):
        row = result[name]
        yield Row(
            f"{name}: replay, transactions/s; blocks on disk per transaction",
            f"{row['transactions_per_s']:,.0f}; {row['cometbft_disk_bytes_per_transaction']:,} B",
        )
    yield Row("replay, ratio to CometBFT's kvstore", f"{result['ratio']:.2f}")


def _carbon(result: Mapping[str, Any]) -> Iterator[Row]:
    entries, ms = result["retirement"]["entries"], result["retirement"]["ms"]
    yield Row(f"{entries} certificates retired, processor time", f"{ms} ms", "10 ms", ms < 10)
    slots, seconds = result["statement"]["slots"], result["statement"]["s"]
    yield Row(f"statement of {slots:,} slots", f"{seconds} s", "1 s", seconds < 1)


def _forecasts(result: Mapping[str, Any]) -> Iterator[Row]:
    score_s, trade_us = result["score_s"], result["trade_us"]
    yield Row("1,000 forecasts of 96 slots scored, s", f"{score_s:.2f}", "1", score_s < 1)
    yield Row("a trade among 16 outcomes, us", f"{trade_us:.0f}", "300", trade_us < 300)
    yield Row("a target in settlement, us per meter", f"{result['meter_us']:.2f}")


_MAKERS = {
    "transfers": _transfers,
    "network": _network,
    "orders": _orders,
    "settlement": _settlement,
    "accounts": _accounts,
    "replay": _replay,
    "carbon": _carbon,
    "forecasts": _forecasts,
}
