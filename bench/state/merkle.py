"""Speed (by processor time) and memory of the sparse Merkle tree; JSON on standard output."""

import argparse
import json
import platform
import random
import time
from collections.abc import Mapping, Sequence

from bench.results.report import read_memory_kb
from chain.runtime.trees.merkle import SparseMerkleTree

KEY_BYTES = 30
VALUE_BYTES = 60
Changes = Mapping[bytes, bytes | None]


def main() -> None:
    arguments = parse_arguments()
    report = {
        "python": platform.python_version(),
        "batch": arguments.batch,
        "key_bytes": KEY_BYTES,
        "value_bytes": VALUE_BYTES,
        "trees": [measure_tree(leaves, arguments) for leaves in arguments.leaves],
    }
    print(json.dumps(report, indent=2))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leaves", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--batch", type=int, default=2_000, help="changes in one update")
    parser.add_argument("--rounds", type=int, default=50, help="updates to measure")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def measure_tree(leaves: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Load a tree, then replace, add and delete random leaves in batches."""
    rng = random.Random(arguments.seed)
    before_bytes = read_resident_bytes()
    tree = SparseMerkleTree()
    started = time.process_time()
    tree.load((make_key(number), make_value(rng)) for number in range(leaves))
    load_s = time.process_time() - started
    resident_bytes = read_resident_bytes() - before_bytes
    batch = min(arguments.batch, leaves)
    replaced = [
        {make_key(number): make_value(rng) for number in rng.sample(range(leaves), batch)}
        for _ in range(arguments.rounds)
    ]
    added = [
        {make_key(leaves + turn * batch + i): make_value(rng) for i in range(batch)}
        for turn in range(arguments.rounds)
    ]
    deleted: list[Changes] = [dict.fromkeys(changes) for changes in added]
    return {
        "leaves": leaves,
        "load_s": round(load_s, 3),
        "resident_mib": round(resident_bytes / 2**20, 1),
        "replacements_per_s": measure_updates(tree, replaced),
        "insertions_per_s": measure_updates(tree, added),
        "deletions_per_s": measure_updates(tree, deleted),
        "single_replacement_us": measure_single(tree, rng, leaves, arguments.rounds * 20),
    }


def measure_updates(tree: SparseMerkleTree, batches: Sequence[Changes]) -> int:
    """Changes per second of processor time over all batches."""
    started = time.process_time()
    for changes in batches:
        tree.update(changes)
    return round(sum(map(len, batches)) / (time.process_time() - started))


def measure_single(tree: SparseMerkleTree, rng: random.Random, leaves: int, rounds: int) -> float:
    """Microseconds of an update of one leaf."""
    changes = [{make_key(rng.randrange(leaves)): make_value(rng)} for _ in range(rounds)]
    return round(1e6 / measure_updates(tree, changes), 1)


def make_key(number: int) -> bytes:
    return number.to_bytes(KEY_BYTES, "big")


def make_value(rng: random.Random) -> bytes:
    return rng.randbytes(VALUE_BYTES)


def read_resident_bytes() -> int:
    """The resident memory of this process (Linux)."""
    return read_memory_kb("VmRSS") * 1024


if __name__ == "__main__":
    main()
