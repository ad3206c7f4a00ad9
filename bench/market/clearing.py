"""Speed (by processor time) and memory of clearing order books, in plain Python on one core.

Books are random: half bids, half asks, limits in millionths anywhere between two prices, each order
of another owner. The time is that of clearing; making the orders is not part of it. Memory is what
the process has gained at its peak, the orders and the outcome included.
"""

import argparse
import json
import multiprocessing
import platform
import random
import resource
import time
from collections.abc import Callable
from typing import TypeVar

from chain.market.clearing import (
    Book,
    Branch,
    Network,
    NodeOrders,
    Order,
    Pool,
    clear_auction,
    clear_network,
    verify_clearing,
    verify_network_clearing,
)
from chain.market.rules import Curve

CURVE = Curve(80_000, 300_000, 50_000)
ORDERS_PER_NODE = 20
QUANTITY_MAX_WH = 5_000
FEE_MAX = 20_000
SEED = b"the hash of a block"
T = TypeVar("T")


def main() -> None:
    arguments = parse_arguments()
    # Every measurement has a process of its own: what one leaves behind is no cost of the next.
    context = multiprocessing.get_context("spawn")
    rows = []
    for kind in ("auction", "feeder", "feeder, fees"):
        for size in arguments.orders:
            with context.Pool(1) as process:
                rows.append(process.apply(measure, (kind, size, arguments.seed)))
            if not arguments.json:
                print_row(rows[-1], header=len(rows) == 1)
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), "clearings": rows}, indent=2))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [1_000, 10_000, 100_000, 1_000_000]
    parser.add_argument("--orders", type=int, nargs="+", default=sizes)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    return parser.parse_args()


def measure(kind: str, size: int, seed: int) -> dict[str, float | str]:
    """Clears and checks one book; a feeder has a node for every twenty orders."""
    rng = random.Random(seed)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if kind == "auction":
        clearing_s, verifying_s = measure_auction(Book(*make_orders(rng, 0, size), Pool(CURVE)))
    else:
        network = make_network(rng, size, fees=kind == "feeder, fees")
        clearing_s, verifying_s = measure_network(network)
    gained_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    return {
        "kind": kind,
        "orders": size,
        "clearing_ms": round(clearing_s * 1e3, 1),
        "verifying_ms": round(verifying_s * 1e3, 1),
        "us_per_order": round(clearing_s * 1e6 / size, 2),
        "memory_mib": round(gained_kib / 1024, 1),
    }


def measure_auction(book: Book) -> tuple[float, float]:
    """Seconds of clearing one book and of verifying the result."""
    clearing_s, outcome = run_timed(lambda: clear_auction(book, seed=SEED))
    verifying_s, problems = run_timed(lambda: verify_clearing(book, outcome))
    assert not problems, problems
    return clearing_s, verifying_s


def measure_network(network: Network) -> tuple[float, float]:
    """The same for the nodes of a feeder."""
    clearing_s, outcome = run_timed(lambda: clear_network(network, seed=SEED))
    verifying_s, problems = run_timed(lambda: verify_network_clearing(network, outcome))
    assert not problems, problems
    return clearing_s, verifying_s


def run_timed(action: Callable[[], T]) -> tuple[float, T]:
    """Processor time and result."""
    started = time.process_time()
    result = action()
    return time.process_time() - started, result


def make_orders(rng: random.Random, first: int, size: int) -> tuple[list[Order], list[Order]]:
    """Bids and asks, half and half."""
    orders = [
        Order(
            number,
            number.to_bytes(20, "big"),
            rng.randint(CURVE.price_low, CURVE.price_high),
            rng.randint(1, QUANTITY_MAX_WH),
        )
        for number in range(first, first + size)
    ]
    return orders[: size // 2], orders[size // 2 :]


def make_network(rng: random.Random, size: int, *, fees: bool) -> Network:
    """A random tree whose lines are full now and then; with fees, every line has one."""
    nodes = [
        NodeOrders(*make_orders(rng, first, min(ORDERS_PER_NODE, size - first)))
        for first in range(0, size, ORDERS_PER_NODE)
    ]
    lines = []
    for end in range(1, len(nodes)):
        start, forward_wh = rng.randrange(end), make_capacity(rng)
        backward_wh = make_capacity(rng) if fees else forward_wh
        fee = rng.randint(1, FEE_MAX) if fees else 0
        lines.append(Branch(start, end, forward_wh, backward_wh, fee))
    return Network(nodes, lines, Pool(CURVE))


def make_capacity(rng: random.Random) -> int:
    return rng.randint(1, 4 * ORDERS_PER_NODE) * QUANTITY_MAX_WH // 20


def print_row(row: dict[str, float | str], *, header: bool) -> None:
    if header:
        print("".join(f"{name:>14}" for name in row))
    print("".join(f"{value:>14}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
