"""Sends transactions that are all wrong, as fast as nodes take them."""

from __future__ import annotations

import base64
import http.client
import json
import random
import threading
from urllib.parse import urlsplit

from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.account import get_account
from client.node.rpc import Rpc
from client.signing import tx
from client.signing.keys import AccountKey
from client.signing.tx import compute_hash
from tests.chaos.support.traffic.load import DENOM, make_key

# Max concurrent calls of CometBFT.
BATCH, TIMEOUT_S = 10, 30.0
GAS_LIMIT = 1_000_000
FEE = Coin(denom=DENOM, amount="1000")
# The chain takes 262,144 bytes, and CometBFT no more than that.
LARGE_BYTES = 300_000
# About the largest that CometBFT hands on.
MANY_MESSAGES, MANY_MESSAGES_SHARE = 1_500, 0.02
SEQUENCES_AHEAD_MAX = 1_000


class Flood:
    """One sender to one node; everything that it sends is in `sent`."""

    def __init__(self, url: str, key: AccountKey, chance: random.Random) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT_S
        )
        rpc = Rpc(url)
        self._chain_id = rpc.status().chain_id
        self._number = get_account(rpc, key.address).account_number
        rpc.close()
        # Registered, and with money: only its transactions are wrong.
        self._key = key
        self._unregistered = make_key("unregistered")
        self._chance = chance
        self.sent: set[bytes] = set()

    def run(self, stopping: threading.Event) -> None:
        """Sends until it is told to stop."""
        while not stopping.is_set():
            txs = [self._make_wrong() for _ in range(BATCH)]
            calls = [
                {
                    "jsonrpc": "2.0",
                    "id": number,
                    "method": "broadcast_tx_async",
                    "params": {"tx": base64.b64encode(raw).decode()},
                }
                for number, raw in enumerate(txs)
            ]
            body = json.dumps(calls)
            self._connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answers = json.loads(self._connection.getresponse().read())
            assert len(answers) == BATCH, answers
            for raw, answer in zip(txs, answers, strict=True):
                # Without a result the node rejected to look at it, because it is too large.
                if "result" in answer:
                    self.sent.add(compute_hash(raw))
        self._connection.close()

    def _make_wrong(self) -> bytes:
        """A transaction that nobody may execute."""
        chance = self._chance
        kind = chance.randrange(6)
        if chance.random() < MANY_MESSAGES_SHARE:
            return self._sign(self._unregistered, self._chain_id, 0, MANY_MESSAGES)
        if kind == 0:
            return chance.randbytes(chance.randint(1, 1_000))
        if kind == 1:
            return self._sign(self._unregistered, self._chain_id, 0)
        if kind == 2:
            return self._sign(self._key, f"{self._chain_id}-2", 0)
        good_but_late = self._sign(
            self._key, self._chain_id, chance.randint(1, SEQUENCES_AHEAD_MAX)
        )
        if kind == 3:
            return good_but_late
        if kind == 4:
            changed = bytearray(good_but_late)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            return bytes(changed)
        return good_but_late + bytes(LARGE_BYTES if chance.random() < 0.01 else 1_000)

    def _sign(self, key: AccountKey, chain_id: str, sequence: int, count: int = 1) -> bytes:
        coin = Coin(denom=DENOM, amount=str(self._chance.randint(1, 1_000_000)))
        message = MsgSend(from_address=key.address, to_address=key.address, amount=[coin])
        return tx.sign([message] * count, key, chain_id, self._number, sequence, [FEE], GAS_LIMIT)
