"""What an operator can watch of the application, in the form of Prometheus.

    blockenergy_abci_call_seconds{call}              how long blocks take, call by call
    blockenergy_transactions_total{codespace,code}   in blocks, by what became of them
    blockenergy_checked_total{codespace,code}        the same for the mempool's first look
    blockenergy_events_total{event}                  of blocks and of transactions that were carried
                                                     out: slots opened, cleared and settled, orders
    blockenergy_signatures_total{validator,signed}   of commits: who signed, and who missed a block
    blockenergy_height                               the last committed block
    blockenergy_block_time_seconds                   and its time, in seconds since 1970
    blockenergy_database_bytes                       size of the state on disk

Counters begin with 0 when the process starts, and count blocks that are replayed then. Beside these
there is what Prometheus' own library knows of a process: memory, processor time, open files.
"""

from __future__ import annotations

import collections
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
)
from tendermint.abci import types_pb2 as abci

from abci_app.node import EnergyApplication
from abci_app.protocol.application import EncodedReply
from abci_app.query_budget import QueryShare
from abci_app.signature_worker import SignatureWorker
from abci_app.statesync.sync import StateSync
from abci_app.storage.node_state import NodeState
from chain import app
from chain.pace import Pace
from chain.runtime.context import BlockInfo, CosmosEvent, Event

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one process."""

    def __init__(self, state: NodeState, folder: Path) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ("codespace", "code")
        self.calls = Histogram(
            "blockenergy_abci_call_seconds",
            "Time to answer a call of CometBFT.",
            ("call",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.transactions = Counter(
            "blockenergy_transactions",
            "Transactions in blocks; code 0 was carried out.",
            labels,
            registry=self.registry,
        )
        self.checked = Counter(
            "blockenergy_checked",
            "Transactions that asked to wait for a block; code 0 was let in.",
            labels,
            registry=self.registry,
        )
        self.events = Counter(
            "blockenergy_events",
            "Events of blocks, by their type.",
            ("event",),
            registry=self.registry,
        )
        self.signatures = Counter(
            "blockenergy_signatures",
            "Blocks that a validator of the set has signed, or missed.",
            ("validator", "signed"),
            registry=self.registry,
        )
        self._add_gauge("height", "Last committed block.", lambda: state.committed.height)
        self._add_gauge("block_time_seconds", "Time of it.", lambda: state.committed.time_s)
        self._add_gauge("database_bytes", "State on disk.", lambda: compute_size(folder))

    def _add_gauge(self, name: str, text: str, get: Callable[[], float]) -> None:
        """A number that is looked up when somebody asks."""
        Gauge(f"blockenergy_{name}", text, registry=self.registry).set_function(get)


class MeteredApplication(EnergyApplication):
    """The application, with a look at the clock before and after the calls of a block."""

    def __init__(
        self,
        state: NodeState,
        version: str,
        check_invariants: bool,
        worker: SignatureWorker | None,
        metrics: Metrics,
        pace: Pace | None = None,
        query_share: QueryShare | None = None,
        sync: StateSync | None = None,
    ) -> None:
        super().__init__(state, version, check_invariants, worker, pace, query_share, sync)
        self._metrics = metrics

    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        response = super().check_tx(request)
        if request.type == abci.CheckTxType.NEW:
            self._metrics.checked.labels(response.codespace, response.code).inc()
        return response

    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        with self._measure("prepare_proposal"):
            return super().prepare_proposal(request)

    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        with self._measure("process_proposal"):
            return super().process_proposal(request)

    def finalize_block(self, request: abci.RequestFinalizeBlock) -> EncodedReply:
        with self._measure("finalize_block"):
            return super().finalize_block(request)

    def _note_results(self, height: int, result: app.BlockResult) -> None:
        super()._note_results(height, result)
        outcomes = collections.Counter((each.codespace, each.code) for each in result.tx_results)
        for outcome, count in outcomes.items():
            self._metrics.transactions.labels(*outcome).inc(count)
        groups = [result.events, *(each.events for each in result.tx_results)]
        events = collections.Counter(get_type(event) for group in groups for event in group)
        for name, count in events.items():
            self._metrics.events.labels(name).inc(count)

    def _note_votes(self, block: BlockInfo) -> None:
        for vote in block.last_commit:
            signed = "yes" if vote.signed else "no"
            self._metrics.signatures.labels(vote.validator.hex(), signed).inc()

    def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        with self._measure("commit"):
            return super().commit(request)

    @contextmanager
    def _measure(self, call: str) -> Iterator[None]:
        begin_s = time.perf_counter()
        yield
        self._metrics.calls.labels(call).observe(time.perf_counter() - begin_s)


def get_type(event: Event) -> str:
    """The type under which an event is announced."""
    return event.type if isinstance(event, CosmosEvent) else event.DESCRIPTOR.full_name


def compute_size(folder: Path) -> int:
    """Bytes of all files in a folder; LevelDB has no folders in it."""
    size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                size += entry.stat().st_size
            except FileNotFoundError:
                # LevelDB has removed it since.
                continue
    return size
