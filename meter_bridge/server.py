"""The gRPC service: passes pushes to the intake and returns the responses.

An acknowledgement is sent only once the reading is on disk. Message sizes, connections, streams and
calls are limited, in all and for each client; what exceeds a limit is rejected with
RESOURCE_EXHAUSTED and does not affect other clients.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NoReturn, TypeVar

import grpc
from blockenergy.bridge.v1 import bridge_pb2, bridge_pb2_grpc
from blockenergy.bridge.v1.bridge_pb2 import (
    PUSH_CHAIN_UNREACHABLE,
    PUSH_SPOOL_FULL,
    HealthRequest,
    HealthResponse,
    InsightsRequest,
    InsightsResponse,
    PushInsightRequest,
    PushInsightResponse,
    PushReadingRequest,
    PushRequest,
    PushResponse,
    PushTelegramRequest,
    ReadingStatusRequest,
    ReadingStatusResponse,
)
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from grpc_calls import OpenCalls, Watchdog
from meter_bridge.chain import ChainUnreachableError
from meter_bridge.insights import Insights
from meter_bridge.intake import NUMBER_MAX, Intake, Pending
from meter_bridge.spool import Spool, SpoolBrokenError

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)

log = logging.getLogger(__name__)

SERVICE = bridge_pb2.DESCRIPTOR.services_by_name["MeterBridge"]
STREAM_HANDLER = grpc.stream_stream_rpc_method_handler
# As a stream of one request, so that a request that never comes can be waited for with an end.
SINGLE_HANDLER = grpc.stream_unary_rpc_method_handler

# Max pushes of one stream that wait for the disk.
IN_FLIGHT_MAX = 512
STREAM_IDLE_MIN_S = 60.0
# What HTTP/2 may buffer for one stream, and the largest headers.
WINDOW_BYTES = 64 * 1024
HEADER_BYTES_MAX = 8 * 1024
STATUS_OF_RESULT = {
    PUSH_SPOOL_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    PUSH_CHAIN_UNREACHABLE: grpc.StatusCode.UNAVAILABLE,
}


class ListenError(Exception):
    """The server cannot listen on the address. The text is one sentence."""


@dataclass(frozen=True)
class ServerLimits:
    """What one bridge serves concurrently."""

    message_bytes_max: int = 64 * 1024
    streams_max: int = 64
    streams_per_client_max: int = 8
    # Calls that are not streams.
    calls_max: int = 64
    calls_per_client_max: int = 16
    # How long a client may let a stream wait; None for two slots, min a minute.
    stream_idle_s: float | None = None
    # How long the request of another call may take.
    request_s: float = 10.0
    connections_max: int = 256
    handshake_s: float = 10.0


class Service(bridge_pb2_grpc.MeterBridgeServicer):
    """The methods of `blockenergy.bridge.v1.MeterBridge`."""

    def __init__(
        self,
        intake: Intake,
        spool: Spool,
        insights: Insights,
        get_health: Callable[[], HealthResponse],
        limits: ServerLimits,
    ) -> None:
        self._intake = intake
        self._spool = spool
        self._insights = insights
        self._get_health = get_health
        self._streams = OpenCalls(
            "streams",
            limits.streams_max,
            limits.streams_per_client_max,
            lambda: limits.stream_idle_s or max(STREAM_IDLE_MIN_S, 2 * intake.get_slot_length_s()),
        )
        self.calls = OpenCalls(
            "calls", limits.calls_max, limits.calls_per_client_max, lambda: limits.request_s
        )
        self._watchdog = Watchdog(self._streams, self.calls)

    def close(self) -> None:
        """Watches over open calls no longer."""
        self._watchdog.close()

    def PushReading(
        self, request: PushReadingRequest, context: grpc.ServicerContext
    ) -> PushResponse:
        """Pushes one signed reading."""
        return respond(lambda: self._intake.push_reading(request), context)

    def PushTelegram(
        self, request: PushTelegramRequest, context: grpc.ServicerContext
    ) -> PushResponse:
        """Pushes one telegram."""
        return respond(lambda: self._intake.push_telegram(request), context)

    def Push(
        self, requests: Iterator[PushRequest], context: grpc.ServicerContext
    ) -> Iterator[PushResponse]:
        """Pushes many; responds in the same order."""
        with self._streams.open(context) as call:

            def push(request: PushRequest) -> Pending:
                call.wait()
                return self._intake.push(request)

            try:
                for pending in take_ahead(requests, push):
                    yield pending.wait()
                    call.wait()
            except (SpoolBrokenError, TimeoutError) as error:
                abort_unknown(context, error)

    def ReadingStatus(
        self, request: ReadingStatusRequest, context: grpc.ServicerContext
    ) -> ReadingStatusResponse:
        """The state of an acknowledged reading."""
        status = None
        if request.slot <= NUMBER_MAX:
            status = self._spool.get_status(request.meter_id, request.slot)
        if status is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                "The bridge has no reading of this meter for this slot, or has already pruned it.",
            )
        return status

    def PushInsight(
        self, request: PushInsightRequest, context: grpc.ServicerContext
    ) -> PushInsightResponse:
        """Keeps what an analyst says."""
        try:
            return self._insights.push(request.insight)
        except ChainUnreachableError as error:
            context.abort(grpc.StatusCode.UNAVAILABLE, f"{error} Push again later.")

    def Insights(self, request: InsightsRequest, context: grpc.ServicerContext) -> InsightsResponse:
        """What analysts have said of a meter."""
        return self._insights.list_kept(request.meter_id, request.after)

    def Health(self, request: HealthRequest, context: grpc.ServicerContext) -> HealthResponse:
        """Whether the bridge works, and its backlog."""
        return self._get_health()


def respond(push: Callable[[], Pending], context: grpc.ServicerContext) -> PushResponse:
    """Responds to a single push; temporary problems become statuses that gRPC clients retry."""
    try:
        response = push().wait()
    except (SpoolBrokenError, TimeoutError) as error:
        abort_unknown(context, error)
    status = STATUS_OF_RESULT.get(response.result)
    if status is not None:
        context.abort(status, response.detail)
    return response


def abort_unknown(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """Ends a call whose reading may or may not be on disk."""
    log.critical("the spool does not respond: %s", error)
    context.abort(
        grpc.StatusCode.INTERNAL,
        "The bridge's disk does not respond; keep the reading and push it again later.",
    )


def take_ahead(
    requests: Iterator[PushRequest], push: Callable[[PushRequest], Pending]
) -> Iterator[Pending]:
    """Pushes requests as they arrive, ahead of the responses, so that they share disk flushes."""
    in_flight: queue.Queue[Pending | Exception | None] = queue.Queue(IN_FLIGHT_MAX)
    is_over = threading.Event()

    def put(item: Pending | Exception | None) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                in_flight.put(item, timeout=1.0)
                return

    def take() -> None:
        try:
            for request in requests:
                put(push(request))
                if is_over.is_set():
                    return
            put(None)
        except grpc.RpcError:
            # The client has disconnected; what it has pushed stays accepted.
            put(None)
        except Exception as error:  # noqa: BLE001, it is raised again where the call can be ended
            put(error)

    threading.Thread(target=take, name="push", daemon=True).start()
    try:
        while (item := in_flight.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        is_over.set()


def make_handlers(service: Service) -> grpc.GenericRpcHandler:
    """Handlers as in the generated code, except that they tolerate requests they cannot decode.

    gRPC never finishes a stream with such a request: its memory and its slot among the streams of
    the connection leak, and the server is slow to stop.
    """
    handlers = {}
    for method in SERVICE.methods:
        behavior = getattr(service, method.name)
        bind = STREAM_HANDLER
        if not method.client_streaming:
            behavior, bind = take_one(behavior, service.calls), SINGLE_HANDLER
        handlers[method.name] = bind(
            behavior,
            request_deserializer=make_decoder(GetMessageClass(method.input_type)),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


def take_one(
    respond_to: Callable[[M, grpc.ServicerContext], R], calls: OpenCalls
) -> Callable[[Iterator[M], grpc.ServicerContext], R]:
    """A method for a call with one request."""

    def respond_to_first(requests: Iterator[M], context: grpc.ServicerContext) -> R:
        with calls.open(context) as call:
            request = next(requests, None)
            if request is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The call has no request.")
            call.work()
            return respond_to(request, context)

    return respond_to_first


def make_decoder(message_type: type[M]) -> Callable[[bytes], M]:
    """A decoder that returns an empty message for invalid bytes; the intake rejects it."""

    def decode(data: bytes) -> M:
        try:
            return message_type.FromString(data)
        except DecodeError:
            return message_type()

    return decode


def make_server(
    service: Service,
    listen: str,
    credentials: grpc.ServerCredentials | None,
    limits: ServerLimits,
) -> tuple[grpc.Server, int]:
    """A server bound to an address but not yet started, and its port.

    Errors: ListenError.
    """
    calls_max = limits.streams_max + limits.calls_max
    server = grpc.server(
        ThreadPoolExecutor(calls_max, thread_name_prefix="grpc"),
        maximum_concurrent_rpcs=calls_max,
        options=[
            ("grpc.max_receive_message_length", limits.message_bytes_max),
            ("grpc.max_send_message_length", limits.message_bytes_max),
            ("grpc.max_concurrent_streams", calls_max),
            ("grpc.max_allowed_incoming_connections", limits.connections_max),
            ("grpc.server_handshake_timeout_ms", int(limits.handshake_s * 1000)),
            ("grpc.max_metadata_size", HEADER_BYTES_MAX),
            ("grpc.http2.lookahead_bytes", WINDOW_BYTES),
            # Otherwise the window grows to megabytes with the speed of the sender.
            ("grpc.http2.bdp_probe", 0),
            # Otherwise a second bridge on the same port would get every other connection.
            ("grpc.so_reuseport", 0),
            # Ends the streams of vanished clients after a minute and a half.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 30_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )
    server.add_generic_rpc_handlers([make_handlers(service)])
    try:
        if credentials is None:
            port = server.add_insecure_port(listen)
        else:
            port = server.add_secure_port(listen, credentials)
    except RuntimeError as error:
        raise ListenError(
            f"The bridge cannot listen on {listen}; the port is in use, or the address does not "
            "belong to this machine."
        ) from error
    return server, port
