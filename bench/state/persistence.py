"""Measures what reading and committing state costs.

Run `python -m bench.state.persistence`. Prints microseconds for each read or written key.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from abci_app.protocol.server import SWITCH_INTERVAL_S
from abci_app.storage.persistence import Database

KEYS = 100_000
KEYS_PER_COMMIT = 2_000
# As few as the slowest case can read in a few seconds.
KEYS_BESIDE_BUSY_THREAD = 500
SINGLE_COMMITS = 300


def main() -> None:
    """Fills a database and reads it in several ways."""
    choose = random.Random(1)
    keys = [choose.randbytes(32) for _ in range(KEYS)]
    with tempfile.TemporaryDirectory() as folder:
        with Database.open(folder, create=True) as database:
            report("commit, 2,000 keys at a time", KEYS, lambda: fill(database, keys))
        choose.shuffle(keys)
        with Database.open(folder) as database:
            report("get, first time", KEYS, lambda: read(database, keys))
            report("get, again: from the cache", KEYS, lambda: read(database, keys))
            report("items", KEYS, lambda: list(database.items()))
            report("commit of one key", SINGLE_COMMITS, lambda: commit_singly(database))
        for interval_s in (0.005, SWITCH_INTERVAL_S):
            with Database.open(folder) as database:
                read_beside_busy_thread(database, keys[:KEYS_BESIDE_BUSY_THREAD], interval_s)


def fill(database: Database, keys: list[bytes]) -> None:
    for position in range(0, len(keys), KEYS_PER_COMMIT):
        changes = {key: key * 3 for key in keys[position : position + KEYS_PER_COMMIT]}
        database.commit(changes, position + 1, bytes(32))


def read(database: Database, keys: list[bytes]) -> None:
    for key in keys:
        database.get(key)


def commit_singly(database: Database) -> None:
    for height in range(KEYS, KEYS + SINGLE_COMMITS):
        database.commit({b"key": b"value"}, height, bytes(32))


def read_beside_busy_thread(database: Database, keys: list[bytes], interval_s: float) -> None:
    """Reads while another thread computes, with one of Python's switch intervals."""
    done = threading.Event()

    def compute() -> None:
        number = 0
        while not done.is_set():
            number += 1

    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(interval_s)
    busy = threading.Thread(target=compute)
    busy.start()
    name = f"get beside a busy thread, switching every {interval_s * 1000:g} ms"
    report(name, len(keys), lambda: read(database, keys))
    done.set()
    busy.join()
    sys.setswitchinterval(usual_s)


def report(name: str, count: int, work: Callable[[], object]) -> None:
    start_s = time.perf_counter()
    work()
    print(f"{name:56} {(time.perf_counter() - start_s) / count * 1e6:10.2f} us")


if __name__ == "__main__":
    main()
