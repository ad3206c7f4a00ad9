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

from bench.sending.at_full_speed import HEADERS, TIMEOUT_S
from bench.sending.transactions import make_keys, read_account_numbers, read_auth_params
from client.cost import compute_cost
from client.signing.keys import AccountKey
from client.signing.tx import sign

MESSAGES = 16
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

    def __init__(
        self, target: Target, keys: Sequence[AccountKey], messages: int = MESSAGES
    ) -> None:
        self._target = target
        self._keys = keys
        self._messages = messages
        self._sequences = [0] * len(keys)
        # The next of each account.
        self._next = [self._sign(at) for at in range(len(keys))]
        self._turns = itertools.cycle(range(len(keys)))
        self._asked: list[int] = []

    def make(self) -> list[dict[str, Any]]:
        """The next calls."""
        self._asked = [next(self._turns) for _ in range(BATCH)]
        return [_broadcast(self._next[at]) for at in self._asked]

    def hear(self, answers: Sequence[Any]) -> None:
        """Goes on with the accounts whose transaction was taken."""
        for at, answer in zip(self._asked, answers, strict=True):
            if answer.get("result", {}).get("code", 1) in (0, WRONG_SEQUENCE):
                self._sequences[at] += 1
                self._next[at] = self._sign(at)

    def _sign(self, at: int) -> bytes:
        return _sign(self._target, self._keys[at], self._sequences[at], self._messages)


class Repeated:
    """The same calls again and again."""

    def __init__(self, calls: Sequence[dict[str, Any]]) -> None:
        self._calls = itertools.cycle(calls)

    def make(self) -> list[dict[str, Any]]:
        """The next calls."""
        return [next(self._calls) for _ in range(BATCH)]

    def hear(self, answers: Sequence[Any]) -> None:
        """Nothing depends on them."""


def _make_valid_small(target: Target, keys: Sequence[AccountKey]) -> Valid:
    return Valid(target, keys, 1)


def _spoil(target: Target, keys: Sequence[AccountKey], messages: int) -> list[bytes]:
    good = [_sign(target, key, 0, messages) for key in keys]
    return [raw[:-1] + bytes([raw[-1] ^ 1]) for raw in good]


def _make_unregistered(target: Target, messages: int, count: int) -> list[bytes]:
    key = AccountKey(bytes(31) + b"\x07")
    return [_sign(target, key, sequence, messages, 1) for sequence in range(count)]


def _make_wrong(target: Target, keys: Sequence[AccountKey]) -> Repeated:
    chance = random.Random(1)
    unknown = _make_unregistered(target, MESSAGES, 20)
    large = _make_unregistered(target, LARGE_MESSAGES, 1)
    noise = [chance.randbytes(300) for _ in range(5)]
    return _repeat([*_spoil(target, keys, 1), *unknown, *noise, *large])


def _repeat(txs: Sequence[bytes]) -> Repeated:
    return Repeated([_broadcast(raw) for raw in txs])


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
    "valid-small": _make_valid_small,
    "wrong": _make_wrong,
    "signature": lambda target, keys: _repeat(_spoil(target, keys, 1)),
    "unregistered": lambda target, _: _repeat(_make_unregistered(target, 1, 100)),
    "large": lambda target, _: _repeat(_make_unregistered(target, LARGE_MESSAGES, 4)),
    "p2p": _make_wrong,
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
