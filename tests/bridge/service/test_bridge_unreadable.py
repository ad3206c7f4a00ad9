"""Undecodable requests are rejected like other malformed ones and affect no other client."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import PushResponse

from tests.bridge.fakes import FakeChain, make_reading
from tests.bridge.service.serving import WAIT_S, as_request, connect, running

# A group that has no end.
UNREADABLE = b"\x0b\x0a"
SERVICE = f"/{bridge_pb2.DESCRIPTOR.services_by_name['MeterBridge'].full_name}"


def test_stream_continues_after_undecodable_requests(tmp_path: Path, chain: FakeChain) -> None:
    good = as_request(make_reading()).SerializeToString()
    with (
        running(tmp_path, chain) as bridge,
        grpc.insecure_channel(f"127.0.0.1:{bridge.port}") as channel,
    ):
        push = channel.stream_stream(f"{SERVICE}/Push")
        answers = [
            PushResponse.FromString(answer)
            for answer in push(iter([UNREADABLE, good, UNREADABLE]), timeout=WAIT_S)
        ]
    assert [answer.result for answer in answers] == [
        bridge_pb2.PUSH_MALFORMED,
        bridge_pb2.PUSH_ACCEPTED,
        bridge_pb2.PUSH_MALFORMED,
    ]
    assert "contains no reading" in answers[0].detail


def test_many_undecodable_streams_leak_nothing(tmp_path: Path, chain: FakeChain) -> None:
    """More streams than one connection may have: each has really ended."""
    with running(tmp_path, chain) as bridge:
        with grpc.insecure_channel(f"127.0.0.1:{bridge.port}") as channel:
            for _ in range(150):
                push = channel.stream_stream(f"{SERVICE}/Push")
                assert len(list(push(iter([UNREADABLE]), timeout=WAIT_S))) == 1
            health = channel.unary_unary(f"{SERVICE}/Health")(b"", timeout=WAIT_S)
            assert bridge_pb2.HealthResponse.FromString(health).healthy
        with connect(bridge) as client:
            assert client.push_reading(make_reading()).result == bridge_pb2.PUSH_ACCEPTED


@pytest.mark.parametrize("method", ["PushReading", "PushTelegram"])
def test_undecodable_push_is_malformed(method: str, tmp_path: Path, chain: FakeChain) -> None:
    with (
        running(tmp_path, chain) as bridge,
        grpc.insecure_channel(f"127.0.0.1:{bridge.port}") as channel,
    ):
        answer = channel.unary_unary(f"{SERVICE}/{method}")(UNREADABLE, timeout=WAIT_S)
    response = PushResponse.FromString(answer)
    assert response.result == bridge_pb2.PUSH_MALFORMED
    assert response.detail
