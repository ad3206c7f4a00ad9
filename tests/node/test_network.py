"""The whole thing, for real: four validators, a meter bridge, a payment, and a metered slot."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest
from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.market.v1 import query_pb2 as market_query
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_SETTLED
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER
from blockenergy.settlement.v1.query_pb2 import QueryLineRequest, QueryLineResponse
from cosmos.bank.v1beta1.tx_pb2 import MsgSend
from cosmos.base.v1beta1.coin_pb2 import Coin

from client.account import Signer
from client.chain_pin import read_pin
from client.keyring import Keyring
from client.keys import AccountKey, MeterKey
from client.queries import query
from client.rpc import Rpc
from meter_bridge.client import ACKNOWLEDGED, MeterClient, compute_reading, dsmr, sign_reading
from node_config.accounts import GenesisAccount
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import load_preset

pytestmark = pytest.mark.network

T = TypeVar("T")
DEADLINE_S = 60.0
CONSUMER, METER = AccountKey(b"c" * 32), MeterKey(b"m" * 32)
METER_ID = "E0000000000000001"
SLOT_LENGTH_S, READING_DEADLINE_S = 4, 5


def poll(get: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
    end_s = time.monotonic() + DEADLINE_S
    while not is_enough(value := get()):
        assert time.monotonic() < end_s, f"still {value}"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Four validators and a bridge, with slots short enough to wait for."""
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    home = tmp_path_factory.mktemp("network") / "net"
    preset = load_preset("demo")
    times = {"slot_length_s": SLOT_LENGTH_S, "reading_deadline_s": READING_DEADLINE_S}
    metering = {**preset.params["metering"], **times}
    market = {**preset.params["market"], "gate_closure_s": 1}
    init_network(
        home,
        4,
        preset=replace(preset, params={**preset.params, "metering": metering, "market": market}),
        base_port=find_free_ports(4).base,
        accounts=[GenesisAccount(CONSUMER.address, (ROLE_CONSUMER,), 20_000_000)],
        meters=[GenesisMeter(METER_ID, CONSUMER.address, "feeder-1", 17_000, METER.pub_key)],
    )
    lines: list[str] = []
    network = Network(home, lines.append)
    network.start(DEADLINE_S)
    pids = network.get_pids()
    try:
        assert len(pids) == 9
        yield network
    finally:
        network.stop()
    # Nothing died on the way, and nothing is left.
    assert lines == []
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def get_free(rpc: Rpc, address: str) -> int:
    response = query(rpc, QueryBalancesRequest(address=address), QueryBalancesResponse)
    return int(response.free[0].amount)


def test_all_validators_have_the_same_state(network: Network) -> None:
    height = Rpc(network.rpc_urls[0]).status().latest_height + 2
    network.wait_for_height(height, DEADLINE_S)
    blocks = [Rpc(url).block(height) for url in network.rpc_urls]
    assert len({(block.hash, block.app_hash) for block in blocks}) == 1
    assert blocks[0].app_hash


def test_a_payment_through_one_node_is_seen_by_the_others(network: Network) -> None:
    key = Keyring(network.layout.keys).load("treasury", str)
    assert isinstance(key, AccountKey)
    other = Rpc(network.rpc_urls[3])
    before = get_free(other, CONSUMER.address)
    payment = MsgSend(
        from_address=key.address,
        to_address=CONSUMER.address,
        amount=[Coin(denom="ueur", amount="5")],
    )
    signer = Signer(Rpc(network.rpc_urls[0]), key, chain_id=read_pin(network.layout.keys))
    outcome = signer.send([payment]).require_ok()
    network.wait_for_height(outcome.height, DEADLINE_S)
    assert get_free(other, CONSUMER.address) == before + 5


def test_energy_is_bought_metered_over_grpc_and_paid(network: Network) -> None:
    rpc = Rpc(network.rpc_urls[1])
    slot = buy_in_next_slot(rpc, quantity_wh=2_000)
    with MeterClient(network.bridge_address) as bridge:
        # A slot is measured between two readings.
        push_at_slot_end(bridge, slot - 1, import_wh=0)
        push_at_slot_end(bridge, slot, import_wh=2_500)
        status = poll(
            lambda: bridge.status(METER_ID, slot),
            lambda found: found is not None and found.state == bridge_pb2.SPOOL_DONE,
        )
        assert status is not None
        assert status.height > 0
    request = market_query.QuerySlotRequest(slot=slot)
    poll(
        lambda: query(rpc, request, market_query.QuerySlotResponse).info.status,
        lambda found: found == SLOT_STATUS_SETTLED,
    )
    line_request = QueryLineRequest(slot=slot, owner=CONSUMER.address)
    line = query(rpc, line_request, QueryLineResponse).line
    assert (line.bought_wh, line.import_wh, line.quality) == (2_000, 2_500, QUALITY_MEASURED)
    # What was used beyond the position costs the highest price there is.
    assert line.imbalance_charge == 500 * 300
    assert line.charged == line.cost + line.imbalance_charge + line.carbon_charge


def buy_in_next_slot(rpc: Rpc, quantity_wh: int) -> int:
    """Buys in the next slot that takes orders long enough; gives its number."""
    # A young chain has no slot in delivery yet, so the open ones are listed instead.
    open_slots = poll(
        lambda: [
            entry.slot
            for entry in query(
                rpc, market_query.QuerySlotsRequest(), market_query.QuerySlotsResponse
            ).slots
            if entry.takes_orders
        ],
        lambda found: len(found) > 1,
    )
    slot = open_slots[1]
    order = MsgBuy(
        buyer=CONSUMER.address, slot=slot, quantity_wh=quantity_wh, price_limit_per_kwh=300_000
    )
    Signer(rpc, CONSUMER, chain_id=rpc.status().chain_id).send([order]).require_ok()
    return slot


def push_at_slot_end(bridge: MeterClient, slot: int, import_wh: int) -> None:
    """Pushes the telegram of the end of a slot as soon as the bridge takes it."""
    health = poll(bridge.health, lambda found: found.healthy and bool(found.chain_id))
    telegram = dsmr.format_telegram(METER_ID, (slot + 1) * SLOT_LENGTH_S, [import_wh], [0])
    reading = compute_reading(dsmr.parse(telegram), health.slot_length_s)
    assert reading.slot == slot
    signature = sign_reading(METER, health.chain_id, reading).signature
    poll(
        lambda: bridge.push_telegram(telegram, signature),
        lambda response: response.result in ACKNOWLEDGED,
    )
