"""A key-value application and a plain client, to try the ABCI server without energy."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable, Iterator
from typing import Self

from google.protobuf.message import Message
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.application import Application
from abci_app.protocol.framing import FrameReader
from chain.runtime.encoding.codec import write_varint

MALFORMED = 1
NOT_FOUND = 2
ANSWER_TIMEOUT_S = 10.0
MAX_REPLY_BYTES = 64 * 1024 * 1024


class KeyValueApplication(Application):
    """Transactions are `key=value`; the app hash covers all pairs."""

    def __init__(self) -> None:
        self.height = 0
        self.pairs: dict[bytes, bytes] = {}
        self.pending: dict[bytes, bytes] = {}
        self.pending_height = 0

    def info(self, request: abci.RequestInfo) -> abci.ResponseInfo:
        app_hash = compute_hash(self.pairs) if self.height else b""
        return abci.ResponseInfo(
            data=f"{len(self.pairs)} pairs",
            last_block_height=self.height,
            last_block_app_hash=app_hash,
        )

    def query(self, request: abci.RequestQuery) -> abci.ResponseQuery:
        value = self.pairs.get(request.data)
        if value is None:
            return abci.ResponseQuery(
                code=NOT_FOUND, log="no such key", key=request.data, height=self.height
            )
        return abci.ResponseQuery(key=request.data, value=value, height=self.height)

    def check_tx(self, request: abci.RequestCheckTx) -> abci.ResponseCheckTx:
        if is_pair(request.tx):
            return abci.ResponseCheckTx(gas_wanted=1)
        return abci.ResponseCheckTx(code=MALFORMED, log="write key=value")

    def init_chain(self, request: abci.RequestInitChain) -> abci.ResponseInitChain:
        self.pairs = {}
        return abci.ResponseInitChain(app_hash=compute_hash(self.pairs))

    def prepare_proposal(
        self, request: abci.RequestPrepareProposal
    ) -> abci.ResponsePrepareProposal:
        return abci.ResponsePrepareProposal(txs=[tx for tx in request.txs if is_pair(tx)])

    def process_proposal(
        self, request: abci.RequestProcessProposal
    ) -> abci.ResponseProcessProposal:
        status = abci.ResponseProcessProposal.ProposalStatus
        accepted = all(is_pair(tx) for tx in request.txs)
        return abci.ResponseProcessProposal(status=status.ACCEPT if accepted else status.REJECT)

    def finalize_block(self, request: abci.RequestFinalizeBlock) -> abci.ResponseFinalizeBlock:
        self.pending = dict(self.pairs)
        self.pending_height = request.height or self.height + 1
        results = []
        for tx in request.txs:
            if is_pair(tx):
                key, value = tx.split(b"=")
                self.pending[key] = value
            results.append(abci.ExecTxResult(code=0 if is_pair(tx) else MALFORMED))
        return abci.ResponseFinalizeBlock(tx_results=results, app_hash=compute_hash(self.pending))

    def commit(self, request: abci.RequestCommit) -> abci.ResponseCommit:
        self.pairs, self.height = self.pending, self.pending_height
        return abci.ResponseCommit()


def is_pair(tx: bytes) -> bool:
    return tx.count(b"=") == 1


def compute_hash(pairs: dict[bytes, bytes]) -> bytes:
    digest = hashlib.sha256()
    for key, value in sorted(pairs.items()):
        digest.update(len(key).to_bytes(4) + key + len(value).to_bytes(4) + value)
    return digest.digest()


class Client:
    """Speaks the socket protocol to a server, as little as the tests need."""

    def __init__(self, address: str) -> None:
        self.socket = connect(address)
        self.reader = FrameReader(MAX_REPLY_BYTES)

    def send(self, *requests: Message) -> None:
        self.socket.sendall(b"".join(map(frame_request, requests)))

    def receive(self, count: int) -> list[abci.Response]:
        """Waits for `count` replies; fails when the server closes the connection before."""
        replies: list[abci.Response] = []
        while len(replies) < count:
            chunk = self.socket.recv(65536)
            assert chunk, f"closed after {len(replies)} of {count} replies"
            replies += map(abci.Response.FromString, self.reader.feed(chunk))
        assert len(replies) == count
        return replies

    def call(self, request: Message) -> abci.Response:
        """One request, flushed as CometBFT does, and its reply."""
        self.send(request, abci.RequestFlush())
        reply, flush = self.receive(2)
        assert flush.WhichOneof("value") == "flush"
        return reply

    def is_closed(self) -> bool:
        """Whether the server has closed the connection, after everything it sent was read."""
        return self.socket.recv(1) == b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def connect(address: str) -> socket.socket:
    if address.startswith("unix://"):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(ANSWER_TIMEOUT_S)
        peer.connect(address.removeprefix("unix://"))
        return peer
    host, port = address.removeprefix("tcp://").rsplit(":", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_TIMEOUT_S)


def frame_request(request: Message) -> bytes:
    """Wraps a call's request as a Request behind its length."""
    wrapped = abci.Request()
    getattr(wrapped, get_call_name(request)).CopyFrom(request)
    payload = wrapped.SerializeToString()
    return write_varint(len(payload)) + payload


def get_call_name(request: Message) -> str:
    for field in abci.Request.DESCRIPTOR.oneofs_by_name["value"].fields:
        if field.message_type == request.DESCRIPTOR:
            return str(field.name)
    raise AssertionError(f"{request.DESCRIPTOR.name} is not a request")


def make_check_txs(count: int, size_bytes: int) -> Iterator[abci.RequestCheckTx]:
    for number in range(count):
        yield abci.RequestCheckTx(tx=b"%d=" % number + b"v" * size_bytes)


def split_pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """Cuts bytes into pieces of the given sizes; the last piece is whatever remains."""
    position = 0
    for size in sizes:
        yield data[position : position + size]
        position += size
    yield data[position:]
