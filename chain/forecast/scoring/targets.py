"""What is forecast, who pays for it, and what it came to.

While a slot is settled, the energy of each target is counted account by account; when it is
settled, the outcome is on record. Outcomes are kept for eight days, for baselines.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from blockenergy.forecast.v1 import events_pb2, state_pb2, tx_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2

from chain import market, metering, registry
from chain.forecast.keeper import ForecastError, get_params, get_target, pay, take
from chain.forecast.scoring import rules
from chain.forecast.state import (
    FROZEN,
    LAST_FROZEN,
    OUTCOMES,
    ROUNDS,
    SCORES,
    SKILLS,
    TALLIES,
    TARGET_IDS,
    TARGETS,
    TARGETS_ENDED,
)
from chain.runtime import slots
from chain.runtime.context import Context
from chain.runtime.encoding import bech32
from chain.runtime.errors import require
from chain.runtime.state.collections import HasStore
from chain.runtime.units import PERMILLE

_QUANTITIES = frozenset(state_pb2.Quantity.values()) - {0}


def order_forecasts(
    ctx: Context, msg: tx_pb2.MsgOrderForecasts
) -> tx_pb2.MsgOrderForecastsResponse:
    """Orders forecasts, or changes an order of the signer."""
    _require_valid(ctx, msg)
    found = _find_target(ctx, msg.quantity, msg.feeder)
    if found is None:
        most = get_params(ctx).targets_max
        count = sum(1 for _ in TARGETS.items(ctx))
        require(count < most, ForecastError.TOO_MANY_TARGETS, f"{most} in all")
        target = state_pb2.Target(quantity=msg.quantity, feeder=msg.feeder, orderer=msg.orderer)
    else:
        target = found[1]
        require(target.orderer == msg.orderer, ForecastError.NOT_ORDERER)
    # The last check: a balance that is too small.
    take(ctx, ctx.signer, msg.funding)
    target_id = found[0] if found else _begin(ctx)
    target.reward_per_slot = msg.reward_per_slot
    target.budget += msg.funding
    TARGETS.set(ctx, target_id, target)
    ctx.emit(events_pb2.EventForecastsOrdered(target_id=target_id, target=target))
    return tx_pb2.MsgOrderForecastsResponse(target_id=target_id)


def end_order(ctx: Context, msg: tx_pb2.MsgEndOrder) -> tx_pb2.MsgEndOrderResponse:
    """Ends an order; what waits is still scored."""
    target = get_target(ctx, msg.target_id)
    require(target.orderer == msg.orderer, ForecastError.NOT_ORDERER)
    require(not target.ended, ForecastError.TARGET_ENDED)
    target.ended = True
    TARGETS.set(ctx, msg.target_id, target)
    ctx.emit(events_pb2.EventForecastsOrdered(target_id=msg.target_id, target=target))
    return tx_pb2.MsgEndOrderResponse()


def count_energy(ctx: Context, slot: int, energies: Iterable[metering.SlotEnergy]) -> None:
    """Adds what meters measured in a slot to the tallies of the targets that they belong to."""
    counted = _list_counted(ctx, slot)
    if not counted:
        return
    sums = _add_up(energies)
    only_whole = list(counted) == [""]
    for feeder, (import_wh, export_wh, meters, estimated) in sums.items():
        above = [] if only_whole else [name for name, _ in registry.get_path(ctx, feeder)]
        for name in ("", *above):
            for _, tally in counted.get(name, ()):
                tally.import_wh += import_wh
                tally.export_wh += export_wh
                tally.meters += meters
                tally.estimated_meters += estimated
    for tallies in counted.values():
        for target_id, tally in tallies:
            TALLIES.set(ctx, target_id, tally)


def note_settled(ctx: Context, slot: int, info: market_pb2.Slot) -> None:
    """Puts on record what each target came to in a slot that is settled."""
    for target_id, tally in list(TALLIES.items(ctx)):
        if slot < tally.slot:
            continue
        target = TARGETS.get_shared(ctx, target_id)
        assert target is not None, "a tally without a target"
        value = rules.compute_outcome(
            target.quantity, tally.import_wh, tally.export_wh, info.cost, info.bought_wh
        )
        total_wh = tally.energy_total_wh + tally.import_wh + tally.export_wh
        outcome = state_pb2.Outcome(
            known=value is not None,
            value=value or 0,
            meters=tally.meters,
            estimated_meters=tally.estimated_meters,
            energy_total_wh=total_wh,
        )
        OUTCOMES.set(ctx, (slot, target_id), outcome)
        TALLIES.set(ctx, target_id, state_pb2.Tally(slot=slot + 1, energy_total_wh=total_wh))
        ctx.emit(events_pb2.EventOutcomeKnown(target_id=target_id, slot=slot, outcome=outcome))


def get_final_outcome(state: HasStore, slot: int, target_id: int) -> int | None:
    """What a target came to in a settled slot; None if it is not known, or with too many meters
    estimated.
    """
    outcome = OUTCOMES.get_shared(state, (slot, target_id))
    if outcome is None or not outcome.known:
        return None
    most = outcome.meters * get_params(state).estimated_permille
    return outcome.value if outcome.estimated_meters * PERMILLE <= most else None


def get_baseline(state: HasStore, slot: int, target_id: int) -> int | None:
    """What the same slot came to one day before, else one week before; None if neither is known."""
    duration_s = metering.get_params(state).represented_duration_s
    for before in rules.list_baseline_slots(slot, duration_s):
        if before >= 0 and (value := get_final_outcome(state, before, target_id)) is not None:
            return value
    return None


def is_below(state: HasStore, feeder: str, above: str) -> bool:
    """Whether a feeder is another one, or below it; everything is below the grid supply point."""
    return not above or any(name == above for name, _ in registry.get_path(state, feeder))


def extend(ctx: Context, target_id: int, target: state_pb2.Target, slot: int) -> None:
    """Notes that a target is needed up to a slot."""
    if slot > target.last_slot:
        target.last_slot = slot
        TARGETS.set(ctx, target_id, target)


def close_ended(ctx: Context, budget: int) -> int:
    """Closes targets whose order has ended and whose last slot is scored: returns their budget,
    and removes their scores a few at a time. Returns how much of the budget it used.
    """
    used = 0
    for target_id in list(TARGETS_ENDED.keys(ctx, 1)):
        target = TARGETS.get(ctx, target_id)
        assert target is not None, "an index points to a missing target"
        if used >= budget or _is_needed(ctx, target):
            continue
        used += 1 + _remove_scores(ctx, target_id, budget - used)
        if next(SKILLS.under(target_id).items(ctx), None) is None:
            _close(ctx, target_id, target)
    return used


def prune(ctx: Context, budget: int) -> None:
    """Removes outcomes and frozen forecasts that no baseline needs any more."""
    kept = rules.compute_kept_slots(metering.get_params(ctx).represented_duration_s)
    before = max(0, metering.get_last_settled(ctx) - kept)
    removed = OUTCOMES.prune(ctx, before, budget)
    FROZEN.prune(ctx, before, budget - removed)


def _require_valid(ctx: Context, msg: tx_pb2.MsgOrderForecasts) -> None:
    require(msg.quantity in _QUANTITIES, ForecastError.TARGET_INVALID, "no such quantity")
    known = not msg.feeder or registry.get_feeder(ctx, msg.feeder) is not None
    require(known, ForecastError.TARGET_INVALID, f"there is no feeder {msg.feeder[:100]}")
    whole = not msg.feeder or msg.quantity != state_pb2.QUANTITY_PRICE
    require(whole, ForecastError.TARGET_INVALID, "the price is one for the whole grid")


def _find_target(
    state: HasStore, quantity: int, feeder: str
) -> tuple[int, state_pb2.Target] | None:
    """The order of a quantity that has not ended."""
    for target_id, target in TARGETS.items(state):
        if (target.quantity, target.feeder, target.ended) == (quantity, feeder, False):
            return target_id, target
    return None


def _begin(ctx: Context) -> int:
    """Gives a new target its number. It is counted from the slot in delivery on: the settlement of
    an earlier one may have begun.
    """
    if next(TARGETS.items(ctx), None) is None:
        # Slots that opened without a target have nothing to freeze.
        LAST_FROZEN.set(ctx, market.get_last_opened(ctx))
    target_id = TARGET_IDS.next(ctx)
    now = slots.slot_at(ctx.block.time_s, metering.get_params(ctx).slot_length_s)
    TALLIES.set(ctx, target_id, state_pb2.Tally(slot=now))
    return target_id


def _list_counted(ctx: Context, slot: int) -> dict[str, list[tuple[int, state_pb2.Tally]]]:
    """By feeder, the targets of energy for which a slot is counted, with their tallies."""
    counted: dict[str, list[tuple[int, state_pb2.Tally]]] = {}
    for target_id, tally in TALLIES.items(ctx):
        target = TARGETS.get_shared(ctx, target_id)
        assert target is not None, "a tally without a target"
        if slot >= tally.slot and target.quantity != state_pb2.QUANTITY_PRICE:
            # Slots in between were never settled.
            tally.slot = slot
            counted.setdefault(target.feeder, []).append((target_id, tally))
    return counted


def _add_up(energies: Iterable[metering.SlotEnergy]) -> dict[str, list[int]]:
    """By feeder: import, export, meters, and how many of these were estimated."""
    sums: dict[str, list[int]] = {}
    for _, import_wh, export_wh, feeder, _, apart, _ in energies:
        entry = sums.get(feeder)
        if entry is None:
            entry = sums[feeder] = [0, 0, 0, 0]
        # What is settled apart is an estimate, or the correction of one.
        entry[0] += import_wh if apart is None else apart.import_wh
        entry[1] += export_wh if apart is None else apart.export_wh
        entry[2] += 1
        if apart is not None:
            entry[3] += 1
    return sums


def _is_needed(state: HasStore, target: state_pb2.Target) -> bool:
    """Whether forecasts or markets of a target wait."""
    if target.markets or target.last_slot > metering.get_last_settled(state):
        return True
    # Slots are scored in their order.
    first = next(ROUNDS.items(state), None)
    return first is not None and first[0][0] <= target.last_slot


def _remove_scores(ctx: Context, target_id: int, budget: int) -> int:
    """Takes scores out of the skills that they make, up to a limit; returns how many."""
    removed = 0
    for forecaster, skill in list(SKILLS.under(target_id).items(ctx)):
        own = SCORES.under((target_id, forecaster))
        for slot, score in list(islice(own.items(ctx), budget - removed)):
            SCORES.delete(ctx, ((target_id, forecaster), slot))
            skill.slots -= 1
            skill.loss -= score.loss
            skill.baseline_loss -= score.baseline_loss
            removed += 1
        if skill.slots:
            SKILLS.set(ctx, (target_id, forecaster), skill)
            break
        SKILLS.delete(ctx, (target_id, forecaster))
    return removed


def _close(ctx: Context, target_id: int, target: state_pb2.Target) -> None:
    pay(ctx, bech32.decode(target.orderer), target.budget)
    TARGETS.delete(ctx, target_id)
    TALLIES.delete(ctx, target_id)
    ctx.emit(events_pb2.EventTargetClosed(target_id=target_id, returned=target.budget))
