"""Invariants of tie lines."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2

from chain import market
from chain.runtime.state.collections import HasStore
from chain.tielines import keeper
from chain.tielines.state import PLACED, SCHEDULES


def no_placed_orders_left(state: HasStore) -> list[str]:
    """Between blocks tie lines have no orders."""
    return [f"order {order_id} of a tie line is left" for order_id, _ in PLACED.items(state)]


def schedules_traded(state: HasStore) -> list[str]:
    """Until the gate closes a tie line has traded what is on its schedule: agreed, on its way, and
    to be traded back. Afterwards a curtailment may change the position.
    """
    problems = []
    for (slot, name), schedule in SCHEDULES.items(state):
        info = market.get_slot(state, slot)
        if info is None or info.status != market_pb2.SLOT_STATUS_OPEN:
            continue
        scheduled_wh = schedule.exported_wh + schedule.pending_export_wh + schedule.back_export_wh
        scheduled_wh -= schedule.imported_wh + schedule.pending_import_wh + schedule.back_import_wh
        position = market.get_position(state, slot, keeper.get_account(name))
        net_wh = position.bought_wh - position.sold_wh if position else 0
        if scheduled_wh != net_wh:
            problems.append(f"{name}, slot {slot}: {net_wh} Wh are traded of {scheduled_wh}")
    return problems
