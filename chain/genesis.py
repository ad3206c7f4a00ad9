"""Genesis and export: the state as a document, one entry per module.

Promises that `export(load(document)) == document` for every document that `export` wrote, and that
a document is taken only if every module agrees with it and every invariant holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from chain.runtime.encoding.bech32 import AddressError
from chain.runtime.module import Module
from chain.runtime.state.collections import GenesisError
from chain.runtime.state.store import CacheStore, MemoryStore, Reader

_PROBLEMS_SHOWN = 5


class _State(NamedTuple):
    store: CacheStore


def load(modules: Sequence[Module], document: Any) -> CacheStore:
    """The state of a document; raises GenesisError with the place and the reason if it is wrong."""
    if not isinstance(document, dict):
        raise GenesisError("app_state: an object is expected")
    names = [module.name for module in modules]
    for name in sorted(set(document) - set(names)):
        raise GenesisError(f"app_state.{name}: there is no such module")
    state = _State(CacheStore(MemoryStore()))
    for module in modules:
        if module.name not in document:
            raise GenesisError(f"app_state.{module.name} is missing")
        module.schema.load(state, document[module.name])
    return state.store


def export(modules: Sequence[Module], reader: Reader) -> dict[str, Any]:
    """The document of a state."""
    state = _State(CacheStore(reader))
    return {module.name: module.schema.export(state) for module in modules}


def make_index_entries(modules: Sequence[Module], reader: Reader) -> Iterator[tuple[bytes, bytes]]:
    """What stands in the store of all indexes, by the rest of a state alone."""
    state = _State(CacheStore(reader))
    for module in modules:
        for index in module.schema.indexes:
            yield from index.make_entries(state)


def check_invariants(modules: Sequence[Module], reader: Reader) -> list[str]:
    """Every broken invariant, as `module.invariant: problem`."""
    state = _State(CacheStore(reader))
    problems = [
        f"{module.name}.{invariant.__name__}: {problem}"
        for module in modules
        for invariant in module.invariants
        for problem in invariant(state)
    ]
    problems += [
        f"{module.name}.params: {problem}"
        for module in modules
        if module.params
        for problem in module.params.check_invariants(state)
    ]
    # The app hash leaves indexes out, so nothing else would show that one has gone wrong.
    return problems + [
        f"{module.name}: {problem}"
        for module in modules
        for index in module.schema.indexes
        for problem in index.check_invariants(state)
    ]


def validate(modules: Sequence[Module], store: CacheStore) -> None:
    """Raises GenesisError unless every module agrees with a state and every invariant holds."""
    state = _State(store)
    for module in modules:
        for check in (module.validate_params, module.validate_genesis):
            try:
                if check:
                    check(state)
            except (AddressError, AssertionError) as error:
                raise GenesisError(f"{module.name}: {error}") from None
    problems = check_invariants(modules, store)
    if problems:
        raise GenesisError("; ".join(problems[:_PROBLEMS_SHOWN]))
