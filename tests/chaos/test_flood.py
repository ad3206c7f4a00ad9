"""Floods of transactions, wrong ones and good ones, do not keep out those of everybody else."""

from __future__ import annotations

import json
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.networks.engine import read_own_mib
from bench.sending.floods import make_target, run_flood
from bench.sending.transactions import make_genesis_accounts, make_keys
from client.signing.tx import compute_hash
from node_config.localnet.network import Network
from tests.chaos.support.observed.figures import note
from tests.chaos.support.rpc import connect, in_background, wait_until
from tests.chaos.support.traffic.flood import Flood
from tests.chaos.support.trial import DEADLINE_S, trial

pytestmark = pytest.mark.crash

SENT_MIN, PAYMENTS = 30_000, 30
SENDERS = 40
# By how much an application may grow, whatever it is sent.
GROWTH_MAX_MIB = 64
# What waits at a node may be what clients have just sent, and nothing else.
WAITING_MAX = 100


def test_a_flood_of_invalid_transactions(tmp_path: Path, chance: random.Random) -> None:
    with trial(tmp_path, chance) as run, ExitStack() as stack:
        key = run.load.idle_key
        floods = [Flood(url, key, random.Random(chance.random())) for url in run.network.rpc_urls]
        began_s = time.monotonic()
        before = read_sizes_mib(run.network)
        with in_background([flood.run for flood in floods]):
            run.work(PAYMENTS)
            while sum(len(flood.sent) for flood in floods) < SENT_MIN:
                run.go_on(1)
            seconds = time.monotonic() - began_s
            for url in run.network.rpc_urls:
                rpc = stack.enter_context(connect(url))
                assert int(rpc.call("num_unconfirmed_txs", {})["total"]) < WAITING_MAX
            require_grown_little(run.network, before)
        sent = set().union(*(flood.sent for flood in floods))
        run.resume(lambda: None, "a flood")
        with connect(run.network.rpc_urls[0]) as rpc:
            height = rpc.status().latest_height
            blocks = [rpc.block(at) for at in range(1, height + 1)]
        assert not sent & {compute_hash(raw) for block in blocks for raw in block.txs}
        note(f"{len(sent)} invalid transactions in {seconds:.1f} s, {len(blocks)} blocks")


def test_a_flood_of_valid_transactions(tmp_path: Path, chance: random.Random) -> None:
    """Funded accounts send as fast as they can; payments and readings go on beside them."""
    others = make_genesis_accounts(make_keys(SENDERS))
    with trial(tmp_path, chance, others=others) as run:
        network = run.network
        document = json.loads(network.layout.nodes[0].genesis.read_text())
        target = make_target(network.rpc_urls, document["chain_id"], document["app_state"])
        before = read_sizes_mib(network)
        ready = threading.Event()
        with in_background(
            [lambda stopping: run_flood("valid", target, SENDERS, 0, ready, stopping)]
        ):
            wait_until(ready.is_set, DEADLINE_S, "the flood to begin")
            run.work(PAYMENTS)
            require_grown_little(network, before)


def read_sizes_mib(network: Network) -> dict[str, float]:
    """Memory of each node's application."""
    names = [node.name for node in network.layout.nodes]
    return {name: read_own_mib(network.get_pid(name, "app")) for name in names}


def require_grown_little(network: Network, before: dict[str, float]) -> None:
    sizes = read_sizes_mib(network)
    growth = {name: size - before[name] for name, size in sizes.items()}
    note(f"applications have grown by {max(growth.values()):.0f} MiB at most")
    assert max(growth.values()) <= GROWTH_MAX_MIB
