"""Forty regions that trade one slot over their tie lines: who waits for what.

    python -m bench.country                              small: 1,000 meters a region
    python -m bench.country --meters 1000000 --settled 1 full size: a million, one region settled

Each region has a price line of its own, by the rules of the market, and is joined to its
neighbours on a grid. Packets lie in a queue for as long as they take between two networks:
a block that sends, a header that proves it, a block that takes it, and the same on the way back.
The operators of all lines act at the same time, each on the prices that it sees when its last
packet has ended. Time is counted in blocks, prices and quantities are those of the rules; then the
slot of some regions is settled by the chain itself, in processor time, as in bench.settlement.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Any, NamedTuple

from blockenergy.market.v1 import state_pb2

from bench import settlement
from bench.results.report import finish, make_parser
from chain import market
from chain.market import rules
from node_config.regions.coupling import WH_PER_GWH, Prices, Step, compute_slope, plan_step

# From the block that sends to the block that takes, and from there to the end of the packet: a
# block for the header that proves it, and one of the other chain.
_WAY_BLOCKS = 2
_LOW, _HIGH = 80_000, 300_000
# The smallest order; below it prices have met.
_LEAST_PER_METER_WH = 1
_DEPTH_PER_METER_WH, _NET_PER_METER_WH, _CAPACITY_PER_METER_WH = 250, 250, 150


@dataclass
class Region:
    """A pool of a region."""

    curve: market.Curve
    net_wh: int

    @property
    def prices(self) -> Prices:
        """What it bids and asks now."""
        spread = self.curve.price_high - self.curve.price_low - 2 * self.curve.margin
        slope = compute_slope(spread, self.curve.depth_wh)
        bid, ask = (
            rules.compute_bid(self.curve, self.net_wh),
            rules.compute_ask(self.curve, self.net_wh),
        )
        return Prices(bid, ask, slope)

    @property
    def middle(self) -> int:
        """Between bid and ask."""
        prices = self.prices
        return (prices.bid + prices.ask) // 2


@dataclass
class Line:
    """A tie line from the region that acts to the other one."""

    here: int
    there: int
    capacity_wh: int
    flow_wh: int = 0
    packets: int = 0
    back_wh: int = 0
    ended_block: int = 0


class Event(NamedTuple):
    """A packet that arrives, or its answer; sorted by block, then by line."""

    block: int
    line: int
    is_answer: bool
    step: Step
    executed_wh: int


@dataclass
class Country:
    """All regions and lines, and what is on its way."""

    regions: list[Region]
    lines: list[Line]
    least_wh: int
    queue: list[Event] = field(default_factory=list)

    def run(self) -> int:
        """Trades until nothing is to be gained anywhere; returns the last block."""
        block = 0
        for number in range(len(self.lines)):
            self._act(number, 0)
        while self.queue:
            event = heapq.heappop(self.queue)
            block = event.block
            if event.is_answer:
                self._end(event)
            else:
                self._take(event)
            # A price that has moved is a reason for every line of its region to look again.
            self._look_again(block)
        return block

    def _look_again(self, block: int) -> None:
        busy = {event.line for event in self.queue}
        for number in range(len(self.lines)):
            if number not in busy:
                self._act(number, block)

    def _act(self, number: int, block: int) -> None:
        line = self.lines[number]
        here, there = self.regions[line.here], self.regions[line.there]
        left_wh = line.capacity_wh - line.flow_wh, line.capacity_wh + line.flow_wh
        step = plan_step(here.prices, there.prices, left_wh, self.least_wh, 1 << 40)
        if step is None:
            return
        sign = _sign(step)
        here.net_wh += sign * step.quantity_wh
        line.packets += 1
        event = Event(block + 1 + _WAY_BLOCKS, number, False, step, 0)
        heapq.heappush(self.queue, event)

    def _take(self, event: Event) -> None:
        """The other region trades the opposite, as far as its price allows."""
        line = self.lines[event.line]
        there, step, sign = self.regions[line.there], event.step, _sign(event.step)
        executed_wh = _find_executed(there, step)
        there.net_wh -= sign * executed_wh
        answer = Event(event.block + _WAY_BLOCKS, event.line, True, step, executed_wh)
        heapq.heappush(self.queue, answer)

    def _end(self, event: Event) -> None:
        """What was not taken is traded back."""
        line, step, sign = self.lines[event.line], event.step, _sign(event.step)
        back_wh = step.quantity_wh - event.executed_wh
        self.regions[line.here].net_wh -= sign * back_wh
        line.flow_wh += sign * event.executed_wh
        line.back_wh += back_wh
        line.ended_block = event.block


def _find_executed(there: Region, step: Step) -> int:
    """How much of a step the other pool trades at its limit: the last Wh at no worse a price."""
    prices = there.prices
    room = prices.bid - step.limit_there
    if step.side != state_pb2.SIDE_BUY:
        room = step.limit_there - prices.ask
    return max(0, min(step.quantity_wh, room * WH_PER_GWH // max(1, prices.slope)))


def _sign(step: Step) -> int:
    return 1 if step.side == state_pb2.SIDE_BUY else -1


def make_country(rows: int, columns: int, meters: int, random: Random) -> Country:
    """Regions on a grid, each with surplus or shortage of its own."""
    depth_wh = meters * _DEPTH_PER_METER_WH
    most_wh = meters * _NET_PER_METER_WH
    curve = market.Curve(_LOW + 2_750, _HIGH - 2_750, depth_wh, 2_750)
    shares = [random.randrange(-1000, 1001) for _ in range(rows * columns)]
    regions = [Region(curve, share * most_wh // 1000) for share in shares]
    capacity_wh = meters * _CAPACITY_PER_METER_WH
    lines = [Line(here, there, capacity_wh) for here, there in _list_pairs(rows, columns)]
    return Country(regions, lines, meters * _LEAST_PER_METER_WH)


def _list_pairs(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    for row in range(rows):
        for column in range(columns):
            place = row * columns + column
            if column + 1 < columns:
                yield place, place + 1
            if row + 1 < rows:
                yield place, place + columns


def measure(rows: int, columns: int, meters: int, settled: int, seed: int) -> dict[str, Any]:
    """The trade of one slot, and the settlement of some of the regions."""
    country = make_country(rows, columns, meters, Random(seed))
    before = [region.middle for region in country.regions]
    net_wh = sum(region.net_wh for region in country.regions)
    blocks = country.run()
    if sum(region.net_wh for region in country.regions) != net_wh:
        raise RuntimeError("energy was made or lost on the way")
    if any(abs(line.flow_wh) > line.capacity_wh for line in country.lines):
        raise RuntimeError("a line carries more than its capacity")
    after = [region.middle for region in country.regions]
    packets = [line.packets for line in country.lines]
    full = sum(line.capacity_wh - abs(line.flow_wh) < country.least_wh for line in country.lines)
    settling = [settlement.measure([meters])["slots"][0] for _ in range(settled)]
    return {
        "regions": len(country.regions),
        "tie_lines": len(country.lines),
        "meters_per_region": meters,
        "price_spread_before_ct": (max(before) - min(before)) / 10_000,
        "price_spread_after_ct": (max(after) - min(after)) / 10_000,
        "full_lines": full,
        "blocks_until_quiet": blocks,
        "packets": sum(packets),
        "packets_per_line_median": median(packets),
        "packets_per_line_max": max(packets),
        "line_waits_for_answers_blocks_median": median(packets) * (2 * _WAY_BLOCKS + 1),
        "line_waits_for_answers_blocks_max": max(packets) * (2 * _WAY_BLOCKS + 1),
        "line_quiet_after_blocks_median": median(line.ended_block for line in country.lines),
        "traded_back_permille": _compute_back_permille(country),
        "settlement_waits_for_readings_cpu_s": [
            round(one["meters"] / one["readings_per_cpu_s"], 2) for one in settling
        ],
        "settlement_cpu_s": [one["settlement_cpu_s"] for one in settling],
    }


def _compute_back_permille(country: Country) -> int:
    carried_wh = sum(abs(line.flow_wh) for line in country.lines)
    back_wh = sum(line.back_wh for line in country.lines)
    return 1000 * back_wh // max(1, carried_wh + back_wh)


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=5)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--meters", type=int, default=1_000, help="of each region")
    parser.add_argument("--settled", type=int, default=1, help="regions whose slot is settled")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    return finish(
        lambda: measure(
            options.rows, options.columns, options.meters, options.settled, options.seed
        ),
        options.json,
    )


if __name__ == "__main__":
    raise SystemExit(main())
