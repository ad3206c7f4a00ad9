"""A connection to a meter bridge, and the signing of readings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, Self, TypeVar

import grpc
from blockenergy.bridge.v1 import bridge_pb2_grpc
from blockenergy.bridge.v1.bridge_pb2 import (
    PUSH_ACCEPTED,
    PUSH_DUPLICATE,
    TELEGRAM_FORMAT_DSMR_P1,
    HealthRequest,
    HealthResponse,
    Insight,
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
    TelegramFormat,
)
from blockenergy.metering.v1.state_pb2 import Reading
from google.protobuf.message import Message

from chain.metering import reading_sign_bytes
from client.errors import ClientError
from meter_bridge.tls import TlsError, TlsFiles, make_client_credentials, require_host
from net_address import is_loopback

R = TypeVar("R", bound=Message)

ACKNOWLEDGED = frozenset({PUSH_ACCEPTED, PUSH_DUPLICATE})
DEFAULT_TIMEOUT_S = 10.0
OPTIONS = (
    # Detects a bridge that has vanished without closing the connection.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 30_000),
    # A bridge is called at the address that was given, whatever http_proxy in the environment says.
    ("grpc.enable_http_proxy", 0),
    # A connection of its own for each client of a process, and with it a share of its own.
    ("grpc.use_local_subchannel_pool", 1),
)


class BridgeError(ClientError):
    """The bridge rejected a call; `code` is the gRPC status."""

    exit_code = 1

    def __init__(self, sentence: str, code: grpc.StatusCode) -> None:
        super().__init__(sentence)
        self.code = code


class BridgeUnreachableError(BridgeError):
    """The bridge did not respond, or asks the client to retry later."""

    exit_code = 3


class MeterKey(Protocol):
    """Signs for a meter, such as `client.signing.keys.MeterKey`."""

    def sign(self, content: bytes) -> bytes:
        """The 64-byte Ed25519 signature over the content."""


def sign_reading(key: MeterKey, chain_id: str, reading: Reading) -> Reading:
    """The reading with the meter's signature, which is valid on one chain only."""
    signed = Reading()
    signed.CopyFrom(reading)
    signed.signature = key.sign(reading_sign_bytes(chain_id, reading))
    return signed


class MeterClient:
    """A connection to the bridge at `target`, such as `127.0.0.1:26690`.

    Thread-safe. Every call times out after `timeout_s`. A stream may stay open forever, and fails
    within a minute and a half if the bridge vanishes. Without `tls` only loopback addresses are
    allowed, because readings are private.

    Errors: TlsError. All methods raise BridgeError; its subclass BridgeUnreachableError means that
    a retry may help.
    """

    def __init__(
        self, target: str, tls: TlsFiles | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        self.target = target
        self._timeout_s = timeout_s
        if tls is not None:
            self._channel = grpc.secure_channel(target, make_client_credentials(tls), OPTIONS)
        elif is_loopback(require_host(target)):
            self._channel = grpc.insecure_channel(target, OPTIONS)
        else:
            raise TlsError(
                f"{target} is not a loopback address, so TLS is required; give --tls-cert, "
                "--tls-key and --tls-ca."
            )
        self._stub = bridge_pb2_grpc.MeterBridgeStub(self._channel)  # type: ignore[no-untyped-call]

    def push_reading(self, reading: Reading) -> PushResponse:
        """Pushes one signed reading."""
        request = PushReadingRequest(reading=reading)
        return self._call(self._stub.PushReading, request, PushResponse)

    def push_telegram(
        self,
        telegram: bytes,
        signature: bytes,
        telegram_format: TelegramFormat = TELEGRAM_FORMAT_DSMR_P1,
        meter_id: str = "",
    ) -> PushResponse:
        """Pushes one telegram with the signature over its reading; with `meter_id` if the reading
        was computed with one.
        """
        request = PushTelegramRequest(
            format=telegram_format, telegram=telegram, signature=signature, meter_id=meter_id
        )
        return self._call(self._stub.PushTelegram, request, PushResponse)

    def stream(
        self, requests: Iterable[PushRequest], timeout_s: float | None = None
    ) -> Iterator[PushResponse]:
        """Pushes many; yields one response each, in the same order, as they arrive.

        `requests` is consumed on another thread. Leaving the iteration ends the stream.
        """
        call = self._stub.Push(iter(requests), timeout=timeout_s)
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._describe(error) from error
        finally:
            call.cancel()

    def status(self, meter_id: str, slot: int) -> ReadingStatusResponse | None:
        """The state of an acknowledged reading; None if the bridge does not have it."""
        try:
            request = ReadingStatusRequest(meter_id=meter_id, slot=slot)
            return self._call(self._stub.ReadingStatus, request, ReadingStatusResponse)
        except BridgeError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def push_insight(self, insight: Insight) -> PushInsightResponse:
        """Pushes what an analyst says of a meter, signed by the analyst."""
        request = PushInsightRequest(insight=insight)
        return self._call(self._stub.PushInsight, request, PushInsightResponse)

    def list_insights(self, meter_id: str, after: int = 0) -> InsightsResponse:
        """What analysts have said of a meter, at most 100 behind a number."""
        request = InsightsRequest(meter_id=meter_id, after=after)
        return self._call(self._stub.Insights, request, InsightsResponse)

    def health(self) -> HealthResponse:
        """Whether the bridge works, and what a gateway needs for signing."""
        return self._call(self._stub.Health, HealthRequest(), HealthResponse)

    def close(self) -> None:
        """Closes the connection and all its streams."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, method: Any, request: Message, response_type: type[R]) -> R:
        try:
            response = method(request, timeout=self._timeout_s)
        except grpc.RpcError as error:
            raise self._describe(error) from error
        assert isinstance(response, response_type)
        return response

    def _describe(self, error: grpc.RpcError) -> BridgeError:
        """A gRPC error as one sentence."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return BridgeUnreachableError(
                f"the bridge at {self.target} did not respond in time; try again", code
            )
        if code is grpc.StatusCode.CANCELLED:
            return BridgeUnreachableError(
                f"the bridge at {self.target} has closed the call, which was silent for too long; "
                "push again",
                code,
            )
        # The bridge's own sentences end with a full stop.
        if code is grpc.StatusCode.UNAVAILABLE and not details.endswith("."):
            return BridgeUnreachableError(
                f"the bridge at {self.target} cannot be reached; start it, check --bridge, or "
                f"check the certificates ({details})",
                code,
            )
        is_temporary = code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED}
        error_type = BridgeUnreachableError if is_temporary else BridgeError
        return error_type(details or f"the bridge responds with {code.name}", code)
