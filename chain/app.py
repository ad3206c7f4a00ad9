"""The chain as a whole: what happens at genesis, to a transaction, in a block, and on a query.

This file is the table of contents of the rules. Everything in it is a function of its arguments:
state comes in as a reader and goes out as a set of changes. `ruleset` is for tests that try other
modules; the chain has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosmos.base.abci.v1beta1.abci_pb2 import GasInfo, Result
from cosmos.tx.v1beta1 import service_pb2

from chain import (
    ante,
    auth,
    authz,
    bank,
    carbon,
    carbontransfer,
    certificates,
    credits,
    feegrant,
    forecast,
    genesis,
    ibc,
    market,
    metering,
    params,
    peers,
    proposals,
    registry,
    settlement,
    storage,
    tielines,
    transactions,
    upgrade,
    validators,
)
from chain.keyspace import Changes
from chain.mempool import Mempool
from chain.migrations import MIGRATIONS
from chain.proposals import BlockSize
from chain.ruleset import Ruleset
from chain.runtime.consensus import ConsensusUpdates, ValidatorUpdate
from chain.runtime.context import BlockInfo, Context, Event
from chain.runtime.encoding import codec
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.module import Handler, Module
from chain.runtime.state.store import CacheStore, Reader
from chain.runtime.tx import DecodedTx, SignerData, decode
from chain.transactions import TxResult, reject

# In the order in which they begin and end a block.
_MODULES: tuple[Module, ...] = (
    upgrade.make_module(MIGRATIONS),
    auth.MODULE,
    registry.MODULE,
    peers.MODULE,
    bank.MODULE,
    metering.MODULE,
    market.MODULE,
    storage.MODULE,
    carbon.MODULE,
    credits.MODULE,
    settlement.MODULE,
    forecast.MODULE,
    certificates.MODULE,
)
# What a vote of validators can hold: the messages of all other modules.
_VOTED: dict[str, Handler] = {}
_VALIDATORS = validators.make_module(_VOTED)
_APPLICATIONS = {
    tielines.PORT: tielines.APPLICATION,
    carbontransfer.PORT: carbontransfer.APPLICATION,
}
_IBC = ibc.make_module(_APPLICATIONS)
_PARAMS = params.make_module((*_MODULES, _IBC, _VALIDATORS))
# What one account can let another send for it.
_DELEGABLE = {
    url: handler
    for module in _MODULES
    for url, handler in module.handlers.items()
    if handler.delegable
}
MODULES: tuple[Module, ...] = (
    *_MODULES,
    authz.make_module(_DELEGABLE),
    feegrant.MODULE,
    _VALIDATORS,
    _PARAMS,
    _IBC,
    tielines.MODULE,
    carbontransfer.MODULE,
)
for _module in (*_MODULES, _IBC, tielines.MODULE, carbontransfer.MODULE, _PARAMS):
    _VOTED.update(_module.handlers)
RULES = Ruleset(MODULES)
KEYSPACE = RULES.keyspace
SIMULATE_PATH = "/cosmos.tx.v1beta1.Service/Simulate"
_TX_FIELD_BYTES_MAX = 8
# A request names what it asks for; only a simulation carries more.
REQUEST_BYTES_MAX = 4096
# CometBFT asks below it whether it may connect with a peer.
PEER_FILTER_PATH = "/p2p/filter/"


@dataclass(slots=True)
class BlockResult:
    """What a block did: changes of the state, a result per transaction, events of the block, and
    what consensus is to change.
    """

    changes: Changes
    tx_results: list[TxResult] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    consensus: ConsensusUpdates = field(default_factory=ConsensusUpdates)


def init_chain(
    document: Any,
    block: BlockInfo | None = None,
    initial_validators: Sequence[ValidatorUpdate] = (),
    ruleset: Ruleset = RULES,
) -> Changes:
    """The state of a genesis document; raises GenesisError where it does not fit.

    block: chain id, initial height and genesis time. initial_validators: those that consensus
    begins with.
    """
    store = genesis.load(ruleset.modules, document)
    ctx = Context(store, block or BlockInfo("", 0, 0))
    for module in ruleset.modules:
        if module.init_validators:
            module.init_validators(ctx, initial_validators)
    genesis.validate(ruleset.modules, store)
    return store.changes


def check_tx(
    mempool: Mempool, raw: bytes, *, is_new: bool = True, ruleset: Ruleset = RULES
) -> TxResult:
    """Whether a transaction may wait in the mempool, or stay there if it is not new. Nothing is
    executed, so that only fees and sequences change.
    """
    params = auth.get_params(mempool)
    try:
        tx = ante.decode(raw, params, ruleset)
        if is_new:
            mempool.require_room(tx)
        gas = ante.check(Context(mempool.store, mempool.block, tx.signer), tx, params)
    except ChainError as error:
        ruleset.forget_txs([raw])
        return reject(error)
    mempool.add(tx)
    return TxResult(gas_wanted=tx.gas_limit, gas_used=gas)


def prepare_proposal(
    reader: Reader,
    block: BlockInfo,
    txs: Sequence[bytes],
    size: BlockSize,
    checked: bool = False,
) -> list[bytes]:
    """The transactions to propose. The others stay in the mempool or are dropped by its recheck.

    checked: they have passed CheckTx for this height one after the other.
    """
    return proposals.select(reader, block, txs, size, checked, RULES)


def fits_in_block(reader: Reader, block: BlockInfo, txs: Sequence[bytes], size: BlockSize) -> bool:
    """Whether transactions that have passed CheckTx can be proposed together."""
    return proposals.fits_in_block(reader, block, txs, size, RULES)


def process_proposal(reader: Reader, block: BlockInfo, txs: Sequence[bytes]) -> bool:
    """Whether all transactions pass one after the other, within the gas of a block."""
    good = proposals.is_valid(reader, block, txs, RULES)
    if not good:
        RULES.forget_txs(txs)
    return good


def finalize_block(
    reader: Reader, block: BlockInfo, txs: Sequence[bytes], ruleset: Ruleset = RULES
) -> BlockResult:
    """Executes a block: what modules do before it, its transactions, what modules do after it."""
    store = CacheStore(reader)
    ctx = Context(store, block)
    for module in ruleset.modules:
        if module.begin_block:
            module.begin_block(ctx)
    tx_results = [deliver_tx(store, block, raw, ruleset) for raw in txs]
    ended = [module.end_block(ctx) for module in ruleset.modules if module.end_block]
    return BlockResult(store.changes, tx_results, ctx.events, _find_updates(ended))


def deliver_tx(
    store: CacheStore, block: BlockInfo, raw: bytes, ruleset: Ruleset = RULES
) -> TxResult:
    """Executes one transaction of a block on the block's store."""
    # Parameters may have been changed by the transaction before.
    params = auth.get_params(Context(store, block))
    try:
        tx = ante.decode(raw, params, ruleset)
    except ChainError as error:
        return reject(error)
    return transactions.deliver_tx(store, block, tx, params)


def query(reader: Reader, block: BlockInfo, path: str, data: bytes) -> bytes:
    """Answers a query about a committed state; rejects unknown ones.

    block: the height and time of that state.
    """
    if path == SIMULATE_PATH:
        return _simulate(reader, block, data)
    if path.startswith(PEER_FILTER_PATH):
        ctx = Context(CacheStore(reader), block)
        peers.require_allowed(ctx, path.removeprefix(PEER_FILTER_PATH))
        return b""
    found = RULES.queries.get(path)
    if found is None:
        raise ChainError(SdkError.UNKNOWN_REQUEST, path[:200])
    too_large = f"a request of more than {REQUEST_BYTES_MAX} bytes"
    require(len(data) <= REQUEST_BYTES_MAX, SdkError.INVALID_REQUEST, too_large)
    request = _decode_request(found.request, data)
    return codec.encode(found.run(Context(CacheStore(reader), block), request))


def export(reader: Reader) -> dict[str, Any]:
    """The genesis document of a state: `init_chain` makes the same state of it."""
    return genesis.export(MODULES, reader)


def make_index_entries(reader: Reader) -> Iterator[tuple[bytes, bytes]]:
    """What indexes add to a state that has none yet, because the app hash leaves them out."""
    return genesis.make_index_entries(MODULES, reader)


def check_invariants(reader: Reader) -> list[str]:
    """A sentence for every broken invariant; none if all hold."""
    return genesis.check_invariants(MODULES, reader)


def find_signer_data(
    store: CacheStore,
    block: BlockInfo,
    raw: bytes,
    mempool: Mempool | None = None,
    ruleset: Ruleset = RULES,
) -> tuple[DecodedTx, SignerData] | None:
    """The signature check that will be made of a transaction, so that it can be made ahead; None
    if there will be none. mempool: the one that the transaction is to enter, if it is new.
    """
    ctx = Context(store, block)
    try:
        tx = ante.decode(raw, auth.get_params(ctx), ruleset)
        if mempool is not None:
            mempool.require_room(tx)
    except ChainError:
        return None
    signer_data = ante.find_signer_data(ctx, tx)
    return None if signer_data is None else (tx, signer_data)


def _find_updates(ended: Iterable[ConsensusUpdates | None]) -> ConsensusUpdates:
    """What the one module that changes consensus asks for; no other may."""
    updates = [found for found in ended if found is not None]
    assert len(updates) <= 1, "two modules change consensus in one block"
    return updates[0] if updates else ConsensusUpdates()


def _simulate(reader: Reader, block: BlockInfo, data: bytes) -> bytes:
    # Behind the limit of a transaction there is space for the tag and length before it.
    limits = auth.get_params(Context(CacheStore(reader), block))
    fits = len(data) <= limits.tx_bytes_max + _TX_FIELD_BYTES_MAX
    require(fits, SdkError.TX_TOO_LARGE)
    request = _decode_request(service_pb2.SimulateRequest, data)
    raw = request.tx_bytes or request.tx.SerializeToString(deterministic=True)
    require(raw, SdkError.INVALID_REQUEST, "no transaction")
    require(len(raw) <= limits.tx_bytes_max, SdkError.TX_TOO_LARGE)
    tx = decode(raw, RULES.handlers, limits.messages_per_tx_max, signed=False)
    result = transactions.simulate_tx(CacheStore(reader), block, tx)
    return codec.encode(
        service_pb2.SimulateResponse(
            gas_info=GasInfo(gas_wanted=result.gas_wanted, gas_used=result.gas_used),
            result=Result(data=result.data),
        )
    )


def _decode_request(message_type: type[codec.M], data: bytes) -> codec.M:
    try:
        return codec.decode_leniently(message_type, data)
    except codec.EncodingError as error:
        raise ChainError(SdkError.INVALID_REQUEST, str(error)) from None
