"""A random search for deviations that pay: two accounts of one owner, or of two who collude,
against a small street on the market's own rules.

In each try a slot is opened from a random purse. The others trade their needs in some of its
blocks, at any price, and buy from offers that are cheaper than the pool. The two play a random
plan: more or less than they need, purchases and sales that are closed later, each in any block,
within what their connections carry; in the last block it costs the fee for closing late. They know
in advance what all others do.

What they get is compared with the best of trading what they need and nothing else, which everybody
may do as well as he can: to the pool or as offers, in one block, in parts, or not at all. So no
plan gains by buying its own energy at the right time, or by leaving it to the backstop. Nor does
one that brings no more than buying as much and using it: no meter can tell that from a need. A plan
that gains more than rounding, and a pool that loses more than its funding, end the search as
errors. Every try has a number, by which it can be repeated.

    python -m bench.market.deviations --tries 2000
    python -m bench.market.deviations --tries 100000
    python -m bench.market.deviations --first 7506 --tries 1
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, product
from typing import Any, NamedTuple

from blockenergy.market.v1.state_pb2 import Position

from bench.market.year import HIGH, LOW, Slot, Year, deal, get_agreed, settle, trade
from bench.results.report import finish, make_parser
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening
from chain.market.rules import Curve, compute_ask, compute_funding
from chain.settlement.rules import Metered, compute_line

BLOCKS = 4
# What connections carry in a slot.
CONNECTIONS_WH = (3_700, 11_000, 22_000, 44_000)
LATE_FEES = (0, 10_000, 40_000)
# Rounding of a payment is below one millionth; so many payments has a plan at most.
ROUNDING = 4 * BLOCKS
# Of trading what is needed: so many ways to move a part of it are tried.
MOVES = 400
WORST_SHOWN = 10
# In so many tries the two may sell by offers as well.
OFFERS_SHARE = 0.2


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Tries so many plans; raises RuntimeError if one gains, or costs the pool too much."""
    tries: Counter[str] = Counter()
    gains: dict[int, int] = {}
    for number in range(options.first, options.first + options.tries):
        gain, kind = try_plan(number)
        tries[kind] += 1
        if gain > ROUNDING:
            gains[number] = gain
    if gains:
        worst = sorted(gains, key=lambda number: -gains[number])[:WORST_SHOWN]
        told = ", ".join(f"{number} ({gains[number] / 1e6} EUR)" for number in worst)
        raise RuntimeError(f"{len(gains)} of {options.tries} plans gain, most of all {told}")
    return {"first": options.first, "tries": options.tries, "gain": 0, "kinds": dict(tries)}


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


def try_plan(number: int) -> tuple[int, str]:
    """What the random plan of a number gains over trading what is needed, 0 if that is nothing, and
    its kind.
    """
    dice = random.Random(number)
    game = draw_game(dice)
    offers = dice.random() < OFFERS_SHARE
    largest_wh = dice.choice([500, 5_000, max(500, 2 * game.curve.depth_wh)])
    plans = [draw_plan(need_wh, largest_wh, offers, dice) for need_wh in game.needs_wh]
    return compute_gain(game, plans, offers, dice), get_kind(game, plans)


def get_kind(game: Game, plans: Sequence[Plan]) -> str:
    """Whether anything is needed, and whether the plan closes anything."""
    if not any(game.needs_wh):
        return "no energy"
    closes = any(min(plan.parts_wh) < 0 < max(plan.parts_wh) for plan in plans)
    return "positions are closed" if closes else "nothing is closed"


def compute_gain(game: Game, plans: Sequence[Plan], offers: bool, dice: random.Random) -> int:
    """What a plan gains over trading what is needed as well as can be found, or what is needed and
    all that the plan once has beyond it; 0 if something is found that is no worse.
    """
    value = play(game, plans)
    gain = value - find_best(game, value, offers, dice)
    if gain > ROUNDING:
        # Rare enough to try each way.
        for needs_wh in list_uses(game, plans):
            used = game._replace(needs_wh=needs_wh)
            gain = min(gain, value - find_best(used, value, offers, dice))
    return max(0, gain)


def list_uses(game: Game, plans: Sequence[Plan]) -> list[list[int]]:
    """What the two may use, if one or both use the most that they have bought at any time."""
    most_wh = [
        max(need_wh, *accumulate(plan.parts_wh))
        for plan, need_wh in zip(plans, game.needs_wh, strict=True)
    ]
    ways = product(*zip(game.needs_wh, most_wh, strict=True))
    return [list(way) for way in ways if list(way) != game.needs_wh]


def find_best(game: Game, value: int, offers: bool, dice: random.Random) -> int:
    """What trading a need and nothing else brings at best, as far as is found; ends as soon as it
    is no less than a value.

    First in one block each; then in parts, moved one after the other as long as it is no loss.
    """
    best, plain = None, None
    for choice in product(*(list_plain(need_wh, offers) for need_wh in game.needs_wh)):
        found = play(game, choice)
        if best is None or found > best:
            best, plain = found, choice
        if best >= value:
            return best
    assert best is not None and plain is not None, "there is a plain plan"
    for _ in range(MOVES if any(game.needs_wh) else 0):
        moved = [
            move_part(plan, need_wh, offers, dice)
            for plan, need_wh in zip(plain, game.needs_wh, strict=True)
        ]
        for choice in ((moved[0], plain[1]), (plain[0], moved[1])):
            found = play(game, choice)
            if found >= best:
                best, plain = found, choice
            if best >= value:
                return best
    return best


def move_part(plan: Plan, need_wh: int, offers: bool, dice: random.Random) -> Plan:
    """The same, of which something is traded in another block, or not at all; sales also by
    offers.
    """
    sign = -1 if need_wh < 0 else 1
    places_wh = [sign * wh for wh in plan.parts_wh] + plan.offers_wh
    places_wh.append(abs(need_wh) - sum(places_wh))
    full = [place for place, wh in enumerate(places_wh) if wh]
    if not full:
        return plan
    taken = dice.choice(full)
    whole_wh = places_wh[taken]
    wh = dice.choice([whole_wh, dice.randint(1, whole_wh), max(1, whole_wh // 20)])
    open_places = [*range(2 * BLOCKS if offers and need_wh < 0 else BLOCKS), 2 * BLOCKS]
    places_wh[taken] -= wh
    places_wh[dice.choice(open_places)] += wh
    return Plan([sign * wh for wh in places_wh[:BLOCKS]], places_wh[BLOCKS : 2 * BLOCKS])


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
    """A need traded at once with the pool, or offered, in each of the blocks, or in none."""
    nothing = [0] * BLOCKS
    if not need_wh:
        return [Plan(nothing, nothing)]
    plans = [Plan(at_once(need_wh, block), nothing) for block in range(BLOCKS)]
    plans.append(Plan(nothing, nothing))
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
    metered = Metered(max(0, used_wh), max(0, -used_wh))
    line = compute_line(get_agreed(slot, position), metered, slot.curve)
    return line.credited - line.charged - slot.losses[number]


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = make_parser(__doc__)
    parser.add_argument("--tries", type=int, default=2_000, help="plans (default: 2000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


if __name__ == "__main__":
    raise SystemExit(main())
