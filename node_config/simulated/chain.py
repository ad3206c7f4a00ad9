"""The chain's own rules on a state in memory: queries and signed transactions, without a node.

What reaches it are the bytes that would reach a node, so nothing is possible here that a network
would reject; and the same calls in the same order give the same state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from blockenergy.auth.v1 import query_pb2 as auth_query_pb2
from google.protobuf.message import Message

from chain import app
from chain.runtime.context import BlockInfo
from client.catalog import get_query_by_request
from client.cost import compute_cost
from client.signing.keys import AccountKey
from client.signing.tx import sign
from node_config.simulated.store import SortedStore

R = TypeVar("R", bound=Message)


class ChainInProcess:
    """A chain that begins with a genesis state. Blocks are made when they are asked for."""

    def __init__(self, chain_id: str, app_state: Mapping[str, Any], genesis_time_s: int) -> None:
        self.chain_id = chain_id
        self.store = SortedStore()
        self.height, self.time_s = 0, genesis_time_s
        # Logs of transactions that were rejected or failed.
        self.rejections: list[str] = []
        self._waiting: list[bytes] = []
        self._accounts: dict[str, tuple[int, int]] = {}
        self.store.apply(app.init_chain(app_state, BlockInfo(chain_id, 1, genesis_time_s)))
        self._params = self.ask(
            auth_query_pb2.QueryParamsRequest(), auth_query_pb2.QueryParamsResponse
        ).params
        for entry in app.export(self.store)["auth"]["accounts"]:
            number = int(entry["value"].get("account_number", 0))
            self._accounts[entry["key"]] = (number, 0)

    def ask(self, request: Message, response_type: type[R]) -> R:
        """The answer of the last block's state; raises ChainError where the chain rejects it."""
        path = get_query_by_request()[request.DESCRIPTOR.full_name].path
        block = BlockInfo(self.chain_id, self.height, self.time_s)
        return response_type.FromString(
            app.query(self.store, block, path, request.SerializeToString())
        )

    def send(self, key: AccountKey, messages: Sequence[Message]) -> None:
        """Signs a transaction for the next block."""
        number, sequence = self._accounts[key.address]
        cost = compute_cost(self._params, messages, key.pub_key)
        raw = sign(messages, key, self.chain_id, number, sequence, cost.fee, cost.gas_limit)
        self._accounts[key.address] = (number, sequence + 1)
        self._waiting.append(raw)

    def make_block(self, time_s: int) -> app.BlockResult:
        """Executes what was sent since the last block."""
        self.height, self.time_s = self.height + 1, time_s
        block = BlockInfo(self.chain_id, self.height, time_s)
        result = app.finalize_block(self.store, block, self._waiting)
        self._waiting = []
        self.store.apply(result.changes)
        for tx_result in result.tx_results:
            if tx_result.exception:
                raise tx_result.exception
            if tx_result.code:
                self.rejections.append(tx_result.log)
        return result
