"""Cache stores: layers read as one, and what is not merged leaves no trace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.state.store import CacheStore, MemoryStore
from tests.support.properties import examples
from tests.support.store import SortedStore


class TestCacheStore:
    @given(st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 9)))))
    @examples(200)
    def test_merged_layers_are_one_layer(self, steps: list[tuple[int, int | None]]) -> None:
        flat, lowest = SortedStore(), CacheStore(MemoryStore())
        top = CacheStore(lowest)
        for number, (key, value) in enumerate(steps):
            name = bytes([key])
            flat.apply({name: None if value is None else bytes([value])})
            if value is None:
                top.delete(name)
            else:
                top.set(name, bytes([value]))
            expected = list(flat.items(b"", b"\xff"))
            assert list(top.items(b"", b"\xff")) == expected
            assert list(top.items(b"\x05", b"\x10", reverse=True)) == [
                entry for entry in expected[::-1] if b"\x05" <= entry[0] < b"\x10"
            ]
            if number % 3 == 0:
                top.merge_into(lowest)
                top = CacheStore(lowest)

    def test_what_is_not_merged_leaves_no_trace(self) -> None:
        below = CacheStore(MemoryStore({b"a": b"1"}))
        above = CacheStore(below)
        above.set(b"a", b"2")
        above.delete(b"a")
        above.set(b"b", b"3")
        assert below.get(b"a") == b"1"
        assert list(below.items(b"", b"z")) == [(b"a", b"1")]

    def test_an_iteration_does_not_see_changes_made_meanwhile(self) -> None:
        overlay = CacheStore(MemoryStore({bytes([n]): b"x" for n in range(4)}))
        overlay.set(b"\x02", b"y")
        seen = []
        for key, _ in overlay.items(b"", b"\xff"):
            seen.append(key[0])
            overlay.delete(bytes([key[0] + 1]))
            overlay.set(bytes([key[0] + 100]), b"z")
        assert seen == [0, 1, 2, 3]

    @given(st.dictionaries(st.binary(max_size=3), st.binary(min_size=1, max_size=2)))
    @examples(100)
    def test_the_test_store_reads_as_the_plain_one(self, entries: dict[bytes, bytes]) -> None:
        plain, quick = MemoryStore(entries), SortedStore()
        quick.apply(entries)
        quick.apply(dict.fromkeys(list(entries)[::2]))
        plain.apply(dict.fromkeys(list(entries)[::2]))
        assert list(quick.items(b"", b"\xff" * 4)) == list(plain.items(b"", b"\xff" * 4))
        reverse = list(quick.items(b"\x20", b"\x90", reverse=True))
        assert reverse == list(plain.items(b"\x20", b"\x90", reverse=True))
