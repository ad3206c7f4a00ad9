"""The gRPC service: carries what is pushed to the intake, and the answers back.

An answer that acknowledges is sent only when the spool has the reading on disk. Sizes, streams and
calls have limits; what exceeds them is refused with RESOURCE_EXHAUSTED and disturbs nobody else.
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

# Answers of one stream that may be on their way to the disk at once.
IN_FLIGHT_MAX = 512
STATUS_OF_RESULT = {
    PUSH_SPOOL_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    PUSH_CHAIN_UNREACHABLE: grpc.StatusCode.UNAVAILABLE,
}


class ListenError(Exception):
    """The address cannot be listened at. The text is one sentence."""


@dataclass(frozen=True)
class ServerLimits:
    """What one bridge serves at once."""

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
        """Takes in one signed reading."""
        return answer(lambda: self._intake.push_reading(request), context)

    def PushTelegram(
        self, request: PushTelegramRequest, context: grpc.ServicerContext
    ) -> PushResponse:
        """Takes in one telegram."""
        return answer(lambda: self._intake.push_telegram(request), context)

    def Push(
        self, requests: Iterator[PushRequest], context: grpc.ServicerContext
    ) -> Iterator[PushResponse]:
        """Takes in many; answers in the same order."""
        if not self._streams.acquire(blocking=False):
            context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"The bridge already serves {self._streams_max} streams; try again later.",
            )
        try:
            for pending in take_ahead(requests, self._intake.push):
                yield pending.wait()
        except (SpoolBrokenError, TimeoutError) as error:
            abort_without_answer(context, error)
        finally:
            self._streams.release()

    def ReadingStatus(
        self, request: ReadingStatusRequest, context: grpc.ServicerContext
    ) -> ReadingStatusResponse:
        """What became of a reading that was acknowledged."""
        entry = None
        if request.slot <= NUMBER_MAX:
            entry = self._spool.find(request.meter_id, request.slot)
        if entry is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                "The bridge has no reading of this meter for this slot, or none any more.",
            )
        return ReadingStatusResponse(
            state=entry.state,
            result=entry.result,
            height=entry.height,
            conflicts=entry.conflicts,
        )

    def Health(self, request: HealthRequest, context: grpc.ServicerContext) -> HealthResponse:
        """Whether the bridge works, and how much waits."""
        return self._get_health()


def answer(push: Callable[[], Pending], context: grpc.ServicerContext) -> PushResponse:
    """The answer to a single push; what may pass with time is a status that clients retry."""
    try:
        response = push().wait()
    except (SpoolBrokenError, TimeoutError) as error:
        abort_without_answer(context, error)
    status = STATUS_OF_RESULT.get(response.result)
    if status is not None:
        context.abort(status, response.detail)
    return response


def abort_without_answer(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    """Ends a call whose reading may or may not be on disk."""
    log.critical("the spool gave no answer: %s", error)
    context.abort(
        grpc.StatusCode.INTERNAL,
        "The bridge's disk does not answer; keep the reading and push it again later.",
    )


def take_ahead(
    requests: Iterator[PushRequest], push: Callable[[PushRequest], Pending]
) -> Iterator[Pending]:
    """Hands requests over as they come, ahead of the answers, so that they share flushes."""
    on_the_way: queue.Queue[Pending | Exception | None] = queue.Queue(IN_FLIGHT_MAX)
    is_over = threading.Event()

    def put(item: Pending | Exception | None) -> None:
        while not is_over.is_set():
            with contextlib.suppress(queue.Full):
                on_the_way.put(item, timeout=1.0)
                return

    def take() -> None:
        try:
            for request in requests:
                put(push(request))
                if is_over.is_set():
                    return
            put(None)
        except grpc.RpcError:
            # The client has gone; what it pushed before stays accepted.
            put(None)
        except Exception as error:  # noqa: BLE001, it is raised where the call can be ended
            put(error)

    threading.Thread(target=take, name="push", daemon=True).start()
    try:
        while (item := on_the_way.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        is_over.set()


def make_handlers(service: Service) -> grpc.GenericRpcHandler:
    """The methods as the generated code would bind them, but for requests that cannot be read.

    gRPC never finishes a stream in which a request cannot be read: its memory and its place among
    the streams of the connection are lost, and the server takes long to stop.
    """
    handlers = {}
    for method in SERVICE.methods:
        bind = STREAM_HANDLER if method.client_streaming else UNARY_HANDLER
        handlers[method.name] = bind(
            getattr(service, method.name),
            request_deserializer=make_reader(GetMessageClass(method.input_type)),
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)


def make_reader(kind: type[M]) -> Callable[[bytes], M]:
    """Reads requests; what cannot be read stands for an empty one, which says nothing either."""

    def read(data: bytes) -> M:
        try:
            return kind.FromString(data)
        except DecodeError:
            return kind()

    return read


def make_server(
    service: Service,
    listen: str,
    credentials: grpc.ServerCredentials | None,
    limits: ServerLimits,
) -> tuple[grpc.Server, int]:
    """A server that will listen at an address once it is started, and the port that it has.

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
            # A second bridge on the same port would take every other connection.
            ("grpc.so_reuseport", 0),
            # Streams of clients that have vanished end after a minute and a half.
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
            f"The bridge cannot listen at {listen}; the port is taken, or the address is not "
            "one of this machine."
        ) from error
    return server, port
