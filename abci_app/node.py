"""The application of BlockEnergy: ABCI in, the rules of `chain.app` out.

It carries bytes between CometBFT, the disk and the rules, and decides nothing about energy.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

from tendermint.abci import types_pb2 as abci
from tendermint.crypto.proof_pb2 import ProofOp, ProofOps

from abci_app.blocks import make_block_info, make_validator_updates
from abci_app.genesis import load_genesis
from abci_app.optimistic import OptimisticExecution
from abci_app.prefetch import SignaturePrefetcher
from abci_app.protocol.application import Application, EncodedReply
from abci_app.query_budget import BlocksFirst, QueryBudget, QueryShare, QueryTooLargeError
from abci_app.release import execute
from abci_app.results import (
    encode_block_result,
    make_check_result,
    make_misbehavior_event,
)
from abci_app.signature_worker import SignatureWorker
from abci_app.statesync.sync import StateSync
from abci_app.storage.node_state import NodeState, NotReadyError
from abci_app.storage.snapshot import HeightError
from chain import app
from chain.mempool import Mempool
from chain.pace import Pace
from chain.proposals import BlockSize
from chain.runtime.context import BlockInfo
from chain.runtime.errors import ChainError, SdkError, require
from chain.runtime.state.store import CacheStore
from chain.runtime.trees.proofs import UnprovableError
from chain.transactions import MACHINE_ERRORS, reject

APP_VERSION = 1
NAME = "blockenergy"
NO_STATE = "this node has no state yet; ask another one"
# Queries of raw state begin with it, or with a slash before it.
STORE_PATH = "store/"
# Characters of a query's path that are repeated in logs and answers.
PATH_SHOWN = 200

Q = TypeVar("Q")
A = TypeVar("A")

log = logging.getLogger(__name__)


class BrokenInvariantError(Exception):
    """A promise of the chain does not hold after a block; the message names it."""


def _before_queries(
    call: Callable[[EnergyApplication, Q], A],
) -> Callable[[EnergyApplication, Q], A]:
    """Makes queries pause while a call about a block is in hand."""

    @wraps(call)
    def run(self: EnergyApplication, request: Q) -> A:
        with self._blocks.call():
            return call(self, request)

    return run


class EnergyApplication(Application):
    """One method per ABCI call. `check_invariants` runs every invariant after every block: for
    test networks, where the state is small. `worker` verifies signatures ahead. `pace` decides how
    much a proposal has, `query_share` how much queries have of a core, `sync` what there is for new
    nodes and how long blocks are kept.
    """

    def __init__(
        self,
        state: NodeState,
        version: str,
        check_invariants: bool = False,
        worker: SignatureWorker | None = None,
        pace: Pace | None = None,
        query_share: QueryShare | None = None,
        sync: StateSync | None = None,
    ) -> None:
        self._state = state
        self._sync = sync
        self._signatures = SignaturePrefetcher(worker)
        self._version = version
        self._check_invariants = check_invariants
        self._blocks = BlocksFirst()
        self._query_share = query_share or QueryShare()
        self._mempool_lock = threading.Lock()
        self._pace = pace or Pace()
        # The height of the latest proposal, and when it came.
        self._began = (0, 0.0)
        self._gas_used = 0
        self._reset_mempool()
        self._block_txs: Sequence[bytes] = ()
        self._prepared: tuple[int, list[bytes]] = (0, [])
        self._optimistic = OptimisticExecution(self._blocks)

    def close(self) -> None:
        """Returns when nothing reads the state any more; no call may follow."""
        self._optimistic.wait()
        if self._sync is not None:
            self._sync.maker.close()

    def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        committed = self._state.committed
        return abci.ResponseInfo(
            data=NAME,
            version=self._version,
            app_version=APP_VERSION,
            last_block_height=committed.height,
            last_block_app_hash=committed.app_hash,
        )

    def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        block = BlockInfo(request.chain_id, request.initial_height, request.time.seconds)
        validators = make_validator_updates(request.validators)
        changes = load_genesis(request.app_state_bytes, block, validators)
        app_hash = self._state.begin_chain(block, changes)
        self._reset_mempool()
        return abci.ResponseInitChain(app_hash=app_hash)

    def on_check_tx_batch(self, requests: Sequence[abci.RequestCheckTx]) -> None:
        if not self._state.has_state:
            return
        txs = [request.tx for request in requests if request.type == abci.CheckTxType.NEW]
        with self._mempool_lock:
            self._signatures.submit(self._mempool, txs)

    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        if not self._state.has_state:
            return make_check_result(reject(ChainError(SdkError.INVALID_REQUEST, NO_STATE)))
        self._signatures.wait_for(request.tx)
        with self._mempool_lock:
            is_new = request.type == abci.CheckTxType.NEW
            result = app.check_tx(self._mempool, request.tx, is_new=is_new)
        return make_check_result(result)

    @_before_queries
    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        block = make_block_info(self._state.chain_id, request, request.local_last_commit)
        self._began = block.height, time.monotonic()
        txs = list(request.txs)
        # CheckTx has let them pass one after the other from the same state: checking the same list
        # again would tell nothing new.
        passed = txs == self._get_passed(len(txs), block.height)
        reader, size = self._state.reader, BlockSize(request.max_tx_bytes, self._pace.gas)
        if not (passed and app.fits_in_block(reader, block, txs, size)):
            txs = app.prepare_proposal(reader, block, txs, size, passed)
        self._prepared = block.height, txs
        self._optimistic.begin(reader, block, txs)
        return abci.ResponsePrepareProposal(txs=txs)

    @_before_queries
    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        block = make_block_info(self._state.chain_id, request, request.proposed_last_commit)
        txs = list(request.txs)
        # A proposer has to vote on its own proposal as well, which it has just checked.
        good = (request.height, txs) == self._prepared
        if not good:
            self._began = block.height, time.monotonic()
            self._signatures.verify(CacheStore(self._state.reader), block, txs)
            good = app.process_proposal(self._state.reader, block, txs)
            if good:
                self._optimistic.begin(self._state.reader, block, txs)
        status = abci.ResponseProcessProposal.ProposalStatus
        return abci.ResponseProcessProposal(status=status.ACCEPT if good else status.REJECT)

    @_before_queries
    def finalize_block(self, request: abci.RequestFinalizeBlock) -> EncodedReply:
        block = make_block_info(self._state.chain_id, request, request.decided_last_commit)
        txs = list(request.txs)
        result = self._optimistic.take(self._state.reader, block, txs)
        if result is None:
            self._signatures.verify(CacheStore(self._state.reader), block, txs)
            result = execute(self._state.reader, block, txs)
        self._note_results(request.height, result)
        self._note_votes(block)
        evidence = [make_misbehavior_event(found) for found in request.misbehavior]
        for event in evidence:
            log.error("evidence of misbehaviour in block %d: %s", request.height, event.attributes)
        if self._check_invariants:
            self._require_invariants(request.height, result)
        self._gas_used = sum(each.gas_used for each in result.tx_results)
        app_hash = self._state.set_pending(block, result.changes)
        self._block_txs = txs
        return encode_block_result(result, evidence, app_hash)

    @_before_queries
    def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        self._state.commit()
        if self._began[0] == self._state.committed.height:
            took_ms = int(1000 * (time.monotonic() - self._began[1]))
            self._pace.note_block(self._gas_used, took_ms)
        self._reset_mempool()
        app.RULES.forget_txs(self._block_txs)
        if self._sync is None:
            return abci.ResponseCommit()
        return abci.ResponseCommit(retain_height=self._sync.note_commit(self._blocks))

    def list_snapshots(self, request: abci.RequestListSnapshots) -> abci.ResponseListSnapshots:
        if self._sync is None:
            return super().list_snapshots(request)
        return abci.ResponseListSnapshots(snapshots=self._sync.maker.get_offered())

    def load_snapshot_chunk(
        self, request: abci.RequestLoadSnapshotChunk
    ) -> abci.ResponseLoadSnapshotChunk:
        if self._sync is None:
            return super().load_snapshot_chunk(request)
        chunk = self._sync.maker.load(request.height, request.format, request.chunk)
        return abci.ResponseLoadSnapshotChunk(chunk=chunk)

    def offer_snapshot(self, request: abci.RequestOfferSnapshot) -> abci.ResponseOfferSnapshot:
        if self._sync is None:
            return super().offer_snapshot(request)
        return self._sync.restore.offer(request.snapshot, request.app_hash)

    def apply_snapshot_chunk(
        self, request: abci.RequestApplySnapshotChunk
    ) -> abci.ResponseApplySnapshotChunk:
        if self._sync is None:
            return super().apply_snapshot_chunk(request)
        response = self._sync.restore.apply(request.index, request.chunk, request.sender)
        self._reset_mempool()
        return response

    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        if request.path.startswith(app.PEER_FILTER_PATH):
            return self._answer_query(request)
        with self._query_share.query():
            return self._answer_query(request)

    def _answer_query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        budget = QueryBudget(self._blocks)
        try:
            if request.path.removeprefix("/").startswith(STORE_PATH):
                return self._query_store(request, budget)
            if request.path.startswith(app.PEER_FILTER_PATH):
                return self._query_peer(request)
            return self._query_rules(request, budget)
        except ChainError as error:
            return self._reject(error)
        except HeightError as missing:
            return self._reject(ChainError(SdkError.INVALID_HEIGHT, str(missing)))
        except (NotReadyError, QueryTooLargeError) as obstacle:
            return self._reject(ChainError(SdkError.INVALID_REQUEST, str(obstacle)))
        except MACHINE_ERRORS:
            raise
        except Exception:
            log.exception("query %s failed", request.path[:PATH_SHOWN])
            return self._reject(ChainError(SdkError.PANIC))

    def _query_rules(self, request: abci.RequestQuery, budget: QueryBudget) -> abci.ResponseQuery:
        require(not request.prove, SdkError.INVALID_REQUEST, "only /store/ has proofs")
        with self._state.open_snapshot(request.height, budget) as (snapshot, committed):
            block = BlockInfo(committed.chain_id, committed.height, committed.time_s)
            value = app.query(snapshot, block, request.path, request.data)
            return abci.ResponseQuery(value=value, height=committed.height)

    def _query_peer(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        """Whether a peer may connect: by the latest state, which is that of genesis before the
        first block, because without peers there would be none. A node that has no state yet,
        because it is restoring one, knows no list and has nothing to keep from anybody.
        """
        committed = self._state.committed
        if not self._state.has_state:
            return abci.ResponseQuery()
        block = BlockInfo(committed.chain_id, committed.height, committed.time_s)
        app.query(self._state.reader, block, request.path, request.data)
        return abci.ResponseQuery(height=committed.height)

    def _query_store(self, request: abci.RequestQuery, budget: QueryBudget) -> abci.ResponseQuery:
        """Raw state: path /store/<module>/key, data = key in the module's tree. Tools of other
        chains leave out the first slash.
        """
        path = request.path.removeprefix("/").removeprefix(STORE_PATH)
        module, _, what = path.partition("/")
        require(what == "key", SdkError.UNKNOWN_REQUEST, request.path[:PATH_SHOWN])
        require(request.data, SdkError.INVALID_REQUEST, "no key")
        fits = len(request.data) <= app.REQUEST_BYTES_MAX
        require(fits, SdkError.INVALID_REQUEST, f"a key of more than {app.REQUEST_BYTES_MAX} bytes")
        key = app.KEYSPACE.get_store_key(module, request.data)
        if not request.prove:
            with self._state.open_snapshot(request.height, budget) as (snapshot, committed):
                return _make_store_answer(request, snapshot.get(key), committed.height)
        with self._state.open_provable(request.height, budget) as provable:
            response = _make_store_answer(
                request, provable.reader.get(key), provable.committed.height
            )
            try:
                ops = provable.prove(module, request.data)
            except UnprovableError as error:
                raise ChainError(SdkError.INVALID_REQUEST, str(error)) from None
            response.proof_ops.CopyFrom(ProofOps(ops=[ProofOp(**op._asdict()) for op in ops]))
            return response

    def _reject(self, error: ChainError) -> abci.ResponseQuery:
        return abci.ResponseQuery(
            code=error.error.code,
            codespace=error.error.codespace,
            log=error.log,
            height=self._state.committed.height,
        )

    def _reset_mempool(self) -> None:
        committed = self._state.committed
        with self._mempool_lock:
            block = BlockInfo(committed.chain_id, self._state.next_height, committed.time_s)
            self._mempool = Mempool(self._state.reader, block, self._pace.more_bytes)

    def _get_passed(self, count: int, height: int) -> list[bytes]:
        """The first transactions that have passed CheckTx one after the other for a height."""
        with self._mempool_lock:
            return self._mempool.passed[:count] if height == self._mempool.block.height else []

    def _note_results(self, height: int, result: app.BlockResult) -> None:
        """Says loudly which transactions hit an error of ours."""
        for each in result.tx_results:
            if each.exception is not None:
                log.error(
                    "ERROR at height %d: the chain itself failed a transaction",
                    height,
                    exc_info=each.exception,
                )

    def _note_votes(self, block: BlockInfo) -> None:
        """Is told who signed the block before."""

    def _require_invariants(self, height: int, result: app.BlockResult) -> None:
        after = CacheStore(self._state.reader)
        after.changes.update(result.changes)
        problems = app.check_invariants(after)
        if problems:
            raise BrokenInvariantError(f"height {height}: " + "; ".join(problems[:5]))


def _make_store_answer(
    request: abci.RequestQuery, value: bytes | None, height: int
) -> abci.ResponseQuery:
    return abci.ResponseQuery(key=request.data, value=value or b"", height=height)
