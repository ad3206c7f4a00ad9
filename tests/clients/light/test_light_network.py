"""The light client on a real network: headers, queries and transactions, and a node that lies."""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from blockenergy.registry.v1.query_pb2 import (
    QueryParticipantRequest,
    QueryParticipantResponse,
    QueryParticipantsRequest,
    QueryParticipantsResponse,
)
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER
from cosmos.bank.v1beta1.query_pb2 import QueryBalanceRequest, QueryBalanceResponse
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from chain import light
from client.account import Signer
from client.cli import main
from client.errors import ClientError, RejectedError, UsageError
from client.light import verified
from client.light.client import LightClient, trust
from client.light.store import Settings, TrustStore
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keys import AccountKey
from node_config.accounts import GenesisAccount
from node_config.localnet.network import Network
from tests.support.others.lying_node import lying_node, spoil_header
from tests.support.running.networks import quick, running_network

pytestmark = pytest.mark.network

PAYER, RECEIVER = AccountKey(b"p" * 32), AccountKey(b"r" * 32)
DEADLINE_S = 60
BALANCE_PATH = "/cosmos.bank.v1beta1.Query/Balance"
LIES = 150
CACHE = Path(__file__).parents[3] / ".cache"
RUST_CLIENT = CACHE / "light-client-cli" / "bin" / "tendermint-light-client-cli"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    accounts = [
        GenesisAccount(key.address, (ROLE_CONSUMER,), 100_000_000) for key in (PAYER, RECEIVER)
    ]
    home = tmp_path_factory.mktemp("light") / "net"
    with running_network(home, 2, quick("demo"), accounts=accounts) as network:
        yield network


@pytest.fixture(scope="module")
def paid(network: Network) -> bytes:
    """The hash of a payment that is in a block, with another block behind it."""
    rpc = Rpc(network.rpc_urls[0])
    message = MsgSend(
        from_address=PAYER.address,
        to_address=RECEIVER.address,
        amount=[Coin(denom="ueur", amount="777")],
    )
    signer = Signer(rpc, PAYER, chain_id=rpc.status().chain_id, wait_s=DEADLINE_S)
    outcome = signer.send([message]).require_ok()
    deadline_s = time.monotonic() + DEADLINE_S
    while rpc.status().latest_height < outcome.height + 2:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    return outcome.hash


def make_client(network: Network, url: str = "") -> LightClient:
    """Trusts block 1; `url` is the node that is asked, the first one by default."""
    honest, witness = (Rpc(url) for url in network.rpc_urls)
    block_hash = honest.block(1).hash
    store = TrustStore(
        Settings(honest.status().chain_id, honest.node, (witness.node,), 3600),
        [trust(honest, 1, block_hash)],
    )
    return LightClient(Rpc(url) if url else honest, [witness], store)


def test_headers_of_cometbft(network: Network, paid: bytes) -> None:
    client = make_client(network)
    latest = client.latest()
    rpc = Rpc(network.rpc_urls[0])
    for height in range(1, latest.height + 1):
        header = client.at(height)
        assert light.compute_header_hash(header) == rpc.block(height).hash
    client.store = TrustStore(client.store.settings, [client.store.latest])
    assert light.compute_header_hash(client.at(1)) == rpc.block(1).hash


def test_queries_are_proven(network: Network, paid: bytes) -> None:
    client = make_client(network)
    request = QueryBalanceRequest(address=RECEIVER.address, denom="ueur")
    answer, height = verified.query(client, BALANCE_PATH, request, QueryBalanceResponse)
    said = query(Rpc(network.rpc_urls[1]), request, QueryBalanceResponse, height=height)
    assert answer == said
    assert int(answer.balance.amount) == 100_000_777
    path = "/blockenergy.registry.v1.Query/Participant"
    asked = QueryParticipantRequest(address=PAYER.address)
    found, _ = verified.query(client, path, asked, QueryParticipantResponse)
    assert list(found.participant.roles) == [ROLE_CONSUMER]
    nobody = QueryParticipantRequest(address=AccountKey(b"n" * 32).address)
    with pytest.raises(RejectedError) as rejected:
        verified.query(client, path, nobody, QueryParticipantResponse)
    assert rejected.value.codespace == "registry"
    before, at = verified.query(client, BALANCE_PATH, request, QueryBalanceResponse, height=1)
    assert (int(before.balance.amount), at) == (100_000_000, 1)
    with pytest.raises(UsageError, match="lists have no proof"):
        verified.query(client, f"{path}s", QueryParticipantsRequest(), QueryParticipantsResponse)


def test_transactions_and_outcomes_are_proven(network: Network, paid: bytes) -> None:
    found = verified.get_tx(make_client(network), paid)
    said = Rpc(network.rpc_urls[1]).tx(paid)
    assert said is not None
    assert (found.height, found.index, found.tx) == (said.height, said.index, said.tx)
    assert (found.code, found.data) == (0, said.result.data)
    assert (found.gas_wanted, found.gas_used) == (said.result.gas_wanted, said.result.gas_used)


class Liar:
    """Changes one text in one answer of three, to another character or byte."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.changed = 0

    def change(self, _: Any, content: Any) -> Any:
        places = list(list_texts(content.get("result", {})))
        if not places or self.rng.randrange(3):
            return content
        owner, key = self.rng.choice(places)
        owner[key] = spoil(self.rng, owner[key])
        self.changed += 1
        return content


def list_texts(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where a JSON document has texts that are not empty."""
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in pairs:
        if isinstance(item, str) and item:
            yield value, key
        else:
            yield from list_texts(item)


def spoil(rng: random.Random, text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9+/]{8,}={0,2}", text) and len(text) % 4 == 0:
        data = bytearray(base64.b64decode(text))
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return base64.b64encode(bytes(data)).decode()
    at = rng.randrange(len(text))
    return text[:at] + rng.choice("0123456789ABCDEF") + text[at + 1 :]


def test_a_node_that_lies_is_never_believed(network: Network, paid: bytes) -> None:
    request = QueryBalanceRequest(address=RECEIVER.address, denom="ueur")
    truth = verified.get_tx(make_client(network), paid)
    liar = Liar(seed=11)
    rejected = 0
    with lying_node(network.rpc_urls[0], liar.change) as url:
        for number in range(LIES):
            client = make_client(network, url)
            try:
                if number % 2:
                    answer, height = verified.query(
                        client, BALANCE_PATH, request, QueryBalanceResponse
                    )
                    assert int(answer.balance.amount) == 100_000_777 or height < truth.height
                    assert int(answer.balance.amount) in (100_000_000, 100_000_777)
                else:
                    assert verified.get_tx(client, paid, wait_s=0.2) == truth
            except ClientError:
                rejected += 1
    assert liar.changed > LIES // 2
    assert rejected > LIES // 4


def test_a_light_client_in_rust_follows_the_network(network: Network, paid: bytes) -> None:
    if not RUST_CLIENT.exists():
        pytest.skip("no light client in Rust; make light-client-cli builds it")
    node, witness = network.rpc_urls
    latest = Rpc(witness).status().latest_height
    trusted = Rpc(node).block(1).hash.hex().upper()

    def run(primary: str, trusted: str) -> subprocess.CompletedProcess[str]:
        urls = [url.replace("tcp:", "http:") for url in (primary, witness)]
        command = [RUST_CLIENT, "--chain-id", Rpc(node).status().chain_id]
        command += ["--primary", urls[0], "--witnesses", urls[1], "--height", str(latest)]
        command += ["--trusted-height", "1", "--trusted-hash", trusted]
        return subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=DEADLINE_S
        )

    accepted = run(node, trusted)
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert run(node, trusted[:-2] + ("00" if trusted[-2:] != "00" else "11")).returncode
    with lying_node(node, spoil_header) as url:
        assert run(url, trusted).returncode


def test_the_commands(
    network: Network, paid: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("BLOCKENERGY_HOME", str(tmp_path))
    node, witness = network.rpc_urls

    def run(*words: str) -> tuple[int, Any, str]:
        code = main([*words, "-o", "json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    assert run("light", "status")[0] == 4
    height, block_hash = "2", Rpc(node).block(2).hash.hex()
    trusting = ["light", "trust", "--node", node, "--height", height]
    assert run(*trusting, "--hash", block_hash)[0] == 2
    assert run(*trusting, "--hash", "00" * 32, "--no-witness")[0] == 1
    assert run(*trusting, "--hash", "xy", "--no-witness")[0] == 2
    code, shown, errors = run(*trusting, "--hash", block_hash, "--witness", witness)
    assert code == 0, errors
    assert (shown["first_height"], shown["witnesses"], shown["expired"]) == ("2", witness, False)
    code, shown, _ = run("light", "verify", "--height", "3")
    assert (code, shown["hash"]) == (0, Rpc(node).block(3).hash.hex().upper())
    code, shown, _ = run("light", "verify")
    assert (code, shown["signed_by"]) in ((0, "20 of 20"), (0, "2 of 2"))
    asking = ["query", "bank", "balance", "--address", RECEIVER.address, "--denom", "ueur"]
    code, shown, errors = run(*asking, "--verified", "--node", node)
    assert (code, shown["balance"]["amount"]) == (0, "100000777")
    assert "verified in the state after block" in errors
    code, shown, _ = run("query", "tx", paid.hex(), "--verified", "--node", node)
    assert (code, shown["code"], shown["messages"]) == (0, "0", "/cosmos.bank.v1beta1.MsgSend")
    settling = ["verify", "settlement", "--slot", "5", "--account", PAYER.address, "--node", node]
    code, _, errors = run(*settling)
    assert code == 1
    assert "LINE_UNKNOWN" in errors
