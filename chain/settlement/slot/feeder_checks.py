"""Check meters: whether a feeder takes in what its meters say.

What all meters on a feeder and below it measured in a slot is added up, and compared with what its
check meter measured. The gap is shown and changes nobody's settlement: it may be a loss of the
line, an estimate, or a meter that says what it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from blockenergy.settlement.v1 import events_pb2, state_pb2

from chain import metering, registry
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.settlement.keeper import SlotContext
from chain.settlement.state import FEEDER_CHECKS


def add_up(ctx: Context, slot: int, energies: Iterable[metering.SlotEnergy]) -> None:
    """Adds what meters measured to the feeders above them that have a check meter."""
    checked = {feeder for _, feeder in registry.get_check_meters(ctx)}
    if not checked:
        return
    sums: dict[str, state_pb2.FeederCheck] = {}
    for energy in energies:
        for name, _ in registry.get_path(ctx, energy.feeder):
            if name in checked:
                check = sums.setdefault(name, _get(ctx, slot, name))
                check.import_wh += energy.import_wh
                check.export_wh += energy.export_wh
    _set(ctx, slot, sums)


def close(ctx: Context, slot_ctx: SlotContext) -> None:
    """Compares with the check meters, and announces it, after all accounts are settled."""
    slot = slot_ctx.slot
    for meter_id, name in list(registry.get_check_meters(ctx)):
        check, measured = _get(ctx, slot, name), metering.measure_check_meter(ctx, slot, meter_id)
        if measured is not None:
            check.measured = True
            check.measured_import_wh = measured.import_wh
            check.measured_export_wh = measured.export_wh
            metered_wh = check.import_wh - check.export_wh
            gap_wh = measured.import_wh - measured.export_wh - metered_wh
            check.missing_wh, check.excess_wh = max(0, gap_wh), max(0, -gap_wh)
            slot_ctx.result.checked_feeders += 1
            slot_ctx.result.gap_wh += abs(gap_wh)
        FEEDER_CHECKS.set(ctx, (slot, name), check)
        ctx.emit(events_pb2.EventFeederChecked(slot=slot, feeder=name, check=check))


def _get(state: HasStore, slot: int, feeder: str) -> state_pb2.FeederCheck:
    return FEEDER_CHECKS.get(state, (slot, feeder)) or state_pb2.FeederCheck()


def _set(ctx: Context, slot: int, checks: Mapping[str, state_pb2.FeederCheck]) -> None:
    for name, check in sorted(checks.items()):
        FEEDER_CHECKS.set(ctx, (slot, name), check)
