"""A household that buys energy for every slot and pushes a reading at the end of each."""

from __future__ import annotations

import random
import threading
import time
from contextlib import AbstractContextManager
from typing import Any

from blockenergy.bridge.v1.bridge_pb2 import SPOOL_DONE
from blockenergy.market.v1 import query_pb2 as market_query
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_SETTLED
from blockenergy.market.v1.tx_pb2 import MsgBuy
from blockenergy.metering.v1.query_pb2 import QueryReadingRequest, QueryReadingResponse
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER

from client.account import Signer
from client.errors import ClientError
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keys import MeterKey
from meter_bridge.client import ACKNOWLEDGED, MeterClient, compute_reading, dsmr, sign_reading
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from tests.chaos.support.rpc import connect, in_background, wait_until
from tests.chaos.support.traffic.load import make_key

METER_ID, METER = "E0000000000000001", MeterKey(b"m" * 32)
MONEY = 1_000_000_000
SLOT_LENGTH_S, READING_DEADLINE_S = 4, 20
POLL_S, WAIT_S, DEADLINE_S = 0.1, 5.0, 60.0
USED_WH_MAX = 2_000
PRICE_LIMIT_PER_KWH = 300_000
# Energy is bought for the slot after the next one.
SLOTS_AHEAD = 2


class Household:
    """A prosumer with a meter. What the bridge has acknowledged is in `acknowledged`, by slot."""

    def __init__(self, chance: random.Random) -> None:
        self.key = make_key("household")
        self.account = GenesisAccount(self.key.address, (ROLE_PROSUMER,), MONEY)
        self.meter = GenesisMeter(METER_ID, self.key.address, "feeder-1", 17_000, METER.pub_key)
        # Import and export registers at the end of a slot.
        self.acknowledged: dict[int, list[int]] = {}
        # The hashes and heights of orders that were reported committed.
        self.ordered: list[tuple[bytes, int]] = []
        self._chance = random.Random(chance.random())

    def running(self, network: Network) -> AbstractContextManager[None]:
        """Trades and meters while the block runs."""
        return in_background(
            [
                lambda stopping: self._meter(network.bridge_address, stopping),
                lambda stopping: self._trade(network.rpc_urls, stopping),
            ]
        )

    def _meter(self, bridge_address: str, stopping: threading.Event) -> None:
        """Pushes one reading after the other, each until it is acknowledged."""
        registers = [0, 0]
        slot = int(time.time()) // SLOT_LENGTH_S
        with MeterClient(bridge_address) as bridge:
            wait_until(lambda: bridge.health().chain_id != "", DEADLINE_S, "a bridge that is ready")
            chain_id = bridge.health().chain_id
            while not stopping.is_set():
                registers = [one + self._chance.randint(0, USED_WH_MAX) for one in registers]
                telegram, signature = make_telegram(slot, registers, chain_id)
                while not stopping.wait(POLL_S):
                    try:
                        result = bridge.push_telegram(telegram, signature).result
                    except ClientError:
                        continue
                    if result in ACKNOWLEDGED:
                        self.acknowledged[slot] = registers
                        break
                slot += 1

    def _trade(self, urls: list[str], stopping: threading.Event) -> None:
        """Places orders, wherever somebody answers."""
        while not stopping.wait(SLOT_LENGTH_S / 2):
            order = MsgBuy(
                buyer=self.key.address,
                slot=int(time.time()) // SLOT_LENGTH_S + SLOTS_AHEAD,
                quantity_wh=self._chance.randint(1, USED_WH_MAX),
                price_limit_per_kwh=PRICE_LIMIT_PER_KWH,
            )
            with connect(self._chance.choice(urls), WAIT_S) as rpc:
                try:
                    chain_id = rpc.status().chain_id
                    signer = Signer(rpc, self.key, chain_id=chain_id, wait_s=WAIT_S)
                    outcome = signer.send([order])
                except ClientError:
                    continue
            if not outcome.code:
                self.ordered.append((outcome.hash, outcome.height))


def make_telegram(slot: int, registers: list[int], chain_id: str) -> tuple[bytes, bytes]:
    """What the meter sends at the end of a slot, and its signature."""
    imported, exported = registers
    telegram = dsmr.format_telegram(METER_ID, (slot + 1) * SLOT_LENGTH_S, [imported], [exported])
    reading = compute_reading(dsmr.parse(telegram), SLOT_LENGTH_S)
    return telegram, sign_reading(METER, chain_id, reading).signature


def require_recorded(network: Network, rpc: Rpc, household: Household) -> None:
    """What the bridge has acknowledged is on the chain, and has been settled."""
    assert household.acknowledged, "no reading was acknowledged"
    with MeterClient(network.bridge_address) as bridge:
        for slot, registers in household.acknowledged.items():
            wait_until(lambda slot=slot: is_done(bridge, slot), DEADLINE_S, f"slot {slot}")  # type: ignore[misc]
            request = QueryReadingRequest(meter_id=METER_ID, slot=slot)
            found = query(rpc, request, QueryReadingResponse).registers
            assert [found.import_wh, found.export_wh] == registers, f"slot {slot}"
    second = sorted(household.acknowledged)[1]
    wait_until(lambda: is_settled(rpc, second), DEADLINE_S, f"the settlement of slot {second}")


def require_all_energy_settled(document: dict[str, Any], household: Household) -> None:
    """What the slots of an exported state settle adds up to what the meter's registers show."""
    own = [one for one in document["app_state"]["settlement"]["lines"]
           if one["key"][1] == household.key.address]  # fmt: skip
    settled = 0
    for one in sorted(own, key=lambda line: int(line["key"][0])):
        line, slot = one["value"], int(one["key"][0])
        settled += int(line["import_wh"]) - int(line["export_wh"])
        if slot in household.acknowledged:
            measured = line["quality"] in ("QUALITY_MEASURED", "QUALITY_CORRECTED")
            assert measured, f"slot {slot} was estimated though it was metered"
            shown = household.acknowledged[slot]
            assert settled == shown[0] - shown[1], f"slot {slot} lost or made energy"
    assert own, "no energy was settled"


def is_done(bridge: MeterClient, slot: int) -> bool:
    status = bridge.status(METER_ID, slot)
    assert status is not None, f"the bridge has forgotten slot {slot}"
    return status.state == SPOOL_DONE


def is_settled(rpc: Rpc, slot: int) -> bool:
    request = market_query.QuerySlotRequest(slot=slot)
    status = query(rpc, request, market_query.QuerySlotResponse).info.status
    return status == SLOT_STATUS_SETTLED
