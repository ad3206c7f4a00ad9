"""What feeders carry in a slot, and what crossing them costs.

Every trade is booked at the feeder where its energy is used or produced, and on all feeders from
there up to the grid supply point. Feeders limit what can be agreed, not what is physically used:
use beyond what was agreed pays the imbalance price.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.market.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import metering, registry
from chain.market.state import FLOWS
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.runtime.units import WH_PER_KWH, floor_div

# (name, feeder), each below the next one.
_Path = list[tuple[str, registry_pb2.Feeder]]


class FeederHeadroom(NamedTuple):
    """What a feeder can still carry in either direction, in Wh."""

    import_wh: int
    export_wh: int


class Headroom(NamedTuple):
    """What a feeder can still take in and give out in a slot, with all feeders above it.

    None: the grid supply point, which has no limit.
    """

    import_wh: int | None
    export_wh: int | None


def get_flow(state: HasStore, slot: int, feeder: str) -> int:
    """Net energy agreed over a feeder, in Wh; positive: import."""
    flow = FLOWS.get_shared(state, (slot, feeder))
    return flow.import_wh - flow.export_wh if flow else 0


def book_flow(ctx: Context, slot: int, feeder: str, change_wh: int) -> None:
    """Adds to the flows from the grid supply point to a feeder; negative: export."""
    for name, _ in registry.get_path(ctx, feeder):
        add_flow(ctx, slot, name, change_wh)


def add_flow(ctx: Context, slot: int, feeder: str, change_wh: int) -> None:
    """Adds to the flow over one feeder."""
    net_wh = get_flow(ctx, slot, feeder) + change_wh
    if net_wh:
        flow = state_pb2.FeederFlow(import_wh=max(0, net_wh), export_wh=max(0, -net_wh))
        FLOWS.set(ctx, (slot, feeder), flow)
    else:
        FLOWS.delete(ctx, (slot, feeder))


def get_headroom(state: HasStore, slot: int, feeder: str) -> Headroom:
    """What can still be agreed at a feeder."""
    headroom = Headroom(None, None)
    for name, info in registry.get_path(state, feeder):
        import_wh, export_wh = get_feeder_headroom(state, slot, name, info)
        headroom = Headroom(
            import_wh if headroom.import_wh is None else min(headroom.import_wh, import_wh),
            export_wh if headroom.export_wh is None else min(headroom.export_wh, export_wh),
        )
    return headroom


def get_feeder_headroom(
    state: HasStore, slot: int, feeder: str, info: registry_pb2.Feeder
) -> FeederHeadroom:
    """What can still be agreed over a feeder, without regard to the feeders above it."""
    capacity_wh, flow_wh = get_capacity_wh(state, info), get_flow(state, slot, feeder)
    return FeederHeadroom(max(0, capacity_wh - flow_wh), max(0, capacity_wh + flow_wh))


def get_capacity_wh(state: HasStore, feeder: registry_pb2.Feeder) -> int:
    """What a feeder carries in one slot; rounded down."""
    return metering.compute_slot_energy_wh(state, feeder.capacity_w)


def get_fee_per_kwh(state: HasStore, feeder: str) -> int:
    """The grid fee between a feeder and the grid supply point."""
    return sum(info.grid_fee_per_kwh for _, info in registry.get_path(state, feeder))


def get_feeders_between(state: HasStore, source: str, target: str) -> tuple[_Path, _Path]:
    """The feeders that energy leaves and those that it enters between two grid nodes."""
    out, into = registry.get_path(state, source), registry.get_path(state, target)
    shared = {name for name, _ in out} & {name for name, _ in into}
    return (
        [entry for entry in out if entry[0] not in shared],
        [entry for entry in into if entry[0] not in shared],
    )


def get_fee_between(state: HasStore, source: str, target: str) -> int:
    """The grid fee between two grid nodes."""
    out, into = get_feeders_between(state, source, target)
    return sum(info.grid_fee_per_kwh for _, info in out + into)


def get_headroom_between(
    state: HasStore, slot: int, source: str, target: str
) -> list[tuple[str, int]]:
    """What each feeder can still carry of energy between two grid nodes, in Wh."""
    out, into = get_feeders_between(state, source, target)
    leaving = [(name, get_feeder_headroom(state, slot, name, info).export_wh) for name, info in out]
    entering = [
        (name, get_feeder_headroom(state, slot, name, info).import_wh) for name, info in into
    ]
    return leaving + entering


def get_feeders_below(state: HasStore, feeder: str) -> Iterator[str]:
    """A feeder and all below it, from the top down."""
    found = [feeder]
    # Grows while it is iterated: the branches of the last level are the next one.
    for name in found:
        yield name
        found += registry.get_branches(state, name)


def compute_grid_fee(grid_fee_per_kwh: int, quantity_wh: int) -> int:
    """The fee for a quantity of energy; rounded down: the grid receives it."""
    return floor_div(quantity_wh * grid_fee_per_kwh, WH_PER_KWH)
