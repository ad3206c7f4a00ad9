"""A set of modules and what follows from it: handlers, queries, keys, and how to read
transactions.
"""

from __future__ import annotations

from collections.abc import Sequence

from chain.keyspace import Keyspace
from chain.runtime.encoding import amino_json
from chain.runtime.module import Handler, Module, Query
from chain.runtime.tx import DecodedTx, TxCache


class Ruleset:
    """Modules in the order in which they begin and end a block."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.modules = tuple(modules)
        self.handlers: dict[str, Handler] = {
            url: handler for module in modules for url, handler in module.handlers.items()
        }
        self.queries: dict[str, Query] = {
            path: query for module in modules for path, query in module.query_table.items()
        }
        self.keyspace = Keyspace([module.schema for module in modules])
        # What a message may hold in turn: a message to execute, or parameters.
        self.packed_types = {url: handler.message_type for url, handler in self.handlers.items()}
        self.packed_types |= {
            module.params.type_url: module.params.message_type
            for module in modules
            if module.params is not None
        }
        for module in modules:
            for kind in module.packed_types:
                self.packed_types[f"/{kind.DESCRIPTOR.full_name}"] = kind
        amino_json.require_names(self.packed_types)
        # What is remembered is a function of a transaction's bytes.
        self._txs = TxCache(self.handlers, packed_types=self.packed_types)

    def decode_tx(self, raw: bytes, messages_max: int) -> DecodedTx:
        """A transaction, decoded once for all the times that consensus hands it in."""
        return self._txs.get(raw, messages_max)

    def is_verified(self, raw: bytes) -> bool:
        """Whether a transaction's signature was verified already."""
        return self._txs.is_verified(raw)

    def forget_txs(self, txs: Sequence[bytes]) -> None:
        """Frees what is remembered of transactions that have been committed or rejected."""
        for raw in txs:
            self._txs.forget(raw)
