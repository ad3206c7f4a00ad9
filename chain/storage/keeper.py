"""The state of charge of batteries: projected from the plan, and tracked by the meter.

The plan of a slot is the account's net position in it: bought energy charges the battery, sold
energy discharges it. The projection starts from the last settled slot and applies the
state-of-charge model to all slots that are not settled. An order is rejected if with it the model
would reject more than without it, in its own slot or a later one. So, while metering follows the
plan, the model rejects nothing, and at every settlement the battery holds what was projected.
Metering that deviates from the plan, or a curtailment, may leave the battery with less or more
than the rest of the plan needs; then the projection continues from there, and only orders that do
not make it worse are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from blockenergy.storage.v1 import errors_pb2, events_pb2, state_pb2

from chain import market, metering
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import ChainError, ErrorCodes, require
from chain.runtime.state.collections import HasStore
from chain.storage import rules
from chain.storage.state import BATTERIES

StorageError = ErrorCodes("storage", errors_pb2.Error.DESCRIPTOR)


class Flow(NamedTuple):
    """What of a battery's slot counts for carbon.

    exempt_wh: import that will come back. issued_wh: export of what certificates were retired for.
    """

    exempt_wh: int
    issued_wh: int


class Projected(NamedTuple):
    """A slot to come: its planned net charge (negative: discharge) and the result of it."""

    slot: int
    net_charge_wh: int
    step: rules.Step


def require_battery(state: HasStore, owner: bytes) -> state_pb2.Battery:
    """The battery of an account; rejects an account without one."""
    battery = BATTERIES.get(state, owner)
    if battery is None:
        raise ChainError(StorageError.BATTERY_UNKNOWN)
    return battery


def read_batteries_ahead(state: HasStore, owners: Sequence[bytes]) -> None:
    """Reads which owners, given in the order of their addresses, have batteries, for `track`."""
    BATTERIES.read_ahead(state, owners)


def get_model(battery: state_pb2.Battery) -> rules.StateOfChargeModel:
    """The parameters of the state-of-charge model."""
    return rules.StateOfChargeModel(
        battery.capacity_wh,
        battery.charge_efficiency_permille,
        battery.discharge_efficiency_permille,
    )


def get_projection(state: HasStore, owner: bytes, battery: state_pb2.Battery) -> list[Projected]:
    """The state of charge after each slot that is not settled, the earliest first."""
    return _project(battery, _get_plan(state, owner, battery))


def require_fits(
    state: HasStore, owner: bytes, battery: state_pb2.Battery, changes: Mapping[int, int]
) -> None:
    """Rejects orders that the battery could not follow together with what it has agreed to.

    changes: net charge by slot. Slots that are not open are rejected by the market.
    """
    limit_wh = rules.compute_slot_limit_wh(
        battery.power_w, metering.get_params(state).represented_duration_s
    )
    plan = _get_plan(state, owner, battery)
    changed = [(slot, net_wh + changes.get(slot, 0)) for slot, net_wh in plan]
    for old, new in zip(_project(battery, plan), _project(battery, changed), strict=True):
        too_much_wh = new.step.rejected_charge_wh - old.step.rejected_charge_wh
        fits = too_much_wh <= 0
        require(fits, StorageError.CHARGE_TOO_LARGE, f"slot {new.slot}, {too_much_wh} Wh over")
        missing_wh = new.step.rejected_discharge_wh - old.step.rejected_discharge_wh
        fits = missing_wh <= 0
        require(fits, StorageError.DISCHARGE_TOO_LARGE, f"slot {new.slot}, {missing_wh} Wh short")
        slow = abs(new.net_charge_wh) <= max(limit_wh, abs(old.net_charge_wh))
        require(slow, StorageError.POWER_TOO_LARGE, f"slot {new.slot}, at most {limit_wh} Wh")


def track(
    ctx: Context,
    slot: int,
    owner: bytes,
    meters: Sequence[metering.SlotEnergy],
    *,
    exact: bool,
) -> Flow | None:
    """Takes over what the meters of an account measured in a slot; None if it has no battery. What
    is estimated for a silent meter is not measured.

    Flows from before it was registered are part of its initial state of charge.
    """
    battery = BATTERIES.get(ctx, owner)
    if battery is None:
        return None
    if slot <= battery.settled_slot:
        return Flow(0, 0)
    import_wh = sum([meter.import_wh for meter in meters])
    export_wh = sum([meter.export_wh for meter in meters])
    return _track_battery(ctx, owner, battery, slot, import_wh, export_wh, exact)


def add_green(
    ctx: Context, owner: bytes, exempt_wh: int, import_wh: int, before_wh: int, after_wh: int
) -> None:
    """Notes that certificates were retired for a slot that charged a battery: for so much of its
    import before, and so much now.
    """
    battery = require_battery(ctx, owner)
    before, after = (
        rules.compute_green_wh(get_model(battery), exempt_wh, import_wh, retired_wh)
        for retired_wh in (before_wh, after_wh)
    )
    battery.green_wh += min(after - before, battery.state_of_charge_wh - battery.green_wh)
    BATTERIES.set(ctx, owner, battery)


def get_last_discharge_slot(state: HasStore, owner: bytes) -> int | None:
    """The last settled slot in which an account's battery was discharged, 0 before the first;
    None if it has no battery.
    """
    battery = BATTERIES.get_shared(state, owner)
    return None if battery is None else battery.last_discharge_slot


def _track_battery(
    ctx: Context,
    owner: bytes,
    battery: state_pb2.Battery,
    slot: int,
    import_wh: int,
    export_wh: int,
    exact: bool,
) -> Flow:
    """Applies the state-of-charge model; flows that it does not allow are counted as rejected."""
    model, before_wh = get_model(battery), battery.state_of_charge_wh
    step = rules.compute_step(model, before_wh, import_wh, export_wh)
    green_drawn_wh = rules.compute_green_drawn_wh(
        battery.green_wh, step.drawn_wh, before_wh + step.stored_wh
    )
    battery.green_wh -= green_drawn_wh
    if step.drawn_wh:
        battery.last_discharge_slot = slot
    battery.state_of_charge_wh = step.state_of_charge_wh
    battery.settled_slot = slot
    battery.charged_wh += import_wh
    battery.discharged_wh += export_wh
    battery.rejected_charge_wh += step.rejected_charge_wh
    battery.rejected_discharge_wh += step.rejected_discharge_wh
    BATTERIES.set(ctx, owner, battery)
    if import_wh or export_wh:
        ctx.emit(
            events_pb2.EventBatteryTracked(
                owner=bech32.encode(owner),
                slot=slot,
                charged_wh=import_wh,
                discharged_wh=export_wh,
                state_of_charge_wh=step.state_of_charge_wh,
                rejected_wh=step.rejected_charge_wh + step.rejected_discharge_wh,
            )
        )

    given_wh = export_wh - step.rejected_discharge_wh
    issued_wh = min(given_wh, rules.compute_discharge_max_wh(model, green_drawn_wh))
    return Flow(rules.compute_exempt_wh(model, step.stored_wh), issued_wh if exact else 0)


def _get_plan(state: HasStore, owner: bytes, battery: state_pb2.Battery) -> list[tuple[int, int]]:
    """The slots that are not settled, with their net charge; negative: discharge."""
    return [
        (slot, position.bought_wh - position.sold_wh if position else 0)
        for slot, position in market.get_plan(state, owner, battery.settled_slot)
    ]


def _project(battery: state_pb2.Battery, plan: Sequence[tuple[int, int]]) -> list[Projected]:
    steps = rules.project(
        get_model(battery), battery.state_of_charge_wh, [net_wh for _, net_wh in plan]
    )
    return [Projected(slot, net_wh, step) for (slot, net_wh), step in zip(plan, steps, strict=True)]
