"""Recording readings, and turning them into the energy of a slot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.metering.v1 import state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering import halts, rules
from chain.metering.exchanges import continue_registers, get_offset, require_meter
from chain.metering.silence import Apart, Prices, settle_correction, settle_silence
from chain.metering.state import BASELINES, CONFLICTS, LAST_SETTLED, OFFSETS, PARAMS, READINGS
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore

_REGISTER_MAX_WH = 1 << 63
# Where a reading is looked for that is not settled yet: bounds the work of an exchange.
_SLOTS_LOOKED_BACK = 200


class SlotEnergy(NamedTuple):
    """What the registers of a meter have measured since its last reading, in Wh; nothing if it is
    silent. feeder: where it is connected. apart: what is settled instead if a reading was missing.
    exact: it is the energy of this slot alone; not after a slot that was not settled, either.
    """

    meter_id: str
    import_wh: int
    export_wh: int
    feeder: str
    quality: state_pb2.Quality = state_pb2.QUALITY_MEASURED
    apart: Apart | None = None
    exact: bool = False


def record(ctx: Context, reading: state_pb2.Reading) -> state_pb2.ReadingResult:
    """Records a reading; returns its result. Only a new, valid reading and a conflict change the
    state.
    """
    meter = registry.get_meter(ctx, reading.meter_id)
    if meter is None:
        return state_pb2.READING_METER_UNKNOWN
    params = PARAMS.at(ctx, reading.slot)
    offset = get_offset(ctx, reading, params.slot_length_s)
    key = (reading.slot, reading.meter_id)
    shown = state_pb2.Registers(
        import_wh=reading.import_register_wh, export_wh=reading.export_register_wh
    )
    registers = shown if offset is None else continue_registers(meter, shown, offset)
    recorded = READINGS.get(ctx, key)
    if recorded == registers:
        return state_pb2.READING_ALREADY_RECORDED
    pub_key = offset.former_pub_key if offset and offset.former_pub_key else meter.pub_key
    rejection = _find_rejection(ctx, reading, meter, pub_key, params)
    if rejection:
        return rejection
    if recorded is not None:
        _note_conflict(ctx, key, registers)
        return state_pb2.READING_CONFLICT
    if not _is_in_range(ctx, reading, registers, meter, params):
        return state_pb2.READING_OUT_OF_RANGE
    READINGS.set(ctx, key, registers)
    return state_pb2.READING_RECORDED


def settle(ctx: Context, slot: int, meter_id: str, prices: Prices) -> SlotEnergy:
    """Settles the energy of a meter in a slot with these prices, and returns it. A meter that was
    removed before the end of the slot is settled up to its final reading, and closed; one that was
    added after it has nothing in it.
    """
    meter = require_meter(ctx, meter_id)
    if meter.status == registry_pb2.STATUS_REMOVED:
        last = slots.slot_at(meter.removed_at_s, PARAMS.get_shared(ctx).slot_length_s)
        if last <= slot:
            final = READINGS.get(ctx, (last, meter_id))
            settled = _settle_reading(ctx, slot, meter_id, meter, final, prices)
            _close(ctx, meter_id)
            return settled or SlotEnergy(meter_id, 0, 0, meter.feeder)
    registers = READINGS.get(ctx, (slot, meter_id))
    settled = _settle_reading(ctx, slot, meter_id, meter, registers, prices)
    if settled is not None:
        return settled
    if slot <= _get_slot_before(ctx, meter):
        return SlotEnergy(meter_id, 0, 0, meter.feeder, exact=True)
    baseline = _get_settled(ctx, meter_id, meter)
    apart, quality = settle_silence(ctx, slot, meter_id, meter, baseline, prices)
    return SlotEnergy(meter_id, 0, 0, meter.feeder, quality, apart)


def list_unsettled_energy(state: HasStore, first_slot: int) -> Iterator[tuple[int, int]]:
    """(slot, Wh) of each reading of a known meter from a slot on: its energy in both directions
    that is not settled.
    """
    for (slot, meter_id), registers in READINGS.items(state, start=(first_slot, "")):
        if (meter := registry.get_meter(state, meter_id)) is not None:
            baseline = _get_settled(state, meter_id, meter)
            import_wh, export_wh = _measure(meter, baseline, registers)
            yield slot, max(0, import_wh) + max(0, export_wh) + baseline.estimated_wh


def find_final_error(ctx: Context, meter_id: str, final: state_pb2.Registers) -> str:
    """Why the registers of a meter cannot have been these when it was taken out, in the slot in
    delivery; empty if they can.
    """
    meter = require_meter(ctx, meter_id)
    slot = slots.slot_at(ctx.block.time_s, PARAMS.get_shared(ctx).slot_length_s)
    final = _continue_final(ctx, meter_id, meter, final)
    before, slot_before = _get_last_read(ctx, meter_id, meter)
    for unsettled in range(slot - 1, max(slot_before, slot - _SLOTS_LOOKED_BACK), -1):
        if (registers := READINGS.get(ctx, (unsettled, meter_id))) is not None:
            before, slot_before = registers, unsettled
            break
    limits_wh = _compute_limits_wh(meter, PARAMS.at(ctx, slot), slot - slot_before)
    size_wh = registry.get_register_size_wh(meter)
    if rules.is_step_in_range(before, final, size_wh, *limits_wh):
        return ""
    return f"at most {limits_wh[0]} Wh from {before.import_wh} and {before.export_wh}"


def record_final(ctx: Context, meter_id: str, final: state_pb2.Registers) -> int:
    """Records the final registers of a meter as its reading of the slot in delivery; returns it."""
    slot = slots.slot_at(ctx.block.time_s, PARAMS.get_shared(ctx).slot_length_s)
    meter = require_meter(ctx, meter_id)
    READINGS.set(ctx, (slot, meter_id), _continue_final(ctx, meter_id, meter, final))
    if meter.closed:
        _forget_registers(ctx, meter_id)
    return slot


def end_slot(ctx: Context, slot: int) -> None:
    """Notes that every meter is settled up to the end of a slot."""
    LAST_SETTLED.set(ctx, slot)
    halts.prune(ctx, slot)


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


def _settle_reading(
    ctx: Context,
    slot: int,
    meter_id: str,
    meter: registry_pb2.Meter,
    registers: state_pb2.Registers | None,
    prices: Prices,
) -> SlotEnergy | None:
    """Settles a meter up to a reading; None if there is none, or if its registers run backwards
    from the last settled one, which readings that come in the wrong order can hide.
    """
    if registers is None:
        return None
    baseline = _get_settled(ctx, meter_id, meter)
    energy = _measure(meter, baseline, registers)
    if min(energy) < 0:
        return None
    if not baseline.silent_slots:
        read_in = baseline.slot or _get_slot_before(ctx, meter)
        return SlotEnergy(meter_id, *energy, meter.feeder, exact=read_in == slot - 1)
    apart = settle_correction(ctx, slot, meter_id, baseline, energy, prices)
    return SlotEnergy(meter_id, *energy, meter.feeder, state_pb2.QUALITY_CORRECTED, apart)


def _close(ctx: Context, meter_id: str) -> None:
    """Closes a removed meter, so that its id is free."""
    registry.close_meter(ctx, meter_id)
    _forget_registers(ctx, meter_id)


def _forget_registers(ctx: Context, meter_id: str) -> None:
    BASELINES.delete(ctx, meter_id)
    OFFSETS.delete(ctx, meter_id)


def _find_rejection(
    ctx: Context,
    reading: state_pb2.Reading,
    meter: registry_pb2.Meter,
    pub_key: bytes,
    params: state_pb2.Params,
) -> state_pb2.ReadingResult:
    end_s = slots.end_s(reading.slot, params.slot_length_s)
    # Of a removed meter the slots count that it has seen to their end.
    is_read = meter.status == registry_pb2.STATUS_REMOVED and end_s <= meter.removed_at_s
    if meter.status != registry_pb2.STATUS_ACTIVE and not is_read:
        return state_pb2.READING_METER_NOT_ACTIVE
    if ctx.block.time_s < end_s:
        return state_pb2.READING_TOO_EARLY
    if halts.is_past_deadline(ctx, reading.slot, params):
        return state_pb2.READING_TOO_LATE
    if not rules.is_signed(pub_key, ctx.block.chain_id, reading):
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
    limits_wh = _compute_limits_wh(meter, params, 1)
    if after is not None and not rules.is_step_in_range(registers, after, size_wh, *limits_wh):
        return False
    before, slot_before = _get_reading_before(ctx, reading, meter)
    steps = reading.slot - slot_before
    limits_wh = _compute_limits_wh(meter, params, steps)
    return steps > 0 and rules.is_step_in_range(before, registers, size_wh, *limits_wh)


def _compute_limits_wh(
    meter: registry_pb2.Meter, params: state_pb2.Params, slot_count: int
) -> tuple[int, int]:
    """The largest energy of a connection in a number of slots, and the largest export."""
    energy_wh, export_wh = (
        rules.compute_energy_max_wh(
            power_w,
            slot_count,
            params.represented_duration_s,
            params.capacity_tolerance_permille,
        )
        for power_w in (meter.capacity_w, registry.get_export_capacity_w(meter))
    )
    return energy_wh, export_wh


def _continue_final(
    state: HasStore, meter_id: str, meter: registry_pb2.Meter, final: state_pb2.Registers
) -> state_pb2.Registers:
    offset = OFFSETS.get_shared(state, meter_id)
    return final if offset is None else continue_registers(meter, final, offset)


def _measure(
    meter: registry_pb2.Meter, baseline: state_pb2.Baseline, registers: state_pb2.Registers
) -> tuple[int, int]:
    """Import and export since a baseline."""
    size_wh = registry.get_register_size_wh(meter)
    import_wh = rules.compute_step(baseline.import_wh, registers.import_wh, size_wh)
    export_wh = rules.compute_step(baseline.export_wh, registers.export_wh, size_wh)
    return import_wh, export_wh


def _get_reading_before(
    ctx: Context, reading: state_pb2.Reading, meter: registry_pb2.Meter
) -> tuple[state_pb2.Registers, int]:
    """The nearest known registers before a reading, and the slot at whose end they were read."""
    if reading.slot:
        previous = READINGS.get(ctx, (reading.slot - 1, reading.meter_id))
        if previous is not None:
            return previous, reading.slot - 1
    return _get_last_read(ctx, reading.meter_id, meter)


def _get_last_read(
    state: HasStore, meter_id: str, meter: registry_pb2.Meter
) -> tuple[state_pb2.Registers, int]:
    """The last settled registers of a meter and the slot at whose end they were read; if none are,
    the initial ones and the slot before it was added.
    """
    baseline = _get_settled(state, meter_id, meter)
    registers = state_pb2.Registers(import_wh=baseline.import_wh, export_wh=baseline.export_wh)
    return registers, baseline.slot or _get_slot_before(state, meter)


def _get_slot_before(state: HasStore, meter: registry_pb2.Meter) -> int:
    """The slot before a meter was added, as if its initial registers had been read there."""
    return slots.slot_at(meter.added_at_s, PARAMS.get_shared(state).slot_length_s) - 1


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


def _make_read(slot: int, registers: state_pb2.Registers) -> state_pb2.Baseline:
    """The baseline of a meter that is settled up to a reading."""
    return state_pb2.Baseline(
        slot=slot, import_wh=registers.import_wh, export_wh=registers.export_wh
    )


def _make_baseline(meter: registry_pb2.Meter) -> state_pb2.Baseline:
    """The baseline of a meter that was never settled."""
    return state_pb2.Baseline(import_wh=meter.initial_import_wh, export_wh=meter.initial_export_wh)
