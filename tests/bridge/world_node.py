"""A node on loopback that runs the real rules: each transaction makes a block."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from chain import app
from chain.runtime.errors import ChainError
from chain.transactions import TxResult
from client.signing.keys import AccountKey
from tests.clients.loopback_node import LoopbackNode, LostResponseError, NodeError
from tests.support.streets import people
from tests.support.world import CHAIN_ID, World


class WorldNode:
    """Serves a world as CometBFT would. The first block is made immediately."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chain_id = CHAIN_ID
        # The size in bytes of each executed transaction.
        self.txs: list[int] = []
        # How many transactions are executed whose responses are then lost.
        self.responses_to_lose = 0
        self._lock = threading.Lock()
        self._results: dict[bytes, tuple[bytes, int, TxResult]] = {}
        self._node = LoopbackNode()
        self._node.responses = {
            "status": self._status,
            "abci_query": self._query,
            "broadcast_tx_sync": self._broadcast,
            "tx": self._tx,
        }
        self.url = self._node.url
        world.block()

    @contextmanager
    def running(self) -> Iterator[WorldNode]:
        """Serves while the block runs."""
        with self._node.running():
            yield self

    def make_block(self, at: int) -> None:
        """An empty block at a time."""
        with self._lock:
            self.world.block(at=at)

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        moment = datetime.fromtimestamp(self.world.time_s, UTC)
        return {
            "node_info": {
                "network": self.chain_id,
                "id": "",
                "moniker": "world",
                "version": "0.38.26",
            },
            "sync_info": {
                "latest_block_height": str(self.world.height),
                "latest_block_time": f"{moment:%Y-%m-%dT%H:%M:%S}Z",
                "latest_app_hash": "",
                "catching_up": False,
            },
            "validator_info": {"address": "", "voting_power": "10"},
        }

    def _query(self, params: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            world = self.world
            data = bytes.fromhex(params["data"])
            try:
                value = app.query(world.store, world.block_info, params["path"], data)
            except ChainError as raised:
                error = raised.error
                response = {"code": error.code, "codespace": error.codespace, "log": raised.log}
                return {"response": response}
        return {"response": {"code": 0, "value": base64.b64encode(value).decode()}}

    def _broadcast(self, params: dict[str, Any]) -> dict[str, Any]:
        raw = base64.b64decode(params["tx"])
        tx_hash = hashlib.sha256(raw).digest()
        with self._lock:
            if tx_hash in self._results:
                raise NodeError("tx already exists in cache")
            self.world.block(raw)
            result = self.world.results[0]
            if result.code == 0:
                self._results[tx_hash] = (raw, self.world.height, result)
                self.txs.append(len(raw))
            if self.responses_to_lose:
                self.responses_to_lose -= 1
                raise LostResponseError
        return {
            "hash": tx_hash.hex(),
            "code": result.code,
            "codespace": result.codespace,
            "log": result.log,
        }

    def _tx(self, params: dict[str, Any]) -> dict[str, Any]:
        tx_hash = base64.b64decode(params["hash"])
        with self._lock:
            if tx_hash not in self._results:
                raise NodeError("tx not found")
            raw, height, result = self._results[tx_hash]
        return {
            "hash": tx_hash.hex(),
            "height": str(height),
            "index": 0,
            "tx": base64.b64encode(raw).decode(),
            "tx_result": {"code": 0, "data": base64.b64encode(result.data).decode()},
        }


def make_bridge_key(name: str = "bridge") -> AccountKey:
    """The account key of a member of the people."""
    return AccountKey(bytes(people.wallet(name).key.secret))
