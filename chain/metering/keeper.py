"""Recording readings, and turning them into the energy of a slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.metering.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering import rules
from chain.metering.state import BASELINES, CONFLICTS, LAST_SETTLED, PARAMS, READINGS
from chain.runtime import slots
from chain.runtime.collections import HasStore
from chain.runtime.context import Context
from chain.runtime.signatures import verify_ed25519

_REGISTER_MAX_WH = 1 << 63


class SlotEnergy(NamedTuple):
    """What a meter measured in a slot; `estimated` if its reading was missing."""

    meter_id: str
    import_wh: int
    export_wh: int
    estimated: bool


def record(ctx: Context, reading: state_pb2.Reading, bridge: str) -> state_pb2.ReadingResult:
    """Records a reading; returns its result. Only a new, valid reading and a conflict change the
    state.
    """
    meter = registry.get_meter(ctx, reading.meter_id)
    if meter is None:
        return state_pb2.READING_METER_UNKNOWN
    if meter.bridge != bridge:
        return state_pb2.READING_WRONG_BRIDGE
    key = (reading.slot, reading.meter_id)
    registers = state_pb2.Registers(
        import_wh=reading.import_register_wh, export_wh=reading.export_register_wh
    )
    recorded = READINGS.get(ctx, key)
    if recorded == registers:
        return state_pb2.READING_ALREADY_RECORDED
    params = PARAMS.at(ctx, reading.slot)
    rejection = _find_rejection(ctx, reading, meter, params)
    if rejection:
        return rejection
    if recorded is not None:
        _note_conflict(ctx, key, registers)
        return state_pb2.READING_CONFLICT
    if not _is_in_range(ctx, reading, registers, meter, params):
        return state_pb2.READING_OUT_OF_RANGE
    READINGS.set(ctx, key, registers)
    return state_pb2.READING_RECORDED


def get_params(state: HasStore) -> state_pb2.Params:
    """Slot length, deadlines and limits; to be read only."""
    return PARAMS.get_shared(state)


def get_slot_params(state: HasStore, slot: int) -> state_pb2.Params:
    """What is in force for a slot; to be read only."""
    return PARAMS.at(state, slot)


def get_tolerance_max_permille(state: HasStore) -> int:
    """The largest tolerance above connection capacities that any slot is metered with."""
    return max(params.capacity_tolerance_permille for params in PARAMS.list_all(state))


def get_deadline_s(params: state_pb2.Params, slot: int) -> int:
    """From this block time on readings of the slot are rejected, and it is settled.

    params: those of the slot.
    """
    return slots.end_s(slot, params.slot_length_s) + params.reading_deadline_s


def settle_reading(ctx: Context, slot: int, meter_id: str) -> SlotEnergy | None:
    """Settles the energy of a meter in a slot and returns it; None if its reading is missing.

    The meter is then settled up to its reading, unless an estimate was higher.
    """
    registers = READINGS.get(ctx, (slot, meter_id))
    kept = BASELINES.get(ctx, meter_id)
    if registers is None:
        if kept is None and (shown := _show_baseline(ctx, meter_id)) is not None:
            BASELINES.set(ctx, meter_id, shown)
        return None
    baseline = kept or _show_baseline(ctx, meter_id) or _make_baseline(ctx, meter_id)
    energy = SlotEnergy(
        meter_id,
        rules.compute_energy(registers.import_wh, baseline.settled_import_wh),
        rules.compute_energy(registers.export_wh, baseline.settled_export_wh),
        False,
    )
    import_wh = baseline.settled_import_wh + energy.import_wh
    export_wh = baseline.settled_export_wh + energy.export_wh
    if import_wh != registers.import_wh or export_wh != registers.export_wh:
        BASELINES.set(ctx, meter_id, _join(slot, registers, import_wh, export_wh))
    elif kept is not None:
        BASELINES.delete(ctx, meter_id)
    return energy


def settle_estimate(ctx: Context, meter_id: str, import_wh: int) -> SlotEnergy:
    """Settles an estimate of use; the next reading corrects it."""
    if import_wh:
        baseline = _get_settled(ctx, meter_id)
        baseline.settled_import_wh += import_wh
        BASELINES.set(ctx, meter_id, baseline)
    return SlotEnergy(meter_id, import_wh, 0, True)


def list_unsettled_energy(state: HasStore, first_slot: int) -> Iterator[tuple[int, int]]:
    """(slot, Wh) of each reading of a known meter from a slot on: its energy in both directions
    that is not settled.
    """
    for (slot, meter_id), registers in READINGS.items(state, start=(first_slot, "")):
        if registry.get_meter(state, meter_id) is not None:
            settled = _get_settled(state, meter_id)
            import_wh = rules.compute_energy(registers.import_wh, settled.settled_import_wh)
            export_wh = rules.compute_energy(registers.export_wh, settled.settled_export_wh)
            yield slot, import_wh + export_wh


def end_slot(ctx: Context, slot: int) -> None:
    """Notes that every meter is settled up to the end of a slot."""
    LAST_SETTLED.set(ctx, slot)


def get_last_settled(state: HasStore) -> int:
    """The last settled slot; 0 before the first."""
    return LAST_SETTLED.last(state)


def get_baseline(state: HasStore, meter_id: str) -> state_pb2.Baseline | None:
    """The last settled reading of a meter and its settled registers; None if neither a reading nor
    an estimate was settled.
    """
    return BASELINES.get(state, meter_id) or _show_baseline(state, meter_id)


def prune(ctx: Context, before: int, limit: int) -> int:
    """Removes readings and conflicts of slots before a slot, up to a limit; returns how many.

    Readings of the last settled slot stay: the energy of the next one is counted from them.
    """
    before = min(before, LAST_SETTLED.last(ctx))
    # A conflict never outlives its reading.
    removed = CONFLICTS.prune(ctx, before, limit)
    removed += READINGS.prune(ctx, before, limit - removed)
    return removed + PARAMS.prune(ctx, before, limit - removed)


def _find_rejection(
    ctx: Context,
    reading: state_pb2.Reading,
    meter: registry_pb2.Meter,
    params: state_pb2.Params,
) -> state_pb2.ReadingResult:
    if meter.status != registry_pb2.STATUS_ACTIVE:
        return state_pb2.READING_METER_NOT_ACTIVE
    if ctx.block.time_s < slots.end_s(reading.slot, params.slot_length_s):
        return state_pb2.READING_TOO_EARLY
    if ctx.block.time_s >= get_deadline_s(params, reading.slot):
        return state_pb2.READING_TOO_LATE
    content = rules.reading_sign_bytes(ctx.block.chain_id, reading)
    if not verify_ed25519(meter.pub_key, content, reading.signature):
        return state_pb2.READING_WRONG_SIGNATURE
    return state_pb2.READING_RESULT_UNSPECIFIED


def _note_conflict(ctx: Context, key: tuple[int, str], registers: state_pb2.Registers) -> None:
    conflict = CONFLICTS.get(ctx, key) or state_pb2.Conflict(registers=registers)
    conflict.count += 1
    CONFLICTS.set(ctx, key, conflict)


def _is_in_range(
    ctx: Context,
    reading: state_pb2.Reading,
    registers: state_pb2.Registers,
    meter: registry_pb2.Meter,
    params: state_pb2.Params,
) -> bool:
    """Compares with the readings of the neighbouring slots, else with the last settled one."""
    if max(registers.import_wh, registers.export_wh) >= _REGISTER_MAX_WH:
        return False

    def energy_max_wh(slot_count: int) -> int:
        return rules.compute_energy_max_wh(
            meter.capacity_w,
            slot_count,
            params.represented_duration_s,
            params.capacity_tolerance_permille,
        )

    after = READINGS.get(ctx, (reading.slot + 1, reading.meter_id))
    if after is not None and not rules.is_step_in_range(registers, after, energy_max_wh(1)):
        return False
    before, slot_before = _get_reading_before(ctx, reading, meter, params.slot_length_s)
    steps = reading.slot - slot_before
    return steps > 0 and rules.is_step_in_range(before, registers, energy_max_wh(steps))


def _get_reading_before(
    ctx: Context, reading: state_pb2.Reading, meter: registry_pb2.Meter, slot_length_s: int
) -> tuple[state_pb2.Registers, int]:
    """The nearest known registers before a reading, and the slot at whose end they were read."""
    if reading.slot:
        previous = READINGS.get(ctx, (reading.slot - 1, reading.meter_id))
        if previous is not None:
            return previous, reading.slot - 1
    baseline = get_baseline(ctx, reading.meter_id)
    if baseline is not None and baseline.slot:
        settled = state_pb2.Registers(import_wh=baseline.import_wh, export_wh=baseline.export_wh)
        return settled, baseline.slot
    initial = state_pb2.Registers(
        import_wh=meter.initial_import_wh, export_wh=meter.initial_export_wh
    )
    return initial, slots.slot_at(meter.added_at_s, slot_length_s) - 1


def _get_settled(state: HasStore, meter_id: str) -> state_pb2.Baseline:
    """The settled registers of a meter: its baseline, or its initial registers."""
    return get_baseline(state, meter_id) or _make_baseline(state, meter_id)


def _show_baseline(state: HasStore, meter_id: str) -> state_pb2.Baseline | None:
    """The baseline of a meter that was read in the last settled slot and has none on record."""
    slot = LAST_SETTLED.last(state)
    registers = READINGS.get(state, (slot, meter_id)) if slot else None
    if registers is None:
        return None
    return _join(slot, registers, registers.import_wh, registers.export_wh)


def _join(
    slot: int, read: state_pb2.Registers, settled_import_wh: int, settled_export_wh: int
) -> state_pb2.Baseline:
    return state_pb2.Baseline(
        slot=slot,
        import_wh=read.import_wh,
        export_wh=read.export_wh,
        settled_import_wh=settled_import_wh,
        settled_export_wh=settled_export_wh,
    )


def _make_baseline(state: HasStore, meter_id: str) -> state_pb2.Baseline:
    """The baseline of a meter that was never settled."""
    meter = registry.get_meter(state, meter_id)
    assert meter is not None, "a meter is settled that was never registered"
    return state_pb2.Baseline(
        import_wh=meter.initial_import_wh,
        export_wh=meter.initial_export_wh,
        settled_import_wh=meter.initial_import_wh,
        settled_export_wh=meter.initial_export_wh,
    )
