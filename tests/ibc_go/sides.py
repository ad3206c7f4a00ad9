"""The two chains of these tests, each with what a test does there: pay, vote, forge, recover.

`Street` is a network of ours, `Wasm` a running wasmd. Both have one validator, and its key.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from blockenergy.ibc.v1.tx_pb2 import MsgSetTransferLimit, MsgSetTransferLimitResponse
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_RELAYER
from blockenergy.validators.v1 import state_pb2
from blockenergy.validators.v1.tx_pb2 import MsgPropose, MsgProposeResponse
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ibc.core.client.v1.query_pb2 import QueryClientStatusRequest, QueryClientStatusResponse
from ibc.core.client.v1.tx_pb2 import MsgRecoverClient

from bench.networks.nodes import Node
from bench.networks.sdk_node import DENOM, PREFIX, make_command, run_command, run_sdk
from chain.runtime.encoding import bech32
from client.account import Signer
from client.light.provider import fetch_block
from client.node.rpc import Rpc
from client.queries import query
from client.relay import gas
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from client.signing.tx import pack
from node_config.accounts import GenesisAccount
from node_config.localnet.network import Network
from node_config.preset import load_preset
from tests.support.others.headers import Signer as Validator
from tests.support.running.networks import running_network, with_cometbft, with_params

DEADLINE_S = 900.0
MONEY = 20_000_000
DAY_MAX = 1_000_000
NS_PER_S = 1_000_000_000
RELAYER, ANNA = AccountKey(b"r" * 32), AccountKey(b"a" * 32)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Until something holds; AssertionError if that takes too long."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


class Side:
    """A chain, as far as both are the same."""

    chain_id: str
    denom: str
    prefix: str
    # What `blockenergy relay` has to know of it; {} stands for its letter.
    options: Sequence[str] = ()

    def __init__(self, url: str) -> None:
        self.url = url
        self.rpc = Rpc(url)

    def address(self, key: AccountKey = ANNA) -> str:
        return bech32.encode_with_prefix(bech32.decode(key.address), self.prefix)

    def balance(self, denom: str = "", address: str = "") -> int:
        request = QueryBalanceRequest(address=address or self.address(), denom=denom or self.denom)
        return int(query(self.rpc, request, QueryBalanceResponse).balance.amount or 0)

    def status(self, client_id: str) -> str:
        request = QueryClientStatusRequest(client_id=client_id)
        return query(self.rpc, request, QueryClientStatusResponse).status

    def has_reached(self, time_s: int) -> bool:
        """Whether it has a block of this time."""
        return self.rpc.status().latest_time_ns >= (time_s + 1) * NS_PER_S

    def sign(self, key: AccountKey) -> Signer:
        raise NotImplementedError

    def allow(self, client_id: str, path: str) -> None:
        """Whatever a chain wants to know before something crosses."""

    def list_validators(self) -> list[Validator]:
        """Those of the latest block, with their keys."""
        raise NotImplementedError

    def change_validators(self) -> None:
        """Until the set that signs is another one."""
        raise NotImplementedError

    def recover(self, client_id: str, substitute: str) -> None:
        """Lets a frozen or expired client go on from a substitute, as the chain decides it."""
        raise NotImplementedError


class Street(Side):
    """A network of ours. Anna pays no fees, so that her money can be counted; relayers do."""

    chain_id, denom, prefix = "north-1", "ueur", bech32.PREFIX
    options = ("--gas-prices-{}", "0.00005ueur")

    def __init__(self, network: Network) -> None:
        super().__init__(network.rpc_urls[0])
        self._home = network.layout.home
        key = Keyring(network.layout.keys).load("distributor0", str)
        assert isinstance(key, AccountKey)
        self._operator = key
        self._silent: list[Ed25519PrivateKey] = []

    def sign(self, key: AccountKey) -> Signer:
        return Signer(self.rpc, key, chain_id=self.chain_id, wait_s=DEADLINE_S)

    def allow(self, client_id: str, path: str) -> None:
        message = MsgSetTransferLimit(
            authority=self._operator.address,
            client_id=client_id,
            path=path,
            sent_per_day_max=DAY_MAX,
            received_per_day_max=DAY_MAX,
        )
        (answer,) = self.sign(self._operator).send([message]).require_ok().responses
        assert isinstance(answer, MsgSetTransferLimitResponse)

    def list_validators(self) -> list[Validator]:
        keys = [_read_key(self._home / "node0" / "config"), *self._silent]
        return _in_order(self.rpc, keys)

    def change_validators(self) -> None:
        """One more, with less than a third of the power, that is silent for ever."""
        key = Ed25519PrivateKey.generate()
        added = state_pb2.AddValidator(
            pub_key=key.public_key().public_bytes_raw(),
            power=3,
            operator=self._operator.address,
            label="silent",
        )
        message = MsgPropose(proposer=self._operator.address, content=pack(added))
        (answer,) = self.sign(self._operator).send([message]).require_ok().responses
        assert isinstance(answer, MsgProposeResponse)
        assert answer.outcome == state_pb2.OUTCOME_PASSED
        self._silent.append(key)
        wait_until(lambda: len(fetch_block(self.rpc).validators) == 1 + len(self._silent))

    def recover(self, client_id: str, substitute: str) -> None:
        message = MsgRecoverClient(
            subject_client_id=client_id,
            substitute_client_id=substitute,
            signer=self._operator.address,
        )
        self.sign(self._operator).send([message]).require_ok()


class Wasm(Side):
    """A running wasmd, and its command line."""

    chain_id, denom, prefix = "wasm-1", DENOM, PREFIX
    options = ("--prefix-{}", PREFIX, "--gas-prices-{}", f"0.01{DENOM}")

    def __init__(self, node: Node, binary: Path) -> None:
        super().__init__(node.files.rpc_url)
        self._home = node.files.home
        self._command = [*make_command(binary), "--home", str(self._home)]
        self._proposals = 0

    def sign(self, key: AccountKey) -> Signer:
        return Signer(
            self.rpc,
            key,
            chain_id=self.chain_id,
            wait_s=DEADLINE_S,
            prefix=self.prefix,
            get_cost=partial(gas.compute_cost, price=gas.FREE),
        )

    def list_validators(self) -> list[Validator]:
        return _in_order(self.rpc, [_read_key(self._home / "config")])

    def change_validators(self) -> None:
        """The only one gets more power."""
        before = fetch_block(self.rpc).validators
        operator = self._ask("keys", "show", "node0", "--bech", "val", "-a").strip()
        self._send("staking", "delegate", operator, f"7000000{DENOM}")
        wait_until(lambda: fetch_block(self.rpc).validators != before)

    def recover(self, client_id: str, substitute: str) -> None:
        """By a proposal of governance."""
        authority = bech32.encode_with_prefix(sha256(b"gov").digest()[:20], self.prefix)
        message = {
            "@type": "/ibc.core.client.v1.MsgRecoverClient",
            "subject_client_id": client_id,
            "substitute_client_id": substitute,
            "signer": authority,
        }
        proposal = {
            "messages": [message],
            "deposit": f"10000000{DENOM}",
            "title": client_id,
            "summary": f"{client_id} goes on from {substitute}",
        }
        path = self._home / "proposal.json"
        path.write_text(json.dumps(proposal))
        self._send("gov", "submit-proposal", str(path))
        self._proposals += 1
        self._send("gov", "vote", str(self._proposals), "yes")
        wait_until(lambda: self.status(client_id) == "Active")

    def _send(self, *words: str) -> None:
        """Sends a transaction of the validator's account, and waits for its block."""
        sender = ("--from", "node0", "--keyring-backend", "test", "--chain-id", self.chain_id)
        cost = ("--gas", "500000", "--fees", f"5000{DENOM}", "--yes")
        sent = json.loads(self._ask("tx", *words, *sender, *cost, *self._where()))
        assert sent["code"] == 0, sent["raw_log"]
        outcome = self.rpc.wait_for_tx(bytes.fromhex(sent["txhash"]), DEADLINE_S).result
        assert outcome.code == 0, outcome.log

    def _ask(self, *words: str) -> str:
        keys = ("--keyring-backend", "test") if words[0] == "keys" else ()
        return run_command([*self._command[:3], *words, *keys, *self._command[3:]])

    def _where(self) -> tuple[str, ...]:
        return ("--node", self.url, "--output", "json")


@contextmanager
def run_street(home: Path) -> Iterator[Street]:
    """A network of ours with one validator, and no lowest gas price."""
    preset = with_params(load_preset("localnet"), auth={"min_gas_price_micro": 0})
    accounts = [
        GenesisAccount(RELAYER.address, (ROLE_RELAYER,), MONEY),
        GenesisAccount(ANNA.address, (ROLE_CONSUMER,), MONEY),
    ]
    with running_network(
        home, preset=preset, chain_id=Street.chain_id, accounts=accounts
    ) as network:
        yield Street(network)


@contextmanager
def run_wasm(home: Path, binary: Path) -> Iterator[Wasm]:
    """A wasmd with one validator, whose governance decides within a minute."""
    preset = with_cometbft(load_preset("localnet"), consensus={"timeout_commit": "500ms"})
    with run_sdk(home, binary, preset, [RELAYER, ANNA], 1, Wasm.chain_id, _hasten) as nodes:
        yield Wasm(nodes[0], binary)


def _hasten(document: Any) -> None:
    params = document["app_state"]["gov"]["params"]
    params["voting_period"], params["expedited_voting_period"] = "40s", "20s"


def _read_key(config: Path) -> Ed25519PrivateKey:
    content = json.loads((config / "priv_validator_key.json").read_text())
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(content["priv_key"]["value"])[:32])


def _in_order(rpc: Rpc, keys: Sequence[Ed25519PrivateKey]) -> list[Validator]:
    """The validators of the latest block, in their order."""
    known = {key.public_key().public_bytes_raw(): key for key in keys}
    return [
        Validator(known[one.pub_key.ed25519], one.voting_power)
        for one in fetch_block(rpc).validators
    ]
