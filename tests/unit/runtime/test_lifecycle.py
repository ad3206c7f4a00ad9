"""A record moves along the rows of its table and no other way."""

from enum import Enum, auto
from typing import Any

import pytest

from chain.app import MODULES
from chain.runtime.lifecycle import Lifecycle


class Event(Enum):
    CLOSE = auto()
    REOPEN = auto()


OPEN, CLOSED = 1, 2
DOOR = Lifecycle("door", OPEN, {(OPEN, Event.CLOSE): CLOSED, (CLOSED, Event.REOPEN): OPEN})


def test_an_event_leads_to_the_status_of_its_row() -> None:
    assert DOOR.next(OPEN, Event.CLOSE) == CLOSED
    assert DOOR.has(CLOSED, Event.REOPEN)


def test_a_move_that_is_not_in_the_table_stops_loudly() -> None:
    assert not DOOR.has(OPEN, Event.REOPEN)
    with pytest.raises(AssertionError, match="door: no REOPEN"):
        DOOR.next(OPEN, Event.REOPEN)


@pytest.mark.parametrize(
    "lifecycle",
    [lifecycle for module in MODULES for lifecycle in module.lifecycles],
    ids=lambda lifecycle: lifecycle.name,
)
def test_every_status_of_a_table_is_reached_and_has_a_name(lifecycle: Lifecycle[Any, Any]) -> None:
    reached = {lifecycle.initial}
    for _ in lifecycle.moves:
        reached |= {after for (status, _), after in lifecycle.moves.items() if status in reached}
    named = {lifecycle.get_name(status) for status in reached}
    mentioned = {status for status, _ in lifecycle.moves} | set(lifecycle.moves.values())
    assert reached >= mentioned and len(named) == len(reached)
