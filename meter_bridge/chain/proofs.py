"""What the chain says, proven by a light client instead of believed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cosmos.tx.v1beta1.tx_pb2 import TxBody, TxRaw
from google.protobuf.message import Message

from client.account import TxOutcome, read_responses
from client.catalog import get_query_by_request
from client.errors import UsageError
from client.light import store as stores
from client.light import verified
from client.light.client import LightClient, LightError
from client.node.rpc import Rpc
from client.signing import tx

R = TypeVar("R", bound=Message)

log = logging.getLogger(__name__)

# How often the verified headers are written. A bridge that was killed goes on from the latest that
# were, which have to be within the trusting period.
SAVED_EVERY_S = 600.0


class Proofs:
    """Proves what a node says from headers that validators have signed, one call at a time.

    What cannot be proven is a LightError; see `client.light`.
    """

    def __init__(
        self,
        client: LightClient,
        save: Callable[[], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """save: writes the store of the client."""
        self._client = client
        self._save = save
        self._monotonic = monotonic
        self._saved_s = monotonic()
        self._lock = threading.Lock()

    def query(self, request: Message, response_type: type[R]) -> R:
        """The answer to a query, from the latest state that can be proven. Errors: ClientError."""
        path = get_query_by_request()[request.DESCRIPTOR.full_name].path
        with self._lock:
            answer, _ = verified.query(self._client, path, request, response_type)
            if self._monotonic() >= self._saved_s + SAVED_EVERY_S:
                self._save()
                self._saved_s = self._monotonic()
        return answer

    def prove(self, outcome: TxOutcome, messages: Sequence[Message]) -> TxOutcome:
        """The outcome of a transaction in a block, with nothing in it but what is proven.

        Raises LightError also if the transaction has other messages than these. Other errors:
        ClientError.
        """
        with self._lock:
            found = verified.get_tx(self._client, outcome.hash)
        body = TxBody.FromString(TxRaw.FromString(found.tx).body_bytes)
        if list(body.messages) != list(map(tx.pack, messages)):
            raise LightError("the node has named another transaction than the one that was sent")
        return replace(
            outcome,
            height=found.height,
            code=found.code,
            gas_used=found.gas_used,
            log="",
            events=(),
            responses=read_responses(found.data),
        )


@contextmanager
def open_proofs(path: Path | None, node: Rpc, chain_id: str) -> Iterator[Proofs | None]:
    """Proofs of what `node` says, from the headers in a file of `blockenergy light trust`, which
    is written at the end; None without a file.

    Errors: MissingError; UsageError if the headers are of another chain.
    """
    if path is None:
        yield None
        return
    store = stores.load(path)
    settings = store.settings
    if settings.chain_id != chain_id:
        raise UsageError(
            f"{path} trusts chain {settings.chain_id}, but the bridge serves {chain_id}"
        )
    witnesses = [Rpc(witness) for witness in settings.witnesses]
    proofs = Proofs(LightClient(node, witnesses, store), lambda: stores.save(store, path))
    log.info("answers count if they are proven from block %d on", store.latest.height)
    try:
        yield proofs
    finally:
        stores.save(store, path)
