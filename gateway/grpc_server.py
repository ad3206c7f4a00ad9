"""gRPC: requests are passed on as bytes, and reflection tells what there is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha import reflection, reflection_pb2

from gateway.errors import GatewayError, Status
from gateway.methods import Method, get_methods, get_services
from gateway.node import Node
from grpc_calls import OpenCalls, Watchdog

log = logging.getLogger(__name__)

HEIGHT_METADATA = "x-cosmos-block-height"
_HEIGHT_DIGITS_MAX = 18
_REFLECTION = reflection.SERVICE_NAME
_STATUSES = {code.value[0]: code for code in grpc.StatusCode}
_WINDOW_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class GrpcLimits:
    """The limits of the server. A call has `request_s` until its request is there."""

    connections_max: int = 128
    calls_max: int = 32
    calls_per_client_max: int = 8
    request_s: float = 10.0
    request_bytes_max: int = 2 * 1024 * 1024


class GrpcServer:
    """Listens once it is started. Errors: OSError if the address cannot be listened on."""

    def __init__(self, listen: str, node: Node, limits: GrpcLimits) -> None:
        calls = OpenCalls(
            "calls", limits.calls_max, limits.calls_per_client_max, lambda: limits.request_s
        )
        self._watchdog = Watchdog(calls)
        self._server = _make_server(limits)
        self._server.add_generic_rpc_handlers([_Handlers(node, calls)])
        try:
            self.port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            self._watchdog.close()
            raise OSError(str(error)) from error
        self._server.start()

    def close(self) -> None:
        """Ends all calls and the server."""
        self._server.stop(grace=1.0).wait()
        self._watchdog.close()


def _make_server(limits: GrpcLimits) -> grpc.Server:
    return grpc.server(
        ThreadPoolExecutor(limits.calls_max, thread_name_prefix="grpc"),
        maximum_concurrent_rpcs=limits.calls_max,
        options=[
            ("grpc.max_receive_message_length", limits.request_bytes_max),
            ("grpc.max_concurrent_streams", limits.calls_per_client_max),
            ("grpc.max_allowed_incoming_connections", limits.connections_max),
            ("grpc.server_handshake_timeout_ms", int(limits.request_s * 1000)),
            ("grpc.http2.lookahead_bytes", _WINDOW_BYTES),
            # Otherwise the window grows to megabytes with the speed of the sender.
            ("grpc.http2.bdp_probe", 0),
            # Otherwise a second gateway on the same port would get every other connection.
            ("grpc.so_reuseport", 0),
            # Ends the connections of vanished clients after a minute and a half.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 30_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ],
    )


class _Handlers(grpc.GenericRpcHandler):
    """The handler of each path. What is unknown is UNIMPLEMENTED, as gRPC itself answers."""

    def __init__(self, node: Node, calls: OpenCalls) -> None:
        self._handlers = {
            path: _make_handler(method, node, calls) for path, method in get_methods().items()
        }
        servicer = reflection.ReflectionServicer([*get_services(), _REFLECTION])
        self._handlers[f"/{_REFLECTION}/ServerReflectionInfo"] = _make_reflection(servicer, calls)

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handlers.get(handler_call_details.method)


def _make_handler(
    method: Method, node: Node, calls: OpenCalls
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """Takes requests as a stream: a call whose request never comes can be ended only so."""

    def run(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        with calls.open(context) as call:
            request = next(requests, None)
            call.work()
            if request is None:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the call has no request")
            try:
                answer = method.run(node, request, _read_height(context))
            except GatewayError as error:
                context.abort(_STATUSES[int(error.status)], error.message)
            except Exception:
                log.exception("%s failed", method.path)
                context.abort(grpc.StatusCode.INTERNAL, "internal error")
            if answer.height:
                context.send_initial_metadata(((HEIGHT_METADATA, str(answer.height)),))
            return answer.content

    return grpc.stream_unary_rpc_method_handler(run)


def _make_reflection(servicer: Any, calls: OpenCalls) -> grpc.RpcMethodHandler[bytes, bytes]:
    def run(
        requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[reflection_pb2.ServerReflectionResponse]:
        with calls.open(context) as call:
            for content in requests:
                try:
                    request = reflection_pb2.ServerReflectionRequest.FromString(content)
                except DecodeError:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not a request of reflection")
                yield from servicer.ServerReflectionInfo(iter([request]), context)
                call.wait()

    return grpc.stream_stream_rpc_method_handler(
        run,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )


def _read_height(context: grpc.ServicerContext) -> int:
    for name, value in context.invocation_metadata():
        if name == HEIGHT_METADATA:
            text = str(value)
            if text.isascii() and text.isdecimal() and len(text) <= _HEIGHT_DIGITS_MAX:
                return int(text)
            raise GatewayError(Status.INVALID_ARGUMENT, f"{HEIGHT_METADATA} is not a height")
    return 0
