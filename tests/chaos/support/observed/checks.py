"""What must hold after every fault, asked of the nodes and then of their disks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from client.node.rpc import Rpc
from client.signing.tx import compute_hash
from node_config.localnet.layout import Layout
from node_config.localnet.network import Network
from node_config.localnet.process import make_environment
from tests.chaos.support.observed.figures import note
from tests.chaos.support.observed.history import Place, check_invariants
from tests.chaos.support.rpc import connect, get_heights
from tests.chaos.support.traffic.energy import (
    Household,
    require_all_energy_settled,
    require_recorded,
)
from tests.chaos.support.traffic.load import DENOM, Load

DEADLINE_S = 60.0
# What CometBFT gives at once.
HEADERS_MAX = 20


def require_consistent(network: Network, load: Load, household: Household) -> None:
    """All nodes tell one story, and it is the one that the clients have seen."""
    with connect(network.rpc_urls[0]) as rpc:
        require_recorded(network, rpc, household)
        height = max(get_heights(network).values()) + 1
        network.wait_for_height(height, DEADLINE_S)
        require_equal_blocks(network, height)
        committed = get_committed(rpc, height)
    history = load.history
    reported = history.get_committed()
    assert reported, "no payment was committed"
    problems = check_invariants(history, committed)
    assert not problems, "\n".join(problems[:10])
    lost = [one for one in household.ordered if committed[one[0]].height != one[1]]
    assert not lost, f"orders that were reported committed are missing: {lost}"
    note(
        f"    {height} blocks; {len(reported)} payments and {len(household.ordered)} orders "
        f"reported, {len(history.reads)} balances read, {len(household.acknowledged)} meter "
        "readings acknowledged"
    )


def require_equal_blocks(network: Network, height: int) -> None:
    """No two nodes have different blocks or app hashes at any height."""
    stories = []
    for url in network.rpc_urls:
        with connect(url) as rpc:
            stories.append(get_headers(rpc, height))
    for others in zip(*stories, strict=True):
        assert len(set(others)) == 1, f"the nodes differ: {set(others)}"


def get_headers(rpc: Rpc, height: int) -> list[tuple[str, str, str]]:
    """Height, hash and app hash of every block up to a height."""
    headers = []
    for first in range(1, height + 1, HEADERS_MAX):
        last = min(first + HEADERS_MAX - 1, height)
        answer = rpc.call("blockchain", {"minHeight": str(first), "maxHeight": str(last)})
        for meta in reversed(answer["block_metas"]):
            header = meta["header"]
            headers.append((header["height"], meta["block_id"]["hash"], header["app_hash"]))
    assert [header[0] for header in headers] == [str(each) for each in range(1, height + 1)]
    return headers


def get_committed(rpc: Rpc, height: int) -> dict[bytes, Place]:
    """Where every transaction stands that has had an effect.

    Blocks are asked, not the index of transactions, of which CometBFT may lose entries when it is
    killed.
    """
    committed: dict[bytes, Place] = {}
    for at in range(1, height + 1):
        txs = rpc.block(at).txs
        if not txs:
            continue
        for index, (raw, result) in enumerate(
            zip(txs, rpc.block_results(at).tx_results, strict=True)
        ):
            if result.code == 0:
                assert compute_hash(raw) not in committed, f"a transaction twice, again at {at}"
                committed[compute_hash(raw)] = Place(at, index)
    return committed


def require_sound_states(layout: Layout, household: Household) -> None:
    """On every disk all invariants hold, and neither money nor energy was made or lost."""
    supplies = [get_supply(json.loads(layout.nodes[0].genesis.read_text()))]
    for node in layout.nodes:
        run_abci_app("check", node.home)
        document = json.loads(run_abci_app("export", node.home))
        supplies.append(get_supply(document))
        require_all_energy_settled(document, household)
    assert len(set(supplies)) == 1, f"money was made or lost: {supplies}"


def get_supply(document: dict[str, Any]) -> int:
    """The sum of all balances, holds and deposits of a genesis document."""
    bank = document["app_state"]["bank"]
    free = [int(one["value"]) for one in bank["balances"] if one["key"][1] == DENOM]
    held = [one["value"] for one in bank["holds"]]
    deposits = sum(int(one.get("deposit", 0)) for one in held)
    return sum(free) + sum(int(one["amount"]) for one in held if one["denom"] == DENOM) + deposits


def run_abci_app(command: str, home: Path) -> str:
    """What a command of the application prints; fails if it finds anything wrong."""
    done = subprocess.run(
        [sys.executable, "-m", "abci_app", command, "--home", str(home), "--log-level", "error"],
        env=make_environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, f"{command} {home.name}: {done.stdout[-500:]} {done.stderr[-500:]}"
    return done.stdout
