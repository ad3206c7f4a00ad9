"""The applications that send and take packets, by the port that each has on both chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ibc.core.channel.v2.packet_pb2 import Packet

from chain.ibc.keeper import IbcError
from chain.runtime.context import Context
from chain.runtime.errors import ChainError


class Application(NamedTuple):
    """What an application does with packets.

    receive: with one that comes; returns its answer, or None if it gives one before the block ends.
    What it rejects is answered with the error acknowledgement, and what it has written is dropped.
    acknowledge: with the answer to one that it has sent. time_out: with one that has not come in
    time.
    """

    receive: Callable[[Context, Packet], bytes | None]
    acknowledge: Callable[[Context, Packet, bytes], None]
    time_out: Callable[[Context, Packet], None]


# By port.
Applications = Mapping[str, Application]


def find_application(applications: Applications, packet: Packet) -> Application:
    """The application of a packet with one payload; rejects a port that none has."""
    (payload,) = packet.payloads
    found = applications.get(payload.destination_port)
    if found is None or payload.source_port != payload.destination_port:
        raise ChainError(IbcError.PACKET_INVALID, "no application has this port on both sides")
    return found
