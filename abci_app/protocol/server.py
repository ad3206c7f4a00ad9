"""The ABCI server: lets CometBFT drive an application over a unix socket or loopback TCP.

It promises:

- replies come in the order of the requests, each connection on a thread of its own, so that a
  slow query never holds up consensus;
- a message that is malformed or too large gets an exception reply and closes its connection,
  and nothing else;
- an exception of the application is a broken promise: the peer gets an exception reply (and
  CometBFT then stops), the log says so loudly, `on_failure` is called, the connection closes;
- CometBFT may go away and come back as often as it likes.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Self

from abci_app.protocol.application import Application, OperatorError
from abci_app.protocol.dispatch import CallFailed, Dispatcher, Request, make_exception_reply
from abci_app.protocol.framing import FrameReader, FramingError
from abci_app.protocol.listener import AddressInUse, Listener, ListenError, open_listener

__all__ = ["AddressInUse", "Application", "ListenError", "Server"]

log = logging.getLogger(__name__)

MAX_FRAME_BYTES = 64 * 1024 * 1024
# CometBFT opens four; the others are for reconnects and tools.
MAX_CONNECTIONS = 16
# Max bytes read from a connection at once.
RECEIVE_BYTES = 256 * 1024
# Max size of the replies that wait to be sent together.
SEND_BYTES = 1024 * 1024
# Each of these may take long, and nobody is to wait for those behind.
SENT_AT_ONCE = frozenset({"query"})
# How long to wait before accepting again when the machine has run out of file descriptors.
ACCEPT_PAUSE_S = 0.1
# How long a thread may compute while another waits for the interpreter. With Python's 5 ms, each
# read of LevelDB in FinalizeBlock, which lets the interpreter go, could wait that long for a query;
# with 0.1 ms, a transfer takes a seventh more processor time in switching.
SWITCH_INTERVAL_S = 0.001
# What a transaction leaves behind is freed at once, without the garbage collector, which would go
# through all transactions that wait again and again: it is told to look when there are more new
# objects than these have.
GARBAGE_THRESHOLDS = (400_000, 20, 50)
# How long a peer whose connection is rejected has to read why.
LINGER_S = 5.0


class RequestBatch(NamedTuple):
    """Requests that have arrived together, and the error behind them that ends the connection."""

    requests: list[Request]
    error: FramingError | None


class Server:
    """Serves `application` at `address`, `unix:///path` or `tcp://127.0.0.1:26658`.

    `on_failure` is called with the name of the call and the exception when the application has
    raised; it is the place to stop the process. Frames over `max_frame_bytes` and connections
    over `max_connections` are rejected.

        with Server(application, "unix:///run/blockenergy.sock"):
            stop_requested.wait()
    """

    def __init__(
        self,
        application: Application,
        address: str,
        *,
        on_failure: Callable[[str, Exception], None] | None = None,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._dispatcher = Dispatcher(application)
        self.address = address
        self._on_failure = on_failure
        self._max_frame_bytes = max_frame_bytes
        self._max_connections = max_connections
        self._listener: Listener | None = None
        self._acceptor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._accepted = 0

    def start(self) -> None:
        """Listens and returns; the work is done on other threads. With TCP port 0, `address` has
        the port that was found. Python's switch interval is made short for the whole process,
        and its garbage collector is told to look less often.

        Errors: ListenError, AddressInUse.
        """
        prepare_interpreter()
        self._listener = open_listener(self.address)
        self.address = self._listener.address
        self._acceptor = threading.Thread(
            target=self._accept_connections, args=(self._listener,), name="abci-accept", daemon=True
        )
        self._acceptor.start()
        log.info("listening for CometBFT at %s", self.address)

    def stop(self, deadline_s: float = 10.0) -> bool:
        """Accepts nothing more, lets the calls in progress finish and their replies go out.

        Returns whether all of them did within `deadline_s`; the rest are cut off. May be called
        from any thread, `on_failure`'s included, and more than once.
        """
        end_s = time.monotonic() + deadline_s
        self._stopping.set()
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None and self._acceptor is not None:
            listener.interrupt()
            self._acceptor.join()
            listener.close()
        self._shut_connections(socket.SHUT_RD)
        finished = self._join_connections(end_s)
        self._shut_connections(socket.SHUT_RDWR)
        return finished

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _accept_connections(self, listener: Listener) -> None:
        """Takes connections until the server stops."""
        while not self._stopping.is_set():
            try:
                connection = listener.accept()
                if connection is not None:
                    self._start_connection(connection)
            except (OSError, RuntimeError) as error:
                # The machine has no descriptor or no thread left; the open connections go on.
                log.error("cannot take a connection: %s", error)
                self._stopping.wait(ACCEPT_PAUSE_S)

    def _start_connection(self, connection: socket.socket) -> None:
        """Gives a connection its thread, or rejects it when there are too many."""
        with self._lock:
            if len(self._connections) < self._max_connections:
                self._accepted += 1
                thread = threading.Thread(
                    target=self._serve_connection,
                    args=(connection,),
                    name=f"abci-{self._accepted}",
                    daemon=True,
                )
                thread.start()
                self._connections[connection] = thread
                return
        log.warning("rejected a connection: %d are open", self._max_connections)
        text = f"This node already has {self._max_connections} ABCI connections, its limit."
        with connection, contextlib.suppress(OSError):
            connection.send(make_exception_reply(text))

    def _serve_connection(self, connection: socket.socket) -> None:
        """Answers one peer until it goes away, misbehaves or the server stops."""
        try:
            with connection:
                self._answer_requests(connection)
        except OSError as error:
            log.warning("lost a connection: %s", error.strerror)
        finally:
            with self._lock:
                del self._connections[connection]

    def _answer_requests(self, connection: socket.socket) -> None:
        """Answers all that arrives; the replies to what arrived together are sent together."""
        replies = bytearray()
        try:
            for batch in self._read_batches(connection):
                self._dispatcher.begin_batch(batch.requests)
                self._answer_batch(connection, batch, replies)
        except (FramingError, CallFailed) as error:
            self._reject(connection, replies, error)
            # Closing a TCP connection with unread bytes would also throw away the reply that is
            # on its way to the peer.
            discard(connection, LINGER_S)
        finally:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _read_batches(self, connection: socket.socket) -> Iterator[RequestBatch]:
        """What arrives until the peer ends or the server stops."""
        reader = FrameReader(self._max_frame_bytes)
        while not self._stopping.is_set() and (chunk := connection.recv(RECEIVE_BYTES)):
            yield self._decode_frames(reader.feed(chunk))

    def _decode_frames(self, frames: Iterable[bytes]) -> RequestBatch:
        """The requests in frames, up to the first that cannot be decoded."""
        requests: list[Request] = []
        try:
            for frame in frames:
                requests.append(self._dispatcher.decode(frame))  # noqa: PERF401 - kept on an error
        except FramingError as error:
            return RequestBatch(requests, error)
        return RequestBatch(requests, None)

    def _answer_batch(
        self, connection: socket.socket, batch: RequestBatch, replies: bytearray
    ) -> None:
        """Answers requests; on an error, `replies` has the replies that were not sent yet."""
        for request in batch.requests:
            replies += self._dispatcher.answer(request)
            if len(replies) >= SEND_BYTES or request[0] in SENT_AT_ONCE:
                connection.sendall(replies)
                replies.clear()
        if batch.error is not None:
            raise batch.error
        if replies:
            connection.sendall(replies)
            replies.clear()

    def _reject(
        self, connection: socket.socket, replies: bytearray, error: FramingError | CallFailed
    ) -> None:
        """Sends the replies so far and the reason why there will be no more."""
        if isinstance(error, CallFailed):
            trace = None if isinstance(error.cause, OperatorError) else error.cause
            log.critical("the application broke: %s", error, exc_info=trace)
        else:
            log.warning("closed a connection: %s", error)
        try:
            connection.sendall(replies + make_exception_reply(str(error)))
        finally:
            if isinstance(error, CallFailed) and self._on_failure is not None:
                self._on_failure(error.call, error.cause)
        connection.shutdown(socket.SHUT_WR)

    def _shut_connections(self, how: int) -> None:
        """Ends reading, or reading and writing, on every open connection."""
        with self._lock:
            open_connections = list(self._connections)
        for connection in open_connections:
            with contextlib.suppress(OSError):
                connection.shutdown(how)

    def _join_connections(self, end_s: float) -> bool:
        """Waits for the connections' threads; returns whether all have ended in time."""
        with self._lock:
            threads = list(self._connections.values())
        # A connection's own thread may stop the server, when the application has failed.
        others = [thread for thread in threads if thread is not threading.current_thread()]
        for thread in others:
            thread.join(max(0.0, end_s - time.monotonic()))
        return not any(thread.is_alive() for thread in others)


def prepare_interpreter() -> None:
    """Makes Python switch threads and collect garbage as a node needs it."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def discard(connection: socket.socket, timeout_s: float) -> None:
    """Throws away what a peer still sends, until it ends or time is up."""
    end_s = time.monotonic() + timeout_s
    with contextlib.suppress(OSError):
        while (left_s := end_s - time.monotonic()) > 0:
            connection.settimeout(left_s)
            if not connection.recv(RECEIVE_BYTES):
                return
