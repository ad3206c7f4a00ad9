"""One framed ABCI request in, one framed reply out.

Requests that have arrived together are decoded first, then the application is told of them, then
each is answered. The table of calls comes from the protobuf definition, so a call can neither be
forgotten nor answered with another call's reply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message
from tendermint.abci import types_pb2 as abci

from abci_app.protocol.application import Application, EncodedReply
from abci_app.protocol.framing import FramingError, decode_uvarint
from chain.runtime.encoding.codec import make_tag, write_varint

EXCEPTION_CHARACTERS_MAX = 1_000

# The name of a call and its request message.
Request = tuple[str, Any]


class CallFailed(Exception):  # noqa: N818, the name reads as the sentence does.
    """The application raised while answering `call`: a promise of ours is broken."""

    def __init__(self, call: str, cause: Exception) -> None:
        super().__init__(f"{call} failed: {type(cause).__name__}: {cause}")
        self.call = call
        self.cause = cause


@dataclass(frozen=True)
class Call:
    """How one ABCI call is answered: the method, the type it must return, the reply's tag."""

    method: Callable[[Any], Message | EncodedReply]
    reply_type: type[Message]
    tag: bytes


class Dispatcher:
    """Answers requests with the methods of one application. Safe to use from several threads
    if the application is.
    """

    def __init__(self, application: Application) -> None:
        self._on_check_tx_batch = application.on_check_tx_batch
        self._calls = {
            field.name: Call(
                method=getattr(application, field.name),
                reply_type=type(getattr(abci.Response(), field.name)),
                tag=make_tag(abci.Response, field.name),
            )
            for field in abci.Request.DESCRIPTOR.oneofs_by_name["value"].fields
            if field.name not in ("echo", "flush")
        }

    def decode(self, frame: bytes) -> Request:
        """The request in a frame; FramingError if it is none."""
        if frame == FLUSH_REQUEST:
            return FLUSH
        try:
            if frame.startswith(CHECK_TX_TAG):
                header = decode_uvarint(frame, len(CHECK_TX_TAG))
                # Half of all calls are this one, so the Request around it is removed by hand; a
                # length that protobuf itself would reject is left to it.
                if header and sum(header) == len(frame) and header[1] <= CHECK_TX_START_MAX:
                    return "check_tx", abci.RequestCheckTx.FromString(frame[header[1] :])
            request = abci.Request.FromString(frame)
        except DecodeError as error:
            raise FramingError("A message is not an ABCI request of CometBFT 0.38.") from error
        name = request.WhichOneof("value")
        if name is None:
            raise FramingError(
                "A request names no call of ABCI 2.0, which is all this node speaks."
            )
        return name, getattr(request, name)

    def begin_batch(self, requests: Iterable[Request]) -> None:
        """Tells the application of requests that have arrived together; CallFailed if it raises."""
        checks = [request for name, request in requests if name == "check_tx"]
        if checks:
            try:
                self._on_check_tx_batch(checks)
            except Exception as error:
                raise CallFailed("check_tx", error) from error

    def answer(self, request: Request) -> bytes:
        """Gives the framed reply to a request.

        Errors: CallFailed when the application raises or returns something else than its call's
        reply.
        """
        name, message = request
        if name == "flush":
            return FLUSH_REPLY
        if name == "echo":
            return frame_reply("echo", abci.ResponseEcho(message=message.message))
        call = self._calls[name]
        return frame_message(call.tag, run_call(name, call, message))


def run_call(name: str, call: Call, request: Message) -> bytes:
    """Lets the application answer, and gives the reply's bytes."""
    try:
        reply = call.method(request)
        if isinstance(reply, EncodedReply) and reply.kind is call.reply_type:
            return reply.content
        if type(reply) is not call.reply_type:
            raise TypeError(f"{name} returned {type(reply).__name__}")
        return reply.SerializeToString()
    except Exception as error:
        raise CallFailed(name, error) from error


def make_exception_reply(text: str) -> bytes:
    """Gives the framed reply that tells the peer why its request was not carried out."""
    # The text of an exception may quote anything, and what protobuf cannot carry would end the
    # connection without a word.
    error = text[:EXCEPTION_CHARACTERS_MAX].encode(errors="backslashreplace").decode()
    return frame_reply("exception", abci.ResponseException(error=error))


def frame_reply(name: str, reply: Message) -> bytes:
    """Wraps a reply as the field `name` of a Response, behind its length."""
    return frame_message(make_tag(abci.Response, name), reply.SerializeToString())


def frame_message(tag: bytes, payload: bytes) -> bytes:
    """Wraps a reply that is already bytes. The Response around it is written by hand, because
    a Response object would copy every result of a large block once more.
    """
    header = tag + write_varint(len(payload))
    return write_varint(len(header) + len(payload)) + header + payload


CHECK_TX_TAG = make_tag(abci.Request, "check_tx")
# Protobuf reads no length of more than five bytes.
CHECK_TX_START_MAX = len(CHECK_TX_TAG) + 5
FLUSH_REQUEST = abci.Request(flush=abci.RequestFlush()).SerializeToString()
FLUSH: Request = ("flush", abci.RequestFlush())
FLUSH_REPLY = frame_reply("flush", abci.ResponseFlush())
