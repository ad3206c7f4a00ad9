"""A relayer that drops, doubles, delays and reorders what happens between two chains."""

from __future__ import annotations

from random import Random

from ibc.core.channel.v2.packet_pb2 import Packet

from chain import ibc
from chain.ibc.state import PACKETS
from client.relay.packets import Answered, Sent
from tests.support.others.two_chains import RELAYER, Chain, Link


class BadRelayer:
    """Relays over a link as it likes; in the end, all that is left."""

    def __init__(self, link: Link, random: Random) -> None:
        self.link = link
        self.random = random
        # What it may bring, and has brought before: of each chain, in the order of its blocks.
        self.known: dict[Chain, list[Sent | Answered]] = {chain: [] for chain in link.chains}
        # What it will not bring before the end.
        self.dropped: set[tuple[Chain, int]] = set()

    def act(self) -> None:
        """Brings something, perhaps once more, or nothing."""
        source = self.random.choice(self.link.chains)
        self._look(source)
        if not self.known[source]:
            return
        # The latest are likelier, so that some arrive before those that were sent earlier.
        place = len(self.known[source]) - 1 - self.random.randrange(min(6, len(self.known[source])))
        one = self.known[source][place]
        if self.random.random() < 0.15:
            self.dropped.add((source, place))
        if (source, place) not in self.dropped:
            self._bring(source, one)

    def finish(self) -> None:
        """Brings all that is left, and ends what is too late."""
        for chain in self.link.chains:
            chain.block(at=max(one.time_s for one in self.link.chains) + 1)
        for _ in range(2):
            for source in self.link.chains:
                self._look(source)
                for one in list(self.known[source]):
                    self._bring(source, one)
        for source in self.link.chains:
            for packet in self._list_open(source):
                self.link.time_out(source, packet)

    def _look(self, source: Chain) -> None:
        self.known[source] = [one for _, one in source.happened]

    def _bring(self, source: Chain, one: Sent | Answered) -> None:
        """Whether it is taken is the other chain's matter."""
        target = self.link.other(source)
        sender = source if isinstance(one, Sent) else target
        # What has ended is brought again now and then.
        if not self._is_open(sender, one.packet) and self.random.random() < 0.7:
            return
        message = self.link.make_message(target, one)
        target.block(at=max(target.time_s + 1, source.time_s))
        target.block(target.sign(RELAYER, self.link.update(target), message), at=target.time_s + 1)

    def _list_open(self, chain: Chain) -> list[Packet]:
        sent = [one.packet for _, one in chain.happened if isinstance(one, Sent)]
        return [packet for packet in sent if self._is_open(chain, packet)]

    def _is_open(self, chain: Chain, packet: Packet) -> bool:
        key = (packet.source_client, ibc.Kind.COMMITMENT), packet.sequence
        return PACKETS.has(chain.state, key)
