"""State machines as tables: every status a record can have, and what moves it to the next one.

Promises that a record changes its status only along a row of its table. The diagrams of the
documentation are drawn from the same tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Generic, TypeVar

# Not bound to int: compiled code would make plain numbers of enum members.
S = TypeVar("S")
E = TypeVar("E", bound=Enum)


class Lifecycle(Generic[S, E]):
    """The legal moves of one kind of record: (status, event) -> status.

    name: what the record is, in the words of the glossary. initial: the status of a new record.
    get_name: the name of a status, for the documentation; by default that of an enum member.
    """

    def __init__(
        self,
        name: str,
        initial: S,
        moves: Mapping[tuple[S, E], S],
        get_name: Callable[[S], str] = attrgetter("name"),
    ) -> None:
        self.name = name
        self.initial = initial
        self.moves = dict(moves)
        self.get_name = get_name

    def next(self, status: S, event: E) -> S:
        """The status after an event; a move that is not in the table is a broken promise."""
        after = self.moves.get((status, event))
        assert after is not None, f"{self.name}: no {event.name} in status {status}"
        return after

    def has(self, status: S, event: E) -> bool:
        """Whether an event is legal in a status."""
        return (status, event) in self.moves
