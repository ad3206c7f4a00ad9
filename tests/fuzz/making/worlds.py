"""Worlds in which something of everything is on record, found among the vectors.

A new collection, or a new state that a record can be in, is fuzzed as soon as a vector has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from chain import app
from tests.support import vectors
from tests.support.world import World

# As the names of enum values are written.
_ENUM_VALUE = re.compile(r"[A-Z]+(_[A-Z0-9]+)+")


@cache
def find_worlds() -> tuple[World, ...]:
    """Few worlds that have between them every collection, and every enum value, of all vectors.

    Nobody changes them.
    """
    known = [(world, _name_features(app.export(world.store))) for world in _make_worlds()]
    missing = set().union(*(features for _, features in known))
    chosen = []
    while missing:
        world, features = max(known, key=lambda each: len(each[1] & missing))
        chosen.append(world)
        missing -= features
    return tuple(chosen)


def _make_worlds() -> Iterator[World]:
    """The state behind every vector that changes it."""
    for vector in vectors.load_all():
        if "rejected" in vector.content or "query" in vector.content:
            continue
        world = World(vector.get("pre"))
        vectors._prepare(world, vector)
        at = int(vector.get("block", {}).get("time_s", world.time_s))
        messages = [*vector.get("same_block", [])]
        if "message" in vector.content:
            messages.append(vector.content)
        txs = [world.sign(each["signer"], vectors.to_message(each["message"])) for each in messages]
        world.block(*txs, at=at)
        yield world


def _name_features(document: Any, path: str = "") -> set[str]:
    """The collections that are not empty, and the enum values by the places where they stand."""
    if isinstance(document, dict):
        return set().union(*(_name_features(v, f"{path}.{k}") for k, v in document.items()))
    if isinstance(document, list):
        found: set[str] = set().union(*(_name_features(item, path) for item in document))
        return found | {path} if document else found
    if isinstance(document, str) and _ENUM_VALUE.fullmatch(document):
        return {f"{path}={document}"}
    return set()
