"""Queries: every question of every module, simulation, and raw state with its proofs.

An answer can be read, is of bounded size, and comes again when it is asked for again. Whatever is
not answered is rejected with a code, and nothing that is asked changes the state.
"""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

from cosmos.ics23.v1.proofs_pb2 import CommitmentProof
from cosmos.tx.v1beta1 import service_pb2
from google.protobuf.message import DecodeError
from tendermint.abci import types_pb2 as abci

from chain import app
from tests.fuzz.making import wire
from tests.fuzz.making.node import FuzzedNode
from tests.fuzz.making.street import Street, choose_street, get_streets
from tests.fuzz.target import ACCEPTED, judge_rejection, require
from tests.support import vectors

# A page has at most 1,000 entries.
ANSWER_BYTES_MAX = 2 * 1024 * 1024
REJECTED_BY_PROTOBUF = "rejected, not a request"
_PATHS = ("", "/", "/store/", "/store//key", "/store/bank/", "/store/bank/key/x", "/app/version",
          "/p2p/filter/addr/1", "custom/bank", "/store/bank/subspace", "\x00")  # fmt: skip


class Queries:
    """Serialized RequestQuery messages, behind the number of the street that they ask about."""

    name = "queries"
    batch = 5_000

    def __init__(self) -> None:
        random = Random(2)
        self._asked = [_Asked(street, random) for street in get_streets()]
        self._paths = sorted(app.RULES.queries)
        self._answers = {path: vectors.answer_class(path) for path in app.RULES.queries}
        self._answers[app.SIMULATE_PATH] = service_pb2.SimulateResponse

    def begin(self) -> None:
        """Nothing that is asked changes anything."""

    def make(self, random: Random) -> bytes:
        number, street = choose_street(random)
        asked = self._asked[number[0]]
        kind = random.random()
        if kind < 0.2:
            request = asked.ask_for_state(random)
        elif kind < 0.3:
            request = asked.ask_to_simulate(random)
        else:
            request = asked.ask_the_rules(random.choice(self._paths), random)
        chance = random.random()
        if chance < 0.3:
            request.data = wire.mutate(request.data, random, street.tokens)
        elif chance < 0.34:
            request.path = random.choice((*_PATHS, request.path + "/", request.path[:-1]))
        elif chance < 0.38:
            request.height = random.choice((-1, 1, asked.node.committed.height, 1 << 62))
            request.prove = random.random() < 0.5
        raw = request.SerializeToString()
        return number + (wire.mutate(raw, random, street.tokens) if random.random() < 0.1 else raw)

    def check(self, data: bytes) -> str:
        asked = self._asked[data[0] % len(self._asked) if data else 0]
        try:
            request = abci.RequestQuery.FromString(data[1:])
        except DecodeError:
            return REJECTED_BY_PROTOBUF
        response = asked.node.application.query(request)
        asked.node.faults.require_none()
        require(response.height == asked.node.committed.height, "answered about another height")
        if zlib.crc32(data) % 16 == 0:
            again = asked.node.application.query(request)
            require(again == response, "asked twice, answered differently")
        if response.code:
            require(not response.value, "rejected, but with an answer")
            return judge_rejection(response.codespace, response.code, response.log)
        size = response.ByteSize()
        require(size <= ANSWER_BYTES_MAX, f"an answer of {size} bytes")
        self._require_readable(request, response)
        return ACCEPTED

    def end(self) -> None:
        for asked in self._asked:
            asked.require_unchanged()

    def close(self) -> None:
        # The last one opened gives its loggers back first.
        for asked in reversed(self._asked):
            asked.node.close()

    def _require_readable(self, request: abci.RequestQuery, response: abci.ResponseQuery) -> None:
        if request.path.removeprefix("/").startswith("store/"):
            require(response.key == request.data, "an answer about another key")
            require(request.prove == bool(response.proof_ops.ops), "proofs that nobody asked for")
            for op in response.proof_ops.ops:
                CommitmentProof.FromString(op.data)
            return
        answer = self._answers[request.path].FromString(response.value)
        again = wire.encode_canonically(answer)
        require(again == response.value, "an answer that is not in its canonical form")


class _Asked:
    """A node with the state of a street, and queries that make sense there."""

    def __init__(self, street: Street, random: Random) -> None:
        self._street = street
        self.node = FuzzedNode(street)
        self._state = dict(self.node.database.items(b"\x01"))
        self._keys = sorted(self._state)
        self._txs = [street.sign(street.make_message(random), random) for _ in range(50)]

    def require_unchanged(self) -> None:
        """Nothing that was asked has changed the state."""
        require(self.node.state.committed == self.node.committed, "queries changed the height")
        on_disk = dict(self.node.database.items(b"\x01"))
        require(on_disk == self._state, "queries have changed what is on disk")

    def ask_for_state(self, random: Random) -> abci.RequestQuery:
        """Raw state, mostly with a proof."""
        key = random.choice(self._keys)
        module = app.KEYSPACE.module_names[key[0]]
        if random.random() < 0.1:
            module = random.choice(list(app.KEYSPACE.module_names.values()))
        if random.random() < 0.3:
            key = wire.mutate_bytes(key, random, self._street.tokens)
        prove = random.random() < 0.7
        return abci.RequestQuery(path=f"/store/{module}/key", data=key[1:], prove=prove)

    def ask_the_rules(self, path: str, random: Random) -> abci.RequestQuery:
        """Any question of any module."""
        request: Any = self._street.make_request(path, random)
        if "pagination" in request.DESCRIPTOR.fields_by_name and random.random() < 0.3:
            # Behind a key of state, of the list that is asked for or of another one.
            request.pagination.key = random.choice(self._keys)[2:]
            request.pagination.limit = random.choice((0, 1, 2, 1000, 1 << 63))
        return abci.RequestQuery(path=path, data=request.SerializeToString())

    def ask_to_simulate(self, random: Random) -> abci.RequestQuery:
        """The simulation of a transaction."""
        raw = random.choice(self._txs)
        if random.random() < 0.8:
            raw = wire.mutate(raw, random, self._street.tokens)
        request = service_pb2.SimulateRequest(tx_bytes=raw)
        return abci.RequestQuery(path=app.SIMULATE_PATH, data=request.SerializeToString())
