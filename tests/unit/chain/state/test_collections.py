"""Collections over the store: keys sort as their values, an index follows, a dict agrees."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.bank.v1 import state_pb2
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.encoding.bech32 import AddressError
from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.sections import successor
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.state.collections import GenesisError, Index, Item, Map, Schema, Sequence
from chain.runtime.state.store import CacheStore, MemoryStore
from tests.support.properties import examples

numbers = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))
addresses = st.binary(min_size=20, max_size=20)
texts = st.text(min_size=1, max_size=40).filter(lambda text: len(text.encode()) < 256)


class State:
    """A store by itself."""

    def __init__(self, below: MemoryStore | None = None) -> None:
        self.store = CacheStore(below or MemoryStore())


SCHEMA = Schema(200, "test")
PARAMS = Item(SCHEMA, 0, "params", Record(state_pb2.Params))
BY_NUMBER = Map(SCHEMA, 1, "by_number", Pair(U64, TEXT), Amount())
HOLDS = Map(SCHEMA, 2, "holds", Pair(ADDRESS, U64), Record(state_pb2.Hold))
IDS = Sequence(SCHEMA, 3, "ids")
BY_DEADLINE = Index(SCHEMA, 4, HOLDS, U64, by=lambda _, hold: hold.deadline_s or None)


class TestKeys:
    @given(numbers, numbers)
    @examples(200)
    def test_numbers_sort_as_numbers(self, a: int, b: int) -> None:
        assert (U64.encode(a) < U64.encode(b)) == (a < b)
        assert U64.decode(U64.encode(a)) == a

    @given(texts, texts)
    @examples(200)
    def test_texts_sort_as_their_bytes(self, a: str, b: str) -> None:
        assert (TEXT.encode(a) < TEXT.encode(b)) == (a.encode() < b.encode())

    @given(st.tuples(addresses, numbers), st.tuples(addresses, numbers))
    @examples(200)
    def test_pairs_sort_by_the_first_then_the_second(
        self, a: tuple[bytes, int], b: tuple[bytes, int]
    ) -> None:
        codec = Pair(ADDRESS, U64)
        assert (codec.encode(a) < codec.encode(b)) == (a < b)
        assert codec.decode(codec.encode(a)) == a
        assert codec.from_json(codec.to_json(a)) == a

    @given(texts, texts, numbers)
    @examples(200)
    def test_a_text_in_front_cannot_run_into_what_follows(self, a: str, b: str, n: int) -> None:
        codec = Pair(Pair(TEXT, TEXT), U64)
        key = ((a, b), n)
        assert codec.decode(codec.encode(key)) == key
        assert codec.from_json(codec.to_json(key)) == key

    @given(numbers, texts, numbers, texts)
    @examples(200)
    def test_equal_bytes_mean_equal_keys(self, n: int, a: str, m: int, b: str) -> None:
        codec = Pair(U64, TEXT)
        assert (codec.encode((n, a)) == codec.encode((m, b))) == ((n, a) == (m, b))

    @pytest.mark.parametrize(
        ("codec", "value"),
        [
            (U64, 5), (U64, "05"), (U64, "-1"), (U64, "1.0"), (U64, ""), (U64, "\u0665"),
            (U64, str(2**64)), (U64, None), (U64, True),
            (TEXT, ""), (TEXT, 5), (TEXT, "x" * 256), (TEXT, None),
            (ADDRESS, 5), (ADDRESS, "energy1"), (ADDRESS, None),
            (Pair(U64, TEXT), "5"), (Pair(U64, TEXT), ["5"]), (Pair(U64, TEXT), ["5", "a", "b"]),
        ],
    )  # fmt: skip
    def test_other_forms_in_a_document_are_rejected(self, codec: Any, value: Any) -> None:
        with pytest.raises((ValueError, AddressError)):
            codec.from_json(value)


class TestSuccessor:
    @pytest.mark.parametrize(
        ("prefix", "following"), [(b"\x01", b"\x02"), (b"\x01\xff", b"\x02"), (b"a\xff\xff", b"b")]
    )
    def test_it_is_behind_all_that_begins_so(self, prefix: bytes, following: bytes) -> None:
        assert successor(prefix) == following

    @given(st.binary(min_size=1, max_size=4), st.binary(max_size=4))
    @examples(300)
    def test_nothing_that_begins_so_is_behind_it(self, prefix: bytes, rest: bytes) -> None:
        if prefix.strip(b"\xff"):
            assert prefix <= prefix + rest < successor(prefix)


class TestRecords:
    def test_what_get_returns_is_a_copy(self) -> None:
        state, key = State(), (bytes(20), 1)
        HOLDS.set(state, key, state_pb2.Hold(denom="ueur", amount=5))
        taken = HOLDS.get(state, key)
        assert taken is not None
        taken.amount = 6
        assert HOLDS.get(state, key) == state_pb2.Hold(denom="ueur", amount=5)

    def test_a_record_of_defaults_is_there(self) -> None:
        """Its bytes are not empty, so that its presence can be proven."""
        state, key = State(), (bytes(20), 1)
        HOLDS.set(state, key, state_pb2.Hold())
        assert HOLDS.has(state, key)
        assert HOLDS.get(state, key) == state_pb2.Hold()
        assert all(state.store.changes.values())

    def test_amounts_have_eight_bytes(self) -> None:
        assert Amount().encode(258).hex() == "0000000000000102"
        assert Amount().decode(bytes.fromhex("0000000000000102")) == 258

    def test_ids_begin_at_one_and_never_come_back(self) -> None:
        state = State()
        assert [IDS.next(state) for _ in range(3)] == [1, 2, 3]
        assert IDS.last(state) == 3

    def test_a_parameter_that_is_not_set_is_a_broken_promise(self) -> None:
        with pytest.raises(AssertionError, match="params is not set"):
            PARAMS.get(State())


class TestSchema:
    def test_no_two_collections_share_a_name_or_number(self) -> None:
        schema = Schema(201, "twice")
        Map(schema, 0, "a", U64, Amount())
        with pytest.raises(AssertionError):
            Map(schema, 0, "b", U64, Amount())
        with pytest.raises(AssertionError):
            Map(schema, 1, "a", U64, Amount())

    def test_a_collection_sees_only_its_own_keys(self) -> None:
        state = State()
        BY_NUMBER.set(state, (1, "a"), 5)
        HOLDS.set(state, (bytes(20), 1), state_pb2.Hold(deadline_s=9))
        assert list(BY_NUMBER.items(state)) == [((1, "a"), 5)]
        assert [key for key, _ in HOLDS.items(state)] == [(bytes(20), 1)]

    @given(
        st.dictionaries(st.tuples(numbers, texts), st.integers(0, 2**63 - 1), max_size=8),
        st.integers(0, 2**62 - 1),
    )
    @examples(100)
    def test_a_document_gives_the_same_state_again(
        self, entries: dict[tuple[int, str], int], last_id: int
    ) -> None:
        state = State()
        PARAMS.set(state, state_pb2.Params(hold_duration_max_s=5))
        IDS.set(state, last_id)
        for key, amount in entries.items():
            BY_NUMBER.set(state, key, amount)
            HOLDS.set(state, (bytes(20), key[0]), state_pb2.Hold(deadline_s=amount))
        document = SCHEMA.export(state)
        again = State()
        SCHEMA.load(again, document)
        # Where the first deadline of a hold was replaced by another one, its index entry has gone.
        left = {key: data for key, data in state.store.changes.items() if data is not None}
        assert again.store.changes == left
        assert SCHEMA.export(again) == document

    @pytest.mark.parametrize(
        ("document", "place"),
        [
            ([], "test: an object"),
            ({"other": []}, "test.other"),
            ({"params": {}, "ids": "0", "by_number": {}}, "test.by_number: a list"),
            ({"params": {}, "ids": "0", "by_number": [5]}, "test.by_number: entry 0"),
            ({"params": {}, "ids": "0", "by_number": [{"key": ["1", "a"]}]}, "entry 0"),
            (
                {"params": {}, "ids": "0", "by_number": [{"key": ["1", "a"], "value": 5}]},
                "entry 0: a number in quotes",
            ),
            (
                {"params": {}, "ids": "0", "by_number": [{"key": ["1", "a"], "value": "5"}] * 2},
                "entry 1: the key .* occurs twice",
            ),
            ({"params": {}, "ids": str(2**63)}, "test.ids: .* too large"),
            ({"params": {}, "ids": str(2**62)}, "test.ids: .* too large"),
            ({"params": {"hold_duration_max_s": str(2**63)}, "ids": "0"}, "_max_s: .* too large"),
            ({"params": {"no_such_field": "1"}, "ids": "0"}, "test.params: .*no_such_field"),
            ({"params": {"hold_duration_max_s": "-1"}, "ids": "0"}, "test.params: "),
            ({"params": {"hold_duration_max_s": "five"}, "ids": "0"}, "test.params: "),
            ({"ids": "0"}, "test.params is missing"),
        ],
    )
    def test_a_wrong_document_is_rejected_with_the_place(self, document: Any, place: str) -> None:
        with pytest.raises(GenesisError, match=place):
            SCHEMA.load(State(), document)

    def test_the_initial_document_is_one_that_loads_and_comes_out_again(self) -> None:
        state, document = State(), SCHEMA.initial()
        SCHEMA.load(state, document)
        assert SCHEMA.export(state) == document
        assert {name: document[name] for name in ("by_number", "holds", "ids")} == {
            "by_number": [], "holds": [], "ids": "0",
        }  # fmt: skip
        assert document["params"]["hold_duration_max_s"] == "0"


keys = st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "ab"]))
steps = st.lists(st.tuples(st.sampled_from(["set", "delete"]), keys, st.integers(0, 9)))


class TestAgainstADict:
    @given(steps, steps, st.integers(0, 5))
    @examples(200)
    def test_a_map_behaves_as_a_sorted_dict(
        self, below: list[Any], above: list[Any], part: int
    ) -> None:
        """With half of the changes in the store below and half in the overlay."""
        model: dict[tuple[int, str], int] = {}
        first = State()
        self.change(first, below, model)
        lowest = MemoryStore()
        lowest.apply(first.store.changes)
        state = State(lowest)
        self.change(state, above, model)
        entries = sorted(model.items(), key=lambda item: BY_NUMBER.key.encode(item[0]))
        assert list(BY_NUMBER.items(state)) == entries
        assert list(BY_NUMBER.items(state, reverse=True)) == entries[::-1]
        self.check_ranges(state, entries, part)
        for key in [(number, text) for number in range(6) for text in ("a", "b", "ab")]:
            assert BY_NUMBER.get(state, key) == model.get(key)
            assert BY_NUMBER.has(state, key) == (key in model)

    @staticmethod
    def check_ranges(state: State, entries: list[tuple[tuple[int, str], int]], part: int) -> None:
        """Of keys here, texts with the same first part compare as their bytes do."""
        key = (part, "ab")
        for bounds, is_in in (
            ({"start": key}, lambda one: one >= key),
            ({"after": key}, lambda one: one > key),
            ({"before": key}, lambda one: one < key),
            ({"start": (1, "b"), "before": key}, lambda one: (1, "b") <= one < key),
        ):
            expected = [entry for entry in entries if is_in(entry[0])]
            assert list(BY_NUMBER.items(state, **bounds)) == expected
            assert list(BY_NUMBER.items(state, **bounds, reverse=True)) == expected[::-1]
        section = BY_NUMBER.under(part)
        of_part = [(text, amount) for (number, text), amount in entries if number == part]
        assert list(section.items(state)) == of_part
        assert list(section.items(state, reverse=True)) == of_part[::-1]
        behind = [entry for entry in of_part if entry[0] > "a"]
        assert list(section.items(state, after="a")) == behind
        assert list(section.items(state, start="ab", reverse=True)) == behind[::-1]

    @staticmethod
    def change(state: State, steps: list[Any], model: dict[tuple[int, str], int]) -> None:
        for verb, key, amount in steps:
            if verb == "set":
                BY_NUMBER.set(state, key, amount)
                model[key] = amount
            else:
                BY_NUMBER.delete(state, key)
                model.pop(key, None)

    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 6)), max_size=25))
    @examples(200)
    def test_an_index_follows_its_map(self, steps: list[tuple[bool, int, int]]) -> None:
        state = State()
        model: dict[int, int] = {}
        for keep, number, deadline_s in steps:
            if keep:
                HOLDS.set(state, (bytes(20), number), state_pb2.Hold(deadline_s=deadline_s))
                model[number] = deadline_s
            else:
                HOLDS.delete(state, (bytes(20), number))
                model.pop(number, None)
        expected = sorted((deadline, number) for number, deadline in model.items() if deadline)
        assert [(at_s, key[1]) for at_s, key in BY_DEADLINE.items(state)] == expected
        after = [(at_s, key[1]) for at_s, key in BY_DEADLINE.items(state, after=3)]
        assert after == [entry for entry in expected if entry[0] > 3]
        before = [(at_s, key[1]) for at_s, key in BY_DEADLINE.items(state, before=3)]
        assert before == [entry for entry in expected if entry[0] < 3]
        of_three = [key[1] for key in BY_DEADLINE.keys(state, under=3)]
        assert of_three == [number for deadline, number in expected if deadline == 3]
        assert not BY_DEADLINE.check_invariants(state)

    @pytest.mark.parametrize("deadline_s", [4, 5])
    def test_an_index_that_does_not_follow_is_found(self, deadline_s: int) -> None:
        state = State()
        HOLDS.set(state, (bytes(20), 1), state_pb2.Hold(deadline_s=5))
        key = BY_DEADLINE.prefix + U64.encode(deadline_s) + HOLDS.key.encode((bytes(20), 1))
        if deadline_s == 5:
            state.store.delete(key)
        else:
            state.store.set(key, b"\x01")
        assert BY_DEADLINE.check_invariants(state) == [
            "an index of holds does not follow from them"
        ]

    @given(steps, st.integers(0, 6), st.integers(0, 10))
    @examples(100)
    def test_pruning_removes_the_lowest_keys_first(
        self, changes: list[Any], before: int, limit: int
    ) -> None:
        state = State()
        model: dict[tuple[int, str], int] = {}
        self.change(state, changes, model)
        removed = BY_NUMBER.prune(state, before, limit)
        entries = sorted(model.items(), key=lambda item: BY_NUMBER.key.encode(item[0]))
        old = sum(key[0] < before for key, _ in entries)
        assert removed == min(old, limit)
        assert list(BY_NUMBER.items(state)) == entries[removed:]
