"""Keys that stay sorted while more come, against a plain sorted list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.state.sorted_keys import SortedKeys

KEYS = st.binary(max_size=2)


@given(st.integers(2, 5), st.lists(st.lists(KEYS, max_size=6), max_size=30), KEYS, KEYS)
def test_any_batches_in_any_order_read_as_a_sorted_list(
    chunk_max: int, batches: list[list[bytes]], start: bytes, end: bytes
) -> None:
    keys, model = SortedKeys(chunk_max), set[bytes]()
    for batch in batches:
        new = [key for key in dict.fromkeys(batch) if key not in model]
        if new:
            keys.add_all(new)
        model.update(new)
        assert len(keys) == len(model)
        assert keys.between(b"", None) == sorted(model)
        assert keys.between(start, end) == sorted(key for key in model if start <= key < end)


def test_keys_that_come_one_by_one_are_split_over_chunks() -> None:
    keys = SortedKeys(4)
    expected = [number.to_bytes(2, "big") for number in range(300)]
    for key in sorted(expected, key=lambda key: key[::-1]):
        keys.add_all([key])
    assert keys.between(b"", None) == expected
    assert keys.between(expected[17], expected[250]) == expected[17:250]
    assert keys.between(expected[250], expected[17]) == []
