"""The gRPC service: passes pushes to the intake and returns the responses.

An acknowledgement is sent only once the reading is on disk. Message sizes, streams and calls are
limited; what exceeds a limit is rejected with RESOURCE_EXHAUSTED and does not affect other clients.
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
    PushReadingRequest,
    PushRequest,
    PushResponse,
    PushTelegramRequest,
    ReadingStatusRequest,
    ReadingStatusResponse,
)
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meter_bridge.intake import NUMBER_MAX, Intake, Pending
from meter_bridge.spool import Spool, SpoolBrokenError

M = TypeVar("M", bound=Message)

log = logging.getLogger(__name__)

SERVICE = bridge_pb2.DESCRIPTOR.services_by_name["MeterBridge"]
UNARY_HANDLER = grpc.unary_unary_rpc_method_handler
STREAM_HANDLER = grpc.stream_stream_rpc_method_handler

# Max pushes of one stream that wait for the disk.
IN_FLIGHT_MAX = 512
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
    # Calls that are not streams.
    calls_max: int = 64


class Service(bridge_pb2_grpc.MeterBridgeServicer):
    """The methods of `blockenergy.bridge.v1.MeterBridge`."""

    def __init__(
        self,
        intake: Intake,
        spool: Spool,
        get_health: Callable[[], HealthResponse],
        streams_max: int,
    ) -> None:
        self._intake = intake
        self._spool = spool
        self._get_health = get_health
        self._streams = threading.BoundedSemaphore(streams_max)
        self._streams_max = streams_max

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
        if not self._streams.acquire(blocking=False):
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"The bridge already serves {self._streams_max} streams; try again later.",
            )
        try:
            for pending in take_ahead(requests, self._intake.push):
                yield pending.wait()
        except (SpoolBrokenError, TimeoutError) as error:
            abort_unknown(context, error)
        finally:
            self._streams.release()

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
        bind = STREAM_HANDLER if method.client_streaming else UNARY_HANDLER
        handlers[method.name] = bind(
            getattr(service, method.name),
            request_deserializer=make_decoder(GetMessageClass(method.input_type)),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


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
