"""Receives ahead of the thread that answers, so that the peer never waits to be read.

CometBFT 0.38 spins a processor core while it is blocked on writing to the application: the timer
that flushes its ABCI connection is set to 20 nanoseconds. Under load that took a third of its
processor time. Bytes are therefore taken from the socket as they come, up to a limit.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Final

RECEIVE_BYTES: Final = 256 * 1024
END: Final = b""


class ReadAhead:
    """Takes bytes from `connection` on a thread of its own, at most `limit_bytes` ahead."""

    def __init__(self, connection: socket.socket, limit_bytes: int, name: str) -> None:
        self._connection = connection
        self._limit_bytes = limit_bytes
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._error: OSError | None = None
        self._ended = False
        self._discarding = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._receive_all, name=name, daemon=True)
        self._thread.start()

    def take(self) -> bytes:
        """The next bytes, waiting for them if need be; nothing when the peer has ended.

        Errors: OSError when the connection broke; what came before it is given first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._ended)
            if self._pieces:
                piece = self._pieces.popleft()
                self._waiting_bytes -= len(piece)
                self._changed.notify()
                return piece
            if self._error is not None:
                raise self._error
            return END

    def discard(self, timeout_s: float) -> None:
        """Throws away what waits and what still comes, until the peer ends or time is up."""
        with self._changed:
            self._discarding = True
            self._pieces.clear()
            self._waiting_bytes = 0
            self._changed.notify()
        self._thread.join(timeout_s)

    def stop(self) -> None:
        """Ends the thread once the connection is shut for reading; drops what was not taken."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _receive_all(self) -> None:
        try:
            while piece := self._connection.recv(RECEIVE_BYTES):
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._waiting_bytes < self._limit_bytes or self._ended
                    )
                    if self._ended:
                        return
                    if self._discarding:
                        continue
                    self._pieces.append(piece)
                    self._waiting_bytes += len(piece)
                    self._changed.notify()
        except OSError as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()
