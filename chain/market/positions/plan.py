"""What an account has agreed for the slots that are not settled yet."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2

from chain.market.state import LAST_SLOT, POSITIONS, SLOTS
from chain.runtime.state.collections import HasStore


def get_plan(
    state: HasStore, owner: bytes, after: int
) -> list[tuple[int, state_pb2.Position | None]]:
    """Every slot after the given one that is not settled yet, in order, with the position of an
    account in it, which the caller must not change.

    Their number is limited by the horizon and the reading deadline, unless the settlement is late.
    """
    plan = []
    slot = LAST_SLOT.last(state)
    while slot > after:
        info = SLOTS.get_shared(state, slot)
        if info is None:
            slot = _get_slot_before(state, slot)
            continue
        # Slots are settled in their order.
        if info.status == state_pb2.SLOT_STATUS_SETTLED:
            break
        plan.append((slot, POSITIONS.get_shared(state, (slot, owner))))
        slot -= 1
    plan.reverse()
    return plan


def _get_slot_before(state: HasStore, slot: int) -> int:
    """The last slot on record before one that is not: a halt of the chain leaves a gap."""
    found = next(SLOTS.items(state, before=slot, reverse=True), None)
    return found[0] if found else 0
