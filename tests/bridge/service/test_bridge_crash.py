"""A bridge killed with kill -9 at any moment later submits everything it acknowledged."""

from __future__ import annotations

import contextlib
import random
import threading
from pathlib import Path

from blockenergy.bridge.v1.bridge_pb2 import PushReadingRequest, PushRequest

from client.errors import ClientError
from meter_bridge.bridge import Bridge, Settings
from meter_bridge.client import ACKNOWLEDGED, MeterClient
from tests.bridge.fakes import (
    PATIENT_DEADLINE_S,
    PATIENT_PARAMS,
    SLOT,
    Clock,
    FakeChain,
    make_reading,
)
from tests.bridge.processes import DEADLINE_S, ROOT, child, get
from tests.bridge.waiting import wait_until

CHILD = str(ROOT / "tests" / "bridge" / "service" / "bridge_child.py")
KILLS = 4
METERS = 3
READINGS_MAX = 5_000


class Gateway:
    """Pushes the readings of one meter over a stream and records acknowledgements."""

    def __init__(self, meter_id: str) -> None:
        self.meter_id = meter_id
        self.acknowledged: set[int] = set()

    def push(self, port: int) -> None:
        """Pushes unacknowledged readings until all are acknowledged or the bridge dies."""
        slots = [slot for slot in range(SLOT - READINGS_MAX, SLOT) if slot not in self.acknowledged]
        requests = [PushRequest(reading=self.make_push(slot)) for slot in slots]
        with MeterClient(f"127.0.0.1:{port}") as client, contextlib.suppress(ClientError):
            for response in client.stream(requests, DEADLINE_S):
                assert response.result in ACKNOWLEDGED
                self.acknowledged.add(response.slot)

    def make_push(self, slot: int) -> PushReadingRequest:
        reading = make_reading(self.meter_id, slot=slot, import_wh=slot)
        return PushReadingRequest(reading=reading)


def test_killed_bridge_loses_no_acknowledged_reading(tmp_path: Path) -> None:
    chance = random.Random(3)
    gateways = [Gateway(f"HOME-{number}") for number in range(METERS)]
    for _ in range(KILLS):
        run_until_killed(tmp_path, gateways, pushes=chance.randrange(50, 800))
    chain = FakeChain(params=PATIENT_PARAMS, deadline_s=PATIENT_DEADLINE_S)
    failures: list[Exception] = []
    settings = Settings(tmp_path, "127.0.0.1:0", poll_s=0.01)
    with Bridge(settings, chain, failures.append, Clock()) as bridge:
        wait_until(lambda: bridge.get_health().healthy and not bridge.get_health().backlog)
    assert failures == []
    for gateway in gateways:
        assert gateway.acknowledged
        for slot in gateway.acknowledged:
            assert chain.recorded[gateway.meter_id, slot].import_register_wh == slot


def run_until_killed(home: Path, gateways: list[Gateway], pushes: int) -> None:
    """Runs a bridge, and kills it after a number of further acknowledgements."""
    enough = count(gateways) + pushes
    with child(CHILD, str(home), str(len(gateways))) as process:
        port = int(get(process.stdout).readline())
        threads = [threading.Thread(target=one.push, args=(port,)) for one in gateways]
        for thread in threads:
            thread.start()
        wait_until(lambda: count(gateways) >= enough)
        process.kill()
        for thread in threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()


def count(gateways: list[Gateway]) -> int:
    return sum(len(one.acknowledged) for one in gateways)
