"""The tables of the dashboard on a large network: how long its calls take in them.

    python -m bench.read_model --accounts 10000 --feeders 2000 --days 6 --json FILE

The tables are filled with made-up lines of so many accounts, which is the most that are copied, and
with sums of the feeders of a million meters. Each call is timed in the server's own function; what
the node answers is no part of it.
"""

from __future__ import annotations

import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from blockenergy.dashboard.v1 import account_pb2, grid_pb2
from blockenergy.dashboard.v1.grid_pb2 import FeederSum
from blockenergy.registry.v1.state_pb2 import Feeder
from blockenergy.settlement.v1.state_pb2 import Line, SlotResult
from sqlalchemy import Engine, Table, insert, select

from bench.results.report import finish, make_parser
from chain.runtime.encoding import bech32
from client.light.saved import GROUP_LINES
from dashboard.answers import account, audit, grid, line_proof
from dashboard.model.days import Days
from dashboard.model.tables import (
    ACCOUNT_SLOT,
    FEEDER_SLOT,
    LINE_GROUP,
    SLOT_RESULT,
    make_row,
    number_accounts,
    open_tables,
)

SLOT_S = 900
SLOTS_PER_DAY = 96
# 28 November 2026.
FIRST_S = 1_795_824_000
FIRST_SLOT = FIRST_S // SLOT_S
METERS = 1_000_000
CHUNK = 10_000
TIMES = 40


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--feeders", type=int, default=2_000)
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--tables", help="address of new tables (default: a temporary SQLite file)")
    options = parser.parse_args()

    def run() -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            place = options.tables or str(Path(folder) / "tables.sqlite")
            return measure(place, options.accounts, options.feeders, options.days)

    return finish(run, options.json)


def measure(place: str, accounts: int, feeders: int, days: int) -> dict[str, Any]:
    """Fills tables and times the calls."""
    engine, rng = open_tables(place), random.Random(1)
    owners = [bech32.encode(hashlib.sha256(b"%d" % one).digest()[:20]) for one in range(accounts)]
    names = [f"feeder-{number}" for number in range(feeders)]
    slots = range(FIRST_SLOT, FIRST_SLOT + days * SLOTS_PER_DAY)
    began_s = time.monotonic()
    count = _fill(engine, SLOT_RESULT, _make_results(slots, accounts))
    count += _fill(engine, FEEDER_SLOT, _make_sums(slots, names, METERS // feeders))
    with engine.begin() as connection:
        numbers = number_accounts(connection, owners)
    count += _fill(engine, ACCOUNT_SLOT, _make_lines(slots, list(numbers.values()), rng))
    count += _fill(engine, LINE_GROUP, _make_groups(slots, owners))
    filled_s = time.monotonic() - began_s
    # With its last connection closed, all of SQLite's tables are in their one file.
    engine.dispose()
    calls = _make_calls(engine, slots, owners, names, rng)
    return {
        "rows": count,
        "rows_per_s": round(count / filled_s),
        "bytes": Path(place).stat().st_size if Path(place).exists() else None,
        "ms": {name: _time(call) for name, call in calls.items()},
    }


def _fill(engine: Engine, table: Table, made: Iterator[dict[str, Any]]) -> int:
    count = 0
    while chunk := list(islice(made, CHUNK)):
        with engine.begin() as connection:
            connection.execute(insert(table), chunk)
        count += len(chunk)
        print(f"\r  {table.name}: {count:,} rows", end="", file=sys.stderr)
    print(file=sys.stderr)
    return count


def _make_results(slots: range, accounts: int) -> Iterator[dict[str, Any]]:
    row = make_row(SlotResult(parties=accounts))
    for slot in slots:
        yield row | {"slot": slot, "height": slot - FIRST_SLOT + 1, "lines": "agree"}


def _make_sums(slots: range, names: list[str], meters: int) -> Iterator[dict[str, Any]]:
    row = make_row(FeederSum(accounts=meters, meters=meters, import_wh=meters * 200))
    for slot in slots:
        for name in names:
            yield row | {"slot": slot, "feeder": name, "largest_wh": 900}


def _make_lines(slots: range, owners: list[int], rng: random.Random) -> Iterator[dict[str, Any]]:
    """Slot by slot, as an indexer writes them."""
    row = make_row(Line())
    for slot in slots:
        for owner in owners:
            wh = rng.randrange(1_000)
            used = {"bought_wh": wh, "import_wh": wh, "cost": 300 * wh, "charged": 300 * wh}
            yield row | {"slot": slot, "account": owner} | used


def _make_groups(slots: range, owners: list[str]) -> Iterator[dict[str, Any]]:
    """The roots are made up."""
    firsts = sorted(map(bech32.decode, owners))[::GROUP_LINES]
    for slot in slots:
        for first in firsts:
            yield {"slot": slot, "first": first, "root": hashlib.sha256(first).digest()}


def _make_calls(
    engine: Engine, slots: range, owners: list[str], names: list[str], rng: random.Random
) -> dict[str, Callable[[], object]]:
    """The server's functions, each with other arguments at every call."""
    days = Days(ZoneInfo("UTC"), SLOT_S)
    feeders = {name: Feeder() for name in names}
    moment = SimpleNamespace(slot_length_s=SLOT_S, slots=(), shared={"feeders": feeders})
    visit: Any = SimpleNamespace(
        site=SimpleNamespace(engine=engine, days=days), moment=moment, date=lambda one: one
    )
    first = datetime.fromtimestamp(FIRST_S, UTC).date()
    last = first + timedelta(days=len(slots) // SLOTS_PER_DAY - 1)

    def prove_line() -> object:
        with engine.connect() as connection:
            return line_proof.prove_in_tables(connection, rng.choice(slots), rng.choice(owners))

    def find_fullest() -> object:
        query = select(FEEDER_SLOT.c.feeder).where(FEEDER_SLOT.c.slot == rng.choice(slots))
        with engine.connect() as connection:
            return connection.execute(query.order_by(FEEDER_SLOT.c.import_wh.desc())).fetchmany(50)

    return {
        "a month of an account as a table": lambda: account.statement(
            visit,
            account_pb2.StatementRequest(account=rng.choice(owners), month=f"{first:%Y-%m}"),
        ),
        "days of an account": lambda: account.my_days(
            visit,
            account_pb2.MyDaysRequest(
                account=rng.choice(owners), first_day=str(first), last_day=str(last)
            ),
        ),
        "a feeder over 3 days": lambda: grid.feeder_slots(
            visit,
            grid_pb2.FeederSlotsRequest(
                feeder=rng.choice(names),
                first_slot=slots.start,
                last_slot=slots.start + 3 * SLOTS_PER_DAY - 1,
            ),
        ),
        "feeders of a slot as a table": lambda: grid.feeder_table(
            visit, grid_pb2.FeederTableRequest(day=str(first), slot=rng.choice(slots[:96]))
        ),
        "the 50 fullest feeders of a slot": find_fullest,
        "a line of a slot, by its root": prove_line,
        "the sums of all lines of a slot": lambda: audit.audit(
            visit, grid_pb2.AuditRequest(slot=rng.choice(slots))
        ),
    }


def _time(call: Callable[[], object]) -> dict[str, float]:
    took_ms = []
    for _ in range(TIMES):
        began = time.process_time()
        call()
        took_ms.append((time.process_time() - began) * 1000)
    took_ms.sort()
    return {"p50": round(took_ms[TIMES // 2], 2), "p95": round(took_ms[TIMES * 95 // 100], 2)}


if __name__ == "__main__":
    sys.exit(main())
