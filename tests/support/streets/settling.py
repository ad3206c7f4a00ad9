"""A street on its way to a settlement, and what can be read about it afterwards."""

from __future__ import annotations

from typing import Any

from blockenergy.metering.v1 import query_pb2 as metering_query_pb2
from blockenergy.metering.v1 import state_pb2 as metering_state_pb2
from blockenergy.settlement.v1 import query_pb2, state_pb2

from tests.support.streets import people
from tests.support.world import World

# Changes of a street whose purses are empty.
NO_SEED: dict[str, Any] = {
    **{f"market.purses[{number}]": None for number in range(12)},
    "bank.balances[purses, ueur]": None,
}


def opened(changes: dict[str, Any] | None = None) -> tuple[World, int]:
    """A street whose first slots are open, and the number of the first."""
    world = World(changes)
    world.block()
    return world, world.slot_ahead(1)


def settle(world: World, slot: int) -> None:
    """Empty blocks of one second until a slot is settled."""
    world.block(at=max(world.time_s, world.deadline_s(slot)))
    for _ in range(30):
        if f"settlement.results[{slot}]" in world.short() and is_settled(world, slot):
            return
        world.block(at=world.time_s + 1)
    raise AssertionError(f"slot {slot} is not settled after 30 blocks")


def is_settled(world: World, slot: int) -> bool:
    return bool(world.short()[f"market.slots[{slot}]"]["status"] == "SLOT_STATUS_SETTLED")


def line_of(world: World, slot: int, name: str) -> state_pb2.Line:
    request = query_pb2.QueryLineRequest(slot=slot, owner=people.address_text(name))
    path = "/blockenergy.settlement.v1.Query/Line"
    return world.query(path, request, query_pb2.QueryLineResponse).line


def result_of(world: World, slot: int) -> state_pb2.SlotResult:
    request = query_pb2.QueryResultRequest(slot=slot)
    path = "/blockenergy.settlement.v1.Query/Result"
    return world.query(path, request, query_pb2.QueryResultResponse).result


def baseline_of(world: World, meter_id: str) -> metering_state_pb2.Baseline:
    request = metering_query_pb2.QueryBaselineRequest(meter_id=meter_id)
    path = "/blockenergy.metering.v1.Query/Baseline"
    return world.query(path, request, metering_query_pb2.QueryBaselineResponse).baseline


def arrears_of(world: World) -> dict[str, int]:
    """What each debtor owes the default fund."""
    start, end = "bank.arrears[", ", ueur]"
    short = world.short()
    return {
        path[len(start) : -len(end)]: int(short[path]) for path in short if path.startswith(start)
    }


def owed_by_fund(world: World) -> dict[str, int]:
    """What the default fund owes, by slot and creditor."""
    start = "settlement.owed_by_fund["
    short = world.short()
    return {path[len(start) : -1]: int(short[path]) for path in short if path.startswith(start)}


def has_line(world: World, slot: int, name: str) -> bool:
    return f"settlement.lines[{slot}, {name}]" in world.short()
