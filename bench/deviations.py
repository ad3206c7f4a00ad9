"""A random search for deviations that pay: two accounts of one owner, or of two who collude,
against a small street on the market's own rules.

In each try a slot is opened from a random purse. The others trade their needs in some of its
blocks; the two trade theirs at the best of all plain timings, and are then compared with a random
plan: more or less than they need, purchases and sales that are closed later, each in any block. Two
accounts without energy that gain, and a pool that loses more than its funding, end the search as
errors. With energy there is a limit that the rule has: a position that only moves the price and is
closed later can help an accomplice's trade, at the cost of the homes that trade in between, never
of the purse. The results say how often and how much, and what is left without such positions: the
market power of an order that is large beside the depth.

    python -m bench.deviations --tries 2000
    python -m bench.deviations --tries 100000
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

from blockenergy.market.v1.state_pb2 import Position

from bench.report import finish, make_parser
from bench.year import HIGH, LOW, Slot, Year, settle, trade
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening
from chain.market.rules import Curve, compute_funding
from chain.settlement.rules import Agreed, Metered, compute_line

BLOCKS = 4
# Rounding of a payment is below one millionth; so many payments has a plan at most.
ROUNDING = 4 * BLOCKS
NO_ENERGY = "no energy"


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


def try_plan(dice: random.Random) -> tuple[int, str]:
    """What a random plan gains over the best plain timing, and of which kind it is."""
    homes = dice.randint(3, 12)
    terms = Terms(LOW, HIGH, 2_500 * homes, (HIGH - LOW) // 40, 250)
    curve = compute_opening(terms, dice.randint(0, compute_cap(terms)))
    others = [split(draw_need(dice), dice) for _ in range(homes)]
    needs = [draw_need(dice) if dice.random() < 0.6 else 0 for _ in range(2)]
    plain = max(
        play(curve, others, needs, [at_once(needs[0], first), at_once(needs[1], second)])
        for first, second in product(range(BLOCKS), repeat=2)
    )
    largest_wh = dice.choice([500, 5_000, max(500, 2 * curve.depth_wh)])
    plan = [draw_plan(need, largest_wh, dice) for need in needs]
    gain = play(curve, others, needs, plan) - plain
    if not any(needs):
        return gain, NO_ENERGY
    closes = any(min(parts) < 0 < max(parts) for parts in plan)
    return gain, "positions are closed" if closes else "nothing is closed"


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


def draw_plan(need_wh: int, largest_wh: int, dice: random.Random) -> list[int]:
    """Anything; mostly it comes to the need in the end."""
    parts = [
        dice.randint(-largest_wh, largest_wh) if dice.random() < 0.6 else 0 for _ in range(BLOCKS)
    ]
    if dice.random() < 0.8:
        parts[dice.randrange(BLOCKS)] += need_wh - sum(parts)
    return parts


def play(
    curve: Curve, others: Sequence[list[int]], needs: Sequence[int], plan: Sequence[list[int]]
) -> int:
    """What the two have in the end: their trades, and their imbalance against what they need."""
    slot = Slot(curve, [Position() for _ in range(len(others) + 2)])
    for block in range(BLOCKS):
        trade(slot, [parts[block] for parts in (*others, *plan)])
    used_wh = [*map(sum, others), *needs]
    result, _ = settle(slot, used_wh, Year())
    if result < -compute_funding(curve):
        raise RuntimeError(f"the pool lost {-result}, funded with {compute_funding(curve)}")
    return sum(earn(slot.positions[-2 + number], needs[number], curve) for number in range(2))


def earn(position: Position, used_wh: int, curve: Curve) -> int:
    """What an account receives in all, less what it pays; what it paid at once included."""
    agreed = Agreed(position.bought_wh, position.sold_wh, position.cost, position.revenue)
    metered = Metered(max(0, used_wh), max(0, -used_wh))
    line = compute_line(agreed, metered, curve)
    return line.credited - line.charged - position.grid_fees


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = make_parser(__doc__)
    parser.add_argument("--tries", type=int, default=2_000, help="plans (default: 2000)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


if __name__ == "__main__":
    raise SystemExit(main())
