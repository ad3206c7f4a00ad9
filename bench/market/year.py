"""A year of given homes on the market's own rules: who gains, who pays, and what the purses hold.

Every home trades seven tenths of an early forecast, and before the gate the difference to a better
one, at any price that beats an imbalance. All orders of an hour are executed by the chain's batch,
what a home has on both sides is closed, and each hour is settled; slots open from purses and close
into them. Needs homes as hourly CSV files (see --data); `--homes` draws more of them: with
replacement, moved by whole weeks, and scaled. `--block-days` draws the days of the year as well, in
blocks of so many, the same for all homes: weather keeps its run, and seasons come in any sequence.

    python -m bench.market.year --data ../shared/data/homes_fontana_2022
    python -m bench.market.year --homes 100 --pv 0.5 --draws 3
    python -m bench.market.year --block-days 7 --draws 20
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blockenergy.market.v1.state_pb2 import Position

from bench.results.report import finish, make_parser
from chain.market.pool.batch import MarketOrder, execute_batch
from chain.market.pool.purse_rules import Terms, compute_cap, compute_opening, split_surplus
from chain.market.positions.charges import Charges
from chain.market.positions.closing import take_both_sides
from chain.market.positions.influence import Traded, note_start
from chain.market.rules import (
    Curve,
    Price,
    compute_buy_collateral,
    compute_close_cost,
    compute_funding,
    compute_sell_collateral,
)
from chain.market.rules import compute_payment as pay
from chain.market.rules import compute_receipt as receive
from chain.settlement.rules import Agreed, Metered, compute_backstop_bill, compute_line

DATA = Path("..") / "shared" / "data" / "homes_fontana_2022"
HOURS_PER_DAY, HOURS_PER_WEEK = 24, 168
LOW, HIGH = 80_000, 300_000
EUR = 1_000_000
# Of an hour with a full purse, for each home.
DEPTH_WH = 5_000
# Of an order, beside what it costs.
COLLATERAL_PERMILLE = 100
# Standard deviation of forecasts from what comes, in parts: use and sun, early and late.
ERRORS = {"street": ((0.20, 0.20), (0.06, 0.06)), "single homes": ((0.45, 0.30), (0.30, 0.12))}


@dataclass
class Street:
    """Homes: what each uses net in every hour, and what it expects early and late, in Wh."""

    net_wh: list[list[int]]
    early_wh: list[list[int]]
    late_wh: list[list[int]]


@dataclass
class Slot:
    """An hour being traded."""

    curve: Curve
    positions: list[Position]
    net_wh: int = 0
    # What the pool has earned, closed positions included.
    earned: int = 0
    # All that was ever traded, in halves of a Wh.
    traded: Traded = field(default_factory=lambda: Traded(0, 0))
    # What each owner has lost by closing, paid at once.
    losses: list[int] = field(init=False)
    late_fee_per_kwh: int = 0

    def __post_init__(self) -> None:
        self.losses = [0] * len(self.positions)


@dataclass
class Year:
    """Sums of all hours, in millionths."""

    pool: int = 0
    surplus: int = 0
    fund: int = 0
    paid_out: int = 0
    gain: int = 0
    possible: int = 0
    # The lowest of what purses and treasury had together, less what they began with.
    worst: int = 0
    depths: int = 0
    prices: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)


def load_homes(folder: Path) -> tuple[list[list[int]], list[list[int]]]:
    """Use and production of each home, hour by hour from midnight on, in Wh."""
    peaks: dict[str, float] = {}
    for file in sorted(folder.glob("schema*.json")):
        for name, building in json.loads(file.read_text())["buildings"].items():
            peaks[name] = building["pv"]["attributes"]["nominal_power"]
    uses, suns = [], []
    for name in sorted(peaks, key=lambda name: int(name.rpartition("_")[2])):
        with gzip.open(folder / f"{name}.csv.gz", "rt") as lines:
            rows = list(csv.DictReader(lines))
        uses.append([round(1000 * float(row["non_shiftable_load"])) for row in rows])
        # Watts for each kW of peak power.
        suns.append([round(float(row["solar_generation"]) * peaks[name]) for row in rows])
    if not uses:
        raise RuntimeError(f"there are no homes in {folder}")
    return uses, suns


def draw_street(
    uses: Sequence[Sequence[int]],
    suns: Sequence[Sequence[int]],
    count: int,
    pv_share: float,
    errors: tuple[tuple[float, float], tuple[float, float]],
    dice: random.Random,
) -> Street:
    """The given homes, or as many as wanted drawn from them."""
    homes = []
    for number in range(count or len(uses)):
        place = number if not count else dice.randrange(len(uses))
        shift = dice.randint(-3, 3) * HOURS_PER_WEEK if count else 0
        scale = math.exp(dice.gauss(0, 0.35)) if count else 1.0
        roof = (math.exp(dice.gauss(0, 0.25)) if count else 1.0) * (dice.random() < pv_share)
        hours = range(len(uses[place]))
        homes.append(
            (
                [uses[place][(hour - shift) % len(hours)] * scale for hour in hours],
                [suns[place][hour] * roof for hour in hours],
            )
        )
    street = Street([], [], [])
    sky = [[dice.gauss(0, 1) for _ in homes[0][0]] for _ in errors]
    for use, sun in homes:
        street.net_wh.append([round(u - s) for u, s in zip(use, sun, strict=True)])
        for (use_error, sun_error), weather, into in zip(
            errors, sky, (street.early_wh, street.late_wh), strict=True
        ):
            into.append(
                [
                    round(
                        u * max(0.2, dice.gauss(1, use_error))
                        - s * min(2.0, max(0.0, 1 + sun_error * w))
                    )
                    for u, s, w in zip(use, sun, weather, strict=True)
                ]
            )
    return street


def draw_days(street: Street, block_days: int, dice: random.Random) -> Street:
    """A year of the same homes made of blocks of its days, drawn with replacement; the last block
    ends with the year, and one that begins near its end goes on with its beginning.
    """
    count = len(street.net_wh[0])
    days = count // HOURS_PER_DAY
    hours: list[int] = []
    while len(hours) < count:
        start = dice.randrange(days) * HOURS_PER_DAY
        hours += [(start + hour) % count for hour in range(block_days * HOURS_PER_DAY)]
    del hours[count:]
    return Street(
        *(
            [[home[hour] for hour in hours] for home in homes]
            for homes in (street.net_wh, street.early_wh, street.late_wh)
        )
    )


def run_year(street: Street, terms: Terms, seed: int, surplus_share: int) -> Year:
    """Trades and settles every hour; raises AssertionError if the purses break their promise."""
    year, count = Year(), len(street.net_wh)
    purses = [seed // HOURS_PER_DAY] * HOURS_PER_DAY
    begun = sum(purses)
    for hour in range(len(street.net_wh[0])):
        number = hour % HOURS_PER_DAY
        curve = compute_opening(terms, purses[number])
        funding = compute_funding(curve)
        slot = Slot(curve, [Position() for _ in range(count)])
        trade(slot, [wh[hour] * 7 // 10 for wh in street.early_wh])
        trade(slot, missing(slot, [wh[hour] for wh in street.late_wh]))
        result, surplus = settle(slot, [wh[hour] for wh in street.net_wh], year)
        assert result >= -funding, "the pool lost more than its funding"
        to_purse = split_surplus(surplus, surplus_share)
        money = purses[number] + result + to_purse
        over = max(0, money - compute_cap(terms))
        purses[number] = money - over
        year.pool += result
        year.surplus += surplus
        year.fund += surplus - to_purse
        year.paid_out += over
        year.worst = min(year.worst, sum(purses) + year.paid_out - begun)
        year.depths += curve.depth_wh
    assert year.worst >= -begun, "more than the seed is lost"
    return year


def missing(slot: Slot, wanted_wh: Sequence[int]) -> list[int]:
    """What homes still have to trade to have what they want."""
    pairs = zip(wanted_wh, slot.positions, strict=True)
    return [wh - position.bought_wh + position.sold_wh for wh, position in pairs]


def trade(slot: Slot, wanted_wh: Sequence[int]) -> None:
    """One block: what is wanted net, at any price within the bounds."""
    owners = [number for number, wh in enumerate(wanted_wh) if wh]
    margin = slot.curve.margin
    orders = [
        MarketOrder(
            wanted_wh[number] > 0,
            abs(wanted_wh[number]),
            HIGH - margin if wanted_wh[number] > 0 else LOW + margin,
            owner=str(number),
        )
        for number in owners
    ]
    done = execute_batch(slot.curve, slot.net_wh, orders)
    block = Traded(
        sum(wh for order, wh in zip(orders, done.quantities, strict=True) if order.is_buy),
        sum(wh for order, wh in zip(orders, done.quantities, strict=True) if not order.is_buy),
    )
    middle = Traded(*map(sum, zip(slot.traded, block, strict=True)))
    slot.traded = Traded(*map(sum, zip(middle, block, strict=True)))
    for number, order, wh in zip(owners, orders, done.quantities, strict=True):
        position = slot.positions[number]
        if order.is_buy:
            amount = pay(done.price.add(margin), wh)
            position.bought_wh += wh
            position.cost += amount
            slot.net_wh += wh
            slot.earned += amount
        else:
            amount = receive(done.price.add(-margin), wh)
            position.sold_wh += wh
            position.revenue += amount
            slot.net_wh -= wh
            slot.earned -= amount
        book(slot, number, order.is_buy, wh, middle)


def deal(slot: Slot, buyer: int, seller: int, wh: int, price: int) -> None:
    """A purchase from an offer, in which the pool has no part."""
    middle = Traded(*(half_wh + wh for half_wh in slot.traded))
    slot.traded = Traded(*(half_wh + wh for half_wh in middle))
    for number, is_buy in ((buyer, True), (seller, False)):
        position = slot.positions[number]
        if is_buy:
            position.bought_wh += wh
            position.cost += pay(Price(price, 1), wh)
        else:
            position.sold_wh += wh
            position.revenue += receive(Price(price, 1), wh)
        book(slot, number, is_buy, wh, middle)


def book(slot: Slot, number: int, is_buy: bool, wh: int, traded: Traded) -> None:
    """Notes what was traded before it; what is then on both sides is closed."""
    position = slot.positions[number]
    if is_buy:
        position.buy_collateral += compute_buy_collateral(wh, HIGH, COLLATERAL_PERMILLE)
    else:
        position.sell_collateral += compute_sell_collateral(
            wh, LOW, slot.curve, COLLATERAL_PERMILLE
        )
    if not position.bought_wh or not position.sold_wh:
        if wh:
            note_start(position, is_buy, wh, traded)
        return
    charges = Charges(slot.curve, slot.late_fee_per_kwh)
    bought, sold, loss = take_both_sides(position, traded, not is_buy, charges)
    slot.losses[number] += loss
    slot.earned += loss - bought.amount + sold.amount


def settle(slot: Slot, net_wh: Sequence[int], year: Year) -> tuple[int, int]:
    """Meters an hour; returns the pool's result and the surplus, and adds to the year."""
    charges = 0
    for position, loss, wh in zip(slot.positions, slot.losses, net_wh, strict=True):
        line = compute_line(
            get_agreed(slot, position), Metered(max(0, wh), max(0, -wh)), slot.curve
        )
        charges += line.imbalance_charge - line.imbalance_credit
        alone = wh * (HIGH if wh > 0 else LOW) // 1000
        year.gain += alone + line.credited - line.charged - loss
    close_cost = compute_close_cost(slot.curve, slot.net_wh)
    bill = compute_backstop_bill(sum(net_wh), slot.curve)
    used_wh = sum(wh for wh in net_wh if wh > 0)
    year.possible += min(used_wh, used_wh - sum(net_wh)) * (HIGH - LOW) // 1000
    low, high = slot.curve.get_ends()
    depth, place = max(1, slot.curve.depth_wh), slot.net_wh
    year.prices.append(low + (high - low) * min(max(place + depth, 0), 2 * depth) / (2 * depth))
    year.loads.append(sum(net_wh))
    return slot.earned - close_cost, charges - (bill - close_cost)


def get_agreed(slot: Slot, position: Position) -> Agreed:
    """What a position comes to when trade has ended."""
    since = slot.traded.since(position, position.bought_wh > position.sold_wh, 0)
    return Agreed(position.bought_wh, position.sold_wh, position.cost, position.revenue, since)


def correlate(left: Sequence[float], right: Sequence[float]) -> float:
    """Pearson's correlation."""
    mean_l, mean_r = sum(left) / len(left), sum(right) / len(right)
    both = sum((a - mean_l) * (b - mean_r) for a, b in zip(left, right, strict=True))
    spread = sum((a - mean_l) ** 2 for a in left) * sum((b - mean_r) ** 2 for b in right)
    return both / math.sqrt(spread) if spread else 0.0


def describe(year: Year, homes: int) -> dict[str, Any]:
    """The year of one home on average, in EUR, and what must hold."""

    def each(amount: int) -> float:
        return round(amount / EUR / homes, 2)

    return {
        "homes": homes,
        "gain": each(year.gain),
        "possible": each(year.possible),
        "share": round(year.gain / year.possible, 3),
        "pool": each(year.pool),
        "surplus": each(year.surplus),
        "fund": each(year.fund),
        "paid_out": each(year.paid_out),
        "worst": each(year.worst),
        "mean_depth_wh": year.depths // len(year.prices) // homes,
        "price_follows_load": round(correlate(year.prices, year.loads), 2),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """A year for each draw."""
    uses, suns = load_homes(options.data)
    years = []
    for draw in range(options.draws):
        dice = random.Random(options.seed + draw)
        street = draw_street(uses, suns, options.homes, options.pv, ERRORS[options.errors], dice)
        if options.block_days:
            street = draw_days(street, options.block_days, dice)
        homes = len(street.net_wh)
        terms = Terms(LOW, HIGH, options.depth_wh * homes, (HIGH - LOW) // 40, 250)
        year = run_year(street, terms, round(options.purses * EUR) * homes, options.surplus_share)
        years.append(describe(year, homes))
    return {"seed_of_purses_eur_per_home": options.purses, "years": years}


def main() -> int:
    """Runs the command line; returns the exit status."""
    parser = make_parser(__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the homes")
    parser.add_argument("--homes", type=int, default=0, help="drawn homes (default: those given)")
    parser.add_argument("--pv", type=float, default=1.0, help="share with a roof (default: 1)")
    parser.add_argument("--errors", choices=ERRORS, default="street", help="of forecasts")
    parser.add_argument("--draws", type=int, default=1, help="years, each of other homes")
    parser.add_argument("--block-days", type=int, default=0, help="drawn days (default: as given)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random")
    parser.add_argument("--purses", type=float, default=1.2, help="EUR per home put into purses")
    parser.add_argument("--depth-wh", type=int, default=DEPTH_WH, help="per home, with full purses")
    parser.add_argument("--surplus-share", type=int, default=1_000, help="permille to the purses")
    options = parser.parse_args()
    return finish(lambda: measure(options), options.json)


if __name__ == "__main__":
    raise SystemExit(main())
