"""Invariants of the settlement."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.settlement.v1 import state_pb2

from chain import bank, carbon, market, metering, registry, tielines
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import HasStore
from chain.runtime.trees.simple import append_leaves, join_peaks
from chain.runtime.units import WH_PER_KWH
from chain.settlement import rules
from chain.settlement.slot import emissions, line_roots
from chain.settlement.state import (
    DEFERRED,
    FEEDER_SUMS,
    LINE_ROOTS,
    LINES,
    OWED_BY_FUND,
    PROGRESS,
    RESULTS,
)

# Fields of a line of which a zone has the sums.
_SUMMED_BY_ZONE = (
    *("renewable_wh", "self_wh", "claim_wh", "given_wh", "short_wh"),
    "carbon_charge",
)
# Fields of which a result has the sums.
_SUMMED = (
    *("import_wh", "export_wh", "imbalance_charge", "imbalance_credit", "uncovered"),
    "carbon_charge",
)

# Fields of which a feeder has the sums of its branches, and more.
_ADDED = ("accounts", "meters", "import_wh", "export_wh")


def pool_cash(state: HasStore) -> list[str]:
    """The pool has exactly the money of its slots: funding and cancellation income before the
    settlement, cash during it, nothing after it.
    """
    expected = 0
    for slot, info in market.iter_slots(state):
        result = RESULTS.get(state, slot)
        before = info.funding + info.cancellation_income
        expected += before if result is None else result.cash
        if info.status == market_pb2.SLOT_STATUS_SETTLED and (result is None or result.cash):
            return [f"slot {slot} is settled and has money in the pool"]
    actual = market.get_pool_balance(state)
    return [] if actual == expected else [f"the pool has {actual}, its slots {expected}"]


def purses_owed(state: HasStore) -> list[str]:
    """What purses are owed the default fund owes, or it is paid and not taken by them yet."""
    owed = market.add_up_purses(state).owed
    waiting = sum(
        amount
        for (_, creditor), amount in OWED_BY_FUND.items(state)
        if creditor == market.PURSES_ACCOUNT
    )
    restored = market.get_restored(state)
    return [] if owed == waiting + restored else [f"purses are owed {owed}, not {waiting}"]


def line_sums(state: HasStore) -> list[str]:
    """Every line balances; the lines of a slot are as many as its result says, and add up to it."""
    problems = []
    sums: dict[int, list[int]] = {}
    for (slot, _), line in LINES.items(state):
        gained = line.revenue + line.imbalance_credit - line.cost - line.imbalance_charge
        gained -= line.carbon_charge
        if gained != line.credited - line.charged or line.uncovered > line.charged:
            problems.append(f"a line of slot {slot} does not balance")
        total = sums.setdefault(slot, [0] * (1 + len(_SUMMED)))
        total[0] += 1
        for index, name in enumerate(_SUMMED, start=1):
            total[index] += getattr(line, name)
    history_from = PROGRESS.get(state).history_from
    for slot, result in RESULTS.items(state):
        expected = [result.parties, *(getattr(result, name) for name in _SUMMED)]
        actual = sums.pop(slot, [0] * (1 + len(_SUMMED)))
        # An old slot may be in the middle of being removed.
        if slot >= history_from and actual != expected:
            problems.append(f"the lines of slot {slot} do not add up to its result")
    return problems + [f"slot {slot} has lines and no result" for slot in sums]


def lines_in_hand(state: HasStore) -> list[str]:
    """The lines of the slot in hand charge and credit the imbalances that they measure: only then
    do they cover what its energy costs outside.
    """
    progress = PROGRESS.get(state)
    info = market.get_slot(state, progress.slot)
    if not progress.stage or info is None:
        return []
    curve, problems = market.get_curve(info), []
    for owner, line in LINES.under(progress.slot).items(state):
        agreed = rules.Agreed(
            line.bought_wh, line.sold_wh, line.cost, line.revenue, line.opposite_half_wh
        )
        metered = rules.Metered(
            line.import_wh - line.apart_import_wh, line.export_wh - line.apart_export_wh
        )
        charge, credit = rules.compute_imbalance(agreed, metered, curve)
        influence = rules.compute_influence(agreed, metered, curve)
        charge += influence
        due = charge + line.apart_charge, credit + line.apart_credit
        paid = line.imbalance_charge, line.imbalance_credit
        if paid != due or line.influence_charge != influence or not _is_covered(line, curve):
            problems.append(f"{bech32.encode(owner)} has a line that is not what it measures")
    return problems


def _is_covered(line: state_pb2.Line, curve: market.Curve) -> bool:
    """Whether what is settled apart costs at least what its energy costs outside."""
    charge = line.apart_import_wh * curve.price_high
    credit = line.apart_export_wh * curve.price_low
    return line.apart_charge * WH_PER_KWH >= charge and line.apart_credit * WH_PER_KWH <= credit


def deferred_sums(state: HasStore) -> list[str]:
    """The deferred credits of a slot add up to those in its result."""
    sums: dict[int, int] = {}
    for (slot, _), amount in DEFERRED.items(state):
        sums[slot] = sums.get(slot, 0) + amount
    problems = []
    for slot, result in RESULTS.items(state):
        waiting = sums.pop(slot, 0)
        if result.deferred != waiting:
            problems.append(f"slot {slot} defers {result.deferred}, but {waiting} wait")
    return problems + [f"credits of slot {slot} wait without a result" for slot in sums]


def traded(state: HasStore) -> list[str]:
    """The positions and lines of a slot add up to its trades."""
    problems = []
    history_from = PROGRESS.get(state).history_from
    for slot, info in market.iter_slots(state):
        # The lines of an old slot are being removed; the fills of an auction are being booked.
        booking = info.status == market_pb2.SLOT_STATUS_CLEARING
        if booking or slot < history_from:
            continue
        total = [0, 0, 0, 0]
        parts: list[state_pb2.Line | market_pb2.Position] = []
        parts += [line for _, line in LINES.under(slot).items(state)]
        parts += [position for _, position in market.get_positions(state, slot, b"")]
        for part in parts:
            for index, amount in enumerate((part.bought_wh, part.sold_wh, part.cost, part.revenue)):
                total[index] += amount
        if total != [info.bought_wh, info.sold_wh, info.cost, info.revenue]:
            problems.append(f"positions and lines of slot {slot} are not what it has traded")
    return problems


def in_hand(state: HasStore) -> list[str]:
    """The slots before the one in hand are settled, those after it have not begun; in the slot in
    hand settled accounts have lines and no positions, the others positions and no lines.
    """
    progress = PROGRESS.get(state)
    problems = []
    for slot, info in market.iter_slots(state):
        begun = slot < progress.slot or (slot == progress.slot and bool(progress.stage))
        settled = info.status == market_pb2.SLOT_STATUS_SETTLED
        if RESULTS.has(state, slot) != begun or settled != (slot < progress.slot):
            problems.append(f"slot {slot} is not as far as the settlement says")
    if metering.get_last_settled(state) >= max(1, progress.slot):
        problems.append("a slot is said to be settled that is still to be settled")
    if progress.stage:
        problems += _find_misplaced(state, progress)
    elif progress.slot and not RESULTS.has(state, progress.slot - 1):
        problems.append(f"slot {progress.slot - 1}, said to be settled last, has no result")
    return problems


def carbon_fund(state: HasStore) -> list[str]:
    """The carbon fund has exactly what slots paid into it and was not refunded."""
    denom = market.get_params(state).settlement_denom
    actual, expected = bank.get_balance(state, carbon.FUND, denom), carbon.get_fund_sum(state)
    return [] if actual == expected else [f"the carbon fund has {actual}, its slots {expected}"]


def carbon_sums(state: HasStore) -> list[str]:
    """The lines of a zone in a slot add up to its sums."""
    sums: dict[tuple[int, int], list[int]] = {}
    for (slot, _), line in LINES.items(state):
        total = sums.setdefault((slot, line.zone), [0] * len(_SUMMED_BY_ZONE))
        for index, name in enumerate(_SUMMED_BY_ZONE):
            total[index] += getattr(line, name)
    history_from = PROGRESS.get(state).history_from
    problems = []
    for (slot, zone), carbon_slot in carbon.list_slots(state):
        total = sums.get((slot, zone), [0] * len(_SUMMED_BY_ZONE))
        names = ("issued_wh", "self_wh", "claim_wh", "given_wh", "short_wh", "charge")
        if slot >= history_from and total != [getattr(carbon_slot, name) for name in names]:
            problems.append(f"the lines of slot {slot}, zone {zone} do not add up to its carbon")
    return problems


def emissions_charged(state: HasStore) -> list[str]:
    """The charge of a line is that of what it used and did not match, and of what it sold as
    renewable and did not make; and its certificates are no more than what was issued for it.
    """
    problems = []
    for (slot, owner), line in LINES.items(state):
        carbon_slot = carbon.get_carbon_slot(state, slot, line.zone)
        if carbon_slot is None:
            continue
        claimable = emissions.get_claimable(line, carbon_slot, is_battery=False)
        used_wh = line.self_wh + line.claim_wh
        fits = line.self_wh + line.given_wh <= line.renewable_wh and used_wh <= line.import_wh
        if (line.inexact and used_wh) or not fits:
            problems.append(f"{bech32.encode(owner)} claims what it cannot in slot {slot}")
        elif line.carbon_charge != claimable.compute_charge(0):
            problems.append(f"{bech32.encode(owner)} has another carbon charge in slot {slot}")
    return problems


def transit_agreed(state: HasStore) -> list[str]:
    """Only tie lines have energy in transit: measured by exact readings, and no more than both
    regions have agreed on.
    """
    problems = []
    for (slot, owner), line in LINES.items(state):
        # Schedules last as long as their slots.
        if not line.transit_wh or market.get_slot(state, slot) is None:
            continue
        agreed_wh = tielines.list_exports(state, slot).get(owner, 0)
        if line.inexact or line.transit_wh > min(line.import_wh, agreed_wh):
            problems.append(f"{bech32.encode(owner)} has energy in transit in slot {slot}")
    return problems


def lines_rooted(state: HasStore) -> list[str]:
    """The root of a slot is over its lines, and the tree of the slot in hand over those written."""
    progress = PROGRESS.get(state)
    problems = []
    for slot, root in LINE_ROOTS.items(state, start=progress.history_from):
        owners = [owner for owner, _ in LINES.under(slot).items(state)]
        leaves = line_roots.compute_leaves(state, slot, owners)
        if not leaves or join_peaks(append_leaves([], 0, leaves)) != root:
            problems.append(f"the root of slot {slot} is not over its lines")
    is_growing = progress.stage == state_pb2.STAGE_LINES
    written = [owner for owner, _ in LINES.under(progress.slot).items(state) if is_growing]
    peaks = append_leaves([], 0, line_roots.compute_leaves(state, progress.slot, written))
    if list(progress.line_peaks) != peaks:
        problems.append(f"the tree of slot {progress.slot} is not over its lines")
    return problems


def feeders(state: HasStore) -> list[str]:
    """Only the slot in hand has sums of feeders, and those of branches are part of the feeder's."""
    progress = PROGRESS.get(state)
    sums = dict(FEEDER_SUMS.items(state))
    problems = [
        f"slot {slot} has sums of feeders and is not in hand"
        for slot, _ in sums
        if slot != progress.slot or not progress.stage
    ]
    if progress.stage != state_pb2.STAGE_LINES:
        # They are being announced.
        return problems
    for (slot, feeder), total in sums.items():
        branches = registry.get_branches(state, feeder)
        below = [sums[slot, name] for name in branches if (slot, name) in sums]
        if any(sum(getattr(one, name) for one in below) > getattr(total, name) for name in _ADDED):
            problems.append(f"the branches of {feeder} have more than the feeder")
    return problems


def _find_misplaced(state: HasStore, progress: state_pb2.Progress) -> list[str]:
    """Accounts of the slot in hand that are on the wrong side of the last settled one."""
    all_done = progress.stage == state_pb2.STAGE_PAYMENTS
    done = bech32.decode(progress.owner) if progress.owner else b""
    positions = market.get_positions(state, progress.slot, b"")
    waiting = [owner for owner, _ in positions if all_done or owner <= done]
    lines = LINES.under(progress.slot).items(state)
    early = [owner for owner, _ in lines if owner > done]
    wrong = waiting + ([] if all_done else early)
    problems = [f"{bech32.encode(owner)} is not as far as the settlement says" for owner in wrong]
    result = RESULTS.get(state, progress.slot)
    if not all_done and result and (result.default_fund_advance or result.backstop_received):
        problems.append(f"slot {progress.slot} has money from outside before its lines are written")
    return problems
