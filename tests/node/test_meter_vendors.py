"""Each vendor on a real node: a telegram in its format becomes a reading that is read back.

The telegrams say the present time, as those of a running meter do. Genuine ones, whose time is
past, are compared with their published values in test_genuine_telegrams.py.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from blockenergy.metering.v1.query_pb2 import QueryReadingRequest, QueryReadingResponse
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER

from client.errors import ClientError
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.queries import query
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey, TelegramKey
from meter_bridge.client import MeterClient
from meter_bridge.gateway.config import check
from meter_bridge.gateway.run import RunningGateway
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter
from node_config.localnet.network import Network
from tests.support.others import meter_telegrams as written
from tests.support.others.meter_telegrams import Shown
from tests.support.others.wireless_telegrams import make_wmbus
from tests.support.running.networks import quick, running_network, with_params

pytestmark = pytest.mark.network

DEADLINE_S = 90.0
# A quarter of a minute, so that the minutes of some formats are ends of slots.
# Readings of the last one are in time until after the next.
SLOT_LENGTH_S, READING_DEADLINE_S = 15, 150
OWNER = AccountKey(b"v" * 32)
IMPORT_WH, EXPORT_WH = 1_500, 40


def make_sense_frames(shown: Shown) -> list[bytes]:
    """A frame a second, through the whole slot and two seconds more."""
    first_s = shown.time_s - SLOT_LENGTH_S
    return [
        written.make_sense(replace(shown, time_s=time_s))
        for time_s in range(first_s, shown.time_s + 3)
    ]


def make_one(write: Callable[[Shown], bytes]) -> Callable[[Shown], list[bytes]]:
    return lambda shown: [write(shown)]


# Format, telegrams, and what the registers have to show; None: as shown.
VENDORS: dict[str, tuple[str, Callable[[Shown], list[bytes]], tuple[int, int] | None]] = {
    "landis-gyr": ("iec-62056-21", make_one(written.make_iec_62056_21), None),
    "elster": ("iec-62056-21", make_one(written.make_iec_62056_21), None),
    "kamstrup": ("dlms", make_one(written.make_dlms_ciphered), None),
    "kamstrup-radio": ("wmbus", make_one(make_wmbus), None),
    "itron": ("ieee-2030-5", make_one(written.make_ieee_2030_5), None),
    # 1,238.5 W for 15 s are 5 Wh.
    "sense": ("sense", make_sense_frames, (5, 0)),
    # Two half hours of 250 Wh.
    "sms-n3rgy": ("n3rgy", make_one(written.make_n3rgy), (500, 0)),
    "german": ("sml", make_one(written.make_sml), None),
    "dutch": ("dsmr-p1", make_one(written.make_dsmr), None),
    "wallbox": ("ocmf", make_one(written.make_ocmf), None),
    "reader": ("tasmota", make_one(written.make_tasmota), None),
    "head-end": ("cmep", make_one(written.make_cmep), None),
}


def make_key(name: str) -> MeterKey:
    return MeterKey(hashlib.sha256(name.encode()).digest())


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A validator and a bridge, with a meter of each vendor."""
    home = tmp_path_factory.mktemp("vendors") / "net"
    times = {"slot_length_s": SLOT_LENGTH_S, "reading_deadline_s": READING_DEADLINE_S}
    with running_network(
        home,
        preset=with_params(quick("demo"), metering=times),
        # The slot before the last full minute is one of this chain.
        genesis_time_s=int(time.time()) - 2 * 60,
        accounts=[GenesisAccount(OWNER.address, (ROLE_CONSUMER,), 20_000_000)],
        meters=[
            GenesisMeter(name, OWNER.address, "feeder-1", 17_000, make_key(name).pub_key)
            for name in VENDORS
        ],
    ) as network:
        yield network


def make_document(folder: Path, network: Network) -> dict[str, Any]:
    """A gateway that reads all of them; each from a folder of its own."""
    keyring = Keyring(folder / "keys")
    for name in VENDORS:
        keyring.add(name, make_key(name), None)
        (folder / name).mkdir()
    keyring.add("open", TelegramKey(written.KEY), None)
    keyring.add("authenticate", TelegramKey(written.AUTHENTICATION_KEY), None)
    (folder / "public.der").write_bytes(written.SECRETS.public_key)
    return {
        "home": "home",
        "keyring": "keys",
        "bridge": network.bridge_address,
        "chain_id": read_pin(network.layout.keys),
        "meter": [
            {
                "id": name,
                "key": name,
                "format": format_name,
                "source": {"type": "files", "folder": name},
                "encryption_key": "open",
                "authentication_key": "authenticate",
                "public_key": str(folder / "public.der"),
            }
            for name, (format_name, *_) in VENDORS.items()
        ],
    }


def wait_for(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end_s, "the condition did not come true in time"
        time.sleep(0.1)


def find_reading(rpc: Rpc, meter_id: str, slot: int) -> tuple[int, int] | None:
    """What the chain has recorded."""
    request = QueryReadingRequest(meter_id=meter_id, slot=slot)
    try:
        found = query(rpc, request, QueryReadingResponse)
    except ClientError:
        return None
    return found.registers.import_wh, found.registers.export_wh


def test_a_reading_of_each_vendor_is_recorded_once(network: Network, tmp_path: Path) -> None:
    rpc = Rpc(network.rpc_urls[0])
    gateway = check(make_document(tmp_path, network), tmp_path)
    with RunningGateway(gateway, pytest.fail) as running:  # type: ignore[arg-type]
        wait_for(lambda: running.get_terms() is not None)
        # The last full minute, at which some formats have the end of an interval.
        end_s = int(time.time()) // 60 * 60
        shown = Shown(end_s, IMPORT_WH, EXPORT_WH)
        for collector in running.collectors:
            telegrams = VENDORS[collector.meter.id][1](shown)
            for raw in telegrams:
                collector.deliver(raw, end_s)
            # Replayed and out of order: nothing changes.
            for raw in random.Random(7).sample(telegrams, len(telegrams)):
                collector.deliver(raw, end_s)
            altered = bytearray(telegrams[0])
            altered[len(altered) // 2] ^= 1
            collector.deliver(bytes(altered), end_s)
        slot = end_s // SLOT_LENGTH_S - 1
        for name, (*_, registers) in VENDORS.items():
            wait_for(lambda name=name: find_reading(rpc, name, slot) is not None)
            assert find_reading(rpc, name, slot) == (registers or (IMPORT_WH, EXPORT_WH)), name
        wait_for(lambda: running.store.count_waiting() == 0)
    with MeterClient(network.bridge_address) as bridge:
        health = bridge.health()
    assert (health.conflicts, health.rejected) == (0, 0)
