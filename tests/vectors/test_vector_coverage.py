"""Nothing a user can send, ask or be rejected with is without a vector."""

from __future__ import annotations

from collections import Counter

import pytest
from blockenergy.metering.v1 import state_pb2

from chain import app
from chain.runtime.module import snake_case
from client.definitions import get_files
from tests.support import vectors

VECTORS = vectors.load_all()
# Errors that no single transaction or query can cause.
BEYOND_VECTORS = {
    ("sdk", "PANIC"): "a fault of the chain; tests/unit/chain/test_transactions.py makes one",
    ("sdk", "INVALID_HEIGHT"): "heights of queries are the node's business",
    ("upgrade", "NAME_USED"): "no upgrade has happened; tests/unit/upgrade makes one",
    ("tielines", "PACKET_INVALID"): "answered to another chain; tests/unit/tielines sends such",
    **{
        ("carbontransfer", name): "answered to another chain; tests/unit/carbontransfer sends such"
        for name in ("PACKET_INVALID", "MORE_THAN_LEFT", "SERIES_DIFFERS", "BATCH_DIFFERS")
    },
    ("carbontransfer", "TOO_MANY_BATCHES"): "answered to another chain; as those",
    ("carbontransfer", "EXPIRED"): "between two blocks; tests/unit/carbontransfer has one",
    ("sdk", "MEMPOOL_IS_FULL"): "the mempool of a node; tests/unit/chain/test_mempool_shares.py",
}
# Events that take another release.
BEYOND_EVENTS = {"EventUpgraded": "tests/unit/upgrade has two releases"}


def _folders() -> list[str]:
    return [
        f"{module.name}/{snake_case(url.rpartition('.Msg')[2])}"
        for module in app.MODULES
        for url in module.handlers
    ]


@pytest.mark.parametrize("folder", _folders())
def test_every_message_has_a_success_and_as_many_rejections(folder: str) -> None:
    rejected = ["rejected" in vector.content for vector in VECTORS if vector.folder == folder]
    successes, rejections = rejected.count(False), rejected.count(True)
    assert successes >= 1, f"tests/vectors/{folder} has no success"
    assert rejections >= successes, f"tests/vectors/{folder} has more successes than rejections"


def test_a_vector_lies_in_the_folder_of_its_message() -> None:
    urls = {
        f"{module.name}/{snake_case(url.rpartition('.Msg')[2])}": url
        for module in app.MODULES
        for url in module.handlers
    }
    for vector in VECTORS:
        if vector.folder in urls:
            assert vector["message"]["@type"] == urls[vector.folder], vector.name
        else:
            kind = vector.folder.partition("/")[2]
            assert kind in ("block", "query", "transaction"), f"{vector.name}: no such message"


@pytest.mark.parametrize("path", sorted(app.RULES.queries))
def test_every_query_has_a_vector(path: str) -> None:
    assert any(vector.get("query") == path for vector in VECTORS), f"no vector asks {path}"


@pytest.mark.parametrize("codespace", sorted(vectors.ERRORS))
def test_every_rejection_is_reached(codespace: str) -> None:
    reached = {
        (vector["rejected"]["codespace"], vector["rejected"]["code"])
        for vector in VECTORS
        if "rejected" in vector.content
    }
    declared = {
        (codespace, value.name)
        for value in vectors.ERRORS[codespace].DESCRIPTOR.values
        if value.number
    }
    missing = sorted(declared - reached - BEYOND_VECTORS.keys())
    assert not missing, f"no vector is rejected with {missing}"
    assert not reached & BEYOND_VECTORS.keys()


def test_every_result_of_a_reading_is_reached() -> None:
    reached = Counter(
        result
        for vector in VECTORS
        if vector.folder.startswith("metering/")
        for result in vector.get("response", {}).get("results", [])
    )
    declared = set(state_pb2.ReadingResult.keys()) - {"READING_RESULT_UNSPECIFIED"}
    assert declared == set(reached)


def test_every_event_is_announced() -> None:
    reached = {name for vector in VECTORS for event in vector.get("events", []) for name in event}
    declared = {name for module in app.MODULES for name in _events_of(module.name)}
    declared -= BEYOND_EVENTS.keys()
    assert not declared - reached, f"no vector announces {sorted(declared - reached)}"


def _events_of(module: str) -> list[str]:
    path = f"blockenergy/{module}/v1/events.proto"
    found = [file for file in get_files() if file.name == path]
    # Beside events there are parts of them.
    names = [name for file in found for name in file.message_types_by_name]
    return [name for name in names if name.startswith("Event")]
