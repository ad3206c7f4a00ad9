"""A random search for deviations that pay: two accounts of one owner, or of two who collude,
against a small street on the market's own rules.

In each try a slot is opened from a random purse. The others trade their needs in some of its
blocks, at any price, and buy from offers that are cheaper than the pool. The two trade theirs, to
the pool or as offers, at the best of all plain timings, and are then compared with a random plan:
more or less than they need, purchases and sales that are closed later, each in any block, within
what their connections carry; in the last block it costs the fee for closing late. They know in
advance what all others do, and have all the money that collateral takes. Two accounts without
energy that gain, and a pool that loses more than its funding, end the search as errors. With energy
there is the market power of an order that is large beside the depth; the results say how often it
gains, and how much.

    python -m bench.deviations --tries 2000
    python -m bench.deviations --tries 100000
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from blockenergy.market.v1.state_pb2 import Position

from bench.report import finish, make_parser
from bench.year import HIGH, LOW, Slot, Year, deal, settle, trade
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening
from chain.market.rules import Curve, compute_ask, compute_funding
from chain.settlement.rules import Agreed, Metered, compute_line

BLOCKS = 4
# What connections carry in a slot.
CONNECTIONS_WH = (3_700, 11_000, 22_000, 44_000)
LATE_FEES = (0, 10_000, 40_000)
# Rounding of a payment is below one millionth; so many payments has a plan at most.
ROUNDING = 4 * BLOCKS
NO_ENERGY = "no energy"
# In so many tries the two may sell by offers as well.
OFFERS_SHARE = 0.2


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Tries so many plans; raises RuntimeError if one does what no plan may do."""
    dice = random.Random(options.seed)
    tries: Counter[str] = Counter()
    gains: dict[str, list[int]] = {}
    for _ in range(options.tries):
        gain, kind = try_plan(dice)
        tries[kind] += 1
        if gain > ROUNDING:
            gains.setdefault(kind, []).append(gain)
            if kind == NO_ENERGY:
                raise RuntimeError(f"two accounts without energy gain {gain}")
    return {
        kind: {
            "tries": tries[kind],
            "gain": len(gains.get(kind, [])),
            "largest_eur": max(gains.get(kind, []), default=0) / 1e6,
            "mean_eur": round(sum(gains.get(kind, [])) / tries[kind] / 1e6, 6),
        }
        for kind in sorted(tries)
    }


class Plan(NamedTuple):
    """What an account trades in each block, and offers to the others from then on, in Wh."""

    parts_wh: list[int]
    offers_wh: list[int]


class Game(NamedTuple):
    """What a plan is played against: the others' trades, and what the two need and may trade."""

    curve: Curve
    others: list[list[int]]
    needs_wh: list[int]
    connections_wh: list[int]
    late_fee_per_kwh: int


def try_plan(dice: random.Random) -> tuple[int, str]:
    """What a random plan gains over the best plain timing, 0 if that is nothing, and its kind."""
    game = draw_game(dice)
    offers = dice.random() < OFFERS_SHARE
    largest_wh = dice.choice([500, 5_000, max(500, 2 * game.curve.depth_wh)])
    plans = [draw_plan(need_wh, largest_wh, offers, dice) for need_wh in game.needs_wh]
    gain = compare(game, plans, [list_plain(need_wh, offers) for need_wh in game.needs_wh])
    if not any(game.needs_wh):
        return gain, NO_ENERGY
    closes = any(min(plan.parts_wh) < 0 < max(plan.parts_wh) for plan in plans)
    return gain, "positions are closed" if closes else "nothing is closed"


def compare(game: Game, plans: Sequence[Plan], plain: Sequence[list[Plan]]) -> int:
    """What a plan gains over the best of the plain ones; it stops at one that is no worse."""
    value, best = play(game, plans), None
    for choice in product(*plain):
        other = play(game, choice)
        best = other if best is None else max(best, other)
        if best >= value:
            return 0
    assert best is not None, "there is a plain plan"
    return value - best


def draw_game(dice: random.Random) -> Game:
    """A slot of a street, and two accounts."""
    homes = dice.randint(3, 12)
    terms = Terms(LOW, HIGH, 2_500 * homes, (HIGH - LOW) // 40, 250)
    curve = compute_opening(terms, dice.randint(0, compute_cap(terms)))
    others = [split(draw_need(dice), dice) for _ in range(homes)]
    needs_wh = [draw_need(dice) if dice.random() < 0.6 else 0 for _ in range(2)]
    connections_wh = [max(abs(need), dice.choice(CONNECTIONS_WH)) for need in needs_wh]
    return Game(curve, others, needs_wh, connections_wh, dice.choice(LATE_FEES))


def list_plain(need_wh: int, offers: bool) -> list[Plan]:
    """A need traded at once with the pool, or offered, in each of the blocks."""
    nothing = [0] * BLOCKS
    if not need_wh:
        return [Plan(nothing, nothing)]
    plans = [Plan(at_once(need_wh, block), nothing) for block in range(BLOCKS)]
    if offers and need_wh < 0:
        plans += [Plan(nothing, at_once(-need_wh, block)) for block in range(BLOCKS)]
    return plans


def draw_need(dice: random.Random) -> int:
    """What somebody uses net in the slot, in Wh."""
    return dice.choice([-1, 1]) * dice.randint(1, 4_000)


def split(need_wh: int, dice: random.Random) -> list[int]:
    """A need traded in one block, or most of it in one and the rest in the last."""
    parts = at_once(need_wh * 7 // 10, dice.randrange(BLOCKS))
    parts[-1] += need_wh - sum(parts)
    return parts


def at_once(need_wh: int, block: int) -> list[int]:
    """A need traded in one block."""
    return [need_wh if number == block else 0 for number in range(BLOCKS)]


def draw_plan(need_wh: int, largest_wh: int, offers: bool, dice: random.Random) -> Plan:
    """Anything; mostly it comes to the need in the end."""
    parts_wh = [
        dice.randint(-largest_wh, largest_wh) if dice.random() < 0.6 else 0 for _ in range(BLOCKS)
    ]
    if dice.random() < 0.8:
        parts_wh[dice.randrange(BLOCKS)] += need_wh - sum(parts_wh)
    if offers and dice.random() < 0.5:
        offered = [min(0, wh) if dice.random() < 0.5 else 0 for wh in parts_wh]
        return Plan(
            [wh - sold for wh, sold in zip(parts_wh, offered, strict=True)],
            [-sold for sold in offered],
        )
    return Plan(parts_wh, [0] * BLOCKS)


def play(game: Game, plans: Sequence[Plan]) -> int:
    """What the two have in the end: their trades, and their imbalance against what they need."""
    count = len(game.others)
    slot = Slot(game.curve, [Position() for _ in range(count + 2)])
    for block in range(BLOCKS):
        is_last = block == BLOCKS - 1
        slot.late_fee_per_kwh = game.late_fee_per_kwh if is_last else 0
        wanted_wh = [parts[block] for parts in game.others]
        for number, plan in enumerate(plans):
            sell_offer(slot, count + number, plan.offers_wh[block], wanted_wh)
        for number, plan in enumerate(plans):
            position = slot.positions[count + number]
            most_wh = game.connections_wh[number]
            least_wh = position.sold_wh - most_wh
            wanted_wh.append(max(least_wh, min(most_wh - position.bought_wh, plan.parts_wh[block])))
        trade(slot, wanted_wh)
    used_wh = [*map(sum, game.others), *game.needs_wh]
    result, _ = settle(slot, used_wh, Year())
    if result < -compute_funding(game.curve):
        raise RuntimeError(f"the pool lost {-result}, funded with {compute_funding(game.curve)}")
    return sum(earn(slot, number - 2, game.needs_wh[number]) for number in range(2))


def sell_offer(slot: Slot, seller: int, offered_wh: int, wanted_wh: list[int]) -> None:
    """Those who want to buy take an offer that is just cheaper than the pool, one after the other,
    and want so much less.
    """
    price = compute_ask(slot.curve, slot.net_wh) - 1
    for buyer, wh in enumerate(wanted_wh):
        sold_wh = min(offered_wh, max(0, wh))
        if sold_wh:
            deal(slot, buyer, seller, sold_wh, price)
            wanted_wh[buyer] -= sold_wh
            offered_wh -= sold_wh


def earn(slot: Slot, number: int, used_wh: int) -> int:
    """What an account receives in all, less what it pays; what it paid at once included."""
    position = slot.positions[number]
    agreed = Agreed(position.bought_wh, position.sold_wh, position.cost, position.revenue)
    metered = Metered(max(0, used_wh), max(0, -used_wh))
    line = compute_line(agreed, metered, slot.curve)
    return line.credited - line.charged - slot.losses[number]


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = make_parser(__doc__)
    parser.add_argument("--tries", type=int, default=2_000, help="plans (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


if __name__ == "__main__":
    raise SystemExit(main())
