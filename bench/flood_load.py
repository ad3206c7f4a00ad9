"""The floods themselves: one process, a thread for each connection."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from blockenergy.auth.v1.state_pb2 import Params
from blockenergy.registry.v1.query_pb2 import QueryParticipantsRequest
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.tx.v1beta1 import service_pb2

from bench.load import HEADERS, TIMEOUT_S
from bench.workload import make_keys, read_account_numbers, read_auth_params
from client.cost import compute_cost
from client.keys import AccountKey
from client.tx import sign

MESSAGES = 16
TXS_PER_SENDER = 200
BATCH = 10
LARGE_MESSAGES = 2_500
PAGE = 1_000
WRONG_SEQUENCE = 32


class Event(Protocol):
    """An event of threads or of processes."""

    def is_set(self) -> bool:
        """Whether it has happened."""

    def set(self) -> object:
        """Makes it happen."""


@dataclass(frozen=True)
class Target:
    """A network, the account numbers of its accounts by address, and what transactions cost."""

    urls: tuple[str, ...]
    chain_id: str
    numbers: dict[str, int]
    params: Params


def make_target(urls: Sequence[str], chain_id: str, genesis: Any) -> Target:
    """A network of which the genesis state is given."""
    return Target(tuple(urls), chain_id, read_account_numbers(genesis), read_auth_params(genesis))


def run_flood(
    flood: str, target: Target, senders: int, after: int, ready: Event, stopping: Event
) -> None:
    """Sends until it is told to stop, from the `senders` accounts behind the first `after`."""
    keys = make_keys(after + senders)[after:]
    parts = range(len(target.urls))
    sources = [FLOODS[flood](target, keys[part :: len(parts)]) for part in parts]
    threads = [
        threading.Thread(target=_send, args=(url, source, stopping))
        for url, source in zip(target.urls, sources, strict=True)
    ]
    for thread in threads:
        thread.start()
    ready.set()
    for thread in threads:
        thread.join()


class Valid:
    """Transactions of funded accounts, in turn, each account's in their order."""

    def __init__(self, target: Target, keys: Sequence[AccountKey]) -> None:
        self._queues = [
            [_sign(target, key, sequence, MESSAGES) for sequence in range(TXS_PER_SENDER)]
            for key in keys
        ]
        self._next = [0] * len(keys)
        self._turns = itertools.cycle(range(len(keys)))
        self._asked: list[int] = []

    def make(self) -> list[dict[str, Any]]:
        """The next calls."""
        self._asked = [next(self._turns) for _ in range(BATCH)]
        return [
            _broadcast(self._queues[at][min(self._next[at], TXS_PER_SENDER - 1)])
            for at in self._asked
        ]

    def hear(self, answers: Sequence[Any]) -> None:
        """Goes on with the accounts whose transaction was taken."""
        for at, answer in zip(self._asked, answers, strict=True):
            self._next[at] += answer.get("result", {}).get("code", 1) in (0, WRONG_SEQUENCE)


class Repeated:
    """The same calls again and again."""

    def __init__(self, calls: Sequence[dict[str, Any]]) -> None:
        self._calls = itertools.cycle(calls)

    def make(self) -> list[dict[str, Any]]:
        """The next calls."""
        return [next(self._calls) for _ in range(BATCH)]

    def hear(self, answers: Sequence[Any]) -> None:
        """Nothing depends on them."""


def _make_wrong(target: Target, keys: Sequence[AccountKey]) -> Repeated:
    chance = random.Random(1)
    unknown_key = AccountKey(bytes(31) + b"\x07")
    good = [_sign(target, key, 0, 1) for key in keys]
    spoiled = [raw[:-1] + bytes([raw[-1] ^ 1]) for raw in good]
    unknown = [_sign(target, unknown_key, sequence, MESSAGES, 1) for sequence in range(20)]
    large = _sign(target, unknown_key, 0, LARGE_MESSAGES, 1)
    noise = [chance.randbytes(300) for _ in range(5)]
    return Repeated([_broadcast(raw) for raw in [*spoiled, *unknown, *noise, large]])


def _make_simulations(target: Target, keys: Sequence[AccountKey]) -> Repeated:
    requests = [
        service_pb2.SimulateRequest(tx_bytes=_sign(target, key, 0, MESSAGES)) for key in keys
    ]
    path = "/cosmos.tx.v1beta1.Service/Simulate"
    return Repeated([_query(path, request.SerializeToString()) for request in requests])


def _make_queries(target: Target, keys: Sequence[AccountKey]) -> Repeated:
    request = QueryParticipantsRequest(pagination=PageRequest(limit=PAGE))
    path = "/blockenergy.registry.v1.Query/Participants"
    return Repeated([_query(path, request.SerializeToString())])


Source = Valid | Repeated
FLOODS: dict[str, Callable[[Target, Sequence[AccountKey]], Source]] = {
    "valid": Valid,
    "wrong": _make_wrong,
    "simulate": _make_simulations,
    "query": _make_queries,
}


def _send(url: str, source: Source, stopping: Event) -> None:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    for _ in _until(stopping):
        calls = [
            {"jsonrpc": "2.0", "id": number, **call} for number, call in enumerate(source.make())
        ]
        connection.request("POST", "/", json.dumps(calls).encode(), HEADERS)
        source.hear(json.loads(connection.getresponse().read()))


def _until(stopping: Event) -> Iterator[None]:
    while not stopping.is_set():
        yield


def _sign(target: Target, key: AccountKey, sequence: int, messages: int, number: int = 0) -> bytes:
    coin = Coin(denom=target.params.fee_denom, amount="1")
    to_address = next(iter(target.numbers))
    message = MsgSend(from_address=key.address, to_address=to_address, amount=[coin])
    number = number or target.numbers[key.address]
    sent = [message] * messages
    cost = compute_cost(target.params, sent, key.pub_key)
    return sign(sent, key, target.chain_id, number, sequence, cost.fee, cost.gas_limit)


def _broadcast(raw: bytes) -> dict[str, Any]:
    text = base64.b64encode(raw).decode()
    return {"method": "broadcast_tx_sync", "params": {"tx": text}}


def _query(path: str, data: bytes) -> dict[str, Any]:
    return {"method": "abci_query", "params": {"path": path, "data": data.hex()}}
