"""Which key of the flat store belongs to whom.

A key begins with the number of its module and of its collection. The app hash covers each module
as a Merkle tree of its own, whose keys lack the module's number; indexes are in no tree, because
they follow from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chain.runtime.errors import ChainError, SdkError
from chain.runtime.state.collections import Schema

_PREFIX_BYTES = 2
_NAME_CHARACTERS_MAX = 100

Changes = Mapping[bytes, bytes | None]


class Keyspace:
    """The keys of a set of modules."""

    def __init__(self, schemas: Sequence[Schema]) -> None:
        self.module_names: Mapping[int, str] = {schema.number: schema.name for schema in schemas}
        self._module_numbers = {schema.name: schema.number for schema in schemas}
        # Below it no module has a key.
        self.start = bytes([min(self.module_names)])
        self._index_prefixes = frozenset(
            index.prefix for schema in schemas for index in schema.indexes
        )

    def is_in_tree(self, key: bytes) -> bool:
        """Whether the app hash covers a key of the flat store: all but those of indexes."""
        return key[:_PREFIX_BYTES] not in self._index_prefixes

    def split_by_module(self, changes: Changes) -> dict[str, dict[bytes, bytes | None]]:
        """Changes by module name, under the keys of the module's tree; indexes are left out."""
        parts: dict[str, dict[bytes, bytes | None]] = {}
        for key, value in changes.items():
            if self.is_in_tree(key):
                parts.setdefault(self.module_names[key[0]], {})[key[1:]] = value
        return parts

    def get_range(self, module: str) -> tuple[bytes, bytes]:
        """Where the keys of a module begin in the flat store, and where they have ended."""
        number = self._module_numbers[module]
        return bytes([number]), bytes([number + 1])

    def get_store_key(self, module: str, tree_key: bytes) -> bytes:
        """The key in the flat store of a key of a module's tree.

        Rejects an unknown module, and keys of an index, which are in no tree.
        """
        number = self._module_numbers.get(module)
        if number is None:
            detail = f"there is no module {module[:_NAME_CHARACTERS_MAX]}"
            raise ChainError(SdkError.UNKNOWN_REQUEST, detail)
        key = bytes([number]) + tree_key
        if not self.is_in_tree(key):
            detail = f"collection {key[1]} of {module} is an index: query what it leads to"
            raise ChainError(SdkError.INVALID_REQUEST, detail)
        return key
