"""Makes calls to a meter bridge: signed readings and telegrams, right, nearly right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from google.protobuf.message import Message

from client.signing.keys import MeterKey
from meter_bridge.client.connection import sign_reading
from meter_bridge.formats import parse_telegram
from meter_bridge.formats.dsmr import compute_crc16, format_telegram
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE
from meter_bridge.insights import sign_insight
from meter_bridge.readings import compute_reading
from tests.bridge.fakes import CHAIN_ID, SLOT, SLOT_LENGTH_S, make_key
from tests.fuzz.making import wire
from tests.fuzz.making.pools import Pools, fill, vary

METERS = ("HOME-07", "HOME-08", "a")
# Known to the chain, but another bridge's; and one that nobody knows.
UNREGISTERED = ("HOME-99",)
_IDS = (*METERS, *UNREGISTERED, "HOME-00", "", "a b", "x" * 64, "x" * 65, "é", "a\x00", "HOME-07\n")
_REGISTERS = (0, 1, 999, 1_000, 5_000_000, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_LINES = (
    b"1-0:1.8.1(000004.426*kWh)", b"1-0:1.8.0(999999999.999*kWh)", b"1-0:2.8.9(000000.000*kWh)",
    b"1-0:1.8.(1*kWh)", b"1-0:1.8.1(1e3*kWh)", b"1-0:2.8.1(-1*kWh)", b"0-0:1.0.0(991332256199S)",
    b"0-0:1.0.0(000229000000W)", b"0-0:1.0.0(700101000000W)", b"0-0:96.1.1(FF00)",
    b"0-0:96.1.1(" + b"41" * 49 + b")", b"0-0:96.1.1()", b"0-0:96.1.1(C3A9)", b"!", b"/", b"((((",
    b"1-0:1.8.1(" + b"9" * 300 + b"*kWh)", b"\xff\xfe", b"\x00", b"0-0:1.0.0(\xd9\xa11W)",
)  # fmt: skip


class CallMaker:
    """Good calls of every method, to be changed."""

    def __init__(self, methods: Sequence[str], kinds: Sequence[type[Message]]) -> None:
        self._methods = list(methods)
        self._kinds = list(kinds)
        self._push = self._methods.index("Push")
        self._weights = [1 if name == "Health" else 8 for name in methods]
        self._keys: dict[str, MeterKey] = {}
        self._pools = Pools()
        random = Random(4)
        self._corpus = [[self._make_request(name, random) for _ in range(150)] for name in methods]
        for request in (request for requests in self._corpus for request in requests):
            self._pools.learn(request)
        self._tokens = self._pools.tokens()

    def make(self, random: Random) -> bytes:
        """A method's number and its request."""
        number = random.choices(range(len(self._methods)), self._weights)[0]
        if number != self._push:
            return bytes([number]) + self._change(number, random)
        requests = [self._change(number, random) for _ in range(random.choice((0, 1, 2, 5)))]
        body = b"".join(wire.write_varint(len(request)) + request for request in requests)
        return bytes([number]) + body

    @staticmethod
    def split(data: bytes) -> list[bytes]:
        """The requests of a stream; what is no whole request ends it."""
        requests, position = [], 0
        while (header := wire.read_varint(data, position)) and sum(header) <= len(data):
            requests.append(data[header[1] : sum(header)])
            position = sum(header)
        return requests

    def _change(self, number: int, random: Random) -> bytes:
        """A request: fresh, changed in a field, changed in its bytes, or any at all."""
        kind = random.random()
        if kind < 0.25:
            return self._make_request(self._methods[number], random).SerializeToString()
        known = random.choice(self._corpus[number])
        if kind < 0.5:
            request = type(known)()
            request.CopyFrom(known)
            vary(request, self._pools, random)
            return request.SerializeToString()
        if kind < 0.55:
            request = self._kinds[number]()
            fill(request, self._pools, random)
            return request.SerializeToString()
        return wire.mutate(known.SerializeToString(), random, self._tokens)

    def _make_request(self, method: str, random: Random) -> Message:
        if method == "PushReading":
            return bridge_pb2.PushReadingRequest(reading=self._make_reading(random))
        if method == "PushTelegram":
            return self._make_telegram(random)
        if method == "Push":
            if random.random() < 0.5:
                reading = bridge_pb2.PushReadingRequest(reading=self._make_reading(random))
                return bridge_pb2.PushRequest(reading=reading)
            return bridge_pb2.PushRequest(telegram=self._make_telegram(random))
        if method == "ReadingStatus":
            slot = _choose_slot(random)
            return bridge_pb2.ReadingStatusRequest(meter_id=random.choice(_IDS), slot=slot)
        if method == "PushInsight":
            return bridge_pb2.PushInsightRequest(insight=self._make_insight(random))
        if method == "Insights":
            return bridge_pb2.InsightsRequest(
                meter_id=random.choice(_IDS), after=random.randrange(3)
            )
        return self._kinds[self._methods.index(method)]()

    def _make_reading(self, random: Random) -> Reading:
        reading = Reading(
            meter_id=random.choice(METERS if random.random() < 0.8 else _IDS),
            slot=_choose_slot(random),
            import_register_wh=random.choice(_REGISTERS),
            export_register_wh=random.choice(_REGISTERS),
        )
        chain_id = CHAIN_ID if random.random() < 0.95 else "street-2"
        return sign_reading(self._key(reading.meter_id), chain_id, reading)

    def _make_insight(self, random: Random) -> bridge_pb2.Insight:
        first = _choose_slot(random)
        insight = bridge_pb2.Insight(
            analyst=random.choice((METERS[0], METERS[0], METERS[0], "nobody")),
            meter_id=random.choice(METERS if random.random() < 0.8 else _IDS),
            kind=random.choice(bridge_pb2.InsightKind.values()),
            first_slot=first,
            last_slot=first + random.choice((0, 0, 1)) if first < 1 << 60 else first,
            revision=random.randrange(3),
        )
        for name in random.sample(("cooking", "alwaysOn", "", "x" * 65, "é"), random.randrange(4)):
            insight.parts.add(name=name, share_permille=random.choice((500, 1_000, 1 << 63)))
        return sign_insight(self._key(METERS[0]), CHAIN_ID, insight)

    def _make_telegram(self, random: Random) -> bridge_pb2.PushTelegramRequest:
        meter_id = random.choice((*METERS, *UNREGISTERED))
        time_s = (_choose_slot(random) % (1 << 25) + 1) * SLOT_LENGTH_S + random.choice(
            (0, 0, 3, 9)
        )
        registers = [[random.choice((0, 426, 10**9 - 1))] * random.randrange(1, 4) for _ in "ie"]
        raw = format_telegram(meter_id, time_s, *registers)
        telegram = parse_telegram(bridge_pb2.TELEGRAM_FORMAT_DSMR_P1, raw, CENTRAL_EUROPE)
        signed = sign_reading(
            self._key(meter_id), CHAIN_ID, compute_reading(telegram, SLOT_LENGTH_S)
        )
        if random.random() < 0.6:
            raw = _spoil(raw, random)
        return bridge_pb2.PushTelegramRequest(
            format=bridge_pb2.TELEGRAM_FORMAT_DSMR_P1, telegram=raw, signature=signed.signature
        )

    def _key(self, meter_id: str) -> MeterKey:
        """The key of a meter; for an id that is too long for one, that of another meter."""
        name = meter_id if len(meter_id.encode()) <= 32 else METERS[0]
        if name not in self._keys:
            self._keys[name] = make_key(name)
        return self._keys[name]


def _choose_slot(random: Random) -> int:
    near = SLOT - random.choice((0, 1, 2, -1, -2, random.randrange(100_000)))
    return random.choice((near, near, near, near, near, random.choice(wire.NUMBERS)))


def _spoil(raw: bytes, random: Random) -> bytes:
    """A telegram with another line, or other bytes, and mostly a checksum that fits."""
    content, _, _ = raw.rpartition(b"!")
    lines = content.split(b"\r\n")
    place = random.randrange(len(lines))
    kind = random.randrange(6)
    if kind == 0:
        lines[place] = random.choice(_LINES)
    elif kind == 1:
        lines.insert(place, random.choice(_LINES))
    elif kind == 2:
        del lines[place]
    elif kind == 3:
        lines[place] = wire.mutate_bytes(lines[place], random)
    elif kind == 4:
        lines.insert(place, lines[random.randrange(len(lines))])
    else:
        lines *= random.choice((2, 30))
    content = b"\r\n".join(lines) + b"!"
    if random.random() < 0.1:
        return content + random.choice((b"", b"0000", b"abcd", b"\r\n"))
    return content + b"%04X" % compute_crc16(content) + random.choice((b"\r\n", b"", b"\n", b"\r"))
