"""The streets on which messages are fuzzed: some months old, or in the middle of a vector.

The first is made by the simulation from a fixed seed, so that every process has the same one; the
others have between them what any vector has on record. Good messages come from the vectors and
from what the simulation sent; what types of messages and queries there are comes from the
chain's own tables, so that a new one is fuzzed without being named here.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from random import Random
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from chain import app
from chain.runtime.errors import ChainError
from chain.runtime.tx import decode
from tests.fuzz.making.pools import Pools, fill, vary
from tests.fuzz.making.worlds import find_worlds
from tests.support import documents, vectors
from tests.support.simulated.simulation import Simulation
from tests.support.streets import people
from tests.support.transactions import Envelope, sign
from tests.support.world import FIRST_SLOT, World

SIMULATION_SEED = 1
BLOCKS = 150
MESSAGES_PER_KIND_MAX = 200
# Slots as the vectors name them.
_SLOT = re.compile(rf"\b{FIRST_SLOT // 100}\d\d\b")
_KINDS = sorted(app.RULES.handlers)


class Known:
    """What is known of good messages and queries, and of the values in them."""

    def __init__(self, contents: Iterable[dict[str, Any]]) -> None:
        """`contents` are those of vectors."""
        self.messages: dict[str, list[Message]] = {url: [] for url in app.RULES.handlers}
        self.requests: dict[str, list[Message]] = {path: [] for path in app.RULES.queries}
        self.pools = Pools()
        for content in contents:
            self._learn_from_vector(content)
        for messages in (*self.messages.values(), *self.requests.values()):
            for message in messages:
                self.pools.learn(message)

    def learn_from_transactions(self, sent: Iterable[bytes]) -> None:
        """The messages of transactions that can be decoded."""
        for raw in sent:
            with contextlib.suppress(ChainError):
                for handler, message in decode(raw, app.RULES.handlers).messages:
                    if len(self.messages[handler.type_url]) < MESSAGES_PER_KIND_MAX:
                        self.messages[handler.type_url].append(message)
                        self.pools.learn(message)

    def learn_from_state(self, world: World) -> None:
        """What is on record: holds, slots, meters and so on, as far as empty requests tell."""
        for path, query in app.RULES.queries.items():
            with contextlib.suppress(ChainError):
                answer = world.query(path, query.request(), vectors.answer_class(path))
                self.pools.learn(answer)

    def make_message(self, random: Random) -> Message:
        """A message of any kind: a good one, one that is nearly good, or any at all."""
        handler = app.RULES.handlers[random.choice(_KINDS)]
        return self._make(handler.message_type, self.messages[handler.type_url], random)

    def make_request(self, path: str, random: Random) -> Message:
        """A request for a question."""
        return self._make(app.RULES.queries[path].request, self.requests[path], random)

    def _make(self, kind: type[Message], known: list[Message], random: Random) -> Message:
        message = kind()
        if known and random.random() < 0.85:
            message.CopyFrom(random.choice(known))
        else:
            fill(message, self.pools, random)
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            vary(message, self.pools, random)
        return message

    def _learn_from_vector(self, content: dict[str, Any]) -> None:
        for entry in [*content.get("before", []), *content.get("same_block", []), content]:
            url = entry.get("message", {}).get("@type")
            if url in app.RULES.handlers:
                self.messages[url].append(vectors.to_message(entry["message"]))
        query = app.RULES.queries.get(content.get("query", ""))
        if query is not None:
            fields = documents.resolve(content.get("request", {}))
            self.requests[query.path].append(json_format.ParseDict(fields, query.request()))


class Street:
    """A world that nobody changes, who is in it, and what is known of good messages there."""

    def __init__(self, world: World, names: Sequence[str], known: Known) -> None:
        self.world = world
        self.names = names
        self.known = known
        known.learn_from_state(world)
        self.tokens = known.pools.tokens()
        self._envelopes: dict[str, Envelope] = {}

    def make_message(self, random: Random) -> Message:
        """A message of any kind."""
        return self.known.make_message(random)

    def make_request(self, path: str, random: Random) -> Message:
        """A request for a question."""
        return self.known.make_request(path, random)

    def sign(self, message: Message, random: Random) -> bytes:
        """A message in the transaction of its signer; of another one now and then."""
        handler = app.RULES.handlers[f"/{message.DESCRIPTOR.full_name}"]
        name = people.name_of(getattr(message, handler.signer_field))
        if name not in self.names or random.random() < 0.02:
            name = random.choice(self.names)
            setattr(message, handler.signer_field, people.address_text(name))
        envelope = self.world.pay(self._envelope(name), message.ByteSize() + 100, [message])
        return sign(people.wallet(name), [message], envelope)

    def _envelope(self, name: str) -> Envelope:
        if name not in self._envelopes:
            self._envelopes[name] = self.world.envelope(name)
        return self._envelopes[name]


@cache
def get_street() -> Street:
    """The street of the simulation, made once per process."""
    simulation = Simulation(SIMULATION_SEED)
    sent: list[bytes] = []
    simulation.watch = lambda _: sent.extend(simulation.sent[-6:])
    simulation.run(BLOCKS)
    shift = simulation.world.slot_ahead(0) - FIRST_SLOT
    known = Known(_move(vector.content, shift) for vector in vectors.load_all())
    known.learn_from_transactions(sent)
    return Street(simulation.world, simulation.all_names, known)


@cache
def get_streets() -> tuple[Street, ...]:
    """The street of the simulation, and those of the vectors, which share what is known."""
    known = Known(vector.content for vector in vectors.load_all())
    names = [*people.HOUSEHOLDS, *people.GRID, *people.UNREGISTERED]
    return (get_street(), *(Street(world, names, known) for world in find_worlds()))


def split_street(data: bytes) -> tuple[Street, bytes]:
    """The street that the first byte stands for, and the rest."""
    streets = get_streets()
    return streets[data[0] % len(streets) if data else 0], data[1:]


def choose_street(random: Random) -> tuple[bytes, Street]:
    """The first byte of an input and the street that it stands for: mostly not the first one."""
    streets = get_streets()
    number = random.randrange(len(streets)) if random.random() < 0.7 else 0
    return bytes([number]), streets[number]


def _move(content: dict[str, Any], shift: int) -> dict[str, Any]:
    """A vector about people, meters and slots of the simulation in place of its own."""
    text = json.dumps(content)
    for number, name in enumerate(people.HOUSEHOLDS):
        text = text.replace(f'"{name}"', f'"home-{number}"')
        text = text.replace(f"meter-{name}", f"meter-{number}")
    text = _SLOT.sub(lambda found: str(int(found[0]) + shift), text)
    moved: dict[str, Any] = json.loads(text)
    return moved
