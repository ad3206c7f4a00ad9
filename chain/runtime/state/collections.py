"""Typed collections over the flat store.

A collection owns the keys that start with its two-byte prefix (module number, collection number).
What `get` returns is a fresh copy: changing it changes nothing until `set`. A schema knows all
collections of a module, so genesis and export need no code of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Generic, TypeVar, overload

from chain.runtime.encoding.keys import KeyCodec, Pair
from chain.runtime.encoding.sections import HasStore, Section, successor
from chain.runtime.encoding.values import Amount, ValueCodec

__all__ = ["GenesisError", "HasStore", "Index", "Item", "Map", "Schema", "Sequence"]

K = TypeVar("K")
V = TypeVar("V")
# The two parts of a key, and the key of an index.
A = TypeVar("A")
B = TypeVar("B")
X = TypeVar("X")

_SENTENCE_CHARACTERS_MAX = 500
# Ids of a genesis document are below this, so that a chain never runs out of them.
_ID_LIMIT = 1 << 62
# The value of an index entry, whose key says everything.
_INDEXED = b"\x01"


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
        self.indexes: list[Index[Any, Any, Any]] = []

    def prefix(self, number: int) -> bytes:
        """The prefix of a collection of this module."""
        return bytes([self.number, number])

    def add(self, collection: Map[Any, Any] | Item[Any]) -> None:
        """Adds a collection; its name and number must be new."""
        for other in self.collections:
            assert other.name != collection.name
        self._require_new(collection.prefix)
        self.collections.append(collection)

    def add_index(self, index: Index[Any, Any, Any]) -> None:
        """Adds an index; its number must be new."""
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
        self.key = key
        self.value = value
        self.whole = Section(self.prefix, b"", key, value.decode)
        self.indexes: list[Index[Any, K, V]] = []
        schema.add(self)

    def get(self, state: HasStore, key: K) -> V | None:
        """The value under a key, or None."""
        data = state.store.get(self.prefix + self.key.encode(key))
        return None if data is None else self.value.decode(data)

    def get_shared(self, state: HasStore, key: K) -> V | None:
        """As `get`, for reading only: the value must not be changed."""
        data = state.store.get(self.prefix + self.key.encode(key))
        return None if data is None else self.value.decode_shared(data)

    def make_tree_key(self, key: K) -> bytes:
        """What a key is called in the tree of the module, for proofs."""
        return self.prefix[1:] + self.key.encode(key)

    def read_tree_key(self, data: bytes) -> K:
        """The key that is called so in the tree of the module; ValueError if none of this
        collection is.
        """
        key = self.key.decode(data[len(self.prefix) - 1 :])
        if self.make_tree_key(key) != data:
            raise ValueError(f"{data.hex()} is no key of {self.name}")
        return key

    def get_entry(self, state: HasStore, key: K) -> tuple[bytes, bytes]:
        """What the tree of the module has for a key with a value: the key there, and the value."""
        name = self.prefix + self.key.encode(key)
        data = state.store.get(name)
        assert data is not None, f"{self.name} has no {key}"
        return name[1:], data

    def read_ahead(self, state: HasStore, keys: Iterable[K]) -> None:
        """Reads the values under ascending keys in one go, because they are about to be needed."""
        encode = self.key.encode
        state.store.read_ahead([self.prefix + encode(key) for key in keys])

    def has(self, state: HasStore, key: K) -> bool:
        """Whether there is a value under a key."""
        return state.store.get(self.prefix + self.key.encode(key)) is not None

    def set(self, state: HasStore, key: K, value: V) -> None:
        """Sets the value under a key."""
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
        *,
        start: K | None = None,
        after: K | None = None,
        before: K | None = None,
        reverse: bool = False,
    ) -> Iterator[tuple[K, V]]:
        """Keys and values in order: from `start` on, or those after `after`; those `before`."""
        return self.whole.items(state, start=start, after=after, before=before, reverse=reverse)

    def under(self: Map[tuple[A, B], V], first: A) -> Section[B, V]:
        """The entries whose keys have this first part, by the second."""
        key = self.key
        assert isinstance(key, Pair), f"the keys of {self.name} have one part"
        return Section(self.prefix, key.first.encode_part(first), key.second, self.value.decode)

    @overload
    def prune(self: Map[tuple[A, B], V], state: HasStore, before: A, limit: int) -> int: ...

    @overload
    def prune(self: Map[int, V], state: HasStore, before: int, limit: int) -> int: ...

    def prune(self, state: HasStore, before: Any, limit: int) -> int:
        """Removes entries with a key, or the first part of one, below a bound: the lowest first,
        max `limit` of them. Returns how many it removed.
        """
        codec: Any = self.key
        bounded = codec.first if isinstance(codec, Pair) else codec
        end = self.prefix + bounded.encode_part(before)
        keys = [key for key, _ in islice(state.store.items(self.prefix, end), limit)]
        for key in keys:
            self.delete(state, self.key.decode(key[len(self.prefix) :]))
        return len(keys)

    def export(self, state: HasStore) -> Any:
        """All entries, as a list of {"key": …, "value": …}."""
        return [
            {"key": self.key.to_json(key), "value": self.value.to_json(value)}
            for key, value in self.items(state)
        ]

    def load(self, state: HasStore, document: Any) -> None:
        """Adds all entries of an export; raises ValueError at an invalid one."""
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
            raise ValueError(f"the key {key_json} occurs twice")
        # An index rejects a value that has no index key, such as an invalid address.
        self.set(state, key, value)


class Index(Generic[X, K, V]):
    """A second order over a map: kept by the map itself, and never part of an export.

    It follows from the map, so the app hash leaves it out.

    `by` gives the index key under which an entry is found, or None to leave the entry out. Entries
    with the same index key follow each other in the order of the map.
    """

    def __init__(
        self,
        schema: Schema,
        number: int,
        of: Map[K, V],
        key: KeyCodec[X],
        by: Callable[[K, V], X | None],
    ) -> None:
        self.prefix = schema.prefix(number)
        self.of = of
        self._end = successor(self.prefix)
        self._by = by
        self._index_key = key
        self._key = Pair(key, of.key)
        of.indexes.append(self)
        schema.add_index(self)

    def change(self, state: HasStore, key: K, old: V | None, new: V | None) -> None:
        """Follows a change of the map."""
        before = None if old is None else self._by(key, old)
        after = None if new is None else self._by(key, new)
        if before == after:
            return
        if before is not None:
            state.store.delete(self.prefix + self._key.encode((before, key)))
        if after is not None:
            state.store.set(self.prefix + self._key.encode((after, key)), _INDEXED)

    def make_entries(self, state: HasStore) -> Iterator[tuple[bytes, bytes]]:
        """What stands in the store of it, by the map alone: keys with their values."""
        for key, value in self.of.items(state):
            index_key = self._by(key, value)
            if index_key is not None:
                yield self.prefix + self._key.encode((index_key, key)), _INDEXED

    def items(
        self, state: HasStore, *, after: X | None = None, before: X | None = None
    ) -> Iterator[tuple[X, K]]:
        """Index keys and keys of the map, in the order of the index."""
        first, end = self.prefix, self._end
        if after is not None:
            first = successor(self.prefix + self._index_key.encode_part(after))
        if before is not None:
            end = self.prefix + self._index_key.encode_part(before)
        for key, _ in state.store.items(first, end):
            yield self._key.decode(key[len(self.prefix) :])

    def keys(self, state: HasStore, under: X) -> Iterator[K]:
        """The keys of the map that are found under an index key."""
        return (key for key, _ in self.under(under).items(state))

    def under(self, index_key: X) -> Section[K, None]:
        """The entries under an index key: the keys of the map, without values."""
        shared = self._index_key.encode_part(index_key)
        return Section(self.prefix, shared, self.of.key, _nothing)

    def check_invariants(self, state: HasStore) -> list[str]:
        """A sentence if it does not follow from the map."""
        expected = {(self._by(key, value), key) for key, value in self.of.items(state)}
        if set(self.items(state)) == {entry for entry in expected if entry[0] is not None}:
            return []
        return [f"an index of {self.of.name} does not follow from them"]


def _nothing(_: bytes) -> None:
    """What the value of an index entry says."""


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
        """As `get`, for reading only: the value must not be changed."""
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
    """Ids that are never assigned twice: 1, 2, 3 and so on."""

    def __init__(self, schema: Schema, number: int, name: str) -> None:
        super().__init__(schema, number, name, Amount())

    def next(self, state: HasStore) -> int:
        """Takes the next id."""
        number = self.last(state) + 1
        self.set(state, number)
        return number

    def last(self, state: HasStore) -> int:
        """The last id assigned; 0 if there is none."""
        data = state.store.get(self.prefix)
        return 0 if data is None else int.from_bytes(data, "big")

    def load(self, state: HasStore, document: Any) -> None:
        """Takes the last id assigned; raises ValueError if it leaves too few."""
        number = self._value.from_json(document)
        if number >= _ID_LIMIT:
            raise ValueError(f"{number} is too large")
        self.set(state, number)

    def export(self, state: HasStore) -> Any:
        """The last id assigned."""
        return str(self.last(state))
