"""Gas: the processor time of each kind of message beside the gas that it takes.

    python -m bench gas

Each vector that succeeds (tests/vectors) is executed as a block of its own, from the decoding and
its signature to the trees, and a block without its transaction is subtracted.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.results.report import finish, make_parser
from chain import app
from chain.ruleset import Ruleset
from chain.runtime.trees.multistore import Multistore
from tests.support import vectors
from tests.support.vectors import Vector
from tests.support.world import World

RULES = Ruleset(app.MODULES)


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="of which the median counts")
    options = parser.parse_args()
    return finish(lambda: measure(options.rounds), options.json)


def measure(rounds: int = 60) -> dict[str, Any]:
    """By message, the vector that takes the longest."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for vector in vectors.load_all():
        if "message" in vector.content and "rejected" not in vector.content:
            name, result = vector["message"]["@type"][1:], measure_vector(vector, rounds)
            if result["us"] > found[name].get("us", 0):
                found[name] = result
    return dict(sorted(found.items()))


def measure_vector(vector: Vector, rounds: int) -> dict[str, Any]:
    """Microseconds of its transaction, its gas, and nanoseconds per unit of gas."""
    world = World(vector.get("pre"))
    raw = vectors.prepare(world, vector)
    trees = Multistore(RULES.keyspace.module_names.values())
    for name, items in RULES.keyspace.split_by_module(world.store.data).items():
        trees.load(name, [(key, value) for key, value in sorted(items.items()) if value])

    def execute(*txs: bytes) -> app.BlockResult:
        result = app.finalize_block(world.store, world.block_info, txs, RULES)
        trees.update(RULES.keyspace.split_by_module(result.changes))
        trees.undo()
        RULES.forget_txs(txs)
        return result

    gas = execute(raw).tx_results[0].gas_used
    us = (measure_call(lambda: execute(raw), rounds) - measure_call(execute, rounds)) * 1e6
    return {
        "vector": vector.name,
        "us": round(us, 1),
        "gas": gas,
        "ns_per_gas": round(us * 1000 / gas, 1),
    }


def measure_call(call: Callable[[], object], rounds: int) -> float:
    """Seconds of processor time of a call, the median of its rounds."""
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        seconds.append(time.process_time() - began)
    return median(seconds)


if __name__ == "__main__":
    sys.exit(main())
