"""A flood of transactions that are all wrong does not keep out those that are right."""

from __future__ import annotations

import random
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from client.tx import compute_hash
from tests.chaos.support.figures import note
from tests.chaos.support.flood import Flood
from tests.chaos.support.rpc import connect, in_background
from tests.chaos.support.trial import trial

pytestmark = pytest.mark.crash

SENT_MIN, PAYMENTS = 30_000, 30
# What waits at a node may be what clients have just sent, and nothing else.
WAITING_MAX = 100


def test_a_flood_of_invalid_transactions(tmp_path: Path, chance: random.Random) -> None:
    with trial(tmp_path, chance) as run, ExitStack() as stack:
        key = run.load.idle_key
        floods = [Flood(url, key, random.Random(chance.random())) for url in run.network.rpc_urls]
        began_s = time.monotonic()
        with in_background([flood.run for flood in floods]):
            run.work(PAYMENTS)
            while sum(len(flood.sent) for flood in floods) < SENT_MIN:
                run.go_on(1)
            seconds = time.monotonic() - began_s
            for url in run.network.rpc_urls:
                rpc = stack.enter_context(connect(url))
                assert int(rpc.call("num_unconfirmed_txs", {})["total"]) < WAITING_MAX
        sent = set().union(*(flood.sent for flood in floods))
        run.resume(lambda: None, "a flood")
        with connect(run.network.rpc_urls[0]) as rpc:
            height = rpc.status().latest_height
            blocks = [rpc.block(at) for at in range(1, height + 1)]
        assert not sent & {compute_hash(raw) for block in blocks for raw in block.txs}
        note(f"{len(sent)} invalid transactions in {seconds:.1f} s, {len(blocks)} blocks")
