"""A chain in memory: `chain.app` with a dictionary for its state and a clock that you set.

chain = Chain.begin(genesis_state, "research-1", START_S)
chain.send(START_S + 20, [(key, MsgBuy(...))])
chain.query("/blockenergy.market.v1.Query/Slot", QuerySlotRequest(slot=7), QuerySlotResponse)
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from google.protobuf.message import Message

from chain import app
from chain.runtime.context import BlockInfo
from client.signing import tx
from client.signing.keys import AccountKey

M = TypeVar("M", bound=Message)


class Memory:
    """The state: what the rules read, and where a block's changes go."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._values.get(key)

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys from `start` to before `end`, with their values."""
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, end)]
        for key in reversed(keys) if reverse else keys:
            yield key, self._values[key]

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Enters the changes of a block; None removes a key."""
        for key, value in changes.items():
            known = key in self._values
            if value is not None:
                self._values[key] = value
                if not known:
                    insort(self._keys, key)
            elif known:
                del self._values[key]
                del self._keys[bisect_left(self._keys, key)]


@dataclass
class Chain:
    """A chain in memory, whose clock is whatever time the next block is given."""

    state: Memory
    block: BlockInfo
    # By address: the account's number, and how many transactions it has sent.
    accounts: dict[str, list[int]]
    # What the chain said of each transaction that it rejected.
    rejected: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, genesis: Mapping[str, Any], chain_id: str, time_s: int) -> Chain:
        """A chain after its first block."""
        accounts = {
            entry["key"]: [int(entry["value"]["account_number"]), 0]
            for entry in genesis["auth"]["accounts"]
        }
        chain = cls(Memory(), BlockInfo(chain_id, 0, time_s, b""), accounts)
        chain.state.apply(app.init_chain(genesis))
        chain.send(time_s, [])
        return chain

    def send(self, time_s: int, orders: Sequence[tuple[AccountKey, Message]]) -> None:
        """Makes a block with a transaction for each message."""
        height = self.block.height + 1
        self.block = replace(self.block, height=height, time_s=time_s)
        raw = [self._sign(key, message) for key, message in orders]
        result = app.finalize_block(self.state, self.block, raw)
        self.state.apply(result.changes)
        self.rejected += [one.log for one in result.tx_results if one.code]

    def query(self, path: str, request: Message, answer: type[M]) -> M:
        """The answer to a query, such as `/blockenergy.market.v1.Query/Slot`."""
        data = app.query(self.state, self.block, path, request.SerializeToString())
        return answer.FromString(data)

    def _sign(self, key: AccountKey, message: Message) -> bytes:
        account = self.accounts[key.address]
        raw = tx.sign([message], key, self.block.chain_id, account[0], account[1], [], 1_000_000)
        account[1] += 1
        return raw
