"""The frequent batch auction: the market orders of a slot in one block execute at one price.

Promises that no order trades beyond its limit, that nobody with a better limit than the price is
left out while the price allows more, that no feeder carries more than its headroom, and that the
sequence of the orders is irrelevant. Nothing here reads state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from chain.market.grid.feeders import FeederHeadroom
from chain.market.pool.meeting import Wanted, meet
from chain.market.rules import Curve, Price

# Max recomputations of a batch; all-or-nothing orders that are cut after that lapse together.
ROUNDS_MAX = 16


class MarketOrder(NamedTuple):
    """An order to trade with the pool at no worse than a limit per kWh.

    limit: on the price line: without grid fee and margin. feeders: what the energy crosses up to
    the grid supply point, the lowest one first. whole: all or nothing, even if the price or a
    feeder allows a part. owner: whose orders share as one.
    """

    is_buy: bool
    quantity_wh: int
    limit: int
    feeders: tuple[str, ...] = ()
    whole: bool = False
    owner: str = ""


class Lapse(Enum):
    """Why nothing of an order is executed."""

    LIMIT = 1
    WHOLE = 2
    FEEDER_FULL = 3


class Execution(NamedTuple):
    """The result of a batch: one price on the line, the executed Wh of each order, and why of the
    orders with none.
    """

    price: Price
    quantities: list[int]
    lapses: dict[int, Lapse]


def execute_batch(
    curve: Curve,
    net_wh: int,
    orders: Sequence[MarketOrder],
    headrooms: Mapping[str, FeederHeadroom] | None = None,
    seed: bytes = b"",
) -> Execution:
    """Executes the orders of one block at one price, within the headroom of the feeders.

    What a full feeder cuts is not wanted any more, an all-or-nothing order that is cut lapses, and
    the batch is computed again. seed: decides who gets the odd Wh.
    """
    wanted = [order.quantity_wh for order in orders]
    lapses: dict[int, Lapse] = {}
    for _ in range(ROUNDS_MAX):
        price, executed = _meet(curve, net_wh, orders, wanted, seed)
        carried = _cut(orders, executed, headrooms or {})
        changes = _find_changes(orders, wanted, executed, carried, lapses)
        if not changes:
            return Execution(price, executed, _explain(executed, lapses))
        for index, quantity_wh in changes.items():
            wanted[index] = quantity_wh
    wanted = list(carried)
    for index, order in enumerate(orders):
        if order.whole:
            wanted[index] = 0
            lapses.setdefault(index, Lapse.WHOLE)
    price, executed = _meet(curve, net_wh, orders, wanted, seed)
    return Execution(price, executed, _explain(executed, lapses))


def _meet(
    curve: Curve,
    net_wh: int,
    orders: Sequence[MarketOrder],
    wanted: Sequence[int],
    seed: bytes,
) -> tuple[Price, list[int]]:
    return meet(
        curve,
        net_wh,
        [
            Wanted(order.is_buy, wh, order.limit, order.owner)
            for order, wh in zip(orders, wanted, strict=True)
        ],
        seed,
    )


def _find_changes(
    orders: Sequence[MarketOrder],
    wanted: Sequence[int],
    executed: Sequence[int],
    carried: Sequence[int],
    lapses: dict[int, Lapse],
) -> dict[int, int]:
    """What is wanted less: nothing of what has to be whole and was cut; if there is no such order,
    what full feeders can carry. Notes why orders lapse.
    """
    broken: dict[int, int] = {}
    shared = _find_shared_limits(orders, wanted, executed)
    for index, order in enumerate(orders):
        by_feeder = carried[index] < executed[index]
        by_limit = wanted[index] > 0 and (order.is_buy, order.limit) in shared
        if order.whole and (by_feeder or by_limit):
            lapses[index] = Lapse.FEEDER_FULL if by_feeder else Lapse.WHOLE
            broken[index] = 0
    if broken:
        return broken
    cut = {index: wh for index, wh in enumerate(carried) if wh < executed[index]}
    lapses.update((index, Lapse.FEEDER_FULL) for index, wh in cut.items() if not wh)
    return cut


def _find_shared_limits(
    orders: Sequence[MarketOrder], wanted: Sequence[int], executed: Sequence[int]
) -> set[tuple[bool, int]]:
    """Sides and limits at which there is something, and less than is wanted. Nobody's share of that
    is whole, even where an odd Wh completes it: luck would decide about all of an order.
    """
    sums: dict[tuple[bool, int], tuple[int, int]] = {}
    for order, wanted_wh, executed_wh in zip(orders, wanted, executed, strict=True):
        key = order.is_buy, order.limit
        wanted_sum, executed_sum = sums.get(key, (0, 0))
        sums[key] = wanted_sum + wanted_wh, executed_sum + executed_wh
    return {key for key, (most, some) in sums.items() if 0 < some < most}


def _explain(executed: Sequence[int], lapses: Mapping[int, Lapse]) -> dict[int, Lapse]:
    return {index: lapses.get(index, Lapse.LIMIT) for index, wh in enumerate(executed) if not wh}


def _cut(
    orders: Sequence[MarketOrder], executed: list[int], headrooms: Mapping[str, FeederHeadroom]
) -> list[int]:
    """Cuts what crosses each feeder to its headroom, pro rata, rounded down.

    The feeders furthest from the grid supply point come first. Import and export are not netted:
    each has to fit alone, so that no order depends on the execution of another one.
    """
    carried = list(executed)
    for feeder, crossing in _group_by_feeder(orders):
        for is_buy, headroom_wh in (
            (True, headrooms[feeder].import_wh),
            (False, headrooms[feeder].export_wh),
        ):
            side = [index for index in crossing if orders[index].is_buy == is_buy]
            total_wh = sum(carried[index] for index in side)
            if total_wh > headroom_wh:
                for index in side:
                    carried[index] = carried[index] * headroom_wh // total_wh
    return carried


def _group_by_feeder(orders: Sequence[MarketOrder]) -> list[tuple[str, list[int]]]:
    """Feeders, the furthest first, with the indexes of the orders that cross them."""
    distances: dict[str, int] = {}
    crossing: dict[str, list[int]] = {}
    for index, order in enumerate(orders):
        for distance, feeder in enumerate(reversed(order.feeders)):
            distances[feeder] = distance
            crossing.setdefault(feeder, []).append(index)
    furthest_first = sorted(crossing, key=lambda feeder: (-distances[feeder], feeder))
    return [(feeder, crossing[feeder]) for feeder in furthest_first]
