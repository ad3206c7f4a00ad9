"""NodeChain against a node that runs the real rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockenergy.auth.v1.state_pb2 import Params as AuthParams
from blockenergy.metering.v1 import state_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadings
from cosmos.base.v1beta1.coin_pb2 import Coin
from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.gas import compute_message_gas
from client.node.rpc import Rpc
from client.signing import tx
from meter_bridge.chain import (
    ChainRejectedError,
    ChainUnreachableError,
    Head,
    Meter,
    Params,
)
from meter_bridge.chain.node import NodeChain, compute_readings_per_tx, split
from meter_bridge.intake import NUMBER_MAX
from tests.bridge.world_node import WorldNode, make_bridge_key
from tests.support.streets import people
from tests.support.world import CHAIN_ID, FIRST_SLOT, World, reading

HOMES = [f"meter-{name}" for name in people.HOUSEHOLDS]


@pytest.fixture
def node() -> Iterator[WorldNode]:
    with WorldNode(World()).running() as node:
        yield node


@pytest.fixture
def chain(node: WorldNode) -> NodeChain:
    chain = NodeChain(Rpc(node.url), make_bridge_key(), CHAIN_ID, wait_s=10)
    chain.get_params()
    node.make_block(node.world.end_s(FIRST_SLOT))
    return chain


def read_all() -> list[Reading]:
    return [reading(meter_id, FIRST_SLOT, import_wh=1_000) for meter_id in HOMES]


def test_latest_block_and_parameters(node: WorldNode, chain: NodeChain) -> None:
    assert chain.get_head() == Head(2, node.world.end_s(FIRST_SLOT), FIRST_SLOT)
    params = chain.get_params()
    assert params == Params(CHAIN_ID, slot_length_s=60, readings_max=params.readings_max)
    assert params.readings_max >= 10
    assert chain.bridge == people.address_text("bridge")


def test_registered_meter(chain: NodeChain) -> None:
    pub_key = people.meter_key("meter-anna").public_key().public_bytes_raw()
    assert chain.get_meter("meter-anna") == Meter(
        people.address_text("bridge"), pub_key, is_active=True
    )
    assert chain.get_meter("meter-nobody") is None
    assert chain.get_meter("") is None


def test_submitted_readings_are_recorded_with_results_in_order(
    node: WorldNode, chain: NodeChain
) -> None:
    readings = read_all()
    bad = reading("meter-anna", FIRST_SLOT, import_wh=1_001)
    unknown = reading("meter-nobody", FIRST_SLOT)
    early = reading("meter-ben", FIRST_SLOT + 1)
    results = chain.submit([*readings, bad, unknown, early])
    assert [result.code for result in results] == [
        *[state_pb2.READING_RECORDED] * len(readings),
        state_pb2.READING_CONFLICT,
        state_pb2.READING_METER_UNKNOWN,
        state_pb2.READING_TOO_EARLY,
    ]
    assert {result.height for result in results} == {node.world.height}
    again = chain.submit(readings)
    assert {result.code for result in again} == {state_pb2.READING_ALREADY_RECORDED}


def test_many_readings_are_packed_into_few_transactions(node: WorldNode, chain: NodeChain) -> None:
    readings = read_all() * 20
    readings_max = chain.get_params().readings_max
    results = chain.submit(readings[:readings_max])
    assert len(results) == min(len(readings), readings_max)
    recorded = [result.code == state_pb2.READING_RECORDED for result in results]
    assert sum(recorded) == len(HOMES)
    assert 1 <= len(node.txs) <= 4


def test_lost_response_of_the_node_loses_no_result(node: WorldNode, chain: NodeChain) -> None:
    node.responses_to_lose = 1
    results = chain.submit(read_all())
    assert {result.code for result in results} == {state_pb2.READING_RECORDED}
    assert len(node.txs) == 1


def test_account_without_the_role_is_rejected_as_a_whole(node: WorldNode) -> None:
    chain = NodeChain(Rpc(node.url), make_bridge_key("anna"), CHAIN_ID, wait_s=10)
    chain.get_params()
    with pytest.raises(ChainRejectedError, match="role"):
        chain.submit(read_all())


def test_other_chain_at_the_same_address_is_an_error(node: WorldNode, chain: NodeChain) -> None:
    node.chain_id = "street-2"
    for call in (chain.get_head, chain.get_params, lambda: chain.submit(read_all())):
        with pytest.raises(
            ChainUnreachableError, match="on chain street-2, but this bridge serves street-1"
        ):
            call()
    assert node.txs == []


def test_unreachable_node_is_reported_in_one_sentence() -> None:
    chain = NodeChain(Rpc("tcp://127.0.0.1:1", timeout_s=5), make_bridge_key(), CHAIN_ID)
    for call in (chain.get_head, chain.get_params, lambda: chain.get_meter("meter-anna")):
        with pytest.raises(ChainUnreachableError) as away:
            call()
        assert str(away.value)[0].isupper()
        assert str(away.value).endswith(".")
        assert "\n" not in str(away.value)


@given(
    tx_bytes=st.integers(1_500, 100_000),
    gas=st.integers(60_000, 20_000_000),
    messages=st.integers(1, 20),
    per_message=st.integers(1, 400),
)
def test_what_is_packed_fits_into_a_transaction(
    tx_bytes: int, gas: int, messages: int, per_message: int
) -> None:
    auth = AuthParams(
        gas_per_tx=10_000,
        gas_per_byte=10,
        gas_limit_max=gas,
        messages_per_tx_max=messages,
        tx_bytes_max=tx_bytes,
    )
    count = compute_readings_per_tx(auth, per_message)
    largest = Reading(
        meter_id="m" * 64,
        slot=NUMBER_MAX,
        import_register_wh=NUMBER_MAX,
        export_register_wh=NUMBER_MAX,
        signature=bytes(64),
    )
    packed = [
        MsgSubmitReadings(bridge=people.address_text("bridge"), readings=part)
        for part in split([largest] * count, per_message)
    ]
    assert len(packed) <= messages
    fee = [Coin(denom="u" * 64, amount=str((1 << 64) - 1))]
    size = tx.compute_size_max(packed, make_bridge_key().pub_key, fee)
    assert size <= tx_bytes
    assert 10_000 + 10 * size + sum(map(compute_message_gas, packed)) <= gas
