"""What always holds of settlements."""

from __future__ import annotations

from blockenergy.market.v1 import state_pb2 as market_pb2

from chain import bank, market
from chain.runtime.collections import HasStore
from chain.settlement.keeper import get_denom
from chain.settlement.pruning import is_old
from chain.settlement.state import DEFERRED, LINES, PARAMS, PROGRESS, RESULTS


def pool_cash(state: HasStore) -> list[str]:
    """The pool has exactly the money of its slots: funding and what cancellations paid before the
    settlement, cash during it, nothing after it.
    """
    expected, slot = 0, 0
    while (found := market.get_first_slot_from(state, slot)) is not None:
        number, info = found
        result = RESULTS.get(state, number)
        before = info.funding + info.cancellation_income
        expected += before if result is None else result.cash
        if info.status == market_pb2.SLOT_STATUS_SETTLED and (result is None or result.cash):
            return [f"slot {number} is settled and has money in the pool"]
        slot = number + 1
    actual = bank.get_balance(state, market.POOL, get_denom(state))
    return [] if actual == expected else [f"the pool has {actual}, its slots {expected}"]


def line_sums(state: HasStore) -> list[str]:
    """Every line balances, and the lines of a slot add up to its result."""
    problems = []
    sums: dict[int, list[int]] = {}
    for (slot, _), line in LINES.items(state):
        gained = line.revenue + line.imbalance_credit - line.cost - line.imbalance_charge
        if gained != line.credited - line.charged or line.uncovered > line.charged:
            problems.append(f"a line of slot {slot} does not balance")
        total = sums.setdefault(slot, [0, 0, 0])
        for index, amount in enumerate((line.import_wh, line.export_wh, line.uncovered)):
            total[index] += amount
    params, progress = PARAMS.get(state), PROGRESS.get(state)
    for slot, result in RESULTS.items(state):
        expected = [result.import_wh, result.export_wh, result.uncovered]
        # An old slot may be in the middle of being removed.
        if not is_old(slot, params, progress) and sums.get(slot, [0, 0, 0]) != expected:
            problems.append(f"the lines of slot {slot} do not add up to its result")
    return problems


def deferred_sums(state: HasStore) -> list[str]:
    """The credits that wait are those that the results name."""
    sums: dict[int, int] = {}
    for (slot, _), amount in DEFERRED.items(state):
        sums[slot] = sums.get(slot, 0) + amount
    return [
        f"slot {slot} defers {result.deferred}, but {sums.get(slot, 0)} wait"
        for slot, result in RESULTS.items(state)
        if result.deferred != sums.pop(slot, 0)
    ] + [f"credits of slot {slot} wait without a result" for slot in sums]
