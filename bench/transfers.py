"""Measures how many transfers per second one node commits, beside CometBFT's own kvstore.

Both nodes have one validator and the same CometBFT settings and take turns, so that what else the
machine does hits both; the ratio is the median of the rounds. The same client sends signed bank
transfers to the one and sets of 210 bytes to the other. A round counts only if every transaction
has succeeded and, for transfers, if afterwards every invariant holds, every account has sent what
it was made to send, and the supply is that of genesis.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.networks.nodes import (
    CHAIN_ID,
    Node,
    load_settings,
    read_genesis,
    run_application,
    run_blockenergy,
    run_kvstore,
)
from bench.results.report import describe_machine
from bench.sending.at_full_speed import Throughput, count_codes, measure_throughput
from bench.sending.transactions import (
    make_genesis_accounts,
    make_keys,
    make_our_transfers,
    make_sets,
)
from client.signing.keys import AccountKey
from node_config.preset import Preset

KVSTORE, BLOCKENERGY = "CometBFT kvstore", "BlockEnergy"


@dataclass(frozen=True)
class Run:
    """One measurement of one node."""

    name: str
    tx_bytes: int
    throughput: Throughput
    # Processor time per transaction of each process, in microseconds.
    cpu_us: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        done = self.throughput
        return {
            "node": self.name,
            "tx_bytes": self.tx_bytes,
            "transactions": done.committed,
            "seconds": round(done.seconds, 3),
            "per_second": round(done.per_second, 1),
            "blocks": sum(map(bool, done.blocks.values())),
            "largest_block": max(done.blocks.values()),
            "cpu_us_per_transaction": {k: round(v, 1) for k, v in self.cpu_us.items()},
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = parse_arguments(arguments)
    preset = load_settings()
    keys = make_keys(options.accounts)
    runs: list[Run] = []
    try:
        for number in range(1, options.rounds + 1):
            for measure in (measure_kvstore, measure_blockenergy):
                with tempfile.TemporaryDirectory(prefix="bench-") as folder:
                    runs.append(measure(Path(folder), preset, keys, options))
                    print(f"round {number}: {describe(runs[-1])}", flush=True)
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    report = make_report(runs, options)
    print_table(report)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, each with a limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfers", description=__doc__)
    # Enough that the beginning, when nothing is in any queue yet, is a small part of a round.
    parser.add_argument("--transactions", type=int, default=100_000, help="per round and node")
    parser.add_argument("--accounts", type=int, default=1_000, help="that send in turn")
    parser.add_argument("--rounds", type=int, default=3, help="of both nodes")
    parser.add_argument("--seconds", type=float, default=120.0, help="limit of one measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    options = parser.parse_args(arguments)
    if not 1 <= options.transactions <= 200_000:
        parser.error("--transactions: 1 to 200000, what the mempool takes")
    if not 2 <= options.accounts <= 1_000_000 or options.rounds < 1:
        parser.error("--accounts: 2 to 1000000; --rounds: at least 1")
    return options


def measure_kvstore(
    home: Path, preset: Preset, keys: Sequence[AccountKey], options: argparse.Namespace
) -> Run:
    """One round of CometBFT's kvstore."""
    sets = make_sets(options.transactions)
    with run_kvstore(home, preset) as node:
        return measure(KVSTORE, node, sets, options.seconds)


def measure_blockenergy(
    home: Path, preset: Preset, keys: Sequence[AccountKey], options: argparse.Namespace
) -> Run:
    """One round of BlockEnergy."""
    with run_blockenergy(home, preset, make_genesis_accounts(keys)) as node:
        genesis = read_genesis(node)
        transfers = make_our_transfers(genesis, keys, CHAIN_ID, options.transactions)
        run = measure(BLOCKENERGY, node, transfers, options.seconds)
    require_conserved(node, genesis, options.transactions)
    return run


def measure(name: str, node: Node, streams: Sequence[Sequence[bytes]], deadline_s: float) -> Run:
    """Sends everything to a node, and makes sure that all of it succeeded."""
    before, client_before = node.read_cpu_s(), time.process_time()
    done = measure_throughput([node.files.rpc_url], streams, deadline_s)
    after, client_after = node.read_cpu_s(), time.process_time()
    cpu_s = {process: after[process] - before[process] for process in after}
    cpu_s["client"] = client_after - client_before
    codes = count_codes(node.files.rpc_url, [height for height, txs in done.blocks.items() if txs])
    if codes != {0: done.sent}:
        raise RuntimeError(f"{name}: transactions by result code: {codes}")
    return Run(
        name,
        max(map(len, streams[0])),
        done,
        {process: seconds / done.sent * 1e6 for process, seconds in cpu_s.items()},
    )


def require_conserved(node: Node, genesis: Any, transfers: int) -> None:
    """Raises RuntimeError unless the node, which has been stopped, has kept its promises."""
    run_application(node, "check")
    state = json.loads(run_application(node, "export"))["app_state"]
    if state["bank"]["denoms"] != genesis["bank"]["denoms"]:
        raise RuntimeError("the supply has changed")
    sent = sum(int(entry["value"].get("sequence", 0)) for entry in state["auth"]["accounts"])
    if sent != transfers:
        raise RuntimeError(f"the accounts have sent {sent} transfers, not {transfers}")


def make_report(runs: Sequence[Run], options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is known of the measurement."""
    by_name = {name: [run for run in runs if run.name == name] for name in (KVSTORE, BLOCKENERGY)}
    speeds = {name: [run.throughput.per_second for run in by_name[name]] for name in by_name}
    ratios = [ours / base for base, ours in zip(*speeds.values(), strict=True)]
    return {
        "machine": describe_machine(),
        "accounts": options.accounts,
        "median_per_second": {name: round(median(speeds[name]), 1) for name in speeds},
        "ratios": [round(ratio, 3) for ratio in ratios],
        "ratio": round(median(ratios), 3),
        "runs": [run.as_dict() for run in runs],
    }


def describe(run: Run) -> str:
    """One line about one measurement."""
    entry = run.as_dict()
    cpu = ", ".join(f"{name} {us:.0f}" for name, us in run.cpu_us.items())
    return (
        f"{run.name:<17} {entry['per_second']:>9,.0f}/s   {entry['blocks']} blocks of up to "
        f"{entry['largest_block']:,}; processor us per transaction: {cpu}"
    )


def print_table(report: dict[str, Any]) -> None:
    """The outcome for people."""
    machine = report["machine"]
    print(f"\n{machine['processor']}, {machine['cores']} cores, Python {machine['python']}")
    print(f"{'committed per second, one validator':<37}{'median':>8}   by round")
    for name, speed in report["median_per_second"].items():
        runs = [run for run in report["runs"] if run["node"] == name]
        rounds = "  ".join(f"{run['per_second']:>8,.0f}" for run in runs)
        what = "set" if name == KVSTORE else "transfer"
        print(f"{name:<17} {what:<8} {runs[0]['tx_bytes']:>4} B    {speed:>8,.0f}   {rounds}")
    ratios = "  ".join(f"{ratio:>8.2f}" for ratio in report["ratios"])
    print(f"{'ratio':<36} {report['ratio']:>8.2f}   {ratios}")


if __name__ == "__main__":
    sys.exit(main())
