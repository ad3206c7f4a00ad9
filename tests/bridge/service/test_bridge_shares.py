"""No client can keep the places of others: neither by many calls, nor by silent or unread ones."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import PushRequest, PushResponse

from meter_bridge.bridge import Bridge
from meter_bridge.client import BridgeUnreachableError, MeterClient, TlsFiles
from meter_bridge.server import ServerLimits
from tests.bridge.certificates import Authority
from tests.bridge.fakes import FakeChain, make_reading
from tests.bridge.service.serving import WAIT_S, as_request, connect, running
from tests.bridge.waiting import wait_until

SERVICE = f"/{bridge_pb2.DESCRIPTOR.services_by_name['MeterBridge'].full_name}"


class SilentStreams:
    """Streams that send nothing any more, and what became of them."""

    def __init__(self) -> None:
        self._requests: list[queue.Queue[PushRequest | None]] = []

    def open(self, client: MeterClient) -> Iterator[PushResponse]:
        """A stream that was served once."""
        requests: queue.Queue[PushRequest | None] = queue.Queue()
        requests.put(as_request(make_reading()))
        self._requests.append(requests)
        stream = client.stream(iter(requests.get, None))
        next(stream)
        return stream

    def close(self) -> None:
        """Lets the threads of gRPC end that wait for requests."""
        for requests in self._requests:
            requests.put(None)


@contextmanager
def silent_streams() -> Iterator[SilentStreams]:
    streams = SilentStreams()
    try:
        yield streams
    finally:
        streams.close()


def test_a_client_has_its_share_of_the_streams(tmp_path: Path, chain: FakeChain) -> None:
    with (
        silent_streams() as silent,
        running(tmp_path, chain) as bridge,
        connect(bridge) as greedy,
        connect(bridge) as other,
    ):
        kept = [silent.open(greedy) for _ in range(8)]
        for _ in range(64):
            with pytest.raises(BridgeUnreachableError, match="already has 8 streams") as rejected:
                silent.open(greedy)
            assert rejected.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        kept.append(silent.open(other))
        responses = list(other.stream([as_request(make_reading())], WAIT_S))
        assert [response.result for response in responses] == [bridge_pb2.PUSH_DUPLICATE]


def test_the_share_is_that_of_a_certificate_however_many_connections(
    tmp_path: Path, chain: FakeChain
) -> None:
    servers, clients = Authority(tmp_path, "servers"), Authority(tmp_path, "clients")
    tls = servers.issue("bridge", clients.path)
    greedy, other = (clients.issue(name, servers.path) for name in ("greedy", "other"))
    limits = ServerLimits(streams_per_client_max=2)
    with (
        silent_streams() as silent,
        running(tmp_path, chain, tls=tls, server_limits=limits) as bridge,
        ExitStack() as connections,
    ):
        first, second, third = (
            connections.enter_context(connect(bridge, greedy)) for _ in range(3)
        )
        kept = [silent.open(first), silent.open(second)]
        with pytest.raises(BridgeUnreachableError, match="already has 2 streams"):
            silent.open(third)
        kept.append(silent.open(connections.enter_context(connect(bridge, other))))


def test_a_silent_stream_gives_its_place_back(tmp_path: Path, chain: FakeChain) -> None:
    limits = ServerLimits(streams_max=1, stream_idle_s=0.5)
    with (
        silent_streams() as silent,
        running(tmp_path, chain, server_limits=limits) as bridge,
        connect(bridge) as client,
        connect(bridge) as other,
    ):
        stream = silent.open(client)
        with pytest.raises(BridgeUnreachableError, match="silent for too long"):
            next(stream)
        wait_until(lambda: is_served(other))


def is_served(client: MeterClient) -> bool:
    try:
        return len(list(client.stream([as_request(make_reading())], WAIT_S))) == 1
    except BridgeUnreachableError:
        return False


def test_a_stream_whose_responses_nobody_reads_gives_its_place_back(
    tmp_path: Path, chain: FakeChain
) -> None:
    """Requests without end, until buffers on both sides are full."""
    limits = ServerLimits(streams_max=1, stream_idle_s=1.0)
    request = as_request(make_reading("HOME-99"))
    with (
        running(tmp_path, chain, server_limits=limits) as bridge,
        no_window_channel(bridge) as channel,
        connect(bridge) as other,
    ):
        push = channel.stream_stream(
            f"{SERVICE}/Push", request_serializer=PushRequest.SerializeToString
        )
        call = push(iter(lambda: request, None))
        next(call)  # it has the only place; no further response is read
        assert not is_served(other)
        wait_until(lambda: is_served(other))
        call.cancel()


@contextmanager
def no_window_channel(bridge: Bridge) -> Iterator[grpc.Channel]:
    """A connection that buffers few responses, so that the bridge soon has to wait for us."""
    options = [("grpc.http2.lookahead_bytes", 1_024), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{bridge.port}", options) as channel:
        yield channel


@pytest.mark.parametrize("method", ["Health", "PushReading"])
def test_a_call_whose_request_never_comes_is_ended(
    tmp_path: Path, chain: FakeChain, method: str
) -> None:
    """As many of them as the bridge serves calls, and then some."""
    limits = ServerLimits(calls_max=2, calls_per_client_max=2, request_s=0.5)
    never = threading.Event()
    with (
        running(tmp_path, chain, server_limits=limits) as bridge,
        grpc.insecure_channel(f"127.0.0.1:{bridge.port}") as channel,
        connect(bridge) as other,
    ):
        open_call = channel.stream_unary(f"{SERVICE}/{method}")
        calls = [open_call.future(wait_for(never)) for _ in range(4)]
        codes = sorted(call.code().name for call in calls)
        assert codes == ["CANCELLED", "CANCELLED", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]
        wait_until(lambda: is_healthy(other))
        never.set()


def wait_for(never: threading.Event) -> Iterator[bytes]:
    """No request."""
    never.wait(WAIT_S)
    yield from ()


def is_healthy(client: MeterClient) -> bool:
    try:
        return client.health().healthy
    except BridgeUnreachableError:
        return False


def test_a_call_without_a_request_is_rejected(tmp_path: Path, chain: FakeChain) -> None:
    with (
        running(tmp_path, chain) as bridge,
        grpc.insecure_channel(f"127.0.0.1:{bridge.port}") as channel,
        pytest.raises(grpc.RpcError) as rejected,
    ):
        channel.stream_unary(f"{SERVICE}/Health")(iter(()), timeout=WAIT_S)
    assert rejected.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_connections_are_limited(tmp_path: Path, chain: FakeChain) -> None:
    """Four that never begin their handshake are kept for now, and all others closed at once."""
    tls, gateway = make_certificates(tmp_path)
    limits = ServerLimits(connections_max=4, handshake_s=WAIT_S * 10)
    with running(tmp_path, chain, tls=tls, server_limits=limits) as bridge:
        with ExitStack() as open_ones:
            sockets = [open_ones.enter_context(connect_silently(bridge)) for _ in range(12)]
            wait_until(lambda: sum(map(is_closed, sockets)) == 8)
        with connect(bridge, gateway) as client:
            wait_until(lambda: is_healthy(client))


def test_a_handshake_that_never_begins_is_ended(tmp_path: Path, chain: FakeChain) -> None:
    tls, _ = make_certificates(tmp_path)
    limits = ServerLimits(handshake_s=0.5)
    with (
        running(tmp_path, chain, tls=tls, server_limits=limits) as bridge,
        connect_silently(bridge) as connection,
    ):
        wait_until(lambda: is_closed(connection))


def make_certificates(folder: Path) -> tuple[TlsFiles, TlsFiles]:
    """Of the bridge, and of a gateway."""
    servers, clients = Authority(folder, "servers"), Authority(folder, "clients")
    return servers.issue("bridge", clients.path), clients.issue("gateway", servers.path)


def connect_silently(bridge: Bridge) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", bridge.port), WAIT_S)
    connection.setblocking(False)
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the bridge has closed a connection."""
    try:
        return not connection.recv(4_096)
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
