"""What forecasts and prediction markets cost: scoring, a trade, and a meter's part in settlement.

    python -m bench forecasts

Processor time of one core, the median of the rounds. The score of 1,000 forecasts of 96 slots is
their losses, gains and rewards, without the state. A trade buys in a market of 16 outcomes as a
message does, from its handler to its writes, without signature and trees. A meter's part is what
one target adds to the settlement of each meter.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from blockenergy.forecast.v1 import tx_pb2

from bench.results.report import finish, make_parser
from chain import forecast, metering
from chain.forecast import msgs
from chain.forecast.prediction import lmsr
from chain.forecast.scoring import rules
from chain.runtime.context import BlockInfo, Context
from chain.runtime.state.store import CacheStore
from tests.support.streets import people
from tests.support.world import CHAIN_ID, FIRST_SLOT, START_S, World

FORECASTS, SLOTS, METERS = 1_000, 96, 20_000
BETA = 1_000_000_000
STAKE, REWARD, BURN_PERMILLE = 100_000, 100_000, 500


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts")
    options = parser.parse_args()
    return finish(lambda: measure(options.rounds), options.json)


def measure(rounds: int) -> dict[str, Any]:
    """Seconds of the scores, microseconds of a trade and of a meter."""
    score_s = _time(_make_scoring(), rounds)
    trade_s = _time(_make_trade(), 200 * rounds)
    meter_s = _time(_make_count(), rounds) / METERS
    return {
        "score_s": round(score_s, 3),
        "trade_us": round(trade_s * 1e6, 1),
        "meter_us": round(meter_s * 1e6, 3),
    }


def _time(act: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        before = time.process_time()
        act()
        spent.append(time.process_time() - before)
    return median(spent)


def _make_scoring() -> Callable[[], None]:
    rng = random.Random(1)
    said = [
        [sorted(rng.randrange(2_000) for _ in range(rules.QUANTILES)) for _ in range(FORECASTS)]
        for _ in range(SLOTS)
    ]

    def score() -> None:
        for slot in said:
            entries = [
                rules.Entry(number, number % 2 == 0, STAKE, rules.compute_loss(quantiles, 1_000))
                for number, quantiles in enumerate(slot, 1)
            ]
            baseline_loss = rules.compute_baseline_loss(800, 1_000)
            rules.reward(entries, baseline_loss, REWARD, BURN_PERMILLE)

    return score


def _make_world() -> World:
    names = [f"outcome {number}" for number in range(lmsr.OUTCOMES_MAX)]
    shares = [number * 10_000_000 for number in range(lmsr.OUTCOMES_MAX)]
    funding = lmsr.compute_cost([0] * lmsr.OUTCOMES_MAX, BETA)
    money = lmsr.compute_cost(shares, BETA)
    return World(
        {
            "registry.participants[frida]": {
                "roles": ["ROLE_FORECASTER"],
                "status": "STATUS_ACTIVE",
            },
            "bank.balances[frida, ueur]": 10_000_000,
            "bank.balances[forecasts, ueur]": money,
            "forecast.targets[1]": {
                "quantity": "QUANTITY_NET_USE",
                "orderer": "distributor",
            },
            "forecast.tallies[1]": {"slot": FIRST_SLOT},
            "forecast.last_target_id": 1,
            "forecast.last_market_id": 1,
            "forecast.market_count": 1,
            "forecast.holdings[1, anna]": {"shares": shares, "paid": money - funding},
            "forecast.markets[1]": {
                "creator": "issuer",
                "status": "MARKET_STATUS_OPEN",
                "question": "Which of them?",
                "names": names,
                "reporter": "distributor",
                "beta": BETA,
                "funding": funding,
                "shares": shares,
                "money": money,
                "closes_at_s": START_S + 1_000,
                "deadline_s": START_S + 1_000,
            },
        }
    )


def _make_context(world: World) -> Context:
    block = BlockInfo(CHAIN_ID, height=1, time_s=START_S)
    return Context(CacheStore(world.store), block, signer=people.wallet("frida").address)


def _make_trade() -> Callable[[], None]:
    world = _make_world()
    message = tx_pb2.MsgBuyShares(
        trader=people.address_text("frida"),
        market_id=1,
        outcome=3,
        shares=1_234_567,
        limit=1_234_567,
    )

    def trade() -> None:
        msgs.buy_shares(_make_context(world), message)

    return trade


def _make_count() -> Callable[[], None]:
    world = _make_world()
    energies = [metering.SlotEnergy(f"meter-{number}", 100, 5, "north") for number in range(METERS)]

    def count() -> None:
        forecast.count_energy(_make_context(world), FIRST_SLOT, energies)

    return count


if __name__ == "__main__":
    sys.exit(main())
