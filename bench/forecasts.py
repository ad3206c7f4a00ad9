"""What forecasts and prediction markets cost: scoring, a trade, and a meter's part in settlement.

    python -m bench forecasts

Processor time of one core, the median of the rounds. The score of 1,000 forecasts of 96 slots is
their losses, gains and rewards, without the state. A trade buys in a market of 16 outcomes as a
message does, from its handler to its writes, without signature and trees. A meter's part is what
one target adds to the settlement of each meter. A slot of a forecast is all that one forecaster
causes: the message, freezing it alone, and its score, where another one is forgotten, each up to
the trees.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from blockenergy.forecast.v1 import tx_pb2

from bench.gas import RULES
from bench.results.report import finish, make_parser
from chain import forecast, metering
from chain.forecast import msgs
from chain.forecast.prediction import lmsr
from chain.forecast.scoring import combining, rounds, rules
from chain.metering import state as metering_state
from chain.runtime.context import BlockInfo, Context
from chain.runtime.gas import compute_message_gas
from chain.runtime.state.store import CacheStore
from chain.runtime.trees.multistore import Multistore
from tests.support.streets import people
from tests.support.world import CHAIN_ID, FIRST_SLOT, START_S, World

FORECASTS, SLOTS, METERS = 1_000, 96, 20_000
QUANTILES = [900, 925, 950, 975, 1000, 1025, 1050, 1075, 1100]
BETA = 1_000_000_000
STAKE, REWARD, BURN_PERMILLE = 100_000, 100_000, 500
SKILL_SLOTS = 96 * 7


def main() -> int:
    """Runs the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median counts")
    options = parser.parse_args()
    return finish(lambda: measure(options.rounds), options.json)


def measure(repeats: int) -> dict[str, Any]:
    """Seconds of the scores, microseconds of a trade, of a meter, and of a slot beside its gas."""
    score_s = _time(_make_scoring(), repeats)
    trade_s = _time(_make_trade(), 200 * repeats)
    meter_s = _time(_make_count(), repeats) / METERS
    slot_s = sum(_time(step, 5 * repeats) for step in _make_slots()) / SLOTS
    slot_gas = compute_message_gas(_make_forecast(2)) - compute_message_gas(_make_forecast(1))
    return {
        "score_s": round(score_s, 3),
        "trade_us": round(trade_s * 1e6, 1),
        "meter_us": round(meter_s * 1e6, 3),
        "slot_us": round(slot_s * 1e6, 1),
        "slot_ns_per_gas": round(slot_s * 1e9 / slot_gas, 2),
    }


def _time(act: Callable[[], object], repeats: int) -> float:
    spent = []
    for _ in range(repeats):
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


def _make_forecast(slots: int) -> tx_pb2.MsgSubmitForecast:
    return tx_pb2.MsgSubmitForecast(
        forecaster=people.address_text("frida"),
        target_id=1,
        first_slot=FIRST_SLOT + 1,
        quantiles=slots * QUANTILES,
        stake_per_slot=STAKE,
    )


def _make_slots() -> Iterator[Callable[[], None]]:
    """The steps that a forecast of all slots causes, each on the state that the one before left."""
    world = _make_forecaster()
    message, forecasts = _make_forecast(SLOTS), range(FIRST_SLOT + 1, FIRST_SLOT + 1 + SLOTS)

    def freeze(ctx: Context) -> None:
        for slot in forecasts:
            combining.freeze_slot(ctx, slot)

    def score(ctx: Context) -> None:
        rounds.score_rounds(ctx, SLOTS)

    yield _make_step(world, lambda ctx: msgs.submit_forecast(ctx, message))
    context = _make_context(world)
    msgs.submit_forecast(context, message)
    metering_state.LAST_SETTLED.set(context, forecasts[-1])
    world.store.apply(context.store.changes)
    yield _make_step(world, freeze)
    yield _make_step(world, score)


def _make_forecaster() -> World:
    """Somebody whose skill is full, on a target whose slots all come to 1,000 Wh."""
    end = FIRST_SLOT + 1 + SLOTS
    before = range(FIRST_SLOT - SKILL_SLOTS, FIRST_SLOT)
    score = {"loss": 1_000, "baseline_loss": 9_000, "gain": 8_000, "stake": STAKE}
    return World(
        {
            "registry.participants[frida]": {
                "roles": ["ROLE_FORECASTER"],
                "status": "STATUS_ACTIVE",
            },
            "bank.balances[frida, ueur]": 2 * SLOTS * STAKE,
            "bank.balances[forecasts, ueur]": SLOTS * REWARD,
            "forecast.params": {"horizon_slots": 2 * SLOTS, "skill_slots": SKILL_SLOTS},
            "forecast.targets[1]": {
                "quantity": "QUANTITY_NET_USE", "orderer": "distributor",
                "reward_per_slot": REWARD, "budget": SLOTS * REWARD,
            },
            "forecast.tallies[1]": {"slot": FIRST_SLOT},
            "forecast.last_target_id": 1,
            "forecast.skills[1, frida]": {
                "slots": SKILL_SLOTS, "loss": 1_000 * SKILL_SLOTS,
                "baseline_loss": 9_000 * SKILL_SLOTS,
            },
            **{f"forecast.scores[1 & frida, {slot}]": score for slot in before},
            **{
                f"forecast.outcomes[{slot}, 1]": {"known": True, "value": 800 + slot % 5 * 100}
                for slot in range(FIRST_SLOT - 200, end)
            },
        }
    )  # fmt: skip


def _make_step(world: World, act: Callable[[Context], object]) -> Callable[[], None]:
    """What a step costs from its reads to the trees; they are as before after it."""
    trees = Multistore(RULES.keyspace.module_names.values())
    for name, items in RULES.keyspace.split_by_module(world.store.data).items():
        trees.load(name, [(key, value) for key, value in sorted(items.items()) if value])

    def step() -> None:
        context = _make_context(world)
        act(context)
        trees.update(RULES.keyspace.split_by_module(context.store.changes))
        trees.undo()

    return step


def _make_count() -> Callable[[], None]:
    world = _make_world()
    energies = [metering.SlotEnergy(f"meter-{number}", 100, 5, "north") for number in range(METERS)]

    def count() -> None:
        forecast.count_energy(_make_context(world), FIRST_SLOT, energies)

    return count


if __name__ == "__main__":
    sys.exit(main())
