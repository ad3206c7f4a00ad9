"""Runs the blocks of a seed and prints, line by line, everything that nodes have to agree on.

Started as a program of its own, so that each run has its own hash seed and its own interpreter.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

from google.protobuf import json_format

from chain import app
from chain.runtime.context import CosmosEvent, Event
from chain.runtime.trees.multistore import Multistore
from tests.support.simulated.simulation import Simulation


def main() -> None:
    """Arguments: seed and number of blocks."""
    seed, blocks = int(sys.argv[1]), int(sys.argv[2])
    multistore = Multistore(module.name for module in app.MODULES)
    simulation = Simulation(seed, lambda result: _print_block(multistore, result))
    genesis = multistore.update(app.KEYSPACE.split_by_module(dict(simulation.world.store.data)))
    _print({"app_hash": genesis.hex(), "genesis": simulation.world.genesis})
    simulation.run(blocks)


def _print_block(multistore: Multistore, result: app.BlockResult) -> None:
    app_hash = multistore.update(app.KEYSPACE.split_by_module(result.changes))
    results = [
        {
            "code": tx.code,
            "codespace": tx.codespace,
            "log": tx.log,
            "data": tx.data.hex(),
            "gas": [tx.gas_wanted, tx.gas_used],
            "events": _describe(tx.events),
        }
        for tx in result.tx_results
    ]
    # The changes in the order in which they were made, not only their outcome.
    changes = [[key.hex(), value and value.hex()] for key, value in result.changes.items()]
    _print(
        {
            "app_hash": app_hash.hex(),
            "results": results,
            "events": _describe(result.events),
            "changes": changes,
        }
    )


def _describe(events: Iterable[Event]) -> list[Any]:
    return [
        [event.type, event.attributes]
        if isinstance(event, CosmosEvent)
        else [event.DESCRIPTOR.full_name, json_format.MessageToDict(event)]
        for event in events
    ]


def _print(entry: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(entry, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
