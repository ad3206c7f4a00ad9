"""ABCI: byte streams as a peer may send them to the application's socket.

Whatever arrives, in whatever pieces, every request that can be read is answered with the reply of
its own call, and what cannot be read is answered with one sentence and the end of the connection.
Some streams are also sent to a real server: it has to answer with the same bytes, and to serve
another connection as before.
"""

from __future__ import annotations

import shutil
import socket
import threading
import zlib
from collections.abc import Iterator
from random import Random

from google.protobuf.message import DecodeError
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.dispatch import CallFailed, Dispatcher, make_exception_reply
from abci_app.protocol.framing import FrameReader, FramingError
from abci_app.protocol.server import Server
from chain.runtime.state.collections import GenesisError
from tests.fuzz.making import wire
from tests.fuzz.making.node import FuzzedNode, SteadyApplication, make_folder
from tests.fuzz.making.stream_maker import StreamMaker
from tests.fuzz.making.street import get_street
from tests.fuzz.target import ACCEPTED, LOG_CHARACTERS_MAX, require
from tests.node.application.toy import Client, connect, split_pieces

# Small, so that a frame over the limit is cheap to make.
FRAME_BYTES_MAX = 64 * 1024
REPLY_BYTES_MAX = 4 * 1024 * 1024
# Every n-th stream goes over a real connection too.
SENT_EVERY = 64
ANSWER_TIMEOUT_S = 300.0


class AbciStreams:
    """Streams of framed requests, right, nearly right and wrong."""

    name = "abci"
    batch = 5_000

    def __init__(self) -> None:
        street = get_street()
        self._node = FuzzedNode(street)
        self._application = SteadyApplication(self._node, street)
        self._dispatcher = Dispatcher(self._application)
        self._maker = StreamMaker(street, FRAME_BYTES_MAX)
        self._folder = make_folder("abci")
        self._server = Server(
            self._application,
            f"unix://{self._folder}/app.sock",
            on_failure=lambda _, __: None,
            max_frame_bytes=FRAME_BYTES_MAX,
        )
        self._server.start()
        self._bystander = Client(self._server.address)
        self._bystander.socket.settimeout(ANSWER_TIMEOUT_S)
        self._asked = 0

    def begin(self) -> None:
        self._node.faults.fault = None

    def make(self, random: Random) -> bytes:
        return self._maker.make(random)

    def check(self, data: bytes) -> str:
        pieces = list(_cut(data))
        frames, framing_error = read_frames(pieces)
        require((frames, framing_error) == read_frames([data]), "other pieces, other frames")
        self._application.renew()
        replies, outcome = self._answer(frames, framing_error)
        self._node.faults.require_none()
        if zlib.crc32(data) % SENT_EVERY == 0:
            self._application.renew()
            self._require_served(pieces, b"".join(replies))
        return outcome

    def end(self) -> None:
        state = self._node.state.committed
        require(state == self._node.committed, "requests have changed what is committed")

    def close(self) -> None:
        self._bystander.socket.close()
        self._server.stop()
        self._application.close()
        self._node.close()
        shutil.rmtree(self._folder)

    def _answer(self, frames: list[bytes], framing_error: str) -> tuple[list[bytes], str]:
        """The framed replies to frames as a server has to give them, and the outcome."""
        replies: list[bytes] = []
        try:
            for frame in frames:
                replies.append(self._dispatcher.answer(self._dispatcher.decode(frame)))
                _require_fitting(frame, replies[-1])
        except FramingError as error:
            return [*replies, _reject(str(error))], "rejected abci not a request"
        except CallFailed as error:
            if not isinstance(error.cause, GenesisError):
                raise
            return [*replies, _reject(str(error))], "rejected abci genesis"
        if framing_error:
            return [*replies, _reject(framing_error)], "rejected abci not a frame"
        return replies, ACCEPTED if frames else "accepted, no whole frame"

    def _require_served(self, pieces: list[bytes], expected: bytes) -> None:
        """The real server says the same, ends the connection, and goes on serving others."""
        deaths: list[BaseException | None] = []
        before, threading.excepthook = threading.excepthook, lambda a: deaths.append(a.exc_value)
        try:
            received = _exchange(self._server.address, pieces)
            self._asked += 1
            echo = self._bystander.call(abci.RequestEcho(message=str(self._asked)))
        finally:
            threading.excepthook = before
        # What the server logs about a rejected genesis is no fault.
        self._node.faults.fault = None
        require(not deaths, f"a thread of the server has ended with {deaths[:1]}")
        require(received == expected, f"answered {received[-200:]!r}, not {expected[-200:]!r}")
        require(echo.echo.message == str(self._asked), "another connection is served wrongly")


def read_frames(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """The frames that arrive in pieces, and what was wrong behind them."""
    reader = FrameReader(FRAME_BYTES_MAX)
    frames: list[bytes] = []
    try:
        for piece in pieces:
            frames.extend(reader.feed(piece))
    except FramingError as error:
        return frames, str(error)
    return frames, ""


def _cut(data: bytes) -> Iterator[bytes]:
    """The same bytes always in the same pieces, large and small ones."""
    random = Random(zlib.crc32(data))
    top = random.choice((1, 3, 40, 40, 500))
    sizes = (random.randint(1, top) for _ in range(random.choice((0, 1, 5, 20))))
    return filter(None, split_pieces(data, sizes))


def _require_fitting(frame: bytes, reply: bytes) -> None:
    """The reply is one frame, and of the call that was asked for."""
    require(len(reply) <= REPLY_BYTES_MAX, f"a reply of {len(reply)} bytes")
    header = wire.read_varint(reply, 0)
    require(header and sum(header) == len(reply), "a reply is not one frame")
    assert header is not None
    try:
        asked = abci.Request.FromString(frame).WhichOneof("value")
    except DecodeError:
        # The shortest way to CheckTx reads what is in a request, not the request.
        raise AssertionError("answered what is not a request") from None
    answered = abci.Response.FromString(reply[header[1] :]).WhichOneof("value")
    require(asked == answered, f"asked for {asked}, answered {answered}")


def _reject(text: str) -> bytes:
    require(text.strip(), "rejected without a sentence")
    require(len(text) <= LOG_CHARACTERS_MAX, f"rejected with {len(text)} characters")
    return make_exception_reply(text)


def _exchange(address: str, pieces: list[bytes]) -> bytes:
    """Sends everything, ends, and receives until the server ends as well."""
    received = bytearray()
    with connect(address) as peer:
        peer.settimeout(ANSWER_TIMEOUT_S)
        try:
            for piece in pieces:
                peer.sendall(piece)
            peer.shutdown(socket.SHUT_WR)
        except OSError:
            # The server has rejected what came before, and has closed the connection.
            pass
        while chunk := peer.recv(65_536):
            received += chunk
    return bytes(received)
