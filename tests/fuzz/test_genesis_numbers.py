"""Every number of a genesis document, set to the edges of what 64 bits can hold.

Chance seldom puts such a number where it matters; here each place has each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fuzz.making.json_changes import to_text
from tests.fuzz.runner import Tally, interrupting, judge
from tests.fuzz.targets.genesis import Genesis

# Parts of a path are names, and places in lists.
_Path = tuple[str | int, ...]
# Documents in which a number of the same name is tried: the chain may be at another point in each.
DOCUMENTS_PER_NAME = 2
EDGES = (0, 10**12, 1 << 62, (1 << 63) - 1, (1 << 64) - 1)


@pytest.fixture(scope="module")
def target() -> Genesis:
    return Genesis()


@pytest.fixture(scope="module")
def places(target: Genesis) -> list[tuple[Any, _Path]]:
    """Documents, and paths to numbers in them."""
    chosen: dict[_Path, list[tuple[Any, _Path]]] = {}
    for document in target.documents:
        # In a list the last entry, which is the latest: more is still to come of it.
        last = {name_of(path): path for path in find_numbers(document)}
        for name, path in last.items():
            chosen.setdefault(name, []).append((document, path))
    return [place for found in chosen.values() for place in found[:DOCUMENTS_PER_NAME]]


def find_numbers(document: Any, path: _Path = ()) -> Iterator[_Path]:
    """Where numbers stand."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from find_numbers(value, (*path, name))
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield from find_numbers(value, (*path, place))
    elif isinstance(document, str) and document.isdecimal():
        yield path


def name_of(path: _Path) -> _Path:
    """The path without the places in lists."""
    return tuple(part for part in path if isinstance(part, str))


def put(document: Any, path: _Path, value: str) -> Any:
    """A copy with another value; what is not changed is shared with the original."""
    if not path:
        return value
    changed = document.copy()
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed


@pytest.mark.parametrize("edge", EDGES)
def test_a_number_at_the_edge_is_taken_or_rejected(
    target: Genesis, places: list[tuple[Any, _Path]], edge: int
) -> None:
    assert len(places) > 200
    tally = Tally()
    with interrupting():
        for number, (document, path) in enumerate(places):
            judge(target, to_text(put(document, path, str(edge))), 0, number, tally)
    assert not tally.findings, {places[one.number][1]: one.kind for one in tally.findings}
