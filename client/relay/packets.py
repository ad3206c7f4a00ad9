"""What has happened to packets, as the events of a block tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError
from ibc.core.channel.v2.packet_pb2 import Acknowledgement, Packet

SENT = "send_packet"
ANSWERED = "write_acknowledgement"


class Sent(NamedTuple):
    """A packet that was sent."""

    packet: Packet


class Answered(NamedTuple):
    """A packet that was taken, and what was answered."""

    packet: Packet
    acknowledgement: Acknowledgement


def read_events(events: Iterable[tuple[str, Mapping[str, str]]]) -> list[Sent | Answered]:
    """What events of type and attributes say; those of others, and what cannot be read, are left
    out: whoever writes an event cannot stop a relayer.
    """
    found: list[Sent | Answered] = []
    for kind, attributes in events:
        if kind not in (SENT, ANSWERED):
            continue
        try:
            packet = Packet.FromString(bytes.fromhex(attributes["encoded_packet_hex"]))
            if kind == SENT:
                found.append(Sent(packet))
            else:
                encoded = bytes.fromhex(attributes["encoded_acknowledgement_hex"])
                found.append(Answered(packet, Acknowledgement.FromString(encoded)))
        except (DecodeError, KeyError, ValueError):
            continue
    return found
