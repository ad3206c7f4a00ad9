"""The database against processes that are killed, disks that are full, and many readers."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from abci_app.storage.persistence import Database
from tests.node.application.state_writer import HISTORY_HEIGHTS, list_states, make_app_hash

ROOT = Path(__file__).resolve().parents[3]
DEADLINE_S = 60
SEED = 20_260_812


@contextmanager
def run_writer(path: Path, *limits: str) -> Iterator[subprocess.Popen[str]]:
    """A writer in a process of its own, ended at the latest when the test is."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.node.application.state_writer", str(path), *limits],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(DEADLINE_S, writer.kill)
    watchdog.start()
    try:
        with writer:
            yield writer
            writer.kill()
    finally:
        watchdog.cancel()


def require_exact_state(path: Path, promised: int) -> int:
    """The database holds the last promised height, or the one whose promise did not get out, with
    the heights before it as far as they are kept, and nothing of any other. Gives the height.
    """
    with Database.open(path, history_heights=HISTORY_HEIGHTS) as database:
        last = database.last()
        assert last is not None
        height, app_hash = last
        assert height in (promised, promised + 1)
        assert app_hash == make_app_hash(height)
        states = list_states(height)
        assert dict(database.items()) == states[height]
        for past in range(max(1, height - HISTORY_HEIGHTS), height):
            with database.snapshot(past) as snapshot:
                assert snapshot.last() == (past, make_app_hash(past))
                assert dict(snapshot.items()) == states[past]
    return height


def test_a_process_killed_at_any_moment_leaves_what_it_promised(tmp_path: Path) -> None:
    choose = random.Random(SEED)
    height = 0
    for _ in range(12):
        with run_writer(tmp_path) as writer:
            assert writer.stdout is not None
            promised = height
            for _ in range(choose.randint(1, 80)):
                promised = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            # What it promised until the signal reached it counts too.
            for line in writer.stdout.read().splitlines():
                promised = int(line)
        assert promised > height
        height = require_exact_state(tmp_path, promised)


def test_a_full_disk_is_told_in_a_sentence_and_loses_nothing(tmp_path: Path) -> None:
    with run_writer(tmp_path, "300000") as writer:
        output, errors = writer.communicate(timeout=DEADLINE_S)
    promised = int(output.split()[-1])
    assert writer.returncode == 1
    (sentence,) = errors.splitlines()
    assert sentence.startswith(f"Height {promised + 1} cannot be written to {tmp_path}")
    assert require_exact_state(tmp_path, promised) == promised


def test_nothing_is_committed_behind_a_failed_write(tmp_path: Path) -> None:
    program = """
import resource, sys
from abci_app.storage.persistence import Database, DatabaseError
database = Database.open(sys.argv[1], create=True)
database.commit({b"a": b"1"}, 1, b"hash 1")
unlimited = resource.RLIM_INFINITY
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, unlimited))
for limit in (4096, unlimited):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited))
    try:
        database.commit({b"b": b"2" * 100_000}, 2, b"hash 2")
    except DatabaseError as error:
        print(error)
"""
    child = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    first, second = child.stdout.splitlines()
    assert first.startswith("Height 2 cannot be written")
    assert second.startswith("An earlier write")
    with Database.open(tmp_path) as database:
        assert database.last() == (1, b"hash 1")
        assert list(database.items()) == [(b"a", b"1")]


def test_readers_see_whole_heights_while_one_thread_commits(tmp_path: Path) -> None:
    keys = [b"key %d" % number for number in range(50)]
    faults: list[str] = []
    done = threading.Event()

    def read_snapshots(database: Database) -> None:
        while not done.is_set():
            with database.snapshot() as snapshot:
                height = snapshot.last()
                assert height is not None
                found = {snapshot.get(key) for key in keys} | {each for _, each in snapshot.items()}
            if found != {b"%d" % height[0]}:
                faults.append(f"height {height} has {found}")

    def read_values(database: Database) -> None:
        before = dict.fromkeys(keys, 0)
        while not done.is_set():
            for key in keys:
                height = int(database.get(key) or 0)
                if height < before[key]:
                    faults.append(f"{key!r} went back from {before[key]} to {height}")
                before[key] = height

    # A cache smaller than the keys is emptied all the time.
    with Database.open(tmp_path, create=True, cache_entries=30) as database:
        database.commit(dict.fromkeys(keys, b"1"), 1, b"")
        readers = [
            threading.Thread(target=read, args=(database,))
            for read in (read_snapshots, read_values, read_values)
        ]
        for reader in readers:
            reader.start()
        for height in range(2, 150):
            database.commit(dict.fromkeys(keys, b"%d" % height), height, b"")
        done.set()
        for reader in readers:
            reader.join(DEADLINE_S)
        assert [database.get(key) for key in keys] == [b"149"] * len(keys)
    assert not faults
