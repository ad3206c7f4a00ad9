"""A node's application over the street's state, in a folder of its own, without CometBFT."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tendermint.abci import types_pb2 as abci

from abci_app.node import EnergyApplication
from abci_app.protocol.application import Application, EncodedReply
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from chain import app
from chain.runtime.context import BlockInfo
from tests.fuzz.making.street import Street
from tests.support.world import CHAIN_ID

_IN_MEMORY = Path("/dev/shm")


def make_folder(name: str) -> Path:
    """A new folder, in memory where there is such a place: what is flushed there costs nothing."""
    parent = _IN_MEMORY if _IN_MEMORY.is_dir() else None
    return Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir=parent))


class FuzzedNode:
    """An application that has committed the street's state, and the logger that it complains to."""

    def __init__(self, street: Street) -> None:
        self.folder = make_folder("node")
        self.database = Database.open(self.folder / "data", create=True)
        self.state = NodeState(self.database, proof_wait_s=0.0)
        self.application = EnergyApplication(self.state, "fuzz")
        self.faults = FaultCatcher("abci_app")
        world = street.world
        genesis = BlockInfo(CHAIN_ID, 1, world.time_s)
        self.state.begin_chain(genesis, app.init_chain(app.export(world.store)))
        request = abci.RequestFinalizeBlock(height=world.height + 1)
        request.time.seconds = world.time_s + 1
        self.application.finalize_block(request)
        self.application.commit(abci.RequestCommit())
        self.committed = self.state.committed

    def close(self) -> None:
        """Removes the folder."""
        self.faults.close()
        self.application.close()
        self.database.close()
        shutil.rmtree(self.folder)


class SteadyApplication(Application):
    """The application as every stream finds it, whatever streams came before.

    Heights and times are those that CometBFT would give: it makes them, and no peer's bytes do.
    Genesis and blocks are worked at in nodes beside; Commit has no content that could be wrong.
    """

    def __init__(self, node: FuzzedNode, street: Street) -> None:
        self._node = node
        self._beside = FuzzedNode(street)
        self._beginning = FuzzedNode(street)
        self.renew()

    def renew(self) -> None:
        """Forgets the mempool and the last proposal."""
        self._inner = EnergyApplication(self._node.state, "fuzz")

    def close(self) -> None:
        """Closes the nodes beside."""
        self._beside.close()
        self._beginning.close()

    def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        return self._inner.info(request)

    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        return self._inner.query(request)

    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        return self._inner.check_tx(request)

    def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        return self._beginning.application.init_chain(request)

    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        self._set_block(request)
        return self._inner.prepare_proposal(request)

    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        self._set_block(request)
        return self._inner.process_proposal(request)

    def finalize_block(self, request: abci.RequestFinalizeBlock) -> EncodedReply:
        self._set_block(request)
        return self._beside.application.finalize_block(request)

    def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        return abci.ResponseCommit()

    def _set_block(self, request: Any) -> None:
        committed = self._node.committed
        request.height = committed.height + 1
        request.time.seconds = committed.time_s + 1


class FaultCatcher(logging.Handler):
    """Takes what is logged: silent, but keeps the exception that was logged and not raised."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.fault: BaseException | None = None
        self._loggers = [logging.getLogger(name) for name in names]
        self._propagated = [logger.propagate for logger in self._loggers]
        for logger in self._loggers:
            logger.propagate = False
            logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)
        if record.exc_info and record.exc_info[1] is not None:
            self.fault = record.exc_info[1]

    def require_none(self) -> None:
        """Raises what was logged since the last call."""
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault

    def close(self) -> None:
        """Hands the loggers back."""
        for logger, propagated in zip(self._loggers, self._propagated, strict=True):
            logger.removeHandler(self)
            logger.propagate = propagated
        super().close()
