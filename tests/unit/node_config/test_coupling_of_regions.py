"""What the operator of a tie line does between two price lines."""

from __future__ import annotations

from random import Random

from blockenergy.market.v1.state_pb2 import SIDE_BUY, SIDE_SELL

from bench.country import Region
from chain.market import rules
from node_config.regions.coupling import Prices, plan_step
from node_config.regions.profiles import compute_load_wh, compute_pv_wh

LEAST_WH, MOST_WH = 10, 50_000


def make_pool(depth_wh: int, net_wh: int, margin: int) -> Region:
    """A pool with a price line."""
    return Region(rules.Curve(80_000 + margin, 300_000 - margin, depth_wh, margin), net_wh)


def test_steps_end_where_prices_meet_or_the_line_is_full() -> None:
    """Every step gains, and none exceeds what is left."""
    random = Random(3)
    full = met = 0
    for _ in range(300):
        pools = [
            make_pool(random.randrange(2_000, 60_000), random.randrange(-30_000, 30_000), 2_750)
            for _ in range(2)
        ]
        capacity_wh, flow_wh = random.randrange(100, 20_000), 0
        for _ in range(150):
            here, there = (pool.prices for pool in pools)
            left_wh = capacity_wh - flow_wh, capacity_wh + flow_wh
            step = plan_step(here, there, left_wh, LEAST_WH, MOST_WH)
            if step is None:
                break
            sign = 1 if step.side == SIDE_BUY else -1
            flow_wh += sign * step.quantity_wh
            pools[0].net_wh += sign * step.quantity_wh
            pools[1].net_wh -= sign * step.quantity_wh
            assert abs(flow_wh) <= capacity_wh
        else:
            raise AssertionError("it never ends")
        here, there = (pool.prices for pool in pools)
        gain = max(there.bid - here.ask, here.bid - there.ask)
        is_full = capacity_wh - abs(flow_wh) < LEAST_WH
        # What is left would be moved by less than the smallest order.
        is_met = gain <= (here.slope + there.slope) * LEAST_WH // 1_000_000_000 + 1
        assert is_full or is_met
        full, met = full + is_full, met + is_met
    assert full > 50 and met > 50


def test_a_step_goes_to_the_higher_price_and_bears_no_worse_one() -> None:
    cheap, dear = Prices(99_000, 101_000, 10**9), Prices(199_000, 201_000, 10**9)
    step = plan_step(cheap, dear, (5_000, 5_000), LEAST_WH, MOST_WH)
    assert step is not None
    assert step.side == SIDE_BUY
    assert cheap.ask < step.limit == step.limit_there < dear.bid
    step = plan_step(dear, cheap, (5_000, 5_000), LEAST_WH, MOST_WH)
    assert step is not None
    assert step.side == SIDE_SELL
    assert cheap.ask < step.limit == step.limit_there < dear.bid
    assert plan_step(cheap, cheap, (5_000, 5_000), LEAST_WH, MOST_WH) is None


def test_a_day_of_the_homes() -> None:
    """A household uses about what a year says, and a roof makes nothing at night."""
    load, pv = compute_load_wh(4_000, [1.0] * 96), compute_pv_wh(5_000, 180)
    assert 9_000 < sum(load) < 12_500
    assert pv[:24] == [0] * 24 == pv[-16:] + [0] * 8
    assert max(pv) * 4 == 3_748
