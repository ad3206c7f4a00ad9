"""Carbon: the processor time of a retirement of 100 entries, and of a year of one home's statement.

    python -m bench carbon

The retirement is a block with one transaction, from its decoding and signature to the trees, less a
block without it. The statement is asked for in as many queries as it takes, and added up, as
`blockenergy carbon statement` does. The state is in memory.
"""

from __future__ import annotations

import sys
from typing import Any

from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.certificates.v1 import query_pb2, state_pb2, tx_pb2
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.settlement.v1.state_pb2 import Line, Progress

from bench.gas import RULES, measure_call
from bench.results.report import finish, make_parser
from chain import app, certificates
from chain.carbon.state import CARBON_SLOTS
from chain.certificates.state import PARAMS
from chain.runtime.trees.multistore import Multistore
from chain.settlement.state import LINES, PROGRESS
from tests.support.streets import people
from tests.support.world import FIRST_SLOT, State, World

ENTRIES = 100
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
    """Both figures."""
    return {
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

    return measure_call(lambda: execute(raw), rounds) - measure_call(execute, rounds)


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
