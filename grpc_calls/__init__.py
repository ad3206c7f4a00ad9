"""Open calls of a gRPC server: how many there may be, how many of one client, and for how long.

A client is identified by its certificate; on loopback, where there are none, by its connection. A
call that makes no progress for too long, because no request comes or no response is read, is
cancelled. So nobody can take the places of others, neither with many calls nor with silent ones.

It imports nothing of ours, so that every server may use it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

WATCH_S = 0.5


@dataclass(eq=False)
class Call:
    """One open call. It has to show progress within `idle_s`, except while the server works."""

    client: str
    context: grpc.ServicerContext
    idle_s: float
    monotonic: Callable[[], float]
    # None while the server works on it.
    idle_since_s: float | None = None

    def wait(self) -> None:
        """Begins to wait for the client, or again after it has shown progress."""
        self.idle_since_s = self.monotonic()

    def work(self) -> None:
        """The client has sent what is needed."""
        self.idle_since_s = None

    def is_idle(self) -> bool:
        """Whether the client has shown no progress for too long."""
        return self.idle_since_s is not None and self.monotonic() > self.idle_since_s + self.idle_s


class OpenCalls:
    """The open calls of one kind, named in the plural, such as "streams"."""

    def __init__(
        self,
        name: str,
        calls_max: int,
        calls_per_client_max: int,
        get_idle_s: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._calls_max = calls_max
        self._calls_per_client_max = calls_per_client_max
        self._get_idle_s = get_idle_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._calls: set[Call] = set()
        self._counts: Counter[str] = Counter()

    @contextmanager
    def open(self, context: grpc.ServicerContext) -> Iterator[Call]:
        """Counts a call while it is open; ends it with RESOURCE_EXHAUSTED if there are too many."""
        call = Call(identify(context), context, self._get_idle_s(), self._monotonic)
        call.wait()
        problem = self._add(call)
        if problem:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, problem)
        try:
            yield call
        finally:
            self._remove(call)

    def cancel_idle(self) -> None:
        """Cancels the calls whose clients show no progress."""
        with self._lock:
            idle = [call for call in self._calls if call.is_idle()]
        for call in idle:
            call.context.cancel()

    def _add(self, call: Call) -> str:
        """Counts a call; returns why it cannot be opened, or an empty text."""
        with self._lock:
            if self._counts[call.client] >= self._calls_per_client_max:
                most = self._calls_per_client_max
                return f"This client already has {most} {self._name} open; close one first."
            if len(self._calls) >= self._calls_max:
                return f"The server already serves {self._calls_max} {self._name}; try again later."
            self._calls.add(call)
            self._counts[call.client] += 1
        return ""

    def _remove(self, call: Call) -> None:
        with self._lock:
            self._calls.remove(call)
            self._counts[call.client] -= 1
            # Connections come and go: those without calls leave nothing behind.
            if not self._counts[call.client]:
                del self._counts[call.client]


class Watchdog:
    """Cancels idle calls on a thread of its own, until it is closed."""

    def __init__(self, *kinds: OpenCalls, watch_s: float = WATCH_S) -> None:
        self._kinds = kinds
        self._watch_s = watch_s
        self._closed = threading.Event()
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def close(self) -> None:
        """Ends the thread."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(self._watch_s):
            for calls in self._kinds:
                calls.cancel_idle()


def identify(context: grpc.ServicerContext) -> str:
    """Who calls: the digest of the certificate, or the connection if there is none."""
    # Values are sequences of bytes, whatever the stubs say.
    certificates: Any = context.auth_context().get("x509_pem_cert")
    if certificates:
        return hashlib.sha256(b"".join(certificates)).hexdigest()
    return str(context.peer())
