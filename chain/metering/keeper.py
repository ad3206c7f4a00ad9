"""Recording readings, and turning them into the energy of a slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.metering.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering import rules
from chain.metering.state import BASELINES, CONFLICTS, LAST_SETTLED, OFFSETS, PARAMS, READINGS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.signatures import verify_ed25519
from chain.runtime.state.collections import HasStore

_REGISTER_MAX_WH = 1 << 63
# Where a reading is looked for that is not settled yet: bounds the work of an exchange.
_SLOTS_LOOKED_BACK = 200


class SlotEnergy(NamedTuple):
    """What a meter measured in a slot; `estimated` if its reading was missing.

    exact: all of it was measured in this slot, and nothing of it before.
    """

    meter_id: str
    import_wh: int
    export_wh: int
    estimated: bool
    exact: bool = False


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
    shown = state_pb2.Registers(
        import_wh=reading.import_register_wh, export_wh=reading.export_register_wh
    )
    registers = _continue_registers(ctx, reading.meter_id, meter, shown)
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
    meter = _require_meter(ctx, meter_id)
    registers = READINGS.get(ctx, (slot, meter_id))
    kept = BASELINES.get(ctx, meter_id)
    if registers is None:
        if kept is None and (shown := _show_baseline(ctx, meter_id, meter)) is not None:
            BASELINES.set(ctx, meter_id, shown)
        return None
    read = None if kept else _show_baseline(ctx, meter_id, meter)
    baseline = kept or read or _make_baseline(meter)
    (import_wh, import_ahead_wh), (export_wh, export_ahead_wh) = _measure(
        meter, baseline, registers
    )
    if import_ahead_wh or export_ahead_wh:
        ahead = _make_read(slot, registers)
        ahead.import_ahead_wh, ahead.export_ahead_wh = import_ahead_wh, export_ahead_wh
        BASELINES.set(ctx, meter_id, ahead)
    elif kept is not None:
        BASELINES.delete(ctx, meter_id)
    exact = read.slot == slot - 1 if read else not kept and _is_added_in(ctx, meter, slot)
    return SlotEnergy(meter_id, import_wh, export_wh, False, exact)


def settle_estimate(ctx: Context, meter_id: str, import_wh: int) -> SlotEnergy:
    """Settles an estimate of use; the next reading corrects it."""
    if import_wh:
        baseline = _get_settled(ctx, meter_id, _require_meter(ctx, meter_id))
        baseline.import_ahead_wh += import_wh
        BASELINES.set(ctx, meter_id, baseline)
    return SlotEnergy(meter_id, import_wh, 0, True)


def get_import_register(state: HasStore, slot: int, meter_id: str) -> tuple[int, int]:
    """The import register of a recorded reading, in Wh, and what registers are counted modulo."""
    registers = READINGS.get_shared(state, (slot, meter_id))
    assert registers is not None, "there is no such reading"
    return registers.import_wh, registry.get_register_size_wh(_require_meter(state, meter_id))


def list_unsettled_energy(state: HasStore, first_slot: int) -> Iterator[tuple[int, int]]:
    """(slot, Wh) of each reading of a known meter from a slot on: its energy in both directions
    that is not settled.
    """
    for (slot, meter_id), registers in READINGS.items(state, start=(first_slot, "")):
        if (meter := registry.get_meter(state, meter_id)) is not None:
            baseline = _get_settled(state, meter_id, meter)
            (import_wh, _), (export_wh, _) = _measure(meter, baseline, registers)
            yield slot, import_wh + export_wh


def find_exchange_error(ctx: Context, meter_id: str, final: state_pb2.Registers) -> str:
    """Why the registers of a meter cannot have been these when it was taken out, in the slot in
    delivery; empty if they can.
    """
    meter = _require_meter(ctx, meter_id)
    slot_length_s = PARAMS.get_shared(ctx).slot_length_s
    slot = slots.slot_at(ctx.block.time_s, slot_length_s)
    final = _continue_registers(ctx, meter_id, meter, final)
    before, slot_before = _get_last_read(ctx, meter_id, meter, slot_length_s)
    for unsettled in range(slot - 1, max(slot_before, slot - _SLOTS_LOOKED_BACK), -1):
        if (registers := READINGS.get(ctx, (unsettled, meter_id))) is not None:
            before, slot_before = registers, unsettled
            break
    most_wh = _compute_energy_max_wh(meter, PARAMS.at(ctx, slot), slot - slot_before)
    size_wh = registry.get_register_size_wh(meter)
    if rules.is_step_in_range(before, final, size_wh, most_wh):
        return ""
    return f"at most {most_wh} Wh from {before.import_wh} and {before.export_wh}"


def exchange(
    ctx: Context, meter_id: str, final: state_pb2.Registers, initial: state_pb2.Registers
) -> None:
    """Lets the registers of another device continue those of a meter, from the final ones of the
    old device and the initial ones of the new.
    """
    size_wh = registry.get_register_size_wh(_require_meter(ctx, meter_id))
    old = OFFSETS.get(ctx, meter_id) or state_pb2.Offset()
    offset = state_pb2.Offset(
        import_wh=(final.import_wh + old.import_wh - initial.import_wh) % size_wh,
        export_wh=(final.export_wh + old.export_wh - initial.export_wh) % size_wh,
    )
    OFFSETS.set(ctx, meter_id, offset)


def close_if_removed(ctx: Context, meter_id: str, slot_end_s: int) -> bool:
    """Closes a meter that was removed before the end of a slot, so that its id is free; returns
    whether it is closed.
    """
    if not registry.close_if_removed(ctx, meter_id, slot_end_s):
        return False
    BASELINES.delete(ctx, meter_id)
    OFFSETS.delete(ctx, meter_id)
    return True


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
    meter = registry.get_meter(state, meter_id)
    if meter is None:
        return None
    return BASELINES.get(state, meter_id) or _show_baseline(state, meter_id, meter)


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
    if max(reading.import_register_wh, reading.export_register_wh) >= _REGISTER_MAX_WH:
        return False
    size_wh = registry.get_register_size_wh(meter)
    after = READINGS.get(ctx, (reading.slot + 1, reading.meter_id))
    most_wh = _compute_energy_max_wh(meter, params, 1)
    if after is not None and not rules.is_step_in_range(registers, after, size_wh, most_wh):
        return False
    before, slot_before = _get_reading_before(ctx, reading, meter, params.slot_length_s)
    steps = reading.slot - slot_before
    most_wh = _compute_energy_max_wh(meter, params, steps)
    return steps > 0 and rules.is_step_in_range(before, registers, size_wh, most_wh)


def _compute_energy_max_wh(
    meter: registry_pb2.Meter, params: state_pb2.Params, slot_count: int
) -> int:
    return rules.compute_energy_max_wh(
        meter.capacity_w,
        slot_count,
        params.represented_duration_s,
        params.capacity_tolerance_permille,
    )


def _continue_registers(
    state: HasStore, meter_id: str, meter: registry_pb2.Meter, shown: state_pb2.Registers
) -> state_pb2.Registers:
    """What the registers would be if the meter had never been exchanged."""
    offset = OFFSETS.get_shared(state, meter_id)
    if offset is None:
        return shown
    size_wh = registry.get_register_size_wh(meter)
    return state_pb2.Registers(
        import_wh=(shown.import_wh + offset.import_wh) % size_wh,
        export_wh=(shown.export_wh + offset.export_wh) % size_wh,
    )


def _measure(
    meter: registry_pb2.Meter, baseline: state_pb2.Baseline, registers: state_pb2.Registers
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Import and export since a baseline: the energy to settle, and what is settled ahead."""
    size_wh = registry.get_register_size_wh(meter)
    import_wh = rules.compute_step(baseline.import_wh, registers.import_wh, size_wh)
    export_wh = rules.compute_step(baseline.export_wh, registers.export_wh, size_wh)
    return (
        rules.compute_energy(import_wh, baseline.import_ahead_wh),
        rules.compute_energy(export_wh, baseline.export_ahead_wh),
    )


def _get_reading_before(
    ctx: Context, reading: state_pb2.Reading, meter: registry_pb2.Meter, slot_length_s: int
) -> tuple[state_pb2.Registers, int]:
    """The nearest known registers before a reading, and the slot at whose end they were read."""
    if reading.slot:
        previous = READINGS.get(ctx, (reading.slot - 1, reading.meter_id))
        if previous is not None:
            return previous, reading.slot - 1
    return _get_last_read(ctx, reading.meter_id, meter, slot_length_s)


def _get_last_read(
    state: HasStore, meter_id: str, meter: registry_pb2.Meter, slot_length_s: int
) -> tuple[state_pb2.Registers, int]:
    """The last settled registers of a meter and the slot at whose end they were read; if none are,
    the initial ones and the slot before it was added.
    """
    baseline = _get_settled(state, meter_id, meter)
    registers = state_pb2.Registers(import_wh=baseline.import_wh, export_wh=baseline.export_wh)
    return registers, baseline.slot or slots.slot_at(meter.added_at_s, slot_length_s) - 1


def _get_settled(state: HasStore, meter_id: str, meter: registry_pb2.Meter) -> state_pb2.Baseline:
    """Up to where a meter is settled: its baseline, or its initial registers."""
    kept = BASELINES.get(state, meter_id)
    return kept or _show_baseline(state, meter_id, meter) or _make_baseline(meter)


def _show_baseline(
    state: HasStore, meter_id: str, meter: registry_pb2.Meter
) -> state_pb2.Baseline | None:
    """The baseline of a meter that was read in the last settled slot and has none on record.

    A slot from before the meter was added has a reading of an earlier meter with this id.
    """
    slot = LAST_SETTLED.last(state)
    if slot < slots.slot_at(meter.added_at_s, PARAMS.get_shared(state).slot_length_s):
        return None
    registers = READINGS.get(state, (slot, meter_id)) if slot else None
    return None if registers is None else _make_read(slot, registers)


def _is_added_in(state: HasStore, meter: registry_pb2.Meter, slot: int) -> bool:
    """Whether a meter was added in a slot, so that its initial registers are of this slot."""
    return slots.slot_at(meter.added_at_s, PARAMS.get_shared(state).slot_length_s) == slot


def _make_read(slot: int, registers: state_pb2.Registers) -> state_pb2.Baseline:
    """The baseline of a meter that is settled up to a reading."""
    return state_pb2.Baseline(
        slot=slot, import_wh=registers.import_wh, export_wh=registers.export_wh
    )


def _make_baseline(meter: registry_pb2.Meter) -> state_pb2.Baseline:
    """The baseline of a meter that was never settled."""
    return state_pb2.Baseline(import_wh=meter.initial_import_wh, export_wh=meter.initial_export_wh)


def _require_meter(state: HasStore, meter_id: str) -> registry_pb2.Meter:
    meter = registry.get_meter(state, meter_id)
    assert meter is not None, "a meter is settled that was never registered"
    return meter
