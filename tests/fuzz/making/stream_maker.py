"""Makes streams of framed ABCI requests, right, nearly right and wrong."""

from __future__ import annotations

import json
from random import Random

from tendermint.abci import types_pb2 as abci

from chain import app
from chain.runtime.encoding.codec import write_varint
from tests.fuzz.making import wire
from tests.fuzz.making.pools import Pools, fill
from tests.fuzz.making.street import Street
from tests.support.documents import complete, expand, street

REQUESTS = 600
_GARBAGE = (
    b"\x00", b"\xff" * 9, b"\xff" * 10 + b"\x01", b"\x80" * 12, b"GET / HTTP/1.1\r\n\r\n", b"\r\n",
    b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)  # fmt: skip


class StreamMaker:
    """Knows good requests of every kind, the street's transactions in them."""

    def __init__(self, street: Street, frame_bytes_max: int) -> None:
        self._street = street
        self._frame_bytes_max = frame_bytes_max
        self._names = [field.name for field in abci.Request.DESCRIPTOR.fields]
        random = Random(3)
        self._txs = [street.sign(street.make_message(random), random) for _ in range(100)]
        self._requests = [self._make_request(random) for _ in range(REQUESTS)]

    def make(self, random: Random) -> bytes:
        """A stream of a few frames, with mostly one thing wrong."""
        frames = [random.choice(self._requests) for _ in range(random.choice((1, 1, 2, 3, 6)))]
        if random.random() < 0.7:
            place = random.randrange(len(frames))
            for _ in range(random.choice((1, 1, 2, 4))):
                frames[place] = wire.mutate(frames[place], random, self._street.tokens)
        if random.random() < 0.55:
            return b"".join(map(_frame, frames))
        return self._spoil(frames, random)

    def _spoil(self, frames: list[bytes], random: Random) -> bytes:
        """The frames with a mistake in the framing of one of them."""
        place = random.randrange(len(frames))
        payload = frames[place]
        written = [_frame(frame) for frame in frames]
        kind = random.randrange(8)
        length = len(payload)
        if kind == 0:
            wrong = random.choice((length + 1, max(0, length - 1), 0, length * 2, *wire.NUMBERS))
            written[place] = write_varint(wrong) + payload
        elif kind == 1:
            written[place] = wire.write_varint(length, random.choice((1, 2, 7, 8, 9, 30))) + payload
        elif kind == 2:
            written.insert(place, random.choice(_GARBAGE))
        elif kind == 3:
            written.insert(place, b"\x00")
        elif kind == 4:
            size = self._frame_bytes_max + random.choice((-1, 0, 1))
            echo = abci.Request(echo=abci.RequestEcho(message="e" * (size - 8)))
            written[place] = _frame(echo.SerializeToString())
        elif kind == 5:
            stream = b"".join(written)
            return stream[: random.randrange(len(stream) + 1)]
        elif kind == 6:
            written[place] = payload
        else:
            return wire.mutate_bytes(b"".join(written), random, self._street.tokens)
        return b"".join(written)

    def _make_request(self, random: Random) -> bytes:
        """A request of any call."""
        name = random.choice(self._names)
        request = abci.Request()
        inner = getattr(request, name)
        inner.SetInParent()
        fill(inner, Pools(), random)
        if name == "check_tx":
            inner.tx = random.choice(self._txs)
        elif name == "query":
            path = random.choice(sorted(app.RULES.queries))
            inner.path, inner.height = path, 0
            inner.data = self._street.make_request(path, random).SerializeToString()
            inner.prove = False
        elif name == "init_chain":
            inner.app_state_bytes = _make_app_state(random)
        elif name in ("prepare_proposal", "process_proposal", "finalize_block"):
            del inner.txs[:]
            inner.txs.extend(random.sample(self._txs, random.randrange(4)))
        if name == "prepare_proposal":
            inner.max_tx_bytes = 1 << 20
        return request.SerializeToString()


def _make_app_state(random: Random) -> bytes:
    text = json.dumps(expand(complete(street()))).encode()
    return random.choice((text, b"", b"{}", b"[", b"\xff", b'{"\\ud800":1}', b"[" * 3000))


def _frame(payload: bytes) -> bytes:
    return write_varint(len(payload)) + payload
