"""What is read ahead of its use, and where a read stops."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abci_app.storage.leveldb import open_leveldb
from abci_app.storage.persistence import Database
from abci_app.storage.snapshot import STATE_END


@given(
    state=st.sets(st.integers(0, 90)),
    ahead=st.sets(st.integers(0, 90)),
    written=st.sets(st.integers(0, 90)),
)
def test_what_is_read_ahead_is_what_is_there(
    tmp_path_factory: pytest.TempPathFactory,
    state: set[int],
    ahead: set[int],
    written: set[int],
) -> None:
    """Few keys of many and many of few, and what is written after they were read."""
    with Database.open(tmp_path_factory.mktemp("database"), create=True) as database:
        database.commit({bytes([key]): b"old" for key in state}, 1, b"")
        database.read_ahead([bytes([key]) for key in sorted(ahead)])
        for key in range(91):
            assert database.get(bytes([key])) == (b"old" if key in state else None)
        database.commit({bytes([key]): b"new" for key in written}, 2, b"")
        for key in ahead & written:
            assert database.get(bytes([key])) == b"new"


def test_the_state_has_an_end_that_a_read_stops_at(tmp_path: Path) -> None:
    """In a new database, and in one of an earlier version."""
    path = tmp_path / "state"
    for create in (True, False):
        with Database.open(path, create=create) as database:
            assert list(database.items()) == []
        handle = open_leveldb(path, create=False)
        assert handle.get(STATE_END, verify_checksums=True) == b""
        batch = handle.write_batch(sync=True)
        batch.delete(STATE_END)
        batch.write()
        handle.close()
