"""The network in containers under load: a validator lives within the memory that it may have."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blockenergy.auth.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from containers import PRESET, poll, wait_for_common_blocks
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from chain.runtime.errors import SdkError
from client.account import get_account
from client.cost import compute_cost
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from client.signing.tx import sign
from node_config.preset import load_preset
from node_config.testnet.network import NODES, Testnet

pytestmark = pytest.mark.docker

SENDERS = ["treasury", "backstop", "registrar", "issuer", *(f"distributor{n}" for n in range(4))]
TRANSFERS_EACH = 2_000
PAUSE_S = 0.05


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


def send_all(url: str, txs: Sequence[bytes], rejected: list[str]) -> None:
    """Sends transactions of an account in their order, each as soon as its share of the mempool
    has room for it.
    """
    rpc = Rpc(url)
    for tx in txs:
        while (result := rpc.broadcast_tx_sync(tx)).code == SdkError.MEMPOOL_IS_FULL.code:
            time.sleep(PAUSE_S)
        if result.code:
            rejected.append(result.log)
            return


def test_a_flood_of_transfers_kills_no_validator(net: Testnet, operators: Path) -> None:
    def get_ends() -> list[str]:
        template = "{{.State.OOMKilled}} {{.RestartCount}}"
        return [net.inspect(f"node{number}", template) for number in range(NODES)]

    keyring = Keyring(operators / "keys")
    keys = [key for name in SENDERS if isinstance(key := keyring.load(name, str), AccountKey)]
    rpc = Rpc(net.get_rpc_url(0))
    before = get_ends()
    rejected: list[str] = []
    floods = [make_transfers(rpc, key, keys[number - 1].address) for number, key in enumerate(keys)]
    goals = [get_account(rpc, key.address).sequence + TRANSFERS_EACH for key in keys]

    def flood(number: int) -> None:
        send_all(net.get_rpc_url(number % NODES), floods[number], rejected)

    with ThreadPoolExecutor(len(keys)) as pool:
        list(pool.map(flood, range(len(keys))))
    assert not rejected
    poll(lambda: [get_account(rpc, key.address).sequence for key in keys], goals.__eq__)
    wait_for_common_blocks(net)
    assert get_ends() == before
