"""Validators whose connections to each other pass through relays: needs no rights at all."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations, permutations
from pathlib import Path

from node_config.localnet.layout import load_layout
from tests.chaos.support.connections.relays import LOOPBACK, Link, Relays

CONNECT_S = 5.0


class Links:
    """One link for each pair of nodes."""

    def __init__(self, relays: Relays, chance: random.Random) -> None:
        self._relays = relays
        self._chance = chance
        self._links: dict[frozenset[str], Link] = {}

    def prepare(self, home: Path) -> None:
        """Has every node look for each other one behind a relay of its own."""
        nodes = load_layout(home).nodes
        for pair in combinations(nodes, 2):
            names = frozenset(node.name for node in pair)
            self._links[names] = Link(random.Random(self._chance.random()))
        for node, other in permutations(nodes, 2):
            link = self._links[frozenset({node.name, other.name})]
            port = self._relays.add(link, lambda port=other.p2p.port: connect(port))  # type: ignore[misc]
            config = node.home / "config" / "config.toml"
            text = config.read_text()
            place = f"@{LOOPBACK}:{other.p2p.port}"
            assert text.count(place) == 1
            config.write_text(text.replace(place, f"@{LOOPBACK}:{port}"))

    def delay(self, delay_s: float, jitter_s: float) -> None:
        """Every message between nodes takes so long, and up to the jitter longer."""

        def change(link: Link) -> None:
            link.delay_s, link.jitter_s = delay_s, jitter_s

        self._change(change, self._links.values())

    def silence(self, *groups: Sequence[str]) -> None:
        """Nothing passes between nodes of different groups; connections do not notice."""
        self._change(lambda link: link.flows.clear(), self._get_between(groups))

    def cut(self, *groups: Sequence[str]) -> None:
        """Connections between nodes of different groups are reset, and new ones too."""

        def change(link: Link) -> None:
            link.is_closed = True
            link.reset()

        self._change(change, self._get_between(groups))

    def reset(self, one: str, other: str) -> None:
        """Ends the connections of two nodes; they may connect again."""
        self._change(lambda link: link.reset(), [self._links[frozenset({one, other})]])

    def heal(self) -> None:
        """Everything passes again."""

        def change(link: Link) -> None:
            link.is_closed = False
            link.delay_s = link.jitter_s = 0.0
            link.flows.set()

        self._change(change, self._links.values())

    def _get_between(self, groups: Sequence[Sequence[str]]) -> list[Link]:
        return [
            self._links[frozenset({one, other})]
            for group, another in combinations(groups, 2)
            for one in group
            for other in another
        ]

    def _change(self, change: Callable[[Link], object], links: Iterable[Link]) -> None:
        async def run() -> None:
            for link in links:
                change(link)

        self._relays.do(run())


@contextmanager
def make_links(chance: random.Random) -> Iterator[Links]:
    """Links for a network that is made while the block runs."""
    with Relays() as relays:
        yield Links(relays, chance)


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=CONNECT_S)
