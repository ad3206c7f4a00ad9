"""What honest transfers notice of floods, and how much validators grow under them.

    python -m bench.flood --floods valid wrong simulate --seconds 30 --json FILE

Four validators with the settings of the `localnet` preset. The time to finality of transfers at a
steady rate is measured without a flood and under each, on a network of its own each time. A flood
comes over as many connections as there are validators, as fast as they answer:

- valid: signed transactions of 16 transfers from 100 funded accounts; valid-small: of one;
- wrong: transactions of an unregistered account, wrongly signed ones, noise, and 240 kB of
  messages; signature, unregistered, large: each of these alone;
- p2p: the same as wrong, at the last validator alone, which is corrupt: it lets everything in and
  sends it to the others;
- simulate: simulations of 16 messages;
- query: the longest lists that a query gives.

Memory is that of each process, at its peak under the flood, beside its size before; of validators
that are not corrupt. A flood goes on for as long as the honest transfers that are measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.networks.engine import read_own_mib
from bench.networks.nodes import CHAIN_ID, Node, load_settings, read_genesis, run_validators
from bench.results.report import finish, make_parser
from bench.sending.floods import FLOODS, Target, make_target, run_flood
from bench.sending.steady import measure_latency
from bench.sending.transactions import make_genesis_accounts, make_keys, make_our_transfers

VALIDATORS = 4
# A multiple of the nodes that take them, so that each account keeps to one.
HONEST, FLOODING = 24, 100
SAMPLE_S = 0.2
QUIET, P2P = "none", "p2p"


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--floods", nargs="+", choices=FLOODS, default=list(FLOODS))
    parser.add_argument("--rate", type=float, default=10.0, help="honest transfers a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each flood")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Without a flood, then under each."""
    rows = []
    for flood in [QUIET, *options.floods]:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows.append(_measure_one(Path(folder), flood, options))
        rows[-1]["p95_ratio"] = round(rows[-1]["finality_p95_s"] / rows[0]["finality_p95_s"], 2)
        print(f"  {json.dumps(rows[-1])}", file=sys.stderr, flush=True)
    return {"floods": rows}


def _measure_one(home: Path, flood: str, options: argparse.Namespace) -> dict[str, Any]:
    keys = make_keys(HONEST + FLOODING)
    preset = load_settings({})
    accounts, corrupt = make_genesis_accounts(keys), int(flood == P2P)
    with run_validators(home, preset, accounts, VALIDATORS, corrupt=corrupt) as all_nodes:
        nodes = all_nodes[: VALIDATORS - corrupt]
        genesis = read_genesis(nodes[0])
        count = int(options.rate * options.seconds)
        streams = make_our_transfers(genesis, keys[:HONEST], CHAIN_ID, count)
        txs = [tx for group in zip(*streams, strict=True) for tx in group]
        urls = [node.files.rpc_url for node in nodes]
        flooded = [node.files.rpc_url for node in all_nodes[-1:]] if corrupt else urls
        target = make_target(flooded, CHAIN_ID, genesis)
        before = _read_mib(nodes)
        with _flooding(flood, target, FLOODING, HONEST), _sampling(nodes) as peaks:
            latency = measure_latency(urls, txs, options.rate)
    return {
        "flood": flood,
        "finality_p50_s": round(latency.quantile(50), 3),
        "finality_p95_s": round(latency.quantile(95), 3),
        "finality_max_s": round(max(latency.seconds), 3),
        "growth_mib": {
            name: round(max(peaks[at][name] - before[at][name] for at in range(len(nodes))))
            for name in before[0]
        },
    }


@contextmanager
def _flooding(flood: str, target: Target, senders: int, after: int) -> Iterator[None]:
    """Has a process send while the block runs; returns when the flood has begun."""
    if flood == QUIET:
        yield
        return
    spawn = multiprocessing.get_context("spawn")
    ready, stopping = spawn.Event(), spawn.Event()
    process = spawn.Process(
        target=run_flood, args=(flood, target, senders, after, ready, stopping), daemon=True
    )
    process.start()
    ready.wait()
    try:
        yield
    finally:
        stopping.set()
        process.join()


@contextmanager
def _sampling(nodes: Sequence[Node]) -> Iterator[list[dict[str, float]]]:
    """The greatest size of each process while the block runs, in MiB."""
    peaks = _read_mib(nodes)
    stopping = threading.Event()

    def sample() -> None:
        while not stopping.wait(SAMPLE_S):
            for peak, sizes in zip(peaks, _read_mib(nodes), strict=True):
                peak |= {name: max(peak[name], size) for name, size in sizes.items()}

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        stopping.set()
        thread.join()


def _read_mib(nodes: Sequence[Node]) -> list[dict[str, float]]:
    """Memory of each node's processes."""
    return [
        {name: read_own_mib(process.pid) for name, process in node.processes.items()}
        for node in nodes
    ]


if __name__ == "__main__":
    sys.exit(main())
