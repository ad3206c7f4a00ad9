"""What size costs: transfers, tree updates, start-up, memory and disk at many accounts.

    python -m bench.accounts --accounts 10000 1000000 --json FILE

The same number of signed transfers, from the same number of senders to accounts anywhere, on
chains of different size: what a validator does with them from CheckTx to the synced write of each
block, in processor time. Then leaves of the largest tree are replaced at random, with their write
to disk.

The sizes take turns block by block, each in a process of its own: a machine whose speed changes
would otherwise make one size look dear. Each round begins with fresh copies of the chains.
"""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from bench.networks.engine import Engine, read_disk_bytes, read_peak_mib
from bench.results.report import call_in_process, finish, make_parser
from bench.sending import population
from chain.auth import state as auth_state
from chain.bank import state as bank_state
from chain.runtime.context import BlockInfo, Context
from chain.runtime.encoding import bech32
from chain.runtime.state.store import CacheStore, Reader
from client.cost import compute_cost
from client.signing.tx import sign

SENDERS = 10_000
TXS_PER_SENDER = 2
BLOCK = 2_000
TREE_BATCHES = 25
TREE_BATCH = 2_000


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1, help="how often all of it is done")
    options = parser.parse_args()
    if min(options.accounts) < SENDERS:
        parser.error(f"--accounts: at least {SENDERS}")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    return finish(
        lambda: measure(list(dict.fromkeys(options.accounts)), options.rounds), options.json
    )


def measure(sizes: list[int], rounds: int) -> dict[str, Any]:
    """The measurement for each size. A row is that of the round with the median cost, and has the
    costs of all rounds and the median of their ratios to the first size in the same round.
    """
    taken: dict[int, list[dict[str, Any]]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        for size in sizes:
            call_in_process(create, Path(name) / f"chain-{size}", size)
        for _ in range(rounds):
            for size, row in zip(sizes, take_turns(Path(name), sizes), strict=True):
                taken[size].append(row)
    return {"accounts": [_summarize(taken[size], taken[sizes[0]]) for size in sizes]}


def _summarize(rows: list[dict[str, Any]], first: list[dict[str, Any]]) -> dict[str, Any]:
    costs = [row["us_per_transfer"] for row in rows]
    ratios = [
        round(cost / other["us_per_transfer"], 3) for cost, other in zip(costs, first, strict=True)
    ]
    middle = sorted(rows, key=lambda row: row["us_per_transfer"])[len(rows) // 2]
    return middle | {
        "us_per_transfer_of_rounds": costs,
        "ratios_to_first": ratios,
        "ratio_to_first": median(ratios),
    }


def create(folder: Path, size: int) -> None:
    """Writes the chain."""
    population.create(folder, size, metered=False, signers=SENDERS)


def take_turns(folder: Path, sizes: list[int]) -> list[dict[str, Any]]:
    """One round: all chains execute their first block, then all their second, and so on."""
    spawn = multiprocessing.get_context("spawn")
    turns = []
    for size in sizes:
        copy = folder / f"copy-{size}"
        shutil.copytree(folder / f"chain-{size}", copy)
        turn, other_end = spawn.Pipe()
        spawn.Process(target=run, args=(copy, size, other_end), daemon=True).start()
        other_end.close()
        turn.recv()
        turns.append(turn)
    for _ in range(0, SENDERS * TXS_PER_SENDER, BLOCK):
        for turn in turns:
            _give(turn)
    rows = [_give(turn) for turn in turns]
    for size in sizes:
        shutil.rmtree(folder / f"copy-{size}")
    return rows


def _give(turn: Connection) -> Any:
    """Lets a process go on; returns what it has to say when it has done its part."""
    turn.send(None)
    return turn.recv()


def _await(turn: Connection) -> None:
    """Says that the last part is done, and waits for the turn to come."""
    turn.send(None)
    turn.recv()


def run(folder: Path, size: int, turn: Connection) -> None:
    """Starts on the chain and executes the transfers, a block at each turn; says what it took."""
    disk_bytes = read_disk_bytes(folder)
    began_s = time.monotonic()
    with Engine(folder) as engine:
        start_wall_s = time.monotonic() - began_s
        start_mib = read_peak_mib()
        engine.run_block([], population.GENESIS_TIME_S)
        txs = _make_txs(engine.state.reader, size)
        costs = []
        for first in range(0, len(txs), BLOCK):
            _await(turn)
            costs.append(engine.run_block(txs[first : first + BLOCK], population.GENESIS_TIME_S))
        _await(turn)
        peak_mib = read_peak_mib()
        updates_per_s = _update_tree(engine, size)
    row = {
        "accounts": size,
        "start_cpu_s": round(engine.start_s, 2),
        "start_wall_s": round(start_wall_s, 2),
        "start_mib": round(start_mib),
        "peak_mib": round(peak_mib),
        "memory_bytes_per_account": round(start_mib * 2**20 / size),
        "disk_bytes_per_account": round(disk_bytes / size),
        "us_per_transfer": round(sum(cost.total_s for cost in costs) / len(txs) * 1e6, 1),
        "transfer_us": {
            part: round(sum(getattr(cost, f"{part}_s") for cost in costs) / len(txs) * 1e6, 1)
            for part in ("check", "execute", "commit")
        },
        "tree_updates_per_cpu_s": updates_per_s,
    }
    turn.send(row)


def _make_txs(reader: Reader, size: int) -> list[bytes]:
    """Each sender in turn, to accounts chosen at random."""
    state = Context(CacheStore(reader), BlockInfo("", 0, 0))
    denom = next(key for key, _ in bank_state.DENOMS.items(state))
    params = auth_state.PARAMS.get(state)
    chosen = random.Random(1)
    keys = [population.signer_key(number) for number in range(SENDERS)]
    txs = []
    for sequence in range(TXS_PER_SENDER):
        for key in keys:
            account = auth_state.ACCOUNTS.get(state, bech32.decode(key.address))
            assert account is not None
            target = population.address_of_number(chosen.randrange(size), SENDERS)
            message = MsgSend(
                from_address=key.address,
                to_address=bech32.encode(target),
                amount=[Coin(denom=denom, amount="5")],
            )
            number = account.account_number
            cost = compute_cost(params, [message], key.pub_key)
            txs.append(
                sign(
                    [message],
                    key,
                    population.CHAIN_ID,
                    number,
                    sequence,
                    cost.fee,
                    cost.gas_limit,
                )
            )
    return txs


def _update_tree(engine: Engine, size: int) -> int:
    """Replaced leaves per second of processor time: tree, database and its synced write."""
    state = Context(CacheStore(engine.state.reader), BlockInfo("", 0, 0))
    denom = next(key for key, _ in bank_state.DENOMS.items(state))
    chosen = random.Random(2)
    batches = []
    for _ in range(TREE_BATCHES):
        owners = [
            population.address_of_number(number, SENDERS)
            for number in chosen.sample(range(size), TREE_BATCH)
        ]
        changes: dict[bytes, bytes | None] = {
            bank_state.BALANCES.prefix
            + bank_state.BALANCES.key.encode((owner, denom)): chosen.randbytes(8)
            for owner in owners
        }
        batches.append(changes)
    height = engine.state.committed.height
    began_s = time.process_time()
    for offset, changes in enumerate(batches, start=1):
        block = BlockInfo(population.CHAIN_ID, height + offset, population.GENESIS_TIME_S)
        engine.state.set_pending(block, changes)
        engine.state.commit()
    return round(TREE_BATCHES * TREE_BATCH / (time.process_time() - began_s))


if __name__ == "__main__":
    sys.exit(main())
