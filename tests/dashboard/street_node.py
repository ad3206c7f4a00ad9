"""A node on loopback whose blocks, results and answers are those of `chain.app`."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from loopback_node import LoopbackNode, NodeError

from abci_app.results import make_events
from chain import app
from chain.mempool import Mempool
from chain.runtime.errors import ChainError
from tests.support.world import CHAIN_ID, World


class StreetNode(LoopbackNode):
    """Serves the blocks of a world; `record` adds one."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.chain_id = CHAIN_ID
        self.first = 1
        self.salt = ""
        self.blocks: list[tuple[int, list[bytes], app.BlockResult]] = []
        # What was sent to it and is in no block yet.
        self.waiting: list[bytes] = []
        self.responses |= {
            "status": self._status,
            "block": self._block,
            "block_results": self._results,
            "abci_query": self._query,
            "broadcast_tx_sync": self._broadcast,
        }

    def record(self, *txs: bytes, at: int | None = None) -> None:
        """Executes a block, also with what was sent; it is then the latest one of the node."""
        executed = [*self.waiting, *txs]
        self.waiting.clear()
        result = self.world.block(*executed, at=at)
        self.blocks.append((self.world.time_s, executed, result))

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        return {
            "node_info": {"id": "", "network": self.chain_id, "moniker": "", "version": ""},
            "sync_info": {
                "earliest_block_height": str(self.first),
                "latest_block_height": str(len(self.blocks)),
                "latest_block_time": _write_time(self.world.time_s),
                "earliest_block_time": _write_time(self.blocks[0][0]) if self.blocks else "",
                "latest_app_hash": "",
                "catching_up": False,
            },
            "validator_info": {"address": "", "voting_power": "0"},
        }

    def _at(self, params: dict[str, Any]) -> tuple[int, list[bytes], app.BlockResult]:
        height = int(params["height"])
        if not self.first <= height <= len(self.blocks):
            raise NodeError(f"height {height} is not available")
        return self.blocks[height - 1]

    def _block(self, params: dict[str, Any]) -> dict[str, Any]:
        time_s, txs, _ = self._at(params)
        block_hash = hashlib.sha256(f"{self.salt}{params['height']}".encode()).hexdigest()
        header = {
            "chain_id": self.chain_id,
            "height": params["height"],
            "time": _write_time(time_s),
            "app_hash": "",
            "proposer_address": "",
        }
        data = {"txs": [base64.b64encode(tx).decode() for tx in txs]}
        return {"block_id": {"hash": block_hash}, "block": {"header": header, "data": data}}

    def _results(self, params: dict[str, Any]) -> dict[str, Any]:
        _, _, result = self._at(params)
        return {
            "height": params["height"],
            "app_hash": None,
            "txs_results": [
                {
                    "code": tx.code,
                    "codespace": tx.codespace,
                    "log": tx.log,
                    "events": _describe(tx.events),
                }
                for tx in result.tx_results
            ],
            "finalize_block_events": _describe(result.events),
        }

    def _broadcast(self, params: dict[str, Any]) -> dict[str, Any]:
        raw, block = base64.b64decode(params["tx"]), self.world.block_info
        coming = replace(block, height=block.height + 1)
        result = app.check_tx(Mempool(self.world.store, coming), raw)
        if not result.code:
            self.waiting.append(raw)
        return {
            "code": result.code,
            "codespace": result.codespace,
            "log": result.log,
            "hash": hashlib.sha256(raw).hexdigest().upper(),
            "data": "",
        }

    def _query(self, params: dict[str, Any]) -> dict[str, Any]:
        world = self.world
        data = bytes.fromhex(params["data"])
        try:
            value = app.query(world.store, world.block_info, params["path"], data)
        except ChainError as error:
            code = error.error
            return {"response": {"code": code.code, "codespace": code.codespace, "log": error.log}}
        content = base64.b64encode(value).decode()
        return {"response": {"code": 0, "value": content, "height": str(len(self.blocks))}}


def _write_time(time_s: int) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _describe(events: Any) -> list[dict[str, Any]]:
    return [
        {
            "type": event.type,
            "attributes": [{"key": a.key, "value": a.value} for a in event.attributes],
        }
        for event in make_events(events)
    ]
