"""Transfers on networks of 1 and 4 validators: committed per second, and the time to finality.

    python -m bench.network --validators 1 4 --rounds 1 --json FILE

BlockEnergy and a node of the Cosmos SDK take turns, with the same CometBFT settings, the same
client and the same signed transfers. Speed is measured with the settings of
`bench.transfers`, the time to finality at a steady rate and with those of the `localnet`
preset. Without an SDK node (`python -m bench.networks.sdk_build`) it goes on with ours alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from bench.networks.nodes import (
    CHAIN_ID,
    LARGE_BLOCKS,
    Node,
    load_settings,
    read_genesis,
    run_validators,
)
from bench.networks.sdk_build import find_sdk_node
from bench.networks.sdk_node import DENOM, encode_address, get_number, run_sdk
from bench.results.report import finish, make_parser
from bench.sending.at_full_speed import count_codes, measure_throughput
from bench.sending.steady import measure_latency
from bench.sending.transactions import (
    make_genesis_accounts,
    make_keys,
    make_our_transfers,
    make_transfers,
)
from bench.transfers import require_conserved
from client.signing.keys import AccountKey

OURS, SDK = "BlockEnergy", "Cosmos SDK"


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--validators", type=int, nargs="+", default=[1, 4], help="of a network")
    parser.add_argument("--transactions", type=int, default=10_000, help="per round and network")
    parser.add_argument("--accounts", type=int, default=1_000, help="that send in turn")
    parser.add_argument("--rounds", type=int, default=1, help="of all networks")
    parser.add_argument("--rate", type=float, default=150.0, help="a second, for finality")
    parser.add_argument("--steady-s", type=float, default=20.0, help="how long at that rate")
    parser.add_argument("--seconds", type=float, default=180.0, help="limit of one measurement")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Every network, in turns."""
    sdk = find_sdk_node()
    if sdk is None:
        print("no Cosmos SDK node to compare with; `make bench-sdk-node` builds one", flush=True)
    keys = make_keys(options.accounts)
    names = [OURS, SDK] if sdk else [OURS]
    runs = []
    for number in range(1, options.rounds + 1):
        for validators in options.validators:
            for name in names:
                for what in (_measure_speed, _measure_finality):
                    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                        run = what(Path(folder), name, sdk, keys, validators, options)
                    runs.append({"node": name, "validators": validators, "round": number, **run})
                    print(f"  {json.dumps(runs[-1])}", file=sys.stderr, flush=True)
    return {"networks": runs, "summary": _summarize(runs)}


def _measure_speed(
    home: Path,
    name: str,
    sdk: Path | None,
    keys: Sequence[AccountKey],
    validators: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    with ExitStack() as stack:
        preset = load_settings()
        nodes = _start(stack, home, name, sdk, keys, validators, preset)
        streams = _make_load(nodes, name, keys, validators, options.transactions)
        urls = [node.files.rpc_url for node in nodes]
        before = _read_cpu_s(nodes)
        done = measure_throughput(urls, streams, options.seconds)
        cpu_s = _read_cpu_s(nodes) - before
        heights = [height for height, count in done.blocks.items() if count]
        codes = count_codes(urls[0], heights)
        if codes != {0: done.sent}:
            raise RuntimeError(f"{name}: transactions by result code: {codes}")
        genesis = read_genesis(nodes[0]) if name == OURS else None
    if genesis is not None:
        require_conserved(nodes[0], genesis, options.transactions)
    return {
        "per_second": round(done.per_second, 1),
        "transactions": done.sent,
        "blocks": len(heights),
        "cpu_us_per_transaction": round(cpu_s / done.sent * 1e6, 1),
    }


def _measure_finality(
    home: Path,
    name: str,
    sdk: Path | None,
    keys: Sequence[AccountKey],
    validators: int,
    options: argparse.Namespace,
) -> dict[str, Any]:
    with ExitStack() as stack:
        nodes = _start(stack, home, name, sdk, keys, validators, load_settings({}))
        count = int(options.rate * options.steady_s)
        # One list: the accounts in turn, so that no account has two transactions on their way.
        streams = _make_load(nodes, name, keys, validators, count)
        txs = [tx for group in zip(*streams, strict=True) for tx in group]
        latency = measure_latency([node.files.rpc_url for node in nodes], txs, options.rate)
        return {
            "rate_per_s": options.rate,
            "finality_p50_s": round(latency.quantile(50), 3),
            "finality_p95_s": round(latency.quantile(95), 3),
            "finality_max_s": round(max(latency.seconds), 3),
            "finality_blocks": latency.blocks,
        }


def _start(
    stack: ExitStack,
    home: Path,
    name: str,
    sdk: Path | None,
    keys: Sequence[AccountKey],
    validators: int,
    preset: Any,
) -> list[Node]:
    if name == OURS:
        accounts = make_genesis_accounts(keys)
        return stack.enter_context(run_validators(home, preset, accounts, validators, LARGE_BLOCKS))
    assert sdk is not None
    return stack.enter_context(run_sdk(home, sdk, preset, keys, validators))


def _make_load(
    nodes: Sequence[Node], name: str, keys: Sequence[AccountKey], validators: int, count: int
) -> list[list[bytes]]:
    if name == SDK:
        numbers = {key.address: get_number(at, validators) for at, key in enumerate(keys)}
        return make_transfers(keys, numbers, DENOM, CHAIN_ID, count, encode_address)
    return make_our_transfers(read_genesis(nodes[0]), keys, CHAIN_ID, count)


def _read_cpu_s(nodes: Sequence[Node]) -> float:
    return sum(sum(node.read_cpu_s().values()) for node in nodes)


def _summarize(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians of the rounds, and their ratio to the peer's."""
    rows = []
    for validators in dict.fromkeys(run["validators"] for run in runs):
        values: dict[tuple[str, str], float] = {}
        for name in dict.fromkeys(run["node"] for run in runs):
            for figure in ("per_second", "finality_p50_s", "finality_p95_s"):
                found = [
                    run[figure]
                    for run in runs
                    if figure in run and (run["node"], run["validators"]) == (name, validators)
                ]
                values[name, figure] = median(found)
        for (name, figure), value in values.items():
            row = {"validators": validators, "node": name, "figure": figure, "median": value}
            if name == OURS and (SDK, figure) in values:
                row["ratio_to_sdk"] = round(value / values[SDK, figure], 3)
            rows.append(row)
    return rows


if __name__ == "__main__":
    sys.exit(main())
