"""State at past heights: whatever was committed, each height reads as it was."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abci_app.storage import history
from abci_app.storage.leveldb import open_leveldb
from abci_app.storage.persistence import Database
from abci_app.storage.snapshot import HeightError

# Few keys, so that they are changed, removed and made again; and values that are large.
KEYS = st.binary(max_size=2) | st.sampled_from([b"a" * 300, b"a" * 301])
VALUES = st.none() | st.binary(max_size=4) | st.just(b"v" * 3_000)
COMMITS = st.lists(st.dictionaries(KEYS, VALUES, max_size=8), min_size=1, max_size=12)

# Each commit waits for the disk.
ON_DISK = settings(deadline=None)

Changes = Mapping[bytes, bytes | None]
State = dict[bytes, bytes]


def list_states(commits: Sequence[Changes]) -> list[State]:
    """The model: the state after each height, that of height 0 first."""
    states: list[State] = [{}]
    for changes in commits:
        merged = states[-1] | changes
        states.append({key: value for key, value in merged.items() if value is not None})
    return states


def require_past(database: Database, states: Sequence[State], oldest: int) -> None:
    """From the oldest height on everything reads as it was; what is older cannot be read."""
    latest = len(states) - 1
    for height in range(oldest, latest + 1):
        state = states[height]
        with database.snapshot(height) as snapshot:
            assert snapshot.last() == (height, b"hash %d" % height)
            assert list(snapshot.items()) == sorted(state.items())
            for key in {key for each in states for key in each}:
                assert snapshot.get(key) == state.get(key)
    for height in (oldest - 1, latest + 1, -1, 2**63 - 1):
        # Height 0 stands for the latest.
        if height:
            with pytest.raises(
                HeightError, match=rf"height {height} \(kept: {oldest} to {latest}\)"
            ):
                database.snapshot(height)


@ON_DISK
@given(commits=COMMITS, history_heights=st.sampled_from([0, 1, 3, 1000]))
def test_every_kept_height_reads_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Changes], history_heights: int
) -> None:
    folder = tmp_path_factory.mktemp("database")
    states = list_states(commits)
    with Database.open(folder, create=True, history_heights=history_heights) as database:
        for height, changes in enumerate(commits, start=1):
            for key in list(changes)[::2]:
                database.get(key)
            database.commit(changes, height, b"hash %d" % height)
        require_past(database, states, max(1, len(commits) - history_heights))


@ON_DISK
@given(
    commits=COMMITS,
    start=KEYS,
    end=st.none() | KEYS,
    reverse=st.booleans(),
    back=st.integers(0, 11),
)
def test_a_range_of_the_past_has_the_keys_from_start_to_before_end(
    tmp_path_factory: pytest.TempPathFactory,
    commits: list[Changes],
    start: bytes,
    end: bytes | None,
    reverse: bool,
    back: int,
) -> None:
    height = max(1, len(commits) - back)
    expected = sorted(
        (
            item
            for item in list_states(commits)[height].items()
            if item[0] >= start and (end is None or item[0] < end)
        ),
        reverse=reverse,
    )
    with Database.open(tmp_path_factory.mktemp("database"), create=True) as database:
        for number, changes in enumerate(commits, start=1):
            database.commit(changes, number, b"")
        with database.snapshot(height) as snapshot:
            assert list(snapshot.items(start, end, reverse)) == expected


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
def test_a_range_of_the_past_that_is_read_in_parts(
    tmp_path: Path, count: int, reverse: bool
) -> None:
    """Lengths around the ends of parts, with keys that were removed or added since."""
    total = history.FIRST_PART * count
    first = {b"%05d" % number: b"old" for number in range(total)}
    removed: Changes = {key: None for number, key in enumerate(first) if number % 3 == 0}
    added: Changes = {key + b"+": b"new" for key in first}
    with Database.open(tmp_path, create=True) as database:
        database.commit(first, 1, b"")
        database.commit({**removed, **added, b"": b"new", b"~": b"new"}, 2, b"")
        database.commit(dict.fromkeys(added), 3, b"")
        with database.snapshot(1) as snapshot:
            assert list(snapshot.items(reverse=reverse)) == sorted(first.items(), reverse=reverse)


@ON_DISK
@given(
    commits=COMMITS,
    starts=st.lists(st.sampled_from([0, 1, 2, 5, 1000]), min_size=12, max_size=12),
)
def test_the_option_may_change_at_every_start(
    tmp_path_factory: pytest.TempPathFactory, commits: list[Changes], starts: list[int]
) -> None:
    """A height can be read when each block since was committed with enough of history."""
    folder = tmp_path_factory.mktemp("database")
    states, oldest = list_states(commits), 1
    for height, (changes, history_heights) in enumerate(zip(commits, starts, strict=False), 1):
        with Database.open(folder, create=True, history_heights=history_heights) as database:
            database.commit(changes, height, b"hash %d" % height)
            oldest = max(oldest, height - history_heights)
            require_past(database, states[: height + 1], oldest)


def list_record_heights(folder: Path) -> list[int]:
    """The blocks that have undo records, each once for every record."""
    handle = open_leveldb(folder, create=False)
    size = len(history.record_key(0))
    with handle.iterator(
        start=history.UNDO, stop=b"v", reverse=False, verify_checksums=True
    ) as entries:
        heights = [int.from_bytes(key[1:size]) for key, _ in entries]
    handle.close()
    return heights


def test_what_is_too_old_is_deleted_block_by_block(tmp_path: Path) -> None:
    def commit(first: int, last: int, history_heights: int) -> list[int]:
        with Database.open(tmp_path, create=True, history_heights=history_heights) as database:
            for height in range(first, last + 1):
                changes = {b"%d" % (height * 50 + key): b"v" * 100 for key in range(100)}
                database.commit(changes, height, b"", {b"note": b"content"})
        return list_record_heights(tmp_path)

    records = commit(1, 60, 10)
    assert set(records) == set(range(51, 61))
    assert len(records) == 10 * 4
    assert set(commit(61, 300, 1000)) == set(range(51, 301))
    # Not all at once: a block never waits for more than a bounded number of deletions.
    assert len(set(commit(301, 301, 10))) > 100
    assert set(commit(302, 330, 10)) == set(range(321, 331))
    assert commit(331, 335, 0) == []
    assert set(commit(336, 340, 2)) == {339, 340}


def test_heights_that_leave_a_gap_begin_history_anew(tmp_path: Path) -> None:
    with Database.open(tmp_path, create=True) as database:
        for height in (1, 2, 5, 6):
            database.commit({b"key": b"%d" % height}, height, b"")
        with pytest.raises(HeightError, match=r"height 4 \(kept: 5 to 6\)"):
            database.snapshot(4)
        with database.snapshot(5) as snapshot:
            assert snapshot.get(b"key") == b"5"


def test_a_past_snapshot_stays_while_its_height_is_deleted(tmp_path: Path) -> None:
    with Database.open(tmp_path, create=True, history_heights=1) as database:
        for height in (1, 2):
            database.commit({b"key": b"%d" % height}, height, b"hash %d" % height)
        with database.snapshot(1) as snapshot:
            for height in range(3, 9):
                database.commit({b"key": b"%d" % height}, height, b"")
            assert (snapshot.get(b"key"), list(snapshot.items())) == (b"1", [(b"key", b"1")])
            with pytest.raises(HeightError, match=r"height 1 \(kept: 7 to 8\)"):
                database.snapshot(1)
