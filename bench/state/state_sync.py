"""What state sync costs at many accounts: writing a snapshot beside a node, and joining from it.

    python -m bench.state.state_sync --accounts 100000 1000000 --json FILE

Both are driven without CometBFT, so nothing waits for a network. Each runs in a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tendermint.abci import types_pb2 as abci

from abci_app.query_budget import BlocksFirst
from abci_app.statesync.sync import SNAPSHOTS_FOLDER, StateSync
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from bench.networks.engine import read_disk_bytes, read_peak_mib
from bench.results.report import call_in_process, finish, make_parser
from bench.sending import population

_MIB = 1 << 20


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[100_000])
    options = parser.parse_args()
    return finish(lambda: {"state_sync": list(map(measure, options.accounts))}, options.json)


def measure(size: int) -> dict[str, Any]:
    """One size."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        provider, joined = Path(name) / "provider", Path(name) / "joined"
        for home in (provider, joined):
            (home / "config").mkdir(parents=True)
            genesis = json.dumps({"chain_id": population.CHAIN_ID})
            (home / "config" / "genesis.json").write_text(genesis)
        call_in_process(create, provider / "state", size)
        made = call_in_process(make_snapshot, provider)
        return {"accounts": size, **made, **call_in_process(join, joined, provider)}


def create(folder: Path, size: int) -> None:
    """Writes the chain."""
    population.create(folder, size, metered=False)


def make_snapshot(home: Path) -> dict[str, Any]:
    """Writes a snapshot of the state in a home."""
    with Database.open(home / "state") as database:
        state = NodeState(database)
        sync = StateSync(state, home, interval=state.committed.height)
        began_s, cpu_s = time.monotonic(), time.process_time()
        sync.note_commit(BlocksFirst())
        sync.maker.wait()
        return {
            "made_s": round(time.monotonic() - began_s, 1),
            "made_cpu_s": round(time.process_time() - cpu_s, 1),
            "snapshot_mib": round(read_disk_bytes(home / SNAPSHOTS_FOLDER) / _MIB),
        }


def join(home: Path, provider: Path) -> dict[str, Any]:
    """Restores the snapshot of one home in another. Raises RuntimeError if that fails."""
    with Database.open(provider / "state") as database:
        state = NodeState(database)
        app_hash = state.committed.app_hash
        source = StateSync(state, provider).maker
        before_mib = read_peak_mib()
    snapshot = source.get_offered()[0]
    with Database.open(home / "state", create=True) as database:
        restore = StateSync(NodeState(database), home).restore
        began_s, longest_s = _now(), 0.0
        restore.offer(snapshot, app_hash)
        for number in range(snapshot.chunks):
            chunk, chunk_began_s = source.load(snapshot.height, snapshot.format, number), _now()
            answer = restore.apply(number, chunk, "provider")
            if answer.result != abci.ResponseApplySnapshotChunk.Result.ACCEPT:
                raise RuntimeError(f"chunk {number}: {answer}")
            longest_s = max(longest_s, _now() - chunk_began_s)
        return {
            "joined_s": round(_now() - began_s, 1),
            "longest_chunk_s": round(longest_s, 1),
            "peak_mib": read_peak_mib(),
            "peak_mib_before": before_mib,
        }


def _now() -> float:
    return time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
