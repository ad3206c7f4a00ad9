"""Carbon: the processor time of a retirement of 100 entries, of a year of one home's statement, and
of the carbon part of settling an account.

    python -m bench carbon

A slot of many accounts is settled as it is and without its carbon part, one after the other: once
of consumers, and once of exporters with a certified device. The difference is what carbon costs.
The retirement is a block with one transaction, from its decoding and signature to the trees, less a
block without it. The statement is asked for in as many queries as it takes, and added up, as
`blockenergy carbon statement` does. The state is in memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any
from unittest.mock import patch

from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.certificates.v1 import query_pb2, state_pb2, tx_pb2
from blockenergy.metering.v1.state_pb2 import Registers
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.settlement.v1.state_pb2 import Line, Progress

from bench.gas import RULES, measure_call
from bench.results.report import finish, make_parser
from bench.sending.population import meter_id, owner_address
from chain import app, carbon, certificates, storage
from chain.bank.state import BALANCES
from chain.carbon.state import CARBON_SLOTS, DEVICES
from chain.certificates.state import PARAMS
from chain.metering.state import READINGS
from chain.registry.state import METERS, PARTICIPANTS
from chain.runtime.encoding import bech32
from chain.runtime.trees.multistore import Multistore
from chain.settlement.slot import emissions
from chain.settlement.state import LINES, PROGRESS
from tests.support.store import SortedStore
from tests.support.streets import people
from tests.support.world import DENOM, FIRST_SLOT, State, World

ENTRIES = 100
ACCOUNTS = 2_000
# The slot before it is the first that opens.
DUE_SLOT = FIRST_SLOT + 2
# Quarters of an hour.
YEAR_SLOTS = 365 * 96
SLOTS_PER_QUERY = 1_000
_FACTOR = carbon_pb2.Factor(
    location_g_per_mwh=300_000,
    residual_g_per_mwh=420_000,
    quality=carbon_pb2.FACTOR_QUALITY_FORECAST,
)
_PATH = "/blockenergy.certificates.v1.Query/Statement"


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of which the median counts")
    options = parser.parse_args()
    return finish(lambda: measure(options.rounds), options.json)


def measure(rounds: int) -> dict[str, Any]:
    """All figures."""
    return {
        "settlement": {
            "accounts": ACCOUNTS,
            "consumer_us": measure_accounts(rounds, is_exporter=False),
            "exporter_us": measure_accounts(rounds, is_exporter=True),
        },
        "retirement": {"entries": ENTRIES, "ms": round(measure_retirement(rounds) * 1e3, 2)},
        "statement": {"slots": YEAR_SLOTS, "s": round(measure_statement(max(1, rounds // 10)), 3)},
    }


def measure_retirement(rounds: int) -> float:
    """Seconds of retiring certificates of as many slots, none of which anybody has touched."""
    world = make_world(ENTRIES)
    producer, consumer = people.address_text("anna"), people.address_text("ben")
    entries = [
        state_pb2.Entry(slot=FIRST_SLOT + number, producer=producer, wh=200)
        for number in range(ENTRIES)
    ]
    message = tx_pb2.MsgRetireCertificates(holder=producer, consumer=consumer, entries=entries)
    raw = world.sign("anna", message)
    execute = make_executor(world)
    return measure_call(lambda: execute(raw), rounds) - measure_call(execute, rounds)


def make_executor(world: World) -> Callable[..., None]:
    """A function that executes a block, and leaves everything as it was."""
    trees = Multistore(RULES.keyspace.module_names.values())
    for name, items in RULES.keyspace.split_by_module(world.store.data).items():
        trees.load(name, [(key, value) for key, value in sorted(items.items()) if value])

    def execute(*txs: bytes) -> None:
        result = app.finalize_block(world.store, world.block_info, txs, RULES)
        failed = [one.log for one in result.tx_results if one.code]
        if failed:
            raise RuntimeError(failed[0])
        trees.update(RULES.keyspace.split_by_module(result.changes))
        trees.undo()
        RULES.forget_txs(txs)

    return execute


def measure_accounts(rounds: int, *, is_exporter: bool) -> dict[str, float]:
    """Microseconds of settling an account, in all and for carbon: the median of rounds in which it
    is settled both ways.
    """
    world = make_due_slot(is_exporter)
    require_carbon(world, is_exporter)
    execute = make_executor(world)
    whole, parts = [], []
    for _ in range(rounds):
        with_s = measure_call(execute, 1)
        with without_carbon():
            without_s = measure_call(execute, 1)
        whole.append(with_s)
        parts.append(with_s - without_s)
    us = 1e6 / ACCOUNTS
    return {"all": round(median(whole) * us, 1), "carbon": round(median(parts) * us, 1)}


@contextmanager
def without_carbon() -> Iterator[None]:
    """Settles without carbon; flows of batteries are still taken over, as they were before it."""
    nothing = carbon.BookedLine(0, "", carbon.Flows(0, 0), carbon.Part(0, 0, 0, 0, 0, 0, 0, 0))

    def book(ctx: Any, slot_ctx: Any, owner: bytes, _: Any, meters: Any) -> carbon.BookedLine:
        storage.track(ctx, slot_ctx.slot, owner, meters, exact=True)
        return nothing

    with (
        patch.object(emissions, "book", book),
        patch.object(emissions, "write", lambda line, booked: None),
        patch.object(carbon, "book_lines", lambda ctx, slot, lines: None),
    ):
        yield


def require_carbon(world: World, is_exporter: bool) -> None:
    """Checks that what is compared has carbon on one side, and none on the other."""

    def settle() -> Line:
        settled = SortedStore()
        settled.apply(world.store.data)
        settled.apply(app.finalize_block(world.store, world.block_info, [], RULES).changes)
        line = LINES.get(State(settled), (DUE_SLOT, owner_address(0)))
        if line is None:
            raise RuntimeError("the slot is not settled")
        return line

    line = settle()
    with without_carbon():
        bare = settle()
    if not (line.renewable_wh if is_exporter else line.carbon_charge):
        raise RuntimeError("nothing is issued or charged")
    if bare.renewable_wh or bare.carbon_charge:
        raise RuntimeError("without carbon something is issued or charged")


def make_due_slot(is_exporter: bool) -> World:
    """A chain before the block that settles a slot: many accounts with a meter each, of which this
    slot and the one before were read.
    """
    world = World(
        {
            "settlement.params": {"accounts_per_block_max": 2 * ACCOUNTS},
            "carbon.zones[0]": {"default_g_per_mwh": 420_000},
            "carbon.prices[0]": {"price_per_tonne": 80_000_000},
        }
    )
    world.block()
    world.block(at=world.deadline_s(DUE_SLOT - 1))
    state, anna = State(world.store), people.wallet("anna")
    participant, meter = PARTICIPANTS.get(state, anna.address), METERS.get(state, "meter-anna")
    assert participant is not None and meter is not None
    for number in range(ACCOUNTS):
        owner, name = owner_address(number), meter_id(number)
        PARTICIPANTS.set(state, owner, participant)
        BALANCES.set(state, (owner, DENOM), 10**9)
        meter.owner = bech32.encode(owner)
        METERS.set(state, name, meter)
        for slot, wh in ((DUE_SLOT - 1, 0), (DUE_SLOT, 400)):
            registers = Registers(**{"export_wh" if is_exporter else "import_wh": wh})
            READINGS.set(state, (slot, name), registers)
        if is_exporter:
            DEVICES.set(state, name, make_device(meter.owner, meter.added_at_s))
    world.store.apply(state.store.changes)
    world.height, world.time_s = world.height + 1, world.deadline_s(DUE_SLOT)
    return world


def make_device(owner: str, meter_added_at_s: int) -> carbon_pb2.Device:
    """A solar roof of 10 kW."""
    return carbon_pb2.Device(
        owner=owner,
        energy_source=ENERGY_SOURCE_SOLAR,
        power_w=10_000,
        status=carbon_pb2.DEVICE_STATUS_IN_FORCE,
        meter_added_at_s=meter_added_at_s,
    )


def measure_statement(rounds: int) -> float:
    """Seconds of the statement of a year, its queries answered and added up."""
    world = make_world(YEAR_SLOTS)
    account, first, found = people.address_text("ben"), FIRST_SLOT, []

    def ask() -> None:
        parts = [certificates.Sums()]
        for start in range(first, first + YEAR_SLOTS, SLOTS_PER_QUERY):
            last = min(start + SLOTS_PER_QUERY, first + YEAR_SLOTS) - 1
            request = query_pb2.QueryStatementRequest(
                account=account, first_slot=start, last_slot=last
            )
            content = app.query(world.store, world.block_info, _PATH, request.SerializeToString())
            sums = query_pb2.QueryStatementResponse.FromString(content).sums
            parts.append(
                certificates.Sums(*(getattr(sums, name) for name in certificates.Sums._fields))
            )
        found.append(certificates.add_up(parts))

    seconds = measure_call(ask, rounds)
    if found[0].slots != YEAR_SLOTS:
        raise RuntimeError(f"the statement has {found[0].slots} of {YEAR_SLOTS} slots")
    return seconds


def make_world(slots: int) -> World:
    """A chain that has settled as many slots, in each of which Anna has made what Ben used."""
    world = World()
    state, anna, ben = State(world.store), people.wallet("anna"), people.wallet("ben")
    params = PARAMS.get(state)
    params.claim_slots, params.entries_per_message_max = slots, ENTRIES
    PARAMS.set(state, params)
    for slot in range(FIRST_SLOT, FIRST_SLOT + slots):
        carbon_slot = carbon_pb2.CarbonSlot(
            factor=_FACTOR, peak_g_per_mwh=420_000, issued_wh=500, exact_import_wh=400, use_wh=400
        )
        CARBON_SLOTS.set(state, (slot, 0), carbon_slot)
        LINES.set(
            state,
            (slot, anna.address),
            Line(export_wh=500, renewable_wh=500, energy_source=ENERGY_SOURCE_SOLAR),
        )
        LINES.set(state, (slot, ben.address), Line(import_wh=400))
    PROGRESS.set(state, Progress(slot=FIRST_SLOT + slots, history_from=FIRST_SLOT))
    world.store.apply(state.store.changes)
    return world


if __name__ == "__main__":
    sys.exit(main())
