"""Whatever the node does, a transaction of a signer takes effect at most once."""

import base64
import itertools
import threading
from collections.abc import Iterator
from typing import Any, Never

import pytest
from blockenergy.auth.v1 import query_pb2 as auth_query
from blockenergy.auth.v1.state_pb2 import Params
from cosmos.auth.v1beta1.auth_pb2 import BaseAccount
from cosmos.auth.v1beta1.query_pb2 import QueryAccountResponse
from cosmos.bank.v1beta1.tx_pb2 import MsgSend, MsgSendResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from loopback_node import LoopbackNode, LostResponseError, NodeError

from chain.runtime.gas import compute_message_gas
from client.account import Signer
from client.cost import GasPrice
from client.errors import RejectedError, RpcError, UsageError
from client.node.rpc import Rpc
from client.signing import tx
from client.signing.keys import AccountKey

KEY = AccountKey.from_mnemonic("abandon " * 11 + "about")
SEND = MsgSend(
    from_address=KEY.address, to_address=KEY.address, amount=[Coin(denom="ueur", amount="5")]
)
PARAMS = Params(
    fee_denom="ueur",
    min_gas_price_micro=10,
    gas_per_tx=1000,
    gas_per_byte=10,
    gas_limit_max=1_000_000,
)
ACCOUNT_NUMBER = 3
CHAIN_ID = "chain"


class Ledger:
    """The node's side: tracks sequences and includes accepted transactions immediately."""

    def __init__(self, node: LoopbackNode) -> None:
        self.sequence = 0
        self.included: dict[bytes, bytes] = {}
        self.received: list[bytes] = []
        self.failures: list[Exception] = []
        self.lost_answers = 0
        self.result: dict[str, object] = {}
        self.node = node
        node.responses |= {
            "status": lambda _: {
                "node_info": {"id": "", "network": CHAIN_ID, "moniker": "", "version": ""},
                "sync_info": {
                    "latest_block_height": "9",
                    "latest_block_time": "2026-10-01T12:00:00Z",
                    "latest_app_hash": "",
                    "catching_up": False,
                },
                "validator_info": {"address": "", "voting_power": "0"},
            },
            "abci_query": self.respond_to_query,
            "broadcast_tx_sync": self.take,
            "tx": self.find,
        }

    def respond_to_query(self, params: dict[str, Any]) -> dict[str, Any]:
        if params["path"] == "/blockenergy.auth.v1.Query/Params":
            response = auth_query.QueryParamsResponse(params=PARAMS)
        else:
            assert params["path"] == "/cosmos.auth.v1beta1.Query/Account"
            account = BaseAccount(account_number=ACCOUNT_NUMBER, sequence=self.sequence)
            response = QueryAccountResponse(account=tx.pack(account))
        return {"response": {"value": encode(response.SerializeToString()), "height": "9"}}

    def take(self, params: dict[str, Any]) -> dict[str, Any]:
        raw = base64.b64decode(params["tx"])
        self.received.append(raw)
        if self.failures:
            raise self.failures.pop(0)
        sequence = tx.decode(raw).auth_info.signer_infos[0].sequence
        checked = {"hash": tx.compute_hash(raw).hex(), "code": 0, "codespace": "", "log": ""}
        if sequence != self.sequence:
            log = f"account sequence mismatch, expected {self.sequence}, got {sequence}: incorrect"
            return checked | {"code": 32, "codespace": "sdk", "log": log}
        self.sequence += 1
        self.included[tx.compute_hash(raw)] = raw
        if self.lost_answers:
            self.lost_answers -= 1
            raise LostResponseError
        return checked

    def find(self, params: dict[str, Any]) -> dict[str, Any]:
        tx_hash = base64.b64decode(params["hash"])
        if tx_hash not in self.included:
            raise NodeError(f"tx ({tx_hash.hex()}) not found")
        data = TxMsgData(msg_responses=[tx.pack(MsgSendResponse())]).SerializeToString()
        return {
            "hash": tx_hash.hex(),
            "height": "10",
            "index": 0,
            "tx": encode(self.included[tx_hash]),
            "tx_result": {"code": 0, "data": encode(data), "events": []} | self.result,
        }


def encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with LoopbackNode().running() as node:
        yield Ledger(node)


@pytest.fixture
def signer(ledger: Ledger) -> Signer:
    return Signer(Rpc(ledger.node.url), KEY, chain_id=CHAIN_ID, wait_s=5)


def get_sequences(ledger: Ledger) -> list[int]:
    return [tx.decode(raw).auth_info.signer_infos[0].sequence for raw in ledger.received]


def test_consecutive_transactions(ledger: Ledger, signer: Signer) -> None:
    for _ in range(3):
        outcome = signer.send([SEND]).require_ok()
        assert (outcome.height, outcome.responses) == (10, (MsgSendResponse(),))
    assert get_sequences(ledger) == [0, 1, 2]
    # Sequence and parameters are fetched once.
    assert ledger.node.requests.count("abci_query") == 2


def test_without_waiting(ledger: Ledger, signer: Signer) -> None:
    outcomes = [signer.send([SEND], wait=False) for _ in range(3)]
    assert {(outcome.height, outcome.code) for outcome in outcomes} == {(0, 0)}
    assert [outcome.hash for outcome in outcomes] == list(ledger.included)
    assert "tx" not in ledger.node.requests


def test_gas_and_fee_follow_the_parameters(ledger: Ledger, signer: Signer) -> None:
    signer.send([SEND], memo="for 5 kWh").require_ok()
    raw = ledger.received[0]
    fee = tx.decode(raw).auth_info.fee
    needed = PARAMS.gas_per_tx + PARAMS.gas_per_byte * len(raw) + compute_message_gas(SEND)
    assert needed <= fee.gas_limit <= needed + 50 * PARAMS.gas_per_byte
    assert int(fee.amount[0].amount) * 1_000_000 >= fee.gas_limit * PARAMS.min_gas_price_micro


def test_a_given_gas_price_is_paid(ledger: Ledger) -> None:
    price = GasPrice(70, "ueur")
    Signer(Rpc(ledger.node.url), KEY, chain_id=CHAIN_ID, gas_price=price, wait_s=5).send(
        [SEND]
    ).require_ok()
    fee = tx.decode(ledger.received[0]).auth_info.fee
    assert int(fee.amount[0].amount) == -(-fee.gas_limit * 70 // 1_000_000)


def test_a_gas_price_in_another_denomination_is_a_mistake(ledger: Ledger) -> None:
    signer = Signer(
        Rpc(ledger.node.url), KEY, chain_id=CHAIN_ID, gas_price=GasPrice(70, "uheat"), wait_s=5
    )
    with pytest.raises(UsageError, match="fees are paid in ueur"):
        signer.send([SEND])
    assert not ledger.received


def test_parameters_that_have_changed_are_read_again(ledger: Ledger, signer: Signer) -> None:
    signer.send([SEND]).require_ok()
    before = ledger.node.requests.count("abci_query")
    rejected: list[bytes] = []

    def reject_once(params: dict[str, Any]) -> dict[str, Any]:
        if rejected:
            return ledger.take(params)
        rejected.append(b"")
        return {"hash": "AA", "code": 13, "codespace": "sdk", "log": "too little"}

    ledger.node.responses["broadcast_tx_sync"] = reject_once
    signer.send([SEND]).require_ok()
    assert ledger.node.requests.count("abci_query") == before + 1


def test_given_gas_and_fee_are_used(ledger: Ledger) -> None:
    fee = [Coin(denom="ueur", amount="7")]
    signer = Signer(Rpc(ledger.node.url), KEY, chain_id=CHAIN_ID, fee=fee, gas_limit=5, wait_s=5)
    signer.send([SEND]).require_ok()
    sent = tx.decode(ledger.received[0]).auth_info.fee
    assert (list(sent.amount), sent.gas_limit) == (fee, 5)


def test_sequence_advanced_by_another_program(ledger: Ledger, signer: Signer) -> None:
    signer.send([SEND]).require_ok()
    ledger.sequence = 7
    signer.send([SEND]).require_ok()
    assert get_sequences(ledger) == [0, 1, 7]


def test_sequence_after_a_lost_mempool(ledger: Ledger, signer: Signer) -> None:
    for _ in range(3):
        signer.send([SEND], wait=False)
    ledger.sequence = 1
    signer.send([SEND]).require_ok()
    assert get_sequences(ledger) == [0, 1, 2, 3, 1]


def test_sequence_that_never_matches_is_rejected(ledger: Ledger, signer: Signer) -> None:
    numbers = itertools.count(100)

    def reject(params: dict[str, Any]) -> dict[str, Any]:
        ledger.take(params)
        log = f"account sequence mismatch, expected {next(numbers)}, got 0"
        return {"hash": "AA", "code": 32, "codespace": "sdk", "log": log}

    ledger.node.responses["broadcast_tx_sync"] = reject
    outcome = signer.send([SEND])
    assert (outcome.codespace, outcome.code, outcome.height) == ("sdk", 32, 0)
    assert len(ledger.received) == 5


def test_full_mempool_is_retried(ledger: Ledger, signer: Signer) -> None:
    ledger.failures = [NodeError("mempool is full: number of txs 5000 (max: 5000)")] * 2
    signer.send([SEND]).require_ok()
    assert get_sequences(ledger) == [0, 0, 0]
    assert len(set(ledger.received)) == 1


def test_transaction_that_the_node_has_is_not_signed_anew(ledger: Ledger, signer: Signer) -> None:
    def take_twice(params: dict[str, Any]) -> Never:
        ledger.take(params)
        raise NodeError("tx already exists in cache")

    ledger.node.responses["broadcast_tx_sync"] = take_twice
    assert signer.send([SEND]).require_ok().height == 10
    assert len(ledger.included) == 1


def test_lost_response_does_not_pay_twice(ledger: Ledger, signer: Signer) -> None:
    signer.send([SEND]).require_ok()
    ledger.lost_answers = 1
    outcome = signer.send([SEND]).require_ok()
    assert outcome.height == 10
    assert len(ledger.included) == 2
    assert len(set(ledger.received)) == 2


def test_transaction_that_the_node_cannot_accept_is_not_repeated(
    ledger: Ledger, signer: Signer
) -> None:
    ledger.failures = [NodeError("Tx too large. Max size is 5, but got 300")]
    with pytest.raises(RpcError, match="too large"):
        signer.send([SEND])
    assert len(ledger.received) == 1
    signer.send([SEND]).require_ok()
    assert get_sequences(ledger) == [0, 0]


def test_transaction_that_is_not_included_is_reported_and_the_next_one_works(
    ledger: Ledger,
) -> None:
    signer = Signer(Rpc(ledger.node.url), KEY, chain_id=CHAIN_ID, wait_s=0.2)
    find = ledger.node.responses["tx"]

    def absent(_: object) -> Never:
        raise NodeError("tx (AA) not found")

    ledger.node.responses["tx"] = absent
    with pytest.raises(RpcError, match="not in a block"):
        signer.send([SEND])
    ledger.node.responses["tx"] = find
    assert signer.send([SEND]).require_ok().height == 10


def test_failure_in_a_block_is_an_outcome(ledger: Ledger, signer: Signer) -> None:
    ledger.result = {"code": 5, "codespace": "market", "log": "the gate has closed", "data": ""}
    outcome = signer.send([SEND])
    assert (outcome.height, outcome.codespace, outcome.code) == (10, "market", 5)
    with pytest.raises(RejectedError, match="the gate has closed") as caught:
        outcome.require_ok()
    assert (caught.value.tx_hash, caught.value.height) == (outcome.hash, 10)


def test_unregistered_address(ledger: Ledger, signer: Signer) -> None:
    def unknown(_: object) -> dict[str, Any]:
        log = "rpc error: code = NotFound desc = account energy1 not found: Nothing is stored"
        return {"response": {"code": 22, "codespace": "sdk", "log": log, "height": "9"}}

    ledger.node.responses["abci_query"] = unknown
    with pytest.raises(RejectedError, match="is not registered"):
        signer.send([SEND])
    assert ledger.received == []


def test_several_threads_share_a_signer(ledger: Ledger, signer: Signer) -> None:
    def send() -> None:
        for _ in range(5):
            signer.send([SEND]).require_ok()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert get_sequences(ledger) == list(range(20))
    assert len(ledger.included) == 20
