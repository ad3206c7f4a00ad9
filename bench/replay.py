"""Replay: how fast a node that has lost its state makes it again from its blocks.

    python -m bench.replay --transactions 20000 --json FILE

One node commits transfers, is stopped, and loses the application's state; started again, CometBFT
hands it every block from the first on. CometBFT's kvstore, which keeps its state in memory, does
the same with as many sets. The time runs from the start of the processes until the node serves
the height that it had. Also: what the blocks take on disk.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.networks.engine import read_disk_bytes
from bench.networks.nodes import (
    CHAIN_ID,
    Node,
    load_settings,
    read_genesis,
    run_blockenergy,
    run_kvstore,
    running,
)
from bench.results.report import finish, make_parser
from bench.sending.at_full_speed import measure_throughput
from bench.sending.transactions import (
    make_genesis_accounts,
    make_keys,
    make_our_transfers,
    make_sets,
)

ACCOUNTS = 1_000
DEADLINE_S = 180.0
APP_DATA = "app-data"


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--transactions", type=int, default=20_000)
    options = parser.parse_args()
    return finish(lambda: measure(options.transactions), options.json)


def measure(transactions: int = 20_000) -> dict[str, Any]:
    """Both nodes, one after the other."""
    ours = _measure_one(_run_ours, transactions)
    kvstore = _measure_one(_run_kvstore, transactions)
    ratio = ours["transactions_per_s"] / kvstore["transactions_per_s"]
    return {"BlockEnergy": ours, "CometBFT kvstore": kvstore, "ratio": round(ratio, 3)}


def _measure_one(
    run: Callable[[Path, int], Iterator[tuple[Node, Sequence[Sequence[bytes]]]]], transactions: int
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        with contextmanager(run)(Path(folder), transactions) as (node, streams):
            data = node.files.home
            before_bytes = read_disk_bytes(data / "data")
            done = measure_throughput([node.files.rpc_url], streams, DEADLINE_S)
        # CometBFT has written everything when it has ended.
        grown_bytes = read_disk_bytes(data / "data") - before_bytes
        app_bytes = read_disk_bytes(data / APP_DATA) if (data / APP_DATA).exists() else 0
        shutil.rmtree(data / APP_DATA, ignore_errors=True)
        began_s = time.monotonic()
        with running([node], max(done.blocks)):
            seconds = time.monotonic() - began_s
            cpu_s = sum(node.read_cpu_s().values())
    blocks = [count for count in done.blocks.values() if count]
    return {
        "transactions": transactions,
        "blocks": len(blocks),
        "seconds": round(seconds, 2),
        "transactions_per_s": round(transactions / seconds, 1),
        "cpu_us_per_transaction": round(cpu_s / transactions * 1e6, 1),
        "cometbft_disk_bytes_per_transaction": round(grown_bytes / transactions),
        "cometbft_disk_bytes_per_block": round(grown_bytes / len(blocks)),
        "application_disk_bytes": app_bytes,
    }


def _run_ours(home: Path, count: int) -> Iterator[tuple[Node, Sequence[Sequence[bytes]]]]:
    preset, keys = load_settings(), make_keys(ACCOUNTS)
    with run_blockenergy(home, preset, make_genesis_accounts(keys)) as node:
        yield node, make_our_transfers(read_genesis(node), keys, CHAIN_ID, count)


def _run_kvstore(home: Path, count: int) -> Iterator[tuple[Node, Sequence[Sequence[bytes]]]]:
    with run_kvstore(home, load_settings()) as node:
        yield node, make_sets(count)


if __name__ == "__main__":
    sys.exit(main())
