"""Slots without a reading: what a silent meter is taken to have used, and what its next one says.

Silence is at the owner's expense. Nobody knows in which of the slots since the last reading the
energy was used, so no position counts for it: use is estimated and pays the highest price of the
slots, and so does what the next reading shows beyond the estimates; what was estimated too high,
and what was fed in, gets the lowest. Whatever the estimates are, this is never less than what
readings of every slot would have cost (docs/decisions/0037-silence.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from blockenergy.metering.v1 import errors_pb2, events_pb2, state_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2

from chain import registry
from chain.metering import rules
from chain.metering.state import BARRED, BASELINES, PARAMS, READINGS
from chain.runtime import slots
from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.context import Context
from chain.runtime.errors import ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE, ceil_div

MeteringError = ErrorCodes("metering", errors_pb2.Error.DESCRIPTOR)


class Prices(NamedTuple):
    """The highest and the lowest price per kWh of a slot, or of several."""

    high: int
    low: int


class Apart(NamedTuple):
    """Energy of which nobody knows the slot, and the prices at which it is settled."""

    import_wh: int
    export_wh: int
    prices: Prices


def require_speaking(state: HasStore, owner: bytes) -> None:
    """Rejects the owner of a meter that has been silent for too long."""
    meter_id = next(BARRED.keys(state, under=owner), None)
    require(meter_id is None, MeteringError.METER_SILENT, f"{meter_id}")


def list_estimates(state: HasStore) -> Iterator[tuple[str, int, int]]:
    """(meter id, Wh, highest price per kWh) of all that is estimated and not corrected yet."""
    for meter_id, baseline in BASELINES.items(state):
        yield meter_id, baseline.estimated_wh, baseline.price_high_per_kwh


def settle_silence(
    ctx: Context,
    slot: int,
    meter_id: str,
    meter: registry_pb2.Meter,
    baseline: state_pb2.Baseline,
    prices: Prices,
) -> tuple[Apart, state_pb2.Quality]:
    """Estimates the use of a meter in a slot without a reading, and notes that it was silent.

    baseline: its last reading, to be changed and written here.
    """
    used_wh, quality = _estimate(ctx, slot, meter_id, meter, baseline)
    worst = _add_prices(baseline, prices)
    baseline.estimated_wh += used_wh
    baseline.silent_slots += 1
    baseline.price_high_per_kwh, baseline.price_low_per_kwh = worst
    if baseline.silent_slots >= PARAMS.at(ctx, slot).silent_slots_max and not baseline.barred:
        baseline.barred = meter.owner
        ctx.emit(
            events_pb2.EventMeterSilent(
                meter_id=meter_id,
                owner=meter.owner,
                slot=slot,
                silent_slots=baseline.silent_slots,
            )
        )
    BASELINES.set(ctx, meter_id, baseline)
    return Apart(used_wh, 0, prices), quality


def settle_correction(
    ctx: Context,
    slot: int,
    meter_id: str,
    baseline: state_pb2.Baseline,
    energy: tuple[int, int],
    prices: Prices,
) -> Apart:
    """What the first reading after silent slots corrects; the meter is no longer silent.

    energy: import and export since the last reading, in Wh.
    """
    import_wh, export_wh = energy
    BASELINES.delete(ctx, meter_id)
    ctx.emit(
        events_pb2.EventEstimateCorrected(
            meter_id=meter_id,
            slot=slot,
            silent_slots=baseline.silent_slots,
            estimated_wh=baseline.estimated_wh,
            import_wh=import_wh,
            export_wh=export_wh,
        )
    )
    beyond_wh = import_wh - baseline.estimated_wh
    back_wh = export_wh + max(0, -beyond_wh)
    return Apart(max(0, beyond_wh), back_wh, _add_prices(baseline, prices))


def _add_prices(baseline: state_pb2.Baseline, prices: Prices) -> Prices:
    """The worst prices of the silent slots and of one more."""
    if not baseline.silent_slots:
        return prices
    return Prices(
        max(baseline.price_high_per_kwh, prices.high), min(baseline.price_low_per_kwh, prices.low)
    )


def _estimate(
    ctx: Context,
    slot: int,
    meter_id: str,
    meter: registry_pb2.Meter,
    baseline: state_pb2.Baseline,
) -> tuple[int, state_pb2.Quality]:
    """The use of a meter in a slot without a reading: that of the same slot a day before, or of the
    last slot that was read; after too long a silence, and if there is neither, all that the
    connection carries.
    """
    params = PARAMS.at(ctx, slot)
    most_wh = rules.compute_energy_max_wh(
        meter.capacity_w, 1, params.represented_duration_s, params.capacity_tolerance_permille
    )
    if baseline.silent_slots < params.silent_slots_max:
        day = max(1, SECONDS_PER_DAY // params.represented_duration_s)
        added = slots.slot_at(meter.added_at_s, params.slot_length_s)
        for like in (slot - day, baseline.slot):
            used_wh = _get_use(ctx, like, meter_id, meter) if like > added else None
            if used_wh is not None:
                return used_wh, state_pb2.QUALITY_PROFILE
    return ceil_div(most_wh * params.estimate_permille, PERMILLE), state_pb2.QUALITY_CONNECTION


def _get_use(state: HasStore, slot: int, meter_id: str, meter: registry_pb2.Meter) -> int | None:
    """The use in a slot at whose beginning and end the meter was read, else None."""
    before = READINGS.get(state, (slot - 1, meter_id))
    after = READINGS.get(state, (slot, meter_id))
    if before is None or after is None:
        return None
    size_wh = registry.get_register_size_wh(meter)
    return rules.compute_step(before.import_wh, after.import_wh, size_wh)
