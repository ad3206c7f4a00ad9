"""The chain as a whole: what happens at genesis, in a block, and on a question.

This file is the table of contents of the rules. Everything in it is a function of its arguments:
state comes in as a reader and goes out as a set of changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosmos.base.abci.v1beta1.abci_pb2 import GasInfo, Result
from cosmos.tx.v1beta1 import service_pb2

from chain import auth, bank, genesis, market, metering, registry, settlement, storage
from chain.admission import Admission, TxResult
from chain.runtime import codec
from chain.runtime.context import BlockInfo, Context, Event
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.module import Handler, Module, Query
from chain.runtime.store import CacheStore, Reader
from chain.runtime.tx import TxCache, decode
from chain.transactions import deliver_tx, simulate_tx

# In the order in which they begin and end a block.
MODULES: tuple[Module, ...] = (
    auth.MODULE,
    registry.MODULE,
    bank.MODULE,
    metering.MODULE,
    market.MODULE,
    storage.MODULE,
    settlement.MODULE,
)
HANDLERS: Mapping[str, Handler] = {
    url: handler for module in MODULES for url, handler in module.handlers.items()
}
QUERIES: Mapping[str, Query] = {
    path: query for module in MODULES for path, query in module.query_table.items()
}
MODULE_NAMES: Mapping[int, str] = {module.schema.number: module.name for module in MODULES}
_INDEX_PREFIXES = frozenset(index.prefix for module in MODULES for index in module.schema.indexes)
_PREFIX_BYTES = 2
SIMULATE_PATH = "/cosmos.tx.v1beta1.Service/Simulate"

Changes = Mapping[bytes, bytes | None]


@dataclass(slots=True)
class BlockResult:
    """What a block did: changes of the state, a result per transaction, events of the block."""

    changes: Changes
    tx_results: list[TxResult] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def init_chain(document: Any) -> Changes:
    """The state of a genesis document; raises GenesisError where it does not fit."""
    return genesis.load(MODULES, document)


def finalize_block(
    reader: Reader, block: BlockInfo, cache: TxCache, txs: Sequence[bytes]
) -> BlockResult:
    """Executes a block: what modules do before it, its transactions, what modules do after it."""
    store = CacheStore(reader)
    ctx = Context(store, block)
    for module in MODULES:
        if module.begin_block:
            module.begin_block(ctx)
    tx_results = [deliver_tx(store, block, cache, raw) for raw in txs]
    for module in MODULES:
        if module.end_block:
            module.end_block(ctx)
    return BlockResult(store.changes, tx_results, ctx.events)


def prepare_proposal(
    reader: Reader,
    block: BlockInfo,
    cache: TxCache,
    txs: Sequence[bytes],
    max_tx_bytes: int,
    admitted: Sequence[bytes] = (),
) -> list[bytes]:
    """The transactions to propose: those that are admitted one after the other, in their order,
    as far as they fit. What is left out stays in the mempool or is dropped by its recheck.

    `admitted` are transactions that an `Admission` has admitted one after the other from the same
    state for the same height: where they are the same, they need not be checked again.
    """
    if txs == admitted and sum(map(_size_in_block, txs)) <= max_tx_bytes:
        return list(txs)
    admission = Admission(reader, block, cache)
    chosen, size = [], 0
    for raw in txs:
        if size + _size_in_block(raw) > max_tx_bytes:
            break
        if admission.check(raw).code == 0:
            chosen.append(raw)
            size += _size_in_block(raw)
    return chosen


def process_proposal(
    reader: Reader, block: BlockInfo, cache: TxCache, txs: Sequence[bytes]
) -> bool:
    """Whether a proposal is one that `prepare_proposal` could have made from this state."""
    admission = Admission(reader, block, cache)
    return all(admission.check(raw).code == 0 for raw in txs)


def query(reader: Reader, block: BlockInfo, path: str, data: bytes) -> bytes:
    """Answers a question about the committed state; refuses unknown ones."""
    if path == SIMULATE_PATH:
        return _simulate(reader, block, data)
    found = QUERIES.get(path)
    if found is None:
        raise ChainError(SdkError.UNKNOWN_REQUEST, path[:200])
    request = _decode_request(found.request, data)
    return codec.encode(found.run(Context(CacheStore(reader), block), request))


def export(reader: Reader) -> dict[str, Any]:
    """The genesis document of a state: `init_chain` makes the same state of it."""
    return genesis.export(MODULES, reader)


def check_invariants(reader: Reader) -> list[str]:
    """Every broken invariant, in a sentence; none is the promise of this chain."""
    return genesis.check_invariants(MODULES, reader)


def split_by_module(changes: Changes) -> dict[str, dict[bytes, bytes | None]]:
    """Changes by module, under the keys that the module's Merkle tree knows."""
    parts: dict[str, dict[bytes, bytes | None]] = {}
    for key, value in changes.items():
        if is_in_tree(key):
            parts.setdefault(MODULE_NAMES[key[0]], {})[key[1:]] = value
    return parts


def is_in_tree(key: bytes) -> bool:
    """Whether the app hash covers a key of the flat store: all but those of indexes, which follow
    from the rest.
    """
    return key[:_PREFIX_BYTES] not in _INDEX_PREFIXES


def store_key(module: str, key: bytes) -> bytes:
    """The key in the flat store of a key in a module's tree; refuses an unknown module, and keys
    that belong to an index and are in no tree.
    """
    for number, name in MODULE_NAMES.items():
        if name == module:
            full = bytes([number]) + key
            if not is_in_tree(full):
                detail = f"collection {full[1]} of {name} is an index: ask for what it leads to"
                raise ChainError(SdkError.INVALID_REQUEST, detail)
            return full
    raise ChainError(SdkError.UNKNOWN_REQUEST, f"there is no module {module[:100]}")


def _simulate(reader: Reader, block: BlockInfo, data: bytes) -> bytes:
    request = _decode_request(service_pb2.SimulateRequest, data)
    raw = request.tx_bytes or request.tx.SerializeToString(deterministic=True)
    require(raw, SdkError.INVALID_REQUEST, "no transaction")
    tx = decode(raw, HANDLERS, signed=False)
    result = simulate_tx(CacheStore(reader), block, tx)
    return codec.encode(
        service_pb2.SimulateResponse(
            gas_info=GasInfo(gas_wanted=result.gas_wanted, gas_used=result.gas_used),
            result=Result(data=result.data),
        )
    )


def _decode_request(kind: type[codec.M], data: bytes) -> codec.M:
    try:
        return codec.decode_leniently(kind, data)
    except codec.EncodingError as error:
        raise ChainError(SdkError.INVALID_REQUEST, str(error)) from None


def _size_in_block(raw: bytes) -> int:
    """Bytes that a transaction takes in a block: itself, a tag and its length."""
    return len(raw) + 1 + len(codec.write_varint(len(raw)))
