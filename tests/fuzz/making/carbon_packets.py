"""Packets with certificates and credits that are nearly right, for `relaying`."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from blockenergy.carbontransfer.v1 import packet_pb2, tx_pb2
from google.protobuf.message import Message
from ibc.core.channel.v2.packet_pb2 import Payload

from chain import carbontransfer
from tests.fuzz.making import wire
from tests.support import carbon_transfer
from tests.support.carbon_transfer import ADDED_AT_S, BATCH, CLIENT, LIMITS, make_entry
from tests.support.streets import people

STREET: dict[str, Any] = {
    **carbon_transfer.STREET,
    f"carbontransfer.routes[{CLIENT}]": LIMITS,
}
_NUMBERS = (0, 1, 700, 3_600, (1 << 60), (1 << 63) - 1, (1 << 64) - 1)


def make_sent(client_id: str, time_s: int) -> list[Message]:
    """Messages of Anna's that send packets."""
    anna, parties = people.address_text("anna"), {"receiver": people.address_text("ben")}
    rest = {"client_id": client_id, "timeout_s": time_s + 900, **parties}
    return [
        tx_pb2.MsgSendCertificates(holder=anna, entries=[make_entry(700)], **rest),
        tx_pb2.MsgSendCredits(owner=anna, batch=BATCH, grams=700, **rest),
    ]


def make_payload(random: Random, tokens: Sequence[bytes]) -> Payload:
    """A payload that brings something, or something else."""
    content = random.choice((_make_lots, _make_home, _make_credits, _make_credits_home))(random)
    content.sender, content.receiver = people.address_text("eva"), people.address_text("anna")
    value = content.SerializeToString()
    if random.random() < 0.5:
        value = wire.mutate(value, random, tokens)
    return Payload(
        source_port=carbontransfer.PORT,
        destination_port=carbontransfer.PORT,
        version="carbon-1",
        encoding="application/x-protobuf",
        value=value,
    )


def _number(random: Random, usual: int) -> int:
    return random.choice(_NUMBERS) if random.random() < 0.1 else usual


def _make_lots(random: Random) -> packet_pb2.CarbonPacket:
    lots = [
        packet_pb2.Lot(
            slot=_number(random, slot),
            producer=people.address_text("anna"),
            wh=_number(random, 500),
            start_s=_number(random, ADDED_AT_S),
            end_s=_number(random, ADDED_AT_S + 900),
            energy_source=random.choice((1, 2, 3, 4, 5, 6, 99)),
            expiry_s=_number(random, ADDED_AT_S + 90_000),
        )
        for slot in range(random.choice((1, 2, 20, 21)))
    ]
    return packet_pb2.CarbonPacket(certificates=lots)


def _make_home(random: Random) -> packet_pb2.CarbonPacket:
    wh = _number(random, random.choice((1, 700, 701)))
    return packet_pb2.CarbonPacket(certificates_home=[make_entry(wh)] * random.choice((1, 1, 2)))


def _make_credits(random: Random) -> packet_pb2.CarbonPacket:
    lot = packet_pb2.CreditLot(
        batch=random.choice((BATCH, "a", "a/b", "x" * 81)),
        grams=_number(random, 500),
        class_id="X",
        methodology="forest",
        project="F1",
        jurisdiction=random.choice(("BR", "BR", "Brazil")),
        vintage_start_s=1_600_000_000,
        vintage_end_s=_number(random, 1_700_000_000),
    )
    return packet_pb2.CarbonPacket(credits=lot)


def _make_credits_home(random: Random) -> packet_pb2.CarbonPacket:
    grams = _number(random, random.choice((1, 700, 701)))
    batch = random.choice((BATCH, f"{CLIENT}/{BATCH}", "x" * 300))
    return packet_pb2.CarbonPacket(credits_home=packet_pb2.CreditsHome(batch=batch, grams=grams))
