"""A record moves along the rows of its table and no other way."""

from enum import Enum, auto

import pytest

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
