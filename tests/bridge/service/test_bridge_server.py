"""The gRPC service as a gateway sees it, with a fake chain."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    SPOOL_DONE,
    SPOOL_REJECTED,
    SPOOL_WAITING,
    PushRequest,
)
from blockenergy.metering.v1.state_pb2 import (
    READING_OUT_OF_RANGE,
    READING_RECORDED,
    Reading,
)

from meter_bridge.bridge import Bridge, Settings
from meter_bridge.client import (
    ACKNOWLEDGED,
    BridgeError,
    BridgeUnreachableError,
    MeterClient,
)
from meter_bridge.formats.dsmr import format_telegram
from meter_bridge.server import ListenError, ServerLimits
from meter_bridge.spool import SpoolLimits
from tests.bridge.fakes import (
    BRIDGE,
    CHAIN_ID,
    NOW_S,
    SLOT,
    SLOT_LENGTH_S,
    Clock,
    FakeChain,
    make_reading,
)
from tests.bridge.service.serving import WAIT_S, as_request, connect, require_no_failure, running
from tests.bridge.waiting import wait_until

METERS = 1_000


def test_pushed_reading_reaches_the_chain(tmp_path: Path, chain: FakeChain) -> None:
    reading = make_reading()
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        response = client.push_reading(reading)
        assert (response.result, response.meter_id, response.slot) == (
            bridge_pb2.PUSH_ACCEPTED,
            "HOME-07",
            SLOT,
        )
        wait_until(lambda: client.health().done == 1)
        status = client.status("HOME-07", SLOT)
        assert status is not None
        assert (status.state, status.result, status.height) == (SPOOL_DONE, READING_RECORDED, 100)
        assert client.push_reading(reading).result == bridge_pb2.PUSH_DUPLICATE
        assert client.push_reading(make_reading(import_wh=7)).result == bridge_pb2.PUSH_CONFLICT
        assert client.status("HOME-07", SLOT + 1) is None
    assert chain.recorded == {("HOME-07", SLOT): reading}


def test_health_tells_gateways_what_they_need_for_signing(tmp_path: Path, chain: FakeChain) -> None:
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        health = client.health()
        assert (health.healthy, health.detail) == (True, "")
        assert (health.chain_id, health.slot_length_s) == (CHAIN_ID, SLOT_LENGTH_S)
        assert (health.chain_height, health.chain_time_s) == (100, NOW_S)
        assert health.bridge == BRIDGE


def test_bridge_is_not_healthy_until_the_registrar_knows_it(
    tmp_path: Path, chain: FakeChain
) -> None:
    chain.account_problem = "The account is not registered."
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        wait_until(lambda: client.health().detail == chain.account_problem)
        assert not client.health().healthy
        # It is kept until then.
        assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_ACCEPTED
        assert client.health().backlog == 1
        chain.account_problem = ""
        wait_until(lambda: client.health().healthy)
        wait_until(lambda: client.health().done == 1)


def test_backlog_and_rejections_show_in_health(tmp_path: Path, chain: FakeChain) -> None:
    chain.takes_submissions = False
    chain.add_meter("HOME-08")
    chain.results["HOME-08"] = READING_OUT_OF_RANGE
    clock = Clock()
    with running(tmp_path, chain, clock) as bridge, connect(bridge) as client:
        client.push_reading(make_reading())
        client.push_reading(make_reading("HOME-08"))
        client.push_reading(make_reading(import_wh=7))
        clock.now_s += 45
        wait_until(lambda: not client.health().healthy)
        health = client.health()
        assert health.detail == "The chain makes no blocks."
        assert (health.backlog, health.backlog_age_s, health.conflicts) == (2, 45, 1)
        status = client.status("HOME-07", SLOT)
        assert status is not None
        assert status.conflicts == 1
        chain.takes_submissions = True
        wait_until(lambda: client.health().healthy)
        health = client.health()
        assert (health.backlog, health.done, health.rejected) == (0, 1, 1)
        rejections = [(one.meter_id, one.slot, one.result) for one in health.recent_rejections]
        assert rejections == [("HOME-08", SLOT, READING_OUT_OF_RANGE)]
        status = client.status("HOME-08", SLOT)
        assert status is not None
        assert status.state == SPOOL_REJECTED


def test_stream_responds_in_order_and_continues_after_rejections(
    tmp_path: Path, chain: FakeChain
) -> None:
    readings = [
        make_reading(),
        make_reading("HOME-99"),
        make_reading(import_wh=7),
        Reading(meter_id="HOME-07", slot=SLOT),
        make_reading(),
        make_reading(slot=SLOT - 1),
    ]
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        responses = list(client.stream([*map(as_request, readings), PushRequest()], WAIT_S))
    assert [response.result for response in responses] == [
        bridge_pb2.PUSH_ACCEPTED,
        bridge_pb2.PUSH_METER_UNKNOWN,
        bridge_pb2.PUSH_CONFLICT,
        bridge_pb2.PUSH_MALFORMED,
        bridge_pb2.PUSH_DUPLICATE,
        bridge_pb2.PUSH_ACCEPTED,
        bridge_pb2.PUSH_MALFORMED,
    ]
    assert [(one.meter_id, one.slot) for one in responses[:2]] == [
        ("HOME-07", SLOT),
        ("HOME-99", SLOT),
    ]


def test_responses_arrive_while_the_stream_is_open(tmp_path: Path, chain: FakeChain) -> None:
    requests: queue.Queue[PushRequest | None] = queue.Queue()
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        responses = client.stream(iter(requests.get, None))
        for slot in (SLOT - 1, SLOT):
            requests.put(as_request(make_reading(slot=slot)))
            assert next(responses).slot == slot
        requests.put(None)
        assert list(responses) == []


def test_abandoned_stream_is_freed(tmp_path: Path, chain: FakeChain) -> None:
    limits = ServerLimits(streams_max=1)
    with running(tmp_path, chain, server_limits=limits) as bridge, connect(bridge) as client:
        push_and_leave(client)
        wait_until(lambda: is_served(client))


def push_and_leave(client: MeterClient) -> None:
    """Takes one response of an endless stream, and leaves."""
    endless = iter(lambda: as_request(make_reading()), None)
    stream = client.stream(endless)
    next(stream)
    stream.close()


def is_served(client: MeterClient) -> bool:
    """Whether the bridge accepts another stream."""
    try:
        responses = list(client.stream([as_request(make_reading())], WAIT_S))
    except BridgeUnreachableError:
        return False
    return [response.result for response in responses] == [bridge_pb2.PUSH_DUPLICATE]


def test_too_many_streams_are_rejected(tmp_path: Path, chain: FakeChain) -> None:
    limits = ServerLimits(streams_max=1)
    requests: queue.Queue[PushRequest | None] = queue.Queue()
    with running(tmp_path, chain, server_limits=limits) as bridge, connect(bridge) as client:
        first = client.stream(iter(requests.get, None))
        requests.put(as_request(make_reading()))
        next(first)
        with pytest.raises(BridgeUnreachableError, match="already serves 1 streams") as rejected:
            list(client.stream([as_request(make_reading())]))
        assert rejected.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_DUPLICATE
        requests.put(None)
        assert list(first) == []


def test_telegrams_by_call_and_by_stream(tmp_path: Path, chain: FakeChain) -> None:
    signature = make_reading(import_wh=5_000, export_wh=100).signature
    raw = format_telegram("HOME-07", NOW_S + 1, (4_000, 1_000), (100,))
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        response = client.push_telegram(raw, signature)
        assert (response.result, response.slot) == (bridge_pb2.PUSH_ACCEPTED, SLOT)
        tampered = client.push_telegram(raw.replace(b"004.0", b"003.0"), signature)
        assert tampered.result == bridge_pb2.PUSH_MALFORMED
        assert "checksum" in tampered.detail
        oversized = client.push_telegram(raw + b"x" * 9_000, signature)
        assert oversized.result == bridge_pb2.PUSH_MALFORMED
        assert "maximum is 8192" in oversized.detail
        wait_until(lambda: client.health().done == 1)
    assert chain.recorded["HOME-07", SLOT].import_register_wh == 5_000


def test_oversized_message_is_rejected_without_side_effects(
    tmp_path: Path, chain: FakeChain
) -> None:
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        with pytest.raises(BridgeError) as rejected:
            client.push_telegram(b"x" * 70_000, b"")
        assert rejected.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_ACCEPTED


def test_full_spool_is_a_status_for_calls_and_a_result_in_streams(
    tmp_path: Path, chain: FakeChain
) -> None:
    chain.takes_submissions = False
    limits = SpoolLimits(backlog_max=1)
    with running(tmp_path, chain, spool_limits=limits) as bridge, connect(bridge) as client:
        client.push_reading(make_reading())
        other = make_reading(slot=SLOT - 1)
        with pytest.raises(BridgeUnreachableError, match="limit of 1 readings") as rejected:
            client.push_reading(other)
        assert rejected.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        responses = list(client.stream([as_request(other), as_request(make_reading())], WAIT_S))
        assert [response.result for response in responses] == [
            bridge_pb2.PUSH_SPOOL_FULL,
            bridge_pb2.PUSH_DUPLICATE,
        ]
        assert "its limit" in client.health().detail
        chain.takes_submissions = True
        wait_until(lambda: client.health().done == 1)
        assert client.push_reading(other).result == bridge_pb2.PUSH_ACCEPTED


def test_unreachable_chain_is_a_status_for_calls(tmp_path: Path, chain: FakeChain) -> None:
    chain.is_reachable = False
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        health = client.health()
        assert not health.healthy
        assert (health.chain_id, health.slot_length_s) == ("", 0)
        with pytest.raises(BridgeUnreachableError, match="push again later") as rejected:
            client.push_reading(make_reading())
        assert rejected.value.code is grpc.StatusCode.UNAVAILABLE
        chain.is_reachable = True
        wait_until(lambda: client.health().healthy)
        assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_ACCEPTED


def test_readings_accepted_during_an_outage_of_the_chain_arrive_later(
    tmp_path: Path, chain: FakeChain
) -> None:
    clock = Clock()
    with running(tmp_path, chain, clock) as bridge, connect(bridge) as client:
        client.push_reading(make_reading())
        wait_until(lambda: client.health().done == 1)
        chain.is_reachable = False
        clock.now_s += SLOT_LENGTH_S
        response = client.push_reading(make_reading(slot=SLOT + 1))
        assert response.result == bridge_pb2.PUSH_ACCEPTED
        status = client.status("HOME-07", SLOT + 1)
        assert status is not None
        assert status.state == SPOOL_WAITING
        chain.pass_time(SLOT_LENGTH_S)
        chain.is_reachable = True
        wait_until(lambda: client.health().done == 2)


def test_restarted_bridge_continues(tmp_path: Path, chain: FakeChain) -> None:
    chain.takes_submissions = False
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        client.push_reading(make_reading())
    chain.takes_submissions = True
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        wait_until(lambda: client.health().done == 1)
    assert list(chain.recorded) == [("HOME-07", SLOT)]


def test_vanished_bridge_is_reported_in_one_sentence(tmp_path: Path, chain: FakeChain) -> None:
    with running(tmp_path, chain) as bridge:
        client = connect(bridge)
    with client, pytest.raises(BridgeUnreachableError, match="cannot be reached"):
        client.push_reading(make_reading())


def test_port_in_use_is_reported_in_one_sentence(tmp_path: Path, chain: FakeChain) -> None:
    with running(tmp_path, chain) as bridge:
        settings = Settings(tmp_path / "other", listen=f"127.0.0.1:{bridge.port}")
        with pytest.raises(ListenError, match="the port is in use"):
            Bridge(settings, chain, require_no_failure)
        # The folder of the bridge that could not start is unlocked.
        Bridge(
            Settings(tmp_path / "other", "127.0.0.1:0"), chain, require_no_failure
        )._spool.close()


def test_throughput_of_one_stream_is_reported(
    tmp_path: Path, chain: FakeChain, record_property: Callable[[str, object], None]
) -> None:
    readings = [make_reading(f"HOME-{number}") for number in range(METERS)]
    for number in range(METERS):
        chain.add_meter(f"HOME-{number}")
    requests = [as_request(reading) for reading in readings]
    with running(tmp_path, chain) as bridge, connect(bridge) as client:
        began_s = time.perf_counter()
        responses = list(client.stream(requests, WAIT_S))
        took_s = time.perf_counter() - began_s
        wait_until(lambda: client.health().done == METERS)
    assert {response.result for response in responses} <= ACKNOWLEDGED
    assert len(chain.recorded) == METERS
    record_property("readings_per_s", round(METERS / took_s))
    print(f"\n{METERS / took_s:,.0f} readings/s accepted over one stream")  # noqa: T201
