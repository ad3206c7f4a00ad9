"""The network in containers under load: a validator lives within the memory that it may have."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from blockenergy.auth.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from containers import PRESET, poll, wait_for_common_blocks
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from bench.load import Window, make_batch, send_all
from client.account import get_account
from client.cost import compute_cost
from client.keyring import Keyring
from client.keys import AccountKey
from client.queries import query
from client.rpc import Rpc
from client.tx import sign
from node_config.preset import load_preset
from node_config.testnet.network import NODES, Testnet

pytestmark = pytest.mark.docker

SENDERS = ["treasury", "backstop", "registrar", "issuer", *(f"distributor{n}" for n in range(4))]
TRANSFERS_EACH = 2_000
# What each account may have in the mempool, though all of them take as much.
WAITING_EACH = 200
# How many calls CometBFT takes in one request.
BATCH = 10


def make_transfers(rpc: Rpc, key: AccountKey, target: str) -> list[bytes]:
    account, chain_id = get_account(rpc, key.address), rpc.status().chain_id
    coin = Coin(denom=load_preset(PRESET).denom.name, amount="1")
    message = MsgSend(from_address=key.address, to_address=target, amount=[coin])
    first, number = account.sequence, account.account_number
    params = query(rpc, QueryParamsRequest(), QueryParamsResponse).params
    gas_limit, fee = compute_cost(params, [message], key.pub_key)
    return [
        sign([message], key, chain_id, number, sequence, fee, gas_limit)
        for sequence in range(first, first + TRANSFERS_EACH)
    ]


class Flood(Thread):
    """The transfers of an account, as fast as its share of the mempool allows."""

    def __init__(
        self, url: str, rpc: Rpc, key: AccountKey, target: str, rejected: list[Any]
    ) -> None:
        txs = make_transfers(rpc, key, target)
        self._batches = [make_batch(txs[n : n + BATCH]) for n in range(0, len(txs), BATCH)]
        self._window = Window(WAITING_EACH)
        self._rpc, self._address = rpc, key.address
        self._sequence = get_account(rpc, key.address).sequence
        self._goal = self._sequence + TRANSFERS_EACH
        super().__init__(
            target=send_all, args=(url, self._batches, self._window, rejected, BATCH), daemon=True
        )

    def note_progress(self) -> int:
        """Makes room for as many as have been committed; returns how many have not."""
        sequence = get_account(self._rpc, self._address).sequence
        self._window.give(sequence - self._sequence)
        self._sequence = sequence
        return self._goal - sequence


def test_a_flood_of_transfers_kills_no_validator(net: Testnet, operators: Path) -> None:
    def get_ends() -> list[str]:
        template = "{{.State.OOMKilled}} {{.RestartCount}}"
        return [net.inspect(f"node{number}", template) for number in range(NODES)]

    keyring = Keyring(operators / "keys")
    keys = [key for name in SENDERS if isinstance(key := keyring.load(name, str), AccountKey)]
    rpc = Rpc(net.get_rpc_url(0))
    before, rejected = get_ends(), []
    floods = [
        Flood(net.get_rpc_url(number % NODES), rpc, key, keys[number - 1].address, rejected)
        for number, key in enumerate(keys)
    ]
    for flood in floods:
        flood.start()
    poll(lambda: [flood.note_progress() for flood in floods], lambda left: not any(left))
    assert not rejected
    wait_for_common_blocks(net)
    assert get_ends() == before
