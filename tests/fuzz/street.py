"""The street on which messages are fuzzed: some months old, with something of everything.

Made by the simulation from a fixed seed, so that every process has the same one. Good messages
come from the vectors and from what the simulation sent; what kinds of messages and questions there
are comes from the chain's own tables, so that a new one is fuzzed without being named here.
"""

from __future__ import annotations

import contextlib
import json
import re
from functools import cache
from random import Random
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from chain import app
from chain.runtime.errors import ChainError
from chain.runtime.tx import decode
from tests.fuzz.pools import Pools, fill, vary
from tests.support import cast, documents, vectors
from tests.support.simulation import Simulation
from tests.support.transactions import Envelope, sign
from tests.support.world import CHAIN_ID, FIRST_SLOT, World

SIMULATION_SEED = 1
# Slots as the vectors name them.
_SLOT = re.compile(rf"\b{FIRST_SLOT // 100}\d\d\b")
BLOCKS = 150


class Street:
    """A world after many blocks, and all that is known of good messages."""

    def __init__(self) -> None:
        simulation = Simulation(SIMULATION_SEED)
        sent: list[bytes] = []
        simulation.watch = lambda _: sent.extend(simulation.sent[-6:])
        simulation.run(BLOCKS)
        self.world: World = simulation.world
        self.names = simulation.everybody
        self.pools = Pools()
        self.messages: dict[str, list[Message]] = {url: [] for url in app.HANDLERS}
        self.requests: dict[str, list[Message]] = {path: [] for path in app.QUERIES}
        self._learn_from_vectors()
        self._learn_from_transactions(sent)
        self._learn_from_state()
        for messages in (*self.messages.values(), *self.requests.values()):
            for message in messages:
                self.pools.learn(message)
        self.tokens = self.pools.tokens()
        self._kinds = sorted(app.HANDLERS)
        self._envelopes: dict[str, Envelope] = {}

    def make_message(self, random: Random) -> Message:
        """A message of any kind: a good one, one that is nearly good, or any at all."""
        handler = app.HANDLERS[random.choice(self._kinds)]
        return self._make(handler.kind, self.messages[handler.type_url], random)

    def make_request(self, path: str, random: Random) -> Message:
        """A request for a question."""
        return self._make(app.QUERIES[path].request, self.requests[path], random)

    def sign(self, message: Message, random: Random, **changes: object) -> bytes:
        """A message in the transaction of its signer; of another one now and then."""
        handler = app.HANDLERS[f"/{message.DESCRIPTOR.full_name}"]
        name = cast.name_of(getattr(message, handler.signer_field))
        if name not in self.names or random.random() < 0.02:
            name = random.choice(self.names)
            setattr(message, handler.signer_field, cast.address_text(name))
        envelope = self._envelope(name)
        for key, value in changes.items():
            assert hasattr(envelope, key)
            envelope.__dict__[key] = value
        return sign(cast.wallet(name), [message], envelope)

    def _make(self, kind: type[Message], known: list[Message], random: Random) -> Message:
        message = kind()
        if known and random.random() < 0.85:
            message.CopyFrom(random.choice(known))
        else:
            fill(message, self.pools, random)
        for _ in range(random.choice((0, 1, 1, 2, 3))):
            vary(message, self.pools, random)
        return message

    def _envelope(self, name: str) -> Envelope:
        known = self._envelopes.get(name)
        if known is None:
            known = self._envelopes[name] = self.world.envelope(name)
        return Envelope(CHAIN_ID, known.account_number, known.sequence, fee=known.fee)

    def _learn_from_vectors(self) -> None:
        for loaded in vectors.load_all():
            vector = vectors.Vector(loaded.path, self._move_here(loaded.content))
            entries = [*vector.get("before", []), *vector.get("same_block", []), vector.content]
            for entry in entries:
                if entry.get("message", {}).get("@type") in app.HANDLERS:
                    message = vectors.to_message(entry["message"])
                    self.messages[entry["message"]["@type"]].append(message)
            query = app.QUERIES.get(vector.get("query", ""))
            if query is not None:
                fields = documents.resolve(vector.get("request", {}))
                request = json_format.ParseDict(fields, query.request())
                self.requests[query.path].append(request)

    def _move_here(self, content: dict[str, Any]) -> dict[str, Any]:
        """A vector about people, meters and slots of the simulation in place of its own."""
        text = json.dumps(content)
        for number, name in enumerate(cast.HOUSEHOLDS):
            text = text.replace(f'"{name}"', f'"home-{number}"')
            text = text.replace(f"meter-{name}", f"meter-{number}")
        shift = self.world.slot_ahead(0) - FIRST_SLOT
        text = _SLOT.sub(lambda found: str(int(found[0]) + shift), text)
        moved: dict[str, Any] = json.loads(text)
        return moved

    def _learn_from_state(self) -> None:
        """What is on record now: holds, slots, meters and so on, as far as empty requests tell."""
        for path, query in app.QUERIES.items():
            with contextlib.suppress(ChainError):
                kind = vectors.answer_class(path)
                self.pools.learn(self.world.query(path, query.request(), kind))

    def _learn_from_transactions(self, sent: list[bytes]) -> None:
        for raw in sent:
            try:
                decoded = decode(raw, app.HANDLERS)
            except ChainError:
                continue
            for handler, message in decoded.messages:
                if len(self.messages[handler.type_url]) < 200:
                    self.messages[handler.type_url].append(message)


@cache
def get_street() -> Street:
    """The street, made once per process. Nobody changes its world."""
    return Street()
