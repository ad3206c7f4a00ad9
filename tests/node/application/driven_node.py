"""One node's application, driven as CometBFT drives it, and the transactions it is given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin
from tendermint.abci import types_pb2 as abci

from abci_app.node import EnergyApplication
from abci_app.signature_worker import SignatureWorker
from abci_app.statesync.sync import StateSync
from abci_app.storage.node_state import NodeState
from abci_app.storage.persistence import Database
from tests.support import documents
from tests.support.streets.people import wallet
from tests.support.transactions import Envelope, sign

CHAIN_ID = "application-test"
# Of snapshots: the street's have about a dozen of them.
CHUNK_BYTES = 200
TIME_S = 1_800_000_000
ANNA, BEN = wallet("anna"), wallet("ben")
STATUS = abci.ResponseProcessProposal.ProposalStatus


class Node:
    """One node's application over a folder, to be stopped and started again."""

    def __init__(
        self,
        folder: Path,
        worker: SignatureWorker | None = None,
        changes: Mapping[str, Any] | None = None,
        snapshot_interval: int | None = None,
        retain_blocks: int = 0,
    ) -> None:
        """changes: of the street, where its chain begins. snapshot_interval: None for no state
        sync; its chunks are small.
        """
        self.folder = folder
        self.snapshot_interval = snapshot_interval
        self.retain_blocks = retain_blocks
        self.retain_height = 0
        self.changes = changes or {}
        self.worker = worker
        self.start()

    def start(self) -> None:
        self.database = Database.open(self.folder, create=True)
        state = NodeState(self.database, proof_wait_s=0.01)
        self.sync: StateSync | None = None
        if self.snapshot_interval is not None:
            home = self.folder.parent
            self.sync = StateSync(
                state, home, self.snapshot_interval, self.retain_blocks, chunk_bytes=CHUNK_BYTES
            )
        self.app = EnergyApplication(state, "test", True, self.worker, sync=self.sync)

    def wait_for_snapshot(self) -> None:
        """Returns when the snapshot that is being written is there."""
        if self.sync is not None:
            self.sync.maker.wait()

    def stop(self) -> None:
        self.app.close()
        self.database.close()

    def init_chain(self) -> bytes:
        short = documents.patch(documents.street(), self.changes)
        document = documents.expand(documents.complete(short))
        request = abci.RequestInitChain(
            chain_id=CHAIN_ID, app_state_bytes=json.dumps(document).encode()
        )
        return self.app.init_chain(request).app_hash

    def begin(self) -> None:
        """Genesis and the first block."""
        self.init_chain()
        self.block(1)

    def finalize(self, height: int, txs: Sequence[bytes] = ()) -> abci.ResponseFinalizeBlock:
        request = abci.RequestFinalizeBlock(height=height, txs=txs)
        request.time.seconds = TIME_S + height
        response: abci.ResponseFinalizeBlock = self.app.finalize_block(request).decode()
        return response

    def block(self, height: int, txs: Sequence[bytes] = ()) -> abci.ResponseFinalizeBlock:
        response = self.finalize(height, txs)
        self.retain_height = self.app.commit(abci.RequestCommit()).retain_height
        return response

    def check(self, raw: bytes, recheck: bool = False) -> abci.ResponseCheckTx:
        kind = abci.CheckTxType.RECHECK if recheck else abci.CheckTxType.NEW
        return self.app.check_tx(abci.RequestCheckTx(tx=raw, type=kind))

    def prepare(
        self,
        txs: Sequence[bytes],
        height: int = 2,
        at_s: int | None = None,
        max_tx_bytes: int = 1_000_000,
    ) -> list[bytes]:
        """This node's proposal; at_s is the block's time, else that of finalize."""
        request = abci.RequestPrepareProposal(height=height, txs=txs, max_tx_bytes=max_tx_bytes)
        request.time.seconds = TIME_S + height if at_s is None else at_s
        return list(self.app.prepare_proposal(request).txs)

    def accepts(self, txs: Sequence[bytes]) -> bool:
        """Whether it votes for this proposal of another for the second block."""
        request = abci.RequestProcessProposal(height=2, txs=txs, hash=b"its hash")
        request.time.seconds = TIME_S + 2
        return self.app.process_proposal(request).status == STATUS.ACCEPT

    def query(self, path: str, data: bytes, **more: object) -> abci.ResponseQuery:
        return self.app.query(abci.RequestQuery(path=path, data=data, **more))


def account_number(name: str) -> int:
    short = documents.complete(documents.street())
    return int(short[f"auth.accounts[{name}]"]["account_number"])


def pay(sequence: int, amount: int = 5, chain_id: str = CHAIN_ID) -> bytes:
    """Anna pays Ben."""
    coin = Coin(denom="ueur", amount=str(amount))
    message = MsgSend(from_address=ANNA.text, to_address=BEN.text, amount=[coin])
    return sign(ANNA, [message], Envelope(chain_id, account_number("anna"), sequence))


def place_order(slot: int) -> bytes:
    """Anna asks for a kWh of a slot, as her first transaction."""
    order = market_tx_pb2.MsgPlaceLimitOrder(
        owner=ANNA.text,
        slot=slot,
        side=market_pb2.SIDE_BUY,
        quantity_wh=1_000,
        price_limit_per_kwh=200_000,
    )
    return sign(ANNA, [order], Envelope(CHAIN_ID, account_number("anna"), 0))
