"""Simulation: gas and outcome of a transaction without its signature, within its limits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cosmos.bank.v1beta1.tx_pb2 import MsgSend, MsgSendResponse
from cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from cosmos.base.v1beta1.coin_pb2 import Coin
from cosmos.tx.v1beta1 import service_pb2, tx_pb2

from chain import app, transactions
from chain.runtime.errors import ChainError
from tests.support.streets import people
from tests.support.world import World

SIMULATE = "/cosmos.tx.v1beta1.Service/Simulate"


def _send(amount: int, source: str = "ben") -> MsgSend:
    return MsgSend(
        from_address=people.address_text(source),
        to_address=people.address_text("anna"),
        amount=[Coin(denom="ueur", amount=str(amount))],
    )


def simulate(world: World, raw: bytes) -> service_pb2.SimulateResponse:
    request = service_pb2.SimulateRequest(tx_bytes=raw)
    return world.query(SIMULATE, request, service_pb2.SimulateResponse)


def test_gas_and_response_without_a_signature() -> None:
    world = World()
    world.block()
    raw = tx_pb2.TxRaw.FromString(world.send("ben", "anna", 1))
    raw.ClearField("signatures")
    unsigned = raw.SerializeToString()
    answer = simulate(world, unsigned)
    assert answer.gas_info.gas_used == 12_000 + 10 * len(unsigned)
    (response,) = TxMsgData.FromString(answer.result.data).msg_responses
    assert MsgSendResponse.FromString(response.value) == MsgSendResponse()


def test_a_decoded_transaction_is_taken_as_well() -> None:
    world = World()
    world.block()
    raw = world.send("ben", "anna", 1)
    tx = tx_pb2.Tx.FromString(raw)
    request = service_pb2.SimulateRequest(tx=tx)
    answer = world.query(SIMULATE, request, service_pb2.SimulateResponse)
    assert answer == simulate(world, raw)


@pytest.mark.parametrize(
    ("make", "codespace"),
    [
        (lambda world: world.send("ben", "fred", 1), "sdk"),
        (lambda world: world.buy("dirk", world.slot_ahead(1), 1, 300_000), "registry"),
        (lambda world: world.buy("ben", world.slot_ahead(1), 0, 300_000), "market"),
        (lambda world: b"", "sdk"),
        (lambda world: b"\xff", "sdk"),
    ],
)
def test_what_would_be_rejected_is_rejected(make: Callable[[World], bytes], codespace: str) -> None:
    world = World()
    world.block()
    with pytest.raises(ChainError) as caught:
        simulate(world, make(world))
    assert caught.value.error.codespace == codespace


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"tx_bytes_max": 1024}, "TX_TOO_LARGE"),
        ({"messages_per_tx_max": 15}, "INVALID_REQUEST"),
        ({"gas_limit_max": 46_000}, "TX_TOO_LARGE"),
    ],
)
def test_what_breaks_a_limit_of_transactions_is_not_executed(
    limit: dict[str, int], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World({"auth.params": limit})
    world.block()
    messages = [_send(1)] * 16
    raw = world.spoil("ben", *messages, gas_limit=0)
    monkeypatch.setattr(transactions, "execute", lambda *_: pytest.fail("executed"))
    with pytest.raises(ChainError) as caught:
        simulate(world, raw)
    assert caught.value.error.name == code


def test_a_memo_too_long_or_a_height_gone_by_is_rejected() -> None:
    world = World()
    world.block()
    world.block()
    for changes in ({"memo": "x" * 257}, {"timeout_height": 1}):
        raw = world.spoil("ben", _send(1), **changes)
        with pytest.raises(ChainError):
            simulate(world, raw)


def test_a_request_too_large_is_not_even_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World({"auth.params": {"tx_bytes_max": 2048}})
    world.block()
    monkeypatch.setattr(app, "decode", lambda *_, **__: pytest.fail("decoded"))
    monkeypatch.setattr(app, "_decode_request", lambda *_: pytest.fail("decoded"))
    request = service_pb2.SimulateRequest(tx_bytes=bytes(2060)).SerializeToString()
    with pytest.raises(ChainError) as caught:
        app.query(world.store, world.block_info, SIMULATE, request)
    assert caught.value.error.name == "TX_TOO_LARGE"


@pytest.mark.parametrize("signer", ["fred", "auditor"])
def test_only_active_participants_are_simulated(signer: str) -> None:
    """Fred is not registered, and the auditor is not active."""
    world = World({"registry.participants[auditor]": {"status": "STATUS_SUSPENDED"}})
    world.block()
    with pytest.raises(ChainError) as caught:
        simulate(world, world.spoil(signer, _send(1, source=signer)))
    assert caught.value.error.name in ("UNKNOWN_ADDRESS", "PARTICIPANT_NOT_ACTIVE")


def test_nothing_is_changed() -> None:
    world = World()
    world.block()
    before = dict(world.store.data)
    simulate(world, world.send("ben", "anna", 1))
    assert world.store.data == before
