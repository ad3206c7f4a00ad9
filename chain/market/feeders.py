"""What the lines of the grid carry in a slot, and what crossing them costs.

Every trade is booked at the feeder where its energy is used or made, and on all lines from there
to the head of the grid. The lines bound what can be agreed, not what is physically used: who uses
more than agreed pays the imbalance price.
"""

from __future__ import annotations

from typing import NamedTuple

from blockenergy.market.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import metering, registry
from chain.market.batch import LineHeadroom
from chain.market.state import FLOWS
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.runtime.units import WH_PER_KWH, floor_div

_SECONDS_PER_HOUR = 3600


class Headroom(NamedTuple):
    """What a feeder can still take in and give out in a slot, all lines above it included.

    None: the head of the grid, which has no line and therefore no limit.
    """

    import_wh: int | None
    export_wh: int | None


def get_flow(state: HasStore, slot: int, feeder: str) -> int:
    """Net energy agreed over the line of a feeder, in Wh; positive flows in."""
    flow = FLOWS.get_shared(state, (slot, feeder))
    return flow.import_wh - flow.export_wh if flow else 0


def book_flow(ctx: Context, slot: int, feeder: str, change_wh: int) -> None:
    """Adds to the flows from the head of the grid to a feeder; negative: energy made there."""
    for name, _ in registry.get_path(ctx, feeder):
        add_flow(ctx, slot, name, change_wh)


def add_flow(ctx: Context, slot: int, feeder: str, change_wh: int) -> None:
    """Adds to the flow over the line of one feeder."""
    net_wh = get_flow(ctx, slot, feeder) + change_wh
    if net_wh:
        flow = state_pb2.FeederFlow(import_wh=max(0, net_wh), export_wh=max(0, -net_wh))
        FLOWS.set(ctx, (slot, feeder), flow)
    else:
        FLOWS.delete(ctx, (slot, feeder))


def get_headroom(state: HasStore, slot: int, feeder: str) -> Headroom:
    """What can still be agreed at a feeder."""
    headroom = Headroom(None, None)
    for line in registry.get_path(state, feeder):
        import_wh, export_wh = get_line_headroom(state, slot, *line)
        headroom = Headroom(
            import_wh if headroom.import_wh is None else min(headroom.import_wh, import_wh),
            export_wh if headroom.export_wh is None else min(headroom.export_wh, export_wh),
        )
    return headroom


def get_line_headroom(
    state: HasStore, slot: int, feeder: str, info: registry_pb2.Feeder
) -> LineHeadroom:
    """What can still be agreed over the line of a feeder, the lines above it left aside."""
    capacity_wh, flow_wh = get_capacity_wh(state, info), get_flow(state, slot, feeder)
    return LineHeadroom(max(0, capacity_wh - flow_wh), max(0, capacity_wh + flow_wh))


def get_capacity_wh(state: HasStore, feeder: registry_pb2.Feeder) -> int:
    """What the line of a feeder carries in one slot; rounded down."""
    return (
        feeder.capacity_w * metering.get_params(state).represented_duration_s // _SECONDS_PER_HOUR
    )


def get_fee_per_kwh(state: HasStore, feeder: str) -> int:
    """What each kWh pays on its way between a feeder and the head of the grid."""
    return sum(info.grid_fee_per_kwh for _, info in registry.get_path(state, feeder))


def get_lines_between(
    state: HasStore, source: str, target: str
) -> tuple[list[tuple[str, registry_pb2.Feeder]], list[tuple[str, registry_pb2.Feeder]]]:
    """The lines that energy leaves by and those that it enters by, on its way between feeders."""
    out, into = registry.get_path(state, source), registry.get_path(state, target)
    shared = {name for name, _ in out} & {name for name, _ in into}
    return (
        [line for line in out if line[0] not in shared],
        [line for line in into if line[0] not in shared],
    )


def get_fee_between(state: HasStore, source: str, target: str) -> int:
    """What each kWh pays on its way between two feeders."""
    out, into = get_lines_between(state, source, target)
    return sum(info.grid_fee_per_kwh for _, info in out + into)


def get_headroom_between(
    state: HasStore, slot: int, source: str, target: str
) -> list[tuple[str, int]]:
    """What each line can still carry of energy on its way between two feeders, in Wh."""
    out, into = get_lines_between(state, source, target)
    leaving = [(line[0], get_line_headroom(state, slot, *line).export_wh) for line in out]
    entering = [(line[0], get_line_headroom(state, slot, *line).import_wh) for line in into]
    return leaving + entering


def get_feeders_below(state: HasStore, feeder: str) -> list[str]:
    """A feeder and all below it, from the top down."""
    branches: dict[str, list[str]] = {}
    for name, info in registry.get_feeders(state):
        branches.setdefault(info.parent, []).append(name)
    found = [feeder]
    # Grows while it is gone through: what branches off the last level is the next one.
    for name in found:
        found += branches.get(name, [])
    return found


def compute_grid_fee(grid_fee_per_kwh: int, quantity_wh: int) -> int:
    """The fee for an amount of energy; rounded down: the grid receives it."""
    return floor_div(quantity_wh * grid_fee_per_kwh, WH_PER_KWH)
