"""Messages to a meter bridge: every method of its service, and streams of pushes.

A call ends with an answer, or with a status that the definition of the service names. What was
acknowledged is in the spool's file as it lies on disk; what was not has left nothing there. Some
calls are also made over a real gRPC connection.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn

import grpc
from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from google.protobuf import message_factory
from google.protobuf.message import Message

from meter_bridge.chain import ChainView
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE
from meter_bridge.formats.telegram import METER_ID
from meter_bridge.insights import Insights
from meter_bridge.intake import Intake
from meter_bridge.server import SERVICE, ServerLimits, Service, make_decoder, make_server
from meter_bridge.spool import Spool
from tests.bridge.fakes import (
    BRIDGE,
    NOW_S,
    PATIENT_DEADLINE_S,
    PATIENT_PARAMS,
    Clock,
    FakeChain,
    make_key,
)
from tests.fuzz.making.call_maker import METERS, UNREGISTERED, CallMaker
from tests.fuzz.making.node import FaultCatcher, make_folder
from tests.fuzz.target import ACCEPTED, LOG_CHARACTERS_MAX, Violation, require

METHODS = sorted(method.name for method in SERVICE.methods)
ACKNOWLEDGED = {bridge_pb2.PUSH_ACCEPTED, bridge_pb2.PUSH_DUPLICATE}
# What bridge.proto says that a call may fail with.
STATUSES = {
    grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND,
}  # fmt: skip
# Every n-th call goes over a real connection too.
SENT_EVERY = 64
CALL_TIMEOUT_S = 300.0


class BridgeCalls:
    """The number of a method, and the bytes of its request; for Push, of delimited requests."""

    name = "bridge"
    batch = 4_000

    def __init__(self) -> None:
        self._kinds = [
            message_factory.GetMessageClass(SERVICE.methods_by_name[name].input_type)
            for name in METHODS
        ]
        self._maker = CallMaker(METHODS, self._kinds)
        self._chain = FakeChain(params=PATIENT_PARAMS, deadline_s=PATIENT_DEADLINE_S)
        for meter_id in METERS:
            self._chain.add_meter(meter_id)
        for meter_id in UNREGISTERED:
            self._chain.add_meter(meter_id, bridge=f"{BRIDGE}other")
        self._running: _RunningBridge | None = None

    def begin(self) -> None:
        self.close()
        self._running = _RunningBridge(self._chain)

    def make(self, random: Random) -> bytes:
        return self._maker.make(random)

    def check(self, data: bytes) -> str:
        if not data:
            return "rejected, no method"
        running = self._running
        assert running is not None
        number = data[0] % len(METHODS)
        method, kind = METHODS[number], self._kinds[number]
        requests = self._maker.split(data[1:]) if method == "Push" else [data[1:]]
        outcome = _call(running, method, kind, requests)
        if zlib.crc32(data) % SENT_EVERY == 0:
            _call_from_outside(running, method, requests, outcome)
        return outcome

    def end(self) -> None:
        assert self._running is not None
        self._running.require_on_disk()

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None


class _RunningBridge:
    """The service over a spool in a folder of its own, and what it has acknowledged."""

    def __init__(self, chain: FakeChain) -> None:
        self._silence = FaultCatcher("meter_bridge", "grpc")
        self.folder = make_folder("bridge")
        clock = Clock()
        self.spool = Spool(self.folder / "home", clock, on_failure=_fail)
        view = ChainView(chain)
        view.refresh(lambda _: None)
        intake = Intake(view, self.spool, clock, CENTRAL_EUROPE)
        limits = ServerLimits()
        analysts = {METERS[0]: make_key(METERS[0]).pub_key}
        self.insights = Insights(self.folder / "home", view, analysts)
        self.service = Service(intake, self.spool, self.insights, bridge_pb2.HealthResponse, limits)
        self._server, port = make_server(self.service, "127.0.0.1:0", None, limits)
        self._server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        # What the spool has to hold: registers by meter and slot.
        self.accepted: dict[tuple[str, int], tuple[int, int] | None] = {}

    def require_on_disk(self) -> None:
        """The file, as a machine that lost power would find it, holds what was acknowledged."""
        copied = self.folder / "copied"
        # The copy is read by another SQLite connection, which knows of nothing in memory.
        shutil.copytree(self.folder / "home", copied)
        spool = Spool(copied, lambda: NOW_S)
        try:
            for (meter_id, slot), registers in self.accepted.items():
                reading = spool.find(meter_id, slot)
                require(reading, f"{meter_id}, slot {slot} was acknowledged, but is not on disk")
                assert reading is not None
                found = reading.import_register_wh, reading.export_register_wh
                known = registers is None or registers == found
                require(known, f"{meter_id}, slot {slot}: {found} is on disk, not {registers}")
            backlog = spool.count().backlog
            require(backlog == len(self.accepted), f"{backlog} on disk, {len(self.accepted)} taken")
        finally:
            spool.close()

    def close(self) -> None:
        self.channel.close()
        stopped = self._server.stop(0).wait(CALL_TIMEOUT_S)
        assert stopped, "a call has never ended"
        self.service.close()
        self.insights.close()
        self.spool.close()
        self._silence.close()
        shutil.rmtree(self.folder)


@dataclass
class _Context:
    """As much of a gRPC context as the service uses."""

    status: grpc.StatusCode | None = None
    detail: str = ""

    def abort(self, status: grpc.StatusCode, detail: str) -> NoReturn:
        self.status, self.detail = status, detail
        raise _AbortedError

    def auth_context(self) -> dict[str, Any]:
        return {}

    def peer(self) -> str:
        return "inside"

    def cancel(self) -> None:
        raise AssertionError("a call inside is never idle")


class _AbortedError(Exception):
    """Ends a call, as `abort` of a gRPC context does."""


def _call(running: _RunningBridge, method: str, kind: type[Message], requests: list[bytes]) -> str:
    """One call in this process; returns what came of it."""
    read = make_decoder(kind)
    messages: list[Any] = [read(request) for request in requests]
    context = _Context()
    run: Callable[..., Any] = getattr(running.service, method)
    try:
        if method == "Push":
            answers = list(run(iter(messages), context))
            require(len(answers) == len(messages), "a push without an answer of its own")
        else:
            answers = [run(messages[0], context)]
    except _AbortedError:
        return _judge_status(running, method, messages, context)
    outcomes = [
        _judge_answer(running, method, message, answer)
        for message, answer in zip(messages, answers, strict=True)
    ]
    return outcomes[-1] if outcomes else ACCEPTED


def _judge_status(
    running: _RunningBridge, method: str, messages: list[Any], context: _Context
) -> str:
    assert context.status is not None
    require(context.status in STATUSES, f"{method} ended with {context.status}")
    require(context.detail.strip(), f"{method} ended with {context.status} and no sentence")
    if method == "ReadingStatus":
        key = messages[0].meter_id, messages[0].slot
        require(key not in running.accepted, f"{key} was acknowledged, and is not found")
    return f"rejected grpc {context.status.name}"


def _judge_answer(running: _RunningBridge, method: str, request: Any, answer: Message) -> str:
    """An answer of the right form, and true."""
    if isinstance(answer, bridge_pb2.ReadingStatusResponse):
        key = request.meter_id, request.slot
        require(key in running.accepted, f"{key} is found, and was never acknowledged")
        return ACCEPTED
    if not isinstance(answer, bridge_pb2.PushResponse):
        return ACCEPTED
    result = bridge_pb2.PushResult.Name(answer.result)
    require(answer.result, f"{method} answers with no result")
    known_id = not answer.meter_id or METER_ID.fullmatch(answer.meter_id)
    require(known_id, f"answers about meter {answer.meter_id[:100]!r}")
    if answer.result in ACKNOWLEDGED:
        key = answer.meter_id, answer.slot
        known = key in running.accepted
        is_new = answer.result == bridge_pb2.PUSH_ACCEPTED
        require(known != is_new, f"{result} for {key}, which was {'' if known else 'not '}there")
        running.accepted.setdefault(key, _registers_of(request))
        return f"{ACCEPTED} {result}"
    if answer.result == bridge_pb2.PUSH_CONFLICT:
        key = answer.meter_id, answer.slot
        require(key in running.accepted, f"a conflict about {key}, which was not there")
    else:
        require(answer.detail.strip(), f"{result} without a sentence")
    require(len(answer.detail) <= LOG_CHARACTERS_MAX, f"{result}: {len(answer.detail)} characters")
    return f"rejected push {result}"


def _registers_of(request: Any) -> tuple[int, int] | None:
    """The registers of a pushed reading; None for a telegram."""
    if isinstance(request, bridge_pb2.PushRequest):
        request = request.reading if request.HasField("reading") else None
    if not isinstance(request, bridge_pb2.PushReadingRequest):
        return None
    reading: Reading = request.reading
    return reading.import_register_wh, reading.export_register_wh


def _call_from_outside(
    running: _RunningBridge, method: str, requests: list[bytes], outcome: str
) -> None:
    """The same call over gRPC: it has to end as it did inside, with a status."""
    path = f"/{SERVICE.full_name}/{method}"
    try:
        if method == "Push":
            stream: Any = running.channel.stream_stream(path)
            list(stream(iter(requests), timeout=CALL_TIMEOUT_S))
        else:
            call: Any = running.channel.unary_unary(path)
            call(requests[0], timeout=CALL_TIMEOUT_S)
        ended = "OK"
    except grpc.RpcError as error:
        status = error.code()
        require(isinstance(status, grpc.StatusCode), "a call ended without a status")
        ended = status.name
    expected = outcome.split()[2] if outcome.startswith("rejected grpc") else "OK"
    require(ended == expected, f"{method} ended with {ended}, not with {expected}")


def _fail(error: Exception) -> None:
    raise Violation("the spool has broken") from error
