"""Clients that pay each other and read balances through whatever node answers."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from contextlib import AbstractContextManager

from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.account import Signer
from client.errors import ClientError, RpcError
from client.node.rpc import Rpc
from client.signing.keys import AccountKey
from client.signing.tx import compute_hash, decode
from node_config.accounts import GenesisAccount
from tests.chaos.support.observed.history import UNKNOWN, History, Read, Transfer
from tests.chaos.support.rpc import RecordingRpc, in_background, let_pass

CLIENTS = 6
START = 1_000_000_000
AMOUNT_MAX = 1_000
DENOM = "ueur"
BALANCES = "/blockenergy.bank.v1.Query/Balances"
TIMEOUT_S, WAIT_S = 5.0, 10.0
# How long to look elsewhere after a node has failed, and for a block to reach another node.
RETRY_S, FOLLOW_S, POLL_S = 0.1, 2.0, 0.05
NEWEST_SHARE = 0.5


class Load:
    """The clients of a network and the history that they write."""

    def __init__(self, chance: random.Random) -> None:
        self.keys = [make_key(f"payer {number}") for number in range(CLIENTS)]
        # Registered, with money, and never used by the clients.
        self.idle_key = make_key("idle")
        self.accounts = [
            GenesisAccount(key.address, (ROLE_CONSUMER,), START)
            for key in [*self.keys, self.idle_key]
        ]
        self.history = History({key.address: START for key in self.keys})
        self._seeds = [chance.random() for _ in self.keys]

    def running(self, urls: list[str]) -> AbstractContextManager[None]:
        """Has the clients at work while the block runs."""
        payers = [
            Payer(self.history, key, urls, random.Random(seed))
            for key, seed in zip(self.keys, self._seeds, strict=True)
        ]
        return in_background([payer.run for payer in payers])


class Payer:
    """One account that pays the others, again and again."""

    def __init__(
        self, history: History, key: AccountKey, urls: list[str], chance: random.Random
    ) -> None:
        self._history = history
        self._key = key
        self._urls = urls
        self._others = [address for address in history.start if address != key.address]
        self._chance = chance
        self._count = 0

    def run(self, stopping: threading.Event) -> None:
        """Pays until it is told to stop."""
        while not stopping.is_set():
            rpc = RecordingRpc(self._chance.choice(self._urls), TIMEOUT_S)
            try:
                chain_id = rpc.status().chain_id
                signer = Signer(rpc, self._key, chain_id=chain_id, wait_s=WAIT_S)
                while not stopping.is_set():
                    self._pay_and_read(signer, rpc)
            except ClientError:
                # The node does not answer, or has no block for the payment: another one may.
                stopping.wait(RETRY_S)
            finally:
                rpc.close()

    def _pay_and_read(self, signer: Signer, rpc: RecordingRpc) -> None:
        invoked_s = time.monotonic()
        height = self._pay(signer, rpc)
        if not height:
            return
        address = self._chance.choice(list(self._history.start))
        if self._chance.random() < NEWEST_SHARE:
            self._read_newest(address, height, invoked_s)
        else:
            self._read(rpc, address)

    def _pay(self, signer: Signer, rpc: RecordingRpc) -> int:
        """Pays somebody something; gives the height at which it was reported, or 0."""
        self._count += 1
        recipient = self._chance.choice(self._others)
        amount = self._chance.randint(1, AMOUNT_MAX)
        coin = Coin(denom=DENOM, amount=str(amount))
        message = MsgSend(from_address=signer.address, to_address=recipient, amount=[coin])
        rpc.sent.clear()
        invoked_s, returned_s, height, rejection = time.monotonic(), UNKNOWN, 0, ""
        try:
            # The memo makes every payment a transaction of its own.
            outcome = signer.send([message], memo=f"{self._count}")
            returned_s, height = time.monotonic(), 0 if outcome.code else outcome.height
            rejection = outcome.log if outcome.code else ""
        finally:
            hashes = tuple(dict.fromkeys(map(compute_hash, rpc.sent)))
            if hashes:
                self._history.transfers.append(
                    Transfer(
                        sender=signer.address,
                        recipient=recipient,
                        amount=amount,
                        invoked_s=invoked_s,
                        returned_s=returned_s,
                        hashes=hashes,
                        height=height,
                        rejection=rejection,
                        fee=read_fee(rpc.sent[0]),
                    )
                )
        return height

    def _read_newest(self, address: str, height: int, invoked_s: float) -> None:
        """Reads from any node, as soon as it has the block of the payment."""
        rpc = Rpc(self._chance.choice(self._urls), TIMEOUT_S)
        end_s = time.monotonic() + FOLLOW_S
        try:
            while (read := self._ask(rpc, address, invoked_s, height)) is None:
                if time.monotonic() >= end_s:
                    return
                let_pass(POLL_S)
            self._history.reads.append(read)
        except RpcError:
            # That node is down; nothing was read.
            return
        finally:
            rpc.close()

    def _read(self, rpc: Rpc, address: str) -> None:
        """Reads whatever the node has."""
        read = self._ask(rpc, address, time.monotonic(), 0)
        if read is not None:
            self._history.reads.append(read)

    def _ask(self, rpc: Rpc, address: str, invoked_s: float, height: int) -> Read | None:
        """A balance, unless the node is not as far as a height yet."""
        result = rpc.abci_query(BALANCES, QueryBalancesRequest(address=address).SerializeToString())
        if result.code or result.height < height:
            return None
        free = QueryBalancesResponse.FromString(result.value).free
        amount = next((int(coin.amount) for coin in free if coin.denom == DENOM), 0)
        return Read(
            node=rpc.node,
            address=address,
            amount=amount,
            height=result.height,
            invoked_s=invoked_s,
            returned_s=time.monotonic(),
            is_newest=height > 0,
        )


def read_fee(raw: bytes) -> int:
    """What a transaction offers as its fee."""
    return sum(int(coin.amount) for coin in decode(raw).auth_info.fee.amount)


def make_key(name: str) -> AccountKey:
    """The same key for the same name."""
    return AccountKey(hashlib.sha256(name.encode()).digest())
