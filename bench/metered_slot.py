"""One slot of many meters: signed readings go through a bridge into the blocks of a running node.

    python -m bench.metered_slot                    10,000 meters
    python -m bench.metered_slot --meters 500 --within 5

All of it runs on one core. The readings are due within a minute, evenly. After a third of them the
bridge is killed with SIGKILL, after two thirds the node's application; what was not acknowledged is
pushed again. In the end the chain must have every reading. Memory is the bridge's at its peak.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from blockenergy.bridge.v1.bridge_pb2 import PushReadingRequest, PushRequest
from blockenergy.metering.v1.query_pb2 import QueryReadingsRequest, QueryReadingsResponse
from blockenergy.metering.v1.state_pb2 import Reading
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER

from bench.results.report import finish, make_parser, read_peak_mb
from client.errors import ClientError
from client.node.rpc import Rpc
from client.queries import query_pages
from client.signing.keys import AccountKey, MeterKey
from meter_bridge.client import ACKNOWLEDGED, MeterClient, sign_reading
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import APP, BRIDGE, Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import load_preset

SLOT_LENGTH_S, READING_DEADLINE_S = 60, 3600
METERS_PER_OWNER = 10
MONEY = 1_000_000_000
START_DEADLINE_S, DEADLINE_S = 300.0, 600.0
PAGE, RETRY_S = 1000, 0.2


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--meters", type=int, default=10_000, help="with one reading each")
    parser.add_argument("--within", type=float, default=60.0, help="seconds for all to be pushed")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Pushes the readings of a slot while processes are killed, and looks at the chain."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    keys = {f"M{place:07}": make_key(place) for place in range(options.meters)}
    with tempfile.TemporaryDirectory() as folder:
        network = make_network(Path(folder) / "net", keys)
        network.start(START_DEADLINE_S)
        try:
            chain_id = Rpc(network.rpc_urls[0]).status().chain_id
            slot = int(time.time()) // SLOT_LENGTH_S
            requests = [make_request(name, slot, key, chain_id) for name, key in keys.items()]
            time.sleep(max(0.0, (slot + 1) * SLOT_LENGTH_S - time.time()))
            began_s = time.monotonic()
            pushed = push_all(network, requests, options.within)
            wait_until_recorded(network.rpc_urls[0], slot, len(requests))
            recorded_s = time.monotonic() - began_s
            peak_mb = read_peak_mb(network.get_pid(BRIDGE, BRIDGE))
        finally:
            network.stop()
    return {
        "meters": options.meters,
        **pushed,
        "recorded_after_s": round(recorded_s, 1),
        "bridge_peak_mb": peak_mb,
    }


def make_key(place: int) -> MeterKey:
    """The key of a meter."""
    return MeterKey(place.to_bytes(32, "big"))


def make_network(home: Path, keys: dict[str, MeterKey]) -> Network:
    """One validator and one bridge, with every meter in the genesis document."""
    preset = load_preset("localnet")
    times = {"slot_length_s": SLOT_LENGTH_S, "reading_deadline_s": READING_DEADLINE_S}
    params = {**preset.params, "metering": {**preset.params["metering"], **times}}
    count = -(-len(keys) // METERS_PER_OWNER)
    owners = [AccountKey((1 + place).to_bytes(32, "big")).address for place in range(count)]
    init_network(
        home,
        1,
        preset=replace(preset, params=params),
        base_port=find_free_ports(1).base,
        accounts=[GenesisAccount(owner, (ROLE_CONSUMER,), MONEY) for owner in owners],
        meters=[
            GenesisMeter(name, owners[place // METERS_PER_OWNER], "feeder-1", 17_000, key.pub_key)
            for place, (name, key) in enumerate(keys.items())
        ],
    )
    return Network(home)


def make_request(meter_id: str, slot: int, key: MeterKey, chain_id: str) -> PushRequest:
    """The signed reading of a meter."""
    reading = Reading(meter_id=meter_id, slot=slot, import_register_wh=100)
    signed = sign_reading(key, chain_id, reading)
    return PushRequest(reading=PushReadingRequest(reading=signed))


def push_all(network: Network, requests: Sequence[PushRequest], within_s: float) -> dict[str, Any]:
    """Pushes each reading when it is due, and again until it is acknowledged, while the bridge and
    the node are killed.
    """
    began_s, acknowledged, streams = time.monotonic(), 0, 0
    node = network.layout.nodes[0].name
    kills = [(len(requests) // 3, BRIDGE, BRIDGE), (len(requests) * 2 // 3, node, APP)]
    while acknowledged < len(requests):
        if time.monotonic() > began_s + DEADLINE_S:
            raise RuntimeError(f"{acknowledged} readings were acknowledged in {DEADLINE_S:g} s")
        streams += 1
        due = wait_for_each(
            requests[acknowledged:], began_s, within_s / len(requests), acknowledged
        )
        with suppress(ClientError), MeterClient(network.bridge_address) as bridge:
            for response in bridge.stream(due, DEADLINE_S):
                if response.result not in ACKNOWLEDGED:
                    break
                acknowledged += 1
                if kills and acknowledged >= kills[0][0]:
                    network.kill(*kills.pop(0)[1:])
        time.sleep(RETRY_S)
    return {"streams": streams, "acknowledged_after_s": round(time.monotonic() - began_s, 1)}


def wait_for_each(
    requests: Sequence[PushRequest], began_s: float, step_s: float, first: int
) -> Iterator[PushRequest]:
    """Each request when it is due."""
    for place, request in enumerate(requests, start=first):
        time.sleep(max(0.0, began_s + place * step_s - time.monotonic()))
        yield request


def wait_until_recorded(url: str, slot: int, count: int) -> None:
    """Waits until the chain has a reading of so many meters; RuntimeError if it never has."""
    request = QueryReadingsRequest(slot=slot)
    request.pagination.limit = PAGE
    deadline_s, found = time.monotonic() + DEADLINE_S, 0
    while found < count:
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"of {count} acknowledged readings the chain has {found}")
        time.sleep(RETRY_S)
        with suppress(ClientError):
            pages = query_pages(Rpc(url), request, QueryReadingsResponse)
            found = sum(len(page.readings) for page in pages)


if __name__ == "__main__":
    sys.exit(main())
