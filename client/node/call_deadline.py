"""HTTP connections on which a whole call has a deadline, not each step of it.

A timeout of a socket begins anew with every byte, so a server that sends one now and then could
hold a caller for as long as it likes.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from typing import Any


class CallDeadline:
    """The moment until which the present call may last; it does not begin by itself."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._end = 0.0

    def begin(self) -> None:
        """Begins a call."""
        self._end = time.monotonic() + self._timeout_s

    def get_left_s(self) -> float:
        """The time that is left; raises TimeoutError if there is none."""
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the call has taken too long")
        return left_s


class TimedSocket:
    """What `http.client` needs of a socket, within a deadline."""

    def __init__(self, inner: socket.socket, deadline: CallDeadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def sendall(self, data: Any) -> None:
        """Sends all or raises an OSError."""
        self._inner.settimeout(self._deadline.get_left_s())
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        """A stream to read from; the socket stays open until it is closed itself."""
        assert mode == "rb", "responses are read as bytes"
        return io.BufferedReader(_Reader(self._inner, self._deadline))

    def fileno(self) -> int:
        """For `select`."""
        return self._inner.fileno()

    def close(self) -> None:
        """Closes the socket."""
        self._inner.close()


class _Reader(io.RawIOBase):
    """It keeps the socket open, as `http.client` closes a connection before it reads the end."""

    def __init__(self, inner: socket.socket, deadline: CallDeadline) -> None:
        self._inner = inner
        self._raw = inner.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._inner.settimeout(self._deadline.get_left_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class HttpConnection(http.client.HTTPConnection):
    """A connection whose calls end at a deadline."""

    def __init__(self, host: str, port: int, deadline: CallDeadline) -> None:
        super().__init__(host, port)
        self._deadline = deadline

    def connect(self) -> None:
        self.timeout = self._deadline.get_left_s()
        super().connect()
        self.sock: Any = TimedSocket(self.sock, self._deadline)


class HttpsConnection(HttpConnection, http.client.HTTPSConnection):
    """The same over TLS."""
