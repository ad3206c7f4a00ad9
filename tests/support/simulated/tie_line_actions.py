"""What the operator of a tie line, the authority and the region elsewhere do, which may lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import packet_pb2, tx_pb2
from ibc.core.channel.v2.packet_pb2 import Payload

from chain import ibc, tielines
from chain.tielines.packets import ENCODING, PORT, VERSION
from tests.support.simulated import ibc_actions
from tests.support.simulated.actions import HIGH, LOW
from tests.support.streets import people
from tests.support.world import FIRST_SLOT, SLOT_LENGTH_S

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

# The account of the tests has this name in all of them.
NAME, ACCOUNT, METER = "north-south", "tie", "meter-tie"
# Who always has enough for fees.
OPERATOR = ibc_actions.RELAYER
_CAPACITY_WH = 6_000


def draw() -> dict[str, Any]:
    """A line of 1 MW, with money."""
    return {
        f"registry.participants[{ACCOUNT}]": {
            "roles": ["ROLE_CONSUMER"], "status": "STATUS_ACTIVE",
        },
        f"registry.meters[{METER}]": {
            "owner": ACCOUNT, "bridge": "bridge", "feeder": "north", "capacity_w": 1_000_000,
            "pub_key": METER, "status": "STATUS_ACTIVE", "added_at_s": FIRST_SLOT * SLOT_LENGTH_S,
        },
        f"bank.balances[{ACCOUNT}, ueur]": 20_000_000,
        f"tielines.tie_lines[{NAME}]": {
            "client_id": "07-tendermint-0", "operator": OPERATOR, "capacity_wh": _CAPACITY_WH,
            "packets_per_slot_max": 6, "traded_per_day_max_wh": 10_000_000, "notice_s": 5,
        },
    }  # fmt: skip


def set_tie_line(sim: Simulation) -> bytes:
    """Other limits, and now and then another line."""
    who = sim.random.choice(["distributor"] * 4 + [sim.anybody()])
    message = tx_pb2.MsgSetTieLine(
        authority=people.address_text(who),
        tie_line=sim.random.choice([NAME] * 6 + ["east-west", "East"]),
        client_id="07-tendermint-0",
        operator=people.address_text(OPERATOR),
        capacity_wh=sim.random.choice([0, 1_000, *[_CAPACITY_WH] * 4]),
        packets_per_slot_max=sim.random.choice([1, 6, 6]),
        traded_per_day_max_wh=10_000_000,
        notice_s=sim.random.choice([0, 5, 5, 60]),
    )
    return sim.world.sign(who, message)


def trade_over_tie_line(sim: Simulation) -> bytes:
    who, side = sim.random.choice([OPERATOR] * 9 + [sim.anybody()]), _choose_side(sim)
    message = tx_pb2.MsgTradeOverTieLine(
        operator=people.address_text(who),
        tie_line=sim.random.choice([NAME] * 9 + ["east-west"]),
        slot=sim.world.slot_ahead(sim.random.choice([1, 1, 2, 2, 3])),
        side=side,
        quantity_wh=_choose_quantity_wh(sim),
        price_limit_per_kwh=_choose_limit(sim, side),
        price_limit_there_per_kwh=sim.random.choice([LOW, HIGH]),
    )
    return sim.world.sign(who, message)


def take_tie_line_money(sim: Simulation) -> bytes:
    who = sim.random.choice([OPERATOR] * 4 + [sim.anybody()])
    message = tx_pb2.MsgTakeTieLineMoney(
        operator=people.address_text(who),
        tie_line=NAME,
        amount=sim.random.choice([1, 10_000, 10**12]),
    )
    return sim.world.sign(who, message)


def receive_request(sim: Simulation) -> bytes:
    """The other region asks for a trade here, sometimes one that no rule of ours asks for."""
    side = _choose_side(sim)
    request = packet_pb2.Request(
        tie_line=sim.random.choice([NAME] * 9 + ["east-west"]),
        slot=sim.world.slot_ahead(sim.random.choice([0, 1, 1, 2, 2, 3])),
        slot_length_s=sim.random.choice([SLOT_LENGTH_S] * 9 + [900]),
        side=side,
        quantity_wh=_choose_quantity_wh(sim),
        price_limit_per_kwh=_choose_limit(sim, side),
    )
    payload = Payload(
        source_port=PORT, destination_port=PORT, version=VERSION, encoding=ENCODING,
        value=request.SerializeToString(),
    )  # fmt: skip
    return ibc_actions.receive(sim, ibc_actions.choose_client(sim), payload)


def answer_request(sim: Simulation) -> bytes:
    """What the other region answers: all of it, a part, or more than it was asked."""
    packet = ibc_actions.choose_sent(sim, tielines.PORT)
    asked_wh = 0
    if packet.payloads:
        asked_wh = packet_pb2.Request.FromString(packet.payloads[0].value).quantity_wh
    executed_wh = sim.random.choice([asked_wh, asked_wh, asked_wh // 2, asked_wh + 1])
    answer = packet_pb2.Answer(executed_wh=executed_wh).SerializeToString()
    answer = sim.random.choice([answer] * 4 + [ibc.ERROR_ACKNOWLEDGEMENT])
    return ibc_actions.acknowledge(sim, packet, answer)


def _choose_side(sim: Simulation) -> market_pb2.Side:
    sides = [market_pb2.SIDE_BUY] * 5 + [market_pb2.SIDE_SELL] * 3 + [market_pb2.SIDE_UNSPECIFIED]
    return sim.random.choice(sides)


def _choose_limit(sim: Simulation, side: market_pb2.Side) -> int:
    """Mostly any price."""
    return sim.random.choice([LOW if side == market_pb2.SIDE_SELL else HIGH] * 3 + [190_000])


def _choose_quantity_wh(sim: Simulation) -> int:
    choices = [1, 200, sim.random.randint(1, 3_000), sim.random.randint(1, 3_000), _CAPACITY_WH + 1]
    return sim.random.choice(choices)


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (1, set_tie_line),
    (10, trade_over_tie_line),
    (1, take_tie_line_money),
    (4, receive_request),
    (8, answer_request),
]
