"""What forecasters, traders of shares and reporters do in a simulation, right and wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.forecast.v1 import state_pb2, tx_pb2
from google.protobuf.message import Message

from chain.forecast import compute_hash
from chain.forecast.state import FORECASTS, HOLDINGS, MARKETS, TARGETS
from client.definitions import get_signer
from tests.support.simulated.market_actions import FEEDERS
from tests.support.streets import people
from tests.support.world import CHAIN_ID, SLOT_LENGTH_S

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

FORECASTERS = ("frida", "franz", "forecaster-3")
REPORTER = "reporter"
# What everybody salts with, so that the simulation can reveal what it fixed.
SALT = bytes(32)
_GATE_S = 20
_BETA = 1_000_000


def order_forecasts(sim: Simulation) -> bytes:
    quantity = sim.random.choice([1, 1, 2, 3, 4, 4, 0])
    message = tx_pb2.MsgOrderForecasts(
        quantity=quantity,
        feeder=sim.random.choice(["", "", *FEEDERS, "nowhere"]) if quantity != 4 else "",
        reward_per_slot=sim.random.choice([0, 7, 10_000]),
        funding=sim.random.choice([0, 50_000, 10**12]),
    )
    signer = sim.random.choice(["distributor"] * 4 + ["treasury", sim.anybody()])
    return _sign(sim, signer, message)


def end_order(sim: Simulation) -> bytes:
    target_id = _some_key(sim, TARGETS)
    signer = sim.random.choice(["distributor", "treasury", "auditor"])
    return _sign(sim, signer, tx_pb2.MsgEndOrder(target_id=target_id))


def submit_forecast(sim: Simulation) -> bytes:
    first, count = _draw_slots(sim)
    name = sim.random.choice(FORECASTERS)
    return _sign(
        sim,
        name,
        tx_pb2.MsgSubmitForecast(
            target_id=_some_key(sim, TARGETS),
            first_slot=first,
            quantiles=[one for slot in range(count) for one in _draw_quantiles(sim, first + slot)],
            stake_per_slot=_draw_stake(sim),
        ),
    )


def commit_forecast(sim: Simulation) -> bytes:
    first, count = _draw_slots(sim)
    name, target_id = sim.random.choice(FORECASTERS), _some_key(sim, TARGETS)
    hashes = [
        compute_hash(
            CHAIN_ID,
            people.wallet(name).address,
            target_id,
            first + slot,
            _fix_quantiles(first + slot),
            SALT,
        )
        for slot in range(count)
    ]
    message = tx_pb2.MsgCommitForecast(
        target_id=target_id, first_slot=first, hashes=hashes, stake_per_slot=_draw_stake(sim)
    )
    return _sign(sim, name, message)


def reveal_forecast(sim: Simulation) -> bytes:
    """Mostly what was sealed and whose gate has closed."""
    found = [
        entry
        for entry in FORECASTS.items(sim.world.state)
        if entry[1].hash and not entry[1].quantiles
    ]
    closed = [e for e in found if e[0][0][0] * SLOT_LENGTH_S - _GATE_S <= sim.world.time_s]
    if not (closed or found):
        return order_forecasts(sim)
    ((slot, target_id), address), _ = sim.random.choice(closed or found)
    shown = slot if sim.random.random() < 0.9 else slot + 1
    message = tx_pb2.MsgRevealForecast(
        target_id=target_id, first_slot=slot, quantiles=_fix_quantiles(shown), salts=[SALT]
    )
    return _sign(sim, sim.signer_of(address), message)


def register_model(sim: Simulation) -> bytes:
    message = tx_pb2.MsgRegisterModel(
        name=sim.random.choice(["naive", "naive-2", "not a name"]),
        model_hash=sim.random.randbytes(32),
        data_hash=sim.random.randbytes(32),
        metrics=[state_pb2.Metric(name="nmae", value_micro=sim.random.randint(0, 10**6))],
        from_slot=sim.world.slot_ahead(sim.random.choice([0, 1, 2])),
    )
    return _sign(sim, sim.random.choice(FORECASTERS), message)


def create_market(sim: Simulation) -> bytes:
    random, world = sim.random, sim.world
    slot = world.slot_ahead(random.choice([1, 2, 3]))
    message = tx_pb2.MsgCreateMarket(beta=random.choice([_BETA, _BETA, 3 * _BETA + 7, 5]))
    if random.random() < 0.4:
        message.target_id, message.slot = _some_key(sim, TARGETS), slot
        message.bounds.extend(random.choice([[0], [1_000, 5_000, 20_000], [190_000]]))
        message.closes_at_s = slot * SLOT_LENGTH_S - _GATE_S - random.choice([0, 20])
    else:
        message.question = "Will it rain?"
        message.names.extend(random.choice([["yes", "no"], ["a", "b", "c"]]))
        message.reporter = people.address_text(random.choice([REPORTER] * 4 + ["frida"]))
        message.closes_at_s = world.time_s + random.choice([30, 120, 400])
    return _sign(sim, random.choice(["distributor", "issuer", "issuer"]), message)


def buy_shares(sim: Simulation) -> bytes:
    message = tx_pb2.MsgBuyShares(
        market_id=_some_open_market(sim),
        outcome=sim.random.choice([0, 0, 1, 1, 2, 5]),
        shares=sim.random.choice([0, 1, 100_000, 999_999, 3_000_000]),
        limit=sim.random.choice([10**9, 10**9, 100]),
    )
    return _sign(sim, _some_trader(sim), message)


def sell_shares(sim: Simulation) -> bytes:
    held = list(HOLDINGS.items(sim.world.state))
    name, market_id, outcome, shares = _some_trader(sim), _some_open_market(sim), 0, 1
    if held and sim.random.random() < 0.9:
        (market_id, address), holding = sim.random.choice(held)
        name = sim.signer_of(address)
        outcome = sim.random.randrange(len(holding.shares))
        shares = sim.random.choice([holding.shares[outcome], 1, 5_000])
    message = tx_pb2.MsgSellShares(
        market_id=market_id,
        outcome=outcome,
        shares=shares,
        limit=sim.random.choice([0, 0, 0, 10**7]),
    )
    return _sign(sim, name, message)


def report_outcome(sim: Simulation) -> bytes:
    market_id = _some_market(sim, state_pb2.MARKET_STATUS_CLOSED)
    message = tx_pb2.MsgReportOutcome(market_id=market_id, outcome=sim.random.randrange(3))
    return _sign(sim, sim.random.choice([REPORTER, REPORTER, "frida"]), message)


def dispute_outcome(sim: Simulation) -> bytes:
    market_id = _some_market(sim, state_pb2.MARKET_STATUS_REPORTED)
    message = tx_pb2.MsgDisputeOutcome(market_id=market_id, outcome=sim.random.randrange(3))
    return _sign(sim, sim.anybody(), message)


def decide_outcome(sim: Simulation) -> bytes:
    market_id = _some_market(sim, state_pb2.MARKET_STATUS_APPEALED)
    message = tx_pb2.MsgDecideOutcome(market_id=market_id, outcome=sim.random.randrange(3))
    return _sign(sim, sim.random.choice(["distributor"] * 5 + ["treasury"]), message)


def _draw_slots(sim: Simulation) -> tuple[int, int]:
    ahead = sim.random.choice([1, 1, 2, 3, 5, 29])
    return sim.world.slot_ahead(ahead), sim.random.choice([1, 1, 2, 4])


def _draw_stake(sim: Simulation) -> int:
    return sim.random.choice([1_000, 1_001, 50_000, 2_000_000])


def _draw_quantiles(sim: Simulation, slot: int) -> list[int]:
    """Close, off, or none."""
    random = sim.random
    if random.random() < 0.3:
        return _fix_quantiles(slot)
    low, step = random.choice([0, 3_000, 12_000]), random.choice([0, 100, 3_000])
    drawn = [low + step * place for place in range(9)]
    return drawn[::-1] if random.random() < 0.03 else drawn


def _fix_quantiles(slot: int) -> list[int]:
    """What can be revealed again, because it follows from the slot."""
    return [slot % 7 * 1_000 + 500 * place for place in range(9)]


def _some_key(sim: Simulation, collection: Any) -> int:
    keys = [key for key, _ in collection.items(sim.world.state)]
    return sim.random.choice([*keys] * 5 + [10**6]) if keys else 1


def _some_market(sim: Simulation, status: int) -> int:
    found = [key for key, one in MARKETS.items(sim.world.state) if one.status == status]
    fitting = [key for key in found if not _get_market(sim, key).target_id] or found
    return sim.random.choice(fitting) if fitting else _some_key(sim, MARKETS)


def _get_market(sim: Simulation, market_id: int) -> state_pb2.PredictionMarket:
    market = MARKETS.get(sim.world.state, market_id)
    assert market is not None
    return market


def _some_open_market(sim: Simulation) -> int:
    return _some_market(sim, state_pb2.MARKET_STATUS_OPEN)


def _some_trader(sim: Simulation) -> str:
    return sim.random.choice([*FORECASTERS] * 2 + [*sim.homes, REPORTER, "distributor"])


def _sign(sim: Simulation, name: str, message: Message) -> bytes:
    """Signs it with its signer put in."""
    setattr(message, get_signer(message.DESCRIPTOR), people.address_text(name))
    return sim.world.sign(name, message)


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (3, order_forecasts),
    (1, end_order),
    (8, submit_forecast),
    (5, commit_forecast),
    (6, reveal_forecast),
    (1, register_model),
    (8, create_market),
    (10, buy_shares),
    (6, sell_shares),
    (12, report_outcome),
    (24, dispute_outcome),
    (6, decide_outcome),
]
