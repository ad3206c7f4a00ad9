"""Parameters of a module: one record, changed as a whole, in force from a slot on.

Each field's definition says from when on a change of it is in force (options.proto, InForce).
Promises that an opened slot keeps the per-slot fields of the parameters under which it was opened,
until the slot is pruned.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeVar

from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chain.runtime.encoding.keys import U64
from chain.runtime.encoding.options import get_option
from chain.runtime.encoding.values import Record
from chain.runtime.state.collections import HasStore, Item, Map, Schema

M = TypeVar("M", bound=Message)

SUPERSEDED = "superseded_params"
_FROM_SLOT = "from_slot"


class Params(Item[M]):
    """The newest parameters; with fields for slots also the older ones that slots still need.

    A superseded record lies under the last slot that it is in force for, and `from_slot` of the one
    after it is the slot behind that. So one point read tells that nothing older is needed.
    """

    def __init__(
        self, schema: Schema, number: int, message_type: type[M], superseded: int | None = None
    ) -> None:
        """superseded: the number of the collection of older records, where fields are for slots."""
        self.record = Record(message_type)
        super().__init__(schema, number, "params", self.record)
        self.message_type = message_type
        self.type_url = f"/{message_type.DESCRIPTOR.full_name}"
        self._for_slots = _list_fields(message_type, options.IN_FORCE_NEXT_SLOT)
        assert bool(self._for_slots) == (superseded is not None)
        self.superseded: Map[int, M] | None = None
        if superseded is not None:
            self.superseded = Map(schema, superseded, SUPERSEDED, U64, self.record)

    def at(self, state: HasStore, slot: int) -> M:
        """The record whose fields for slots are in force for a slot; it must not be changed.

        Its other fields may be out of date: those are for `get` and `get_shared`.
        """
        newest = self.get_shared(state)
        if self.superseded is None or slot >= get_from_slot(newest):
            return newest
        return next((older for _, older in self.superseded.items(state, start=slot)), newest)

    def list_all(self, state: HasStore) -> Iterator[M]:
        """The newest record and all that are kept for older slots."""
        older = () if self.superseded is None else self.superseded.items(state)
        return chain([self.get(state)], (record for _, record in older))

    def replace(self, state: HasStore, new: M, last_opened: int) -> int:
        """Puts a record in force; fields for slots from the slot behind `last_opened` on.

        Returns that slot, or 0 if all that changes is in force at once.
        """
        old = self.get(state)
        if not last_opened or not self._list_changed(old, new, self._for_slots):
            _set_from_slot(new, get_from_slot(old))
            self.set(state, new)
            return 0
        assert self.superseded is not None
        # What was replaced before any slot was opened with it was never in force for one.
        if get_from_slot(old) <= last_opened:
            self.superseded.set(state, last_opened, old)
        _set_from_slot(new, last_opened + 1)
        self.set(state, new)
        return last_opened + 1

    def prune(self, state: HasStore, before: int, limit: int) -> int:
        """Removes records that no slot from `before` on needs, up to a limit; returns how many."""
        if self.superseded is None or not get_from_slot(self.get_shared(state)):
            return 0
        return self.superseded.prune(state, before, limit)

    def find_forbidden_change(self, old: M, new: M) -> str:
        """The first field that may not change like this, with its rule; empty if there is none."""
        for field in self.message_type.DESCRIPTOR.fields:
            before, after = getattr(old, field.name), getattr(new, field.name)
            is_fixed = get_option(field, options.in_force) == options.IN_FORCE_FIXED
            if is_fixed and before != after:
                return f"{field.name}: fixed at genesis"
            if get_option(field, options.never_lowered) and after < before:
                return f"{field.name}: never lowered"
        return ""

    def is_same(self, old: M, new: M) -> bool:
        """Whether two records say the same, apart from what the chain sets."""
        names = [field.name for field in self.message_type.DESCRIPTOR.fields]
        return not self._list_changed(old, new, [name for name in names if name != _FROM_SLOT])

    def check_invariants(self, state: HasStore) -> list[str]:
        """A sentence for each superseded record that the next one does not follow at once."""
        if self.superseded is None:
            return []
        kept = list(self.superseded.items(state))
        records = [*(record for _, record in kept), self.get(state)]
        return [
            f"the parameters superseded after slot {slot} are followed from {get_from_slot(after)}"
            for (slot, _), after in zip(kept, records[1:], strict=True)
            if get_from_slot(after) != slot + 1
        ]

    @staticmethod
    def _list_changed(old: M, new: M, names: list[str]) -> list[str]:
        return [name for name in names if getattr(old, name) != getattr(new, name)]


def get_from_slot(params: Message) -> int:
    """The first slot that parameters are in force for; 0: all."""
    return int(getattr(params, _FROM_SLOT, 0))


def _set_from_slot(params: Message, slot: int) -> None:
    if _FROM_SLOT in params.DESCRIPTOR.fields_by_name:
        setattr(params, _FROM_SLOT, slot)


def _list_fields(message_type: Any, in_force: int) -> list[str]:
    fields: list[FieldDescriptor] = list(message_type.DESCRIPTOR.fields)
    return [field.name for field in fields if get_option(field, options.in_force) == in_force]
