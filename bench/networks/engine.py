"""An application without CometBFT: the same calls in the same order, and what each block costs.

Costs are processor time of this process, its database's threads included, so that they are those
of one core whatever else the machine does. The disk is written as in a node.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

from google.protobuf.timestamp_pb2 import Timestamp
from tendermint.abci import types_pb2 as abci

from abci_app.node import EnergyApplication
from abci_app.protocol.server import prepare_interpreter
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from bench.results.report import read_memory_kb


@dataclass(frozen=True)
class BlockCost:
    """Processor seconds of one block, and the size of what CometBFT gets for it."""

    check_s: float
    execute_s: float
    commit_s: float
    result_bytes: int

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.check_s + self.execute_s + self.commit_s


class Engine:
    """One node's application over a database; every transaction must succeed."""

    def __init__(self, folder: Path) -> None:
        began_s = time.process_time()
        self._database = Database.open(folder)
        self.state = NodeState(self._database)
        self.start_s = time.process_time() - began_s
        self.application = EnergyApplication(self.state, "bench")
        # As the server does when it starts, which is after the state has been read.
        prepare_interpreter()

    def run_block(self, txs: Sequence[bytes], time_s: int) -> BlockCost:
        """Checks transactions, then takes a proposal with them, executes it and commits it."""
        stamp, height = Timestamp(seconds=time_s), self.state.committed.height + 1
        moments = [time.process_time()]
        for tx in txs:
            checked = self.application.check_tx(abci.RequestCheckTx(tx=tx))
            _require_ok(checked.code, checked.log)
        proposal = abci.RequestProcessProposal(height=height, time=stamp, txs=txs)
        taken = self.application.process_proposal(proposal)
        assert taken.status == abci.ResponseProcessProposal.ProposalStatus.ACCEPT
        moments.append(time.process_time())
        request = abci.RequestFinalizeBlock(height=height, time=stamp, txs=txs)
        reply = self.application.finalize_block(request)
        moments.append(time.process_time())
        self.application.commit(abci.RequestCommit())
        moments.append(time.process_time())
        for result in reply.decode().tx_results:
            _require_ok(result.code, result.log)
        check_s, execute_s, commit_s = (after - before for before, after in pairwise(moments))
        return BlockCost(check_s, execute_s, commit_s, len(reply.content))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.application.close()
        self._database.close()


def read_peak_mib() -> float:
    """The most memory that this process has had resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_own_mib(process: int | str = "self") -> float:
    """The memory that is a process's own now: what the kernel cannot drop under pressure, as it
    can the pages of the database's files.
    """
    return read_memory_kb("RssAnon", process) / 1024


def read_disk_bytes(folder: Path) -> int:
    """What the files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _require_ok(code: int, log: str) -> None:
    if code:
        raise RuntimeError(f"a transaction was rejected with code {code}: {log}")
