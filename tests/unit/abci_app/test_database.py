import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abci_app.storage.format import FORMAT_KEY
from abci_app.storage.leveldb import Batch, Handle, open_leveldb, plyvel
from abci_app.storage.persistence import (
    MAX_CACHED_BYTES,
    Database,
    DatabaseError,
)
from abci_app.storage.snapshot import LAST_KEY, STATE

CHILD_DEADLINE_S = 60
KEYS = st.binary(max_size=3)
VALUES = st.none() | st.binary(max_size=20) | st.just(b"v" * (MAX_CACHED_BYTES + 1))
CHANGES = st.dictionaries(KEYS, VALUES, max_size=8)

Changes = Mapping[bytes, bytes | None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "state"


def apply(state: dict[bytes, bytes], changes: Changes) -> None:
    """The model: what a commit does to the state."""
    for key, value in changes.items():
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value


def test_what_is_committed_is_there_after_opening_again(path: Path) -> None:
    with Database.open(path, create=True) as database:
        assert database.last() is None
        database.commit({b"a": b"1", b"b": b"", b"": b"empty key"}, 5, b"hash 5")
        database.commit({b"a": None, b"c": b"3"}, 6, b"hash 6")
    with Database.open(path) as database:
        assert database.last() == (6, b"hash 6")
        assert list(database.items()) == [(b"", b"empty key"), (b"b", b""), (b"c", b"3")]
        assert database.get(b"a") is None
        assert database.get(b"b") == b""


def test_what_an_earlier_version_compressed_is_read_and_nothing_is_compressed(path: Path) -> None:
    old, new = b"old" * 1_000, b"new" * 1_000
    with Database.open(path, create=True) as database:
        database.commit({b"old": old}, 1, b"hash 1")
    compressed = plyvel.DB(str(path), compression="snappy")
    compressed.compact_range(start=b"\x00", stop=b"\xff")
    compressed.close()
    assert old not in b"".join(table.read_bytes() for table in path.glob("*.ldb"))
    with Database.open(path) as database:
        database.commit({b"new": new}, 2, b"hash 2")
    # What is in the log becomes a table when the database is opened.
    with Database.open(path) as database:
        assert list(database.items()) == [(b"new", new), (b"old", old)]
    assert new in b"".join(table.read_bytes() for table in path.glob("*.ldb"))


def test_state_keys_never_meet_metadata(path: Path) -> None:
    keys = [LAST_KEY, FORMAT_KEY, b"", b"\xff" * 8, STATE, b"t"]
    with Database.open(path, create=True) as database:
        database.commit(dict.fromkeys(keys, b"state"), 1, b"hash")
        assert list(database.items()) == [(key, b"state") for key in sorted(keys)]
    with Database.open(path) as database:
        assert database.last() == (1, b"hash")
        database.commit(dict.fromkeys(keys), 2, b"")
        assert list(database.items()) == []
        assert database.last() == (2, b"")


@given(
    commits=st.lists(st.tuples(CHANGES, st.lists(KEYS, max_size=6)), max_size=12),
    reopen_at=st.integers(0, 12),
    cache_entries=st.sampled_from([1, 3, 1000]),
    reads_ahead=st.booleans(),
)
def test_reads_agree_with_a_dictionary_whatever_the_cache_holds(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[tuple[Changes, list[bytes]]],
    reopen_at: int,
    cache_entries: int,
    reads_ahead: bool,
) -> None:
    path = tmp_path_factory.mktemp("database")
    state: dict[bytes, bytes] = {}
    database = Database.open(path, create=True, cache_entries=cache_entries)
    for height, (changes, reads) in enumerate(commits, start=1):
        database.commit(changes, height, b"%d" % height)
        apply(state, changes)
        if height == reopen_at:
            database.close()
            database = Database.open(path, cache_entries=cache_entries)
        assert database.last() == (height, b"%d" % height)
        if reads_ahead:
            database.read_ahead(sorted({*reads, *changes}))
        for key in [*reads, *changes]:
            assert database.get(key) == state.get(key)
    assert dict(database.items()) == state
    database.close()


@given(
    state=st.dictionaries(KEYS, st.binary(max_size=3), max_size=20),
    start=KEYS,
    end=st.none() | KEYS,
    reverse=st.booleans(),
)
def test_a_range_has_the_keys_from_start_to_before_end(
    tmp_path_factory: pytest.TempPathFactory,
    state: dict[bytes, bytes],
    start: bytes,
    end: bytes | None,
    reverse: bool,
) -> None:
    expected = sorted(
        (item for item in state.items() if item[0] >= start and (end is None or item[0] < end)),
        reverse=reverse,
    )
    with Database.open(tmp_path_factory.mktemp("database"), create=True) as database:
        database.commit(state, 1, b"")
        assert list(database.items(start, end, reverse)) == expected
        with database.snapshot() as snapshot:
            assert list(snapshot.items(start, end, reverse)) == expected


def test_a_range_is_that_of_the_moment_it_was_asked_for(path: Path) -> None:
    with Database.open(path, create=True) as database:
        database.commit({b"a": b"1", b"b": b"1"}, 1, b"")
        items = database.items()
        database.commit({b"a": None, b"b": b"2", b"c": b"2"}, 2, b"")
        assert list(items) == [(b"a", b"1"), (b"b", b"1")]


def test_a_snapshot_shows_one_height_for_as_long_as_it_is_open(path: Path) -> None:
    with Database.open(path, create=True) as database:
        with database.snapshot() as empty:
            database.commit({b"a": b"1"}, 1, b"hash 1")
            with database.snapshot() as first:
                database.commit({b"a": b"2", b"b": b"2"}, 2, b"hash 2")
                assert first.last() == (1, b"hash 1")
                assert (first.get(b"a"), first.get(b"b")) == (b"1", None)
                assert list(first.items()) == [(b"a", b"1")]
            assert empty.last() is None
            assert empty.get(b"a") is None
        assert database.get(b"a") == b"2"


def test_a_snapshot_closed_after_its_database_does_no_harm(path: Path) -> None:
    database = Database.open(path, create=True)
    snapshot = database.snapshot()
    database.close()
    snapshot.close()


class Interrupted:
    """A database handle with which something happens between reading a value and its use."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.interruption: Callable[[], None] | None = None

    def get(self, key: bytes, *, verify_checksums: bool) -> bytes | None:
        value = self.handle.get(key, verify_checksums=verify_checksums)
        interruption, self.interruption = self.interruption, None
        if interruption is not None:
            interruption()
        return value

    def __getattr__(self, name: str) -> object:
        return getattr(self.handle, name)


class PausedBatch:
    """A batch that is on disk while its `write` has not yet returned."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.written = threading.Event()
        self.may_return = threading.Event()

    def write(self) -> None:
        self.batch.write()
        self.written.set()
        assert self.may_return.wait(CHILD_DEADLINE_S)

    def __getattr__(self, name: str) -> object:
        return getattr(self.batch, name)


@pytest.mark.parametrize("new_value", [b"new", None, b"n" * (MAX_CACHED_BYTES + 1)])
def test_a_commit_during_a_read_leaves_nothing_out_of_date_in_the_cache(
    path: Path, new_value: bytes | None
) -> None:
    handle = Interrupted(open_leveldb(path, create=True))
    database = Database(handle, path, cache_entries=100)  # type: ignore[arg-type]
    database.commit({b"key": b"old"}, 1, b"")
    database.close()
    handle = Interrupted(open_leveldb(path, create=False))
    database = Database(handle, path, cache_entries=100)  # type: ignore[arg-type]
    handle.interruption = lambda: database.commit({b"key": new_value}, 2, b"")
    assert database.get(b"key") == b"old"
    assert database.get(b"key") == new_value
    database.close()


def test_a_value_does_not_go_back_while_a_commit_runs(path: Path) -> None:
    with Database.open(path, create=True) as database:
        database.commit({b"key": b"old"}, 1, b"")
    handle = Interrupted(open_leveldb(path, create=False))
    database = Database(handle, path, cache_entries=100)  # type: ignore[arg-type]
    paused = PausedBatch(handle.handle.write_batch(sync=True))
    handle.write_batch = lambda sync: paused  # type: ignore[attr-defined]
    writer = threading.Thread(target=database.commit, args=({b"key": b"new"}, 2, b""))

    def begin_commit() -> None:
        writer.start()
        assert paused.written.wait(CHILD_DEADLINE_S)

    handle.interruption = begin_commit
    assert [database.get(b"key") for _ in range(3)] == [b"old", b"new", b"new"]
    paused.may_return.set()
    writer.join(CHILD_DEADLINE_S)
    assert database.get(b"key") == b"new"
    database.close()


def test_the_cache_spares_the_disk_and_has_a_limit(path: Path) -> None:
    handle = Interrupted(open_leveldb(path, create=True))
    database = Database(handle, path, cache_entries=3)  # type: ignore[arg-type]

    def reaches_disk(key: bytes) -> bool:
        reached: list[bool] = []
        handle.interruption = lambda: reached.append(True)
        database.get(key)
        return bool(reached)

    database.commit({b"small": b"1", b"large": b"x" * (MAX_CACHED_BYTES + 1)}, 1, b"")
    assert [reaches_disk(b"small"), reaches_disk(b"absent")] == [True, True]
    assert [reaches_disk(b"small"), reaches_disk(b"absent")] == [False, False]
    assert [reaches_disk(b"large"), reaches_disk(b"large")] == [True, True]
    assert [reaches_disk(b"third"), reaches_disk(b"small")] == [True, False]
    assert [reaches_disk(b"fourth"), reaches_disk(b"small")] == [True, True]
    database.commit({b"small": b"2", b"unread": b""}, 2, b"")
    assert [reaches_disk(b"small"), reaches_disk(b"unread")] == [False, True]
    database.close()


@pytest.mark.parametrize("height", [5, 4, 0, -1])
def test_a_height_that_does_not_follow_is_our_own_fault(path: Path, height: int) -> None:
    with Database.open(path, create=True) as database:
        database.commit({b"a": b"1"}, 5, b"hash")
        with pytest.raises(ValueError, match="does not follow"):
            database.commit({b"a": b"2"}, height, b"other")
        assert database.get(b"a") == b"1"
        assert database.last() == (5, b"hash")


def test_a_missing_database_is_named_and_not_made(path: Path) -> None:
    with pytest.raises(DatabaseError, match="There is no database in "):
        Database.open(path)
    assert not path.parent.exists()


def test_a_database_in_use_by_another_process_is_rejected(path: Path) -> None:
    program = f"from abci_app.storage.persistence import Database; Database.open({str(path)!r})"
    with Database.open(path, create=True):
        child = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            timeout=CHILD_DEADLINE_S,
            check=False,
        )
    assert "in use by another process; stop that one first" in child.stderr


def test_a_database_is_opened_once_at_a_time(path: Path) -> None:
    with Database.open(path, create=True), pytest.raises(DatabaseError, match="in use"):
        Database.open(path)
    Database.open(path).close()


def test_a_database_of_another_program_is_rejected(path: Path) -> None:
    handle = open_leveldb(path, create=True)
    batch = handle.write_batch(sync=True)
    batch.put(b"s/theirs", b"1")
    batch.write()
    handle.close()
    with pytest.raises(DatabaseError, match="belongs to another program"):
        Database.open(path, create=True)


def test_a_database_of_a_later_version_is_rejected(path: Path) -> None:
    Database.open(path, create=True).close()
    handle = open_leveldb(path, create=False)
    batch = handle.write_batch(sync=True)
    batch.put(FORMAT_KEY, b"3")
    batch.write()
    handle.close()
    with pytest.raises(DatabaseError, match="has format 3 and this version reads format 2"):
        Database.open(path)


def test_a_path_that_is_a_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatabaseError, match="cannot be opened: File exists"):
        Database.open(tmp_path / "file", create=True)


def make_heights(path: Path, count: int) -> list[dict[bytes, bytes]]:
    """Commits some heights of about 3 kB each; gives the state after each of them."""
    states: list[dict[bytes, bytes]] = [{}]
    with Database.open(path, create=True) as database:
        for height in range(1, count + 1):
            changes: dict[bytes, bytes | None] = {
                b"%d" % ((height * 7 + number) % 97): b"%d" % height * 100 for number in range(10)
            }
            changes[b"%d" % (height % 97)] = None
            database.commit(changes, height, b"hash %d" % height)
            states.append(dict(states[-1]))
            apply(states[-1], changes)
    return states


def get_log(path: Path) -> Path:
    (log,) = path.glob("*.log")
    return log


def test_a_log_cut_off_anywhere_leaves_exactly_one_height(path: Path, tmp_path: Path) -> None:
    states = make_heights(path, 40)
    log = get_log(path)
    found = set()
    for size in range(0, log.stat().st_size, 997):
        copy = shutil.copytree(path, tmp_path / "copy")
        with get_log(copy).open("r+b") as file:
            file.truncate(size)
        with Database.open(copy, create=True) as database:
            height, app_hash = database.last() or (0, b"hash 0")
            assert app_hash == b"hash %d" % height
            assert dict(database.items()) == states[height]
        found.add(height)
        shutil.rmtree(copy)
    assert len(found) > 20


def test_a_damaged_log_is_rejected_and_not_skipped(path: Path, tmp_path: Path) -> None:
    make_heights(path, 40)
    size = get_log(path).stat().st_size
    for position in range(200, size - 10_000, size // 12):
        copy = shutil.copytree(path, tmp_path / "copy")
        with get_log(copy).open("r+b") as file:
            file.seek(position)
            byte = file.read(1)
            file.seek(position)
            file.write(bytes([byte[0] ^ 0xFF]))
        with pytest.raises(DatabaseError, match="is damaged"):
            Database.open(copy)
        shutil.rmtree(copy)
