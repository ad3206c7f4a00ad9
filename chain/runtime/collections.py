"""Typed collections over the flat store.

A collection owns the keys that start with its two-byte prefix (module number, collection number).
What `get` returns is a fresh copy: changing it changes nothing until `set`. A schema knows all
collections of a module, so genesis and export need no code of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from chain.runtime.keys import KeyCodec
from chain.runtime.store import CacheStore
from chain.runtime.values import Amount, ValueCodec

K = TypeVar("K")
V = TypeVar("V")

_SENTENCE_CHARACTERS_MAX = 500
# No id at which a chain begins is so high that it could run out of them.
_ID_LIMIT = 1 << 62


class HasStore(Protocol):
    """Anything with a store: contexts of transactions, blocks and queries."""

    @property
    def store(self) -> CacheStore:
        """The state."""


class GenesisError(ValueError):
    """A genesis document that does not fit; the message says where and why."""

    def __init__(self, text: str) -> None:
        # A value that does not fit is quoted, and may be all of the document.
        cut = len(text) > _SENTENCE_CHARACTERS_MAX
        super().__init__(f"{text[:_SENTENCE_CHARACTERS_MAX]}..." if cut else text)


class Schema:
    """All collections of one module, under its number."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.collections: list[Map[Any, Any] | Item[Any]] = []
        self.indexes: list[Index[Any, Any]] = []

    def prefix(self, number: int) -> bytes:
        """The prefix of a collection of this module."""
        return bytes([self.number, number])

    def add(self, collection: Map[Any, Any] | Item[Any]) -> None:
        """Takes in a collection; its name and number must be new."""
        for other in self.collections:
            assert other.name != collection.name
        self._require_new(collection.prefix)
        self.collections.append(collection)

    def add_index(self, index: Index[Any, Any]) -> None:
        """Takes in an index; its number must be new."""
        self._require_new(index.prefix)
        self.indexes.append(index)

    def _require_new(self, prefix: bytes) -> None:
        for other in [*self.collections, *self.indexes]:
            assert other.prefix != prefix

    def export(self, state: HasStore) -> dict[str, Any]:
        """The genesis document of this module. `load` makes the same state of it."""
        return {collection.name: collection.export(state) for collection in self.collections}

    def initial(self) -> dict[str, Any]:
        """The genesis document of a module that has seen nothing: no entries, items at zero."""
        return {
            collection.name: collection.initial() if isinstance(collection, Item) else []
            for collection in self.collections
        }

    def load(self, state: HasStore, document: Any) -> None:
        """Fills empty state from a genesis document; raises GenesisError where it does not fit."""
        if not isinstance(document, dict):
            raise GenesisError(f"{self.name}: an object is expected")
        names = {collection.name for collection in self.collections}
        for name in sorted(set(document) - names):
            raise GenesisError(f"{self.name}.{name}: there is no such collection")
        for collection in self.collections:
            if collection.name not in document:
                if isinstance(collection, Item):
                    raise GenesisError(f"{self.name}.{collection.name} is missing")
            else:
                try:
                    collection.load(state, document[collection.name])
                except ValueError as error:
                    raise GenesisError(f"{self.name}.{collection.name}: {error}") from None


class Map(Generic[K, V]):
    """Values by key, in the order of their keys."""

    def __init__(
        self, schema: Schema, number: int, name: str, key: KeyCodec[K], value: ValueCodec[V]
    ) -> None:
        self.name = name
        self.prefix = schema.prefix(number)
        self._end = (int.from_bytes(self.prefix, "big") + 1).to_bytes(2, "big")
        self.key = key
        self.value = value
        self.indexes: list[Index[K, V]] = []
        schema.add(self)

    def get(self, state: HasStore, key: K) -> V | None:
        """The value under a key, or None."""
        data = state.store.get(self.prefix + self.key.encode(key))
        return None if data is None else self.value.decode(data)

    def get_shared(self, state: HasStore, key: K) -> V | None:
        """As `get`, for a caller that only looks: the value must not be changed."""
        data = state.store.get(self.prefix + self.key.encode(key))
        return None if data is None else self.value.decode_shared(data)

    def read_ahead(self, state: HasStore, keys: Iterable[K]) -> None:
        """Reads the values under ascending keys at once, because they are about to be needed."""
        encode = self.key.encode
        state.store.read_ahead([self.prefix + encode(key) for key in keys])

    def has(self, state: HasStore, key: K) -> bool:
        """Whether there is a value under a key."""
        return state.store.get(self.prefix + self.key.encode(key)) is not None

    def set(self, state: HasStore, key: K, value: V) -> None:
        """Puts a value under a key."""
        for index in self.indexes:
            index.change(state, key, self.get(state, key), value)
        state.store.set(self.prefix + self.key.encode(key), self.value.encode(value))

    def delete(self, state: HasStore, key: K) -> None:
        """Removes the value under a key, if there is one."""
        for index in self.indexes:
            index.change(state, key, self.get(state, key), None)
        state.store.delete(self.prefix + self.key.encode(key))

    def items(
        self,
        state: HasStore,
        under: bytes = b"",
        after: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[K, V]]:
        """Keys and values in order.

        `under` keeps to keys that start with these bytes (`first(…)` makes them of the first part
        of a pair); `after` begins behind these bytes of a whole key.
        """
        start, end = self._range(under, after, reverse)
        cut = len(self.prefix)
        for key, data in state.store.items(start, end, reverse):
            yield self.key.decode(key[cut:]), self.value.decode(data)

    def prune(self, state: HasStore, before: bytes, limit: int) -> int:
        """Removes entries whose key is below these bytes, the lowest first, up to a limit.

        Returns how many it removed.
        """
        start, end = self.prefix, self.prefix + before
        keys = [key for key, _ in islice(state.store.items(start, end), limit)]
        for key in keys:
            self.delete(state, self.key.decode(key[len(start) :]))
        return len(keys)

    def first(self, part: Any) -> bytes:
        """The bytes with which all keys of a pair begin that have this first part."""
        return self.key.first.encode_part(part)  # type: ignore[attr-defined, no-any-return]

    def export(self, state: HasStore) -> Any:
        """All entries, as a list of {"key": …, "value": …}."""
        return [
            {"key": self.key.to_json(key), "value": self.value.to_json(value)}
            for key, value in self.items(state)
        ]

    def load(self, state: HasStore, document: Any) -> None:
        """Puts in all entries of an export; raises ValueError where one does not fit."""
        if not isinstance(document, list):
            raise ValueError("a list is expected")
        for number, entry in enumerate(document):
            if not isinstance(entry, dict) or sorted(entry) != ["key", "value"]:
                raise ValueError(f"entry {number}: key and value are expected")
            try:
                self._load_entry(state, entry["key"], entry["value"])
            except ValueError as error:
                raise ValueError(f"entry {number}: {error}") from None

    def _load_entry(self, state: HasStore, key_json: Any, value_json: Any) -> None:
        key, value = self.key.from_json(key_json), self.value.from_json(value_json)
        if self.has(state, key):
            raise ValueError(f"the key {key_json} stands twice")
        # The indexes refuse a value that has no place in their order.
        self.set(state, key, value)

    def _range(self, under: bytes, after: bytes | None, reverse: bool) -> tuple[bytes, bytes]:
        start = self.prefix + under
        end = successor(start) if under else self._end
        if after is not None and not reverse:
            start = self.prefix + after + b"\x00"
        elif after is not None:
            end = self.prefix + after
        return start, end


class Index(Generic[K, V]):
    """A second order over a map: kept by the map itself, and never part of an export.

    It follows from the map, so the app hash leaves it out.

    `by` gives the bytes under which an entry is to be found, or None to leave it out; they must
    end with the bytes of the entry's own key, so that no two entries meet.
    """

    def __init__(
        self, schema: Schema, number: int, of: Map[K, V], by: Callable[[K, V], bytes | None]
    ) -> None:
        self.prefix = schema.prefix(number)
        self._end = (int.from_bytes(self.prefix, "big") + 1).to_bytes(2, "big")
        self._by = by
        self._of = of
        of.indexes.append(self)
        schema.add_index(self)

    def change(self, state: HasStore, key: K, old: V | None, new: V | None) -> None:
        """Follows a change of the map."""
        before = None if old is None else self._by(key, old)
        after = None if new is None else self._by(key, new)
        if before == after:
            return
        if before is not None:
            state.store.delete(self.prefix + before)
        if after is not None:
            state.store.set(self.prefix + after, self._of.key.encode(key))

    def keys(
        self, state: HasStore, under: bytes = b"", after: bytes | None = None
    ) -> Iterator[tuple[bytes, K]]:
        """Index bytes and keys of the map, in the order of the index."""
        start = self.prefix + under if after is None else self.prefix + after + b"\x00"
        end = successor(self.prefix + under) if under else self._end
        for index_key, key in state.store.items(start, end):
            yield index_key[len(self.prefix) :], self._of.key.decode(key)

    def check_invariants(self, state: HasStore) -> list[str]:
        """A sentence if it is not what follows from the map."""
        expected = {self._by(key, value): key for key, value in self._of.items(state)}
        expected.pop(None, None)
        if dict(self.keys(state)) == expected:
            return []
        return [f"the index of {self._of.name} does not fit them"]


class Item(Generic[V]):
    """One value, for parameters and the like."""

    def __init__(self, schema: Schema, number: int, name: str, value: ValueCodec[V]) -> None:
        self.name = name
        self.prefix = schema.prefix(number)
        self._value = value
        schema.add(self)

    def get(self, state: HasStore) -> V:
        """The value; that there is one is a promise of genesis."""
        data = state.store.get(self.prefix)
        assert data is not None, f"{self.name} is not set"
        return self._value.decode(data)

    def get_shared(self, state: HasStore) -> V:
        """As `get`, for a caller that only looks: the value must not be changed."""
        data = state.store.get(self.prefix)
        assert data is not None, f"{self.name} is not set"
        return self._value.decode_shared(data)

    def set(self, state: HasStore, value: V) -> None:
        """Replaces the value."""
        state.store.set(self.prefix, self._value.encode(value))

    def initial(self) -> Any:
        """The default value, which has no bytes, as JSON."""
        return self._value.to_json(self._value.decode(b""))

    def export(self, state: HasStore) -> Any:
        """The value as JSON."""
        return self._value.to_json(self.get(state))

    def load(self, state: HasStore, document: Any) -> None:
        """Takes the value from an export; raises ValueError where it does not fit."""
        self.set(state, self._value.from_json(document))


class Sequence(Item[int]):
    """Ids that are never given twice: 1, 2, 3 and so on."""

    def __init__(self, schema: Schema, number: int, name: str) -> None:
        super().__init__(schema, number, name, Amount())

    def next(self, state: HasStore) -> int:
        """Takes the next id."""
        number = self.last(state) + 1
        self.set(state, number)
        return number

    def last(self, state: HasStore) -> int:
        """The id given last; 0 if none was."""
        data = state.store.get(self.prefix)
        return 0 if data is None else int.from_bytes(data, "big")

    def load(self, state: HasStore, document: Any) -> None:
        """Takes the id given last; raises ValueError if that leaves too few to be given."""
        number = self._value.from_json(document)
        if number >= _ID_LIMIT:
            raise ValueError(f"{number} is too large")
        self.set(state, number)

    def export(self, state: HasStore) -> Any:
        """The id given last."""
        return str(self.last(state))


def successor(prefix: bytes) -> bytes:
    """The first key behind all keys that start with the prefix."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1])
