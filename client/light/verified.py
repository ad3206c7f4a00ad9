"""What a node says of the state, of transactions and of their results, and can prove.

The state after a block is proven under the header of the next one. So the latest state that can be
proven is the one before the latest header. A query is proven by running it here, with the code of
the chain, on a state of which each value comes with its proof: what it answers is what the chain
answers.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.message import Message
from tendermint.types.types_pb2 import Header

from chain import app, light
from chain.runtime.context import BlockInfo
from chain.runtime.errors import ChainError
from client.errors import NotFoundError, RejectedError, UsageError
from client.light.client import LightClient, LightError
from client.node.rpc import POLL_INTERVAL_S, Rpc
from client.node.rpc_types import ExecutionResult, Json
from client.queries import query_store
from client.signing import tx as txs

R = TypeVar("R", bound=Message)

# How long the next block may take.
RESULT_WAIT_S = 10.0
# Values that a query may read: each is a call to the node.
_READS_MAX = 1000


@dataclass(frozen=True, slots=True)
class VerifiedTx:
    """A transaction that is in a block, and what became of it. Log, events and codespace are in no
    hash: they are not here.
    """

    height: int
    index: int
    tx: bytes
    code: int
    data: bytes
    gas_wanted: int
    gas_used: int


class ProvenState:
    """The state after a block, read from a node by proofs. Raises LightError for a false one."""

    def __init__(self, node: Rpc, header: Header) -> None:
        """header: the verified one after the block whose state it is."""
        self._node = node
        self._header = header
        self._read: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value under a key of the flat store, or None."""
        if key not in self._read:
            if len(self._read) >= _READS_MAX:
                raise UsageError(f"this reads more than {_READS_MAX} values; ask for less")
            if not app.KEYSPACE.is_in_tree(key):
                raise UsageError("this is looked up by an index, which has no proof")
            self._read[key] = self._fetch(app.KEYSPACE.module_names[key[0]], key[1:])
        return self._read[key]

    def items(
        self, start: bytes, end: bytes, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """A list has no proof that it is complete."""
        raise UsageError("lists have no proof that they are complete; ask for a single record")

    def _fetch(self, module: str, key: bytes) -> bytes | None:
        result = query_store(self._node, module, key, height=self._header.height - 1)
        ops = [(op.type, op.key, op.data) for op in result.proof.ops]
        try:
            value = light.verify_value(self._header.app_hash, module, key, ops)
        except light.ProofError as error:
            raise LightError(
                f"the node at {self._node.node} cannot prove what {module} has: {error}"
            ) from error
        if (value or b"") != result.value:
            raise LightError(f"the node at {self._node.node} proves another value than it says")
        return value


def query(
    client: LightClient, path: str, request: Message, response_type: type[R], height: int = 0
) -> tuple[R, int]:
    """The answer to a query, and the height of the proven state that it is from: by default the
    latest. Raises RejectedError as the chain does, and LightError or RpcError.
    """
    header = client.at(height + 1) if height else client.latest()
    at = client.before(header)
    state = ProvenState(client.primary, header)
    block = BlockInfo(at.chain_id, at.height, at.time.seconds)
    try:
        content = app.query(state, block, path, request.SerializeToString())
    except ChainError as error:
        raise RejectedError(error.error.codespace, error.error.code, error.log) from error
    return response_type.FromString(content), at.height


def get_tx(client: LightClient, tx_hash: bytes, wait_s: float = RESULT_WAIT_S) -> VerifiedTx:
    """A transaction with its outcome; raises NotFoundError, LightError or RpcError.

    Waits up to `wait_s` for the next block, whose header has the hash of the results.
    """
    if client.primary.tx(tx_hash) is None:
        raise NotFoundError(f"the node has no transaction {tx_hash.hex().upper()} in a block")
    content = base64.b64encode(tx_hash).decode()
    found = client.primary.read(_parse_tx, "tx", {"hash": content, "prove": True})
    if txs.compute_hash(found.tx) != tx_hash:
        raise LightError("the node has sent another transaction")
    data_hash = client.at(found.height).data_hash
    if not light.verify_tx(data_hash, found.tx, found.index, found.total, found.aunts):
        raise LightError(f"the transaction is not proven to be in block {found.height}")
    result = get_results(client, found.height, wait_s)[found.index]
    return VerifiedTx(
        height=found.height,
        index=found.index,
        tx=found.tx,
        code=result.code,
        data=result.data,
        gas_wanted=result.gas_wanted,
        gas_used=result.gas_used,
    )


def get_results(
    client: LightClient, height: int, wait_s: float = RESULT_WAIT_S
) -> tuple[ExecutionResult, ...]:
    """The results of a block, of which code, data and gas are proven and nothing else is."""
    deadline_s = time.monotonic() + wait_s
    while client.primary.status().latest_height <= height and time.monotonic() < deadline_s:
        time.sleep(POLL_INTERVAL_S)
    header = client.at(height + 1)
    results = client.primary.block_results(height).tx_results
    root = light.compute_results_root(
        (one.code, one.data, one.gas_wanted, one.gas_used) for one in results
    )
    if root != header.last_results_hash:
        raise LightError(f"the results of block {height} are not those that the next header names")
    return results


@dataclass(frozen=True, slots=True)
class _ShownTx:
    """What a node says of a transaction, and its proof."""

    height: int
    tx: bytes
    index: int
    total: int
    aunts: tuple[bytes, ...]


def _parse_tx(result: Json) -> _ShownTx:
    proof = result["proof"]["proof"]
    return _ShownTx(
        height=int(result["height"]),
        tx=base64.b64decode(result["tx"], validate=True),
        index=int(proof["index"]),
        total=int(proof["total"]),
        aunts=tuple(base64.b64decode(aunt, validate=True) for aunt in proof["aunts"] or ()),
    )
