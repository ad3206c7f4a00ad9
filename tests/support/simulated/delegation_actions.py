"""What owners and their trading programs do with delegated keys in a simulation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from blockenergy.authz.v1.state_pb2 import TradeAuthorization
from blockenergy.market.v1 import state_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from cosmos.authz.v1beta1 import tx_pb2
from cosmos.authz.v1beta1.authz_pb2 import Grant
from google.protobuf.timestamp_pb2 import Timestamp

from chain.authz.state import GRANTS
from tests.support.simulated.actions import draw_order
from tests.support.streets import people
from tests.support.transactions import pack

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

_MESSAGES = [f"/blockenergy.market.v1.Msg{name}" for name in ("Buy", "PlaceLimitOrder", "Sell")]


def grant(sim: Simulation) -> bytes:
    """Mostly a right that can be given, and that soon ends or is used up."""
    random = sim.random
    granter = sim.anybody()
    authorization = TradeAuthorization(
        messages=random.choice([_MESSAGES, _MESSAGES, _MESSAGES[:1], []]),
        money_per_day=random.choice([0, 1_000_000, 100_000_000]),
        quantity_per_slot_wh=random.choice([1_000, 10_000, 1_000_000]),
    )
    end = Timestamp(seconds=sim.world.time_s + random.choice([0, 100, 1_000, 100_000]))
    message = tx_pb2.MsgGrant(
        granter=people.address_text(granter),
        grantee=people.address_text(sim.anybody()),
        grant=Grant(authorization=pack(authorization), expiration=end),
    )
    return sim.world.sign(granter, message)


def execute(sim: Simulation) -> bytes:
    """One or two orders for those who have given a right, now and then for somebody else."""
    given = [key for key, _ in GRANTS.items(sim.world.state)]
    granter, grantee = sim.anybody(), sim.anybody()
    if given and sim.random.random() < 0.9:
        granter, grantee = map(sim.name_of, sim.random.choice(given))
    orders = [_draw_order(sim, granter) for _ in range(sim.random.choice([1, 1, 2]))]
    message = tx_pb2.MsgExec(
        grantee=people.address_text(grantee), msgs=[pack(order) for order in orders]
    )
    return sim.world.sign(grantee, message)


def revoke(sim: Simulation) -> bytes:
    """Mostly a right that was given."""
    given = [key for key, _ in GRANTS.items(sim.world.state)]
    granter, grantee = sim.anybody(), sim.anybody()
    if given and sim.random.random() < 0.8:
        granter, grantee = map(sim.name_of, sim.random.choice(given))
    message = tx_pb2.MsgRevoke(
        granter=people.address_text(granter),
        grantee=people.address_text(grantee),
        msg_type_url=sim.random.choice(
            [*_MESSAGES, f"/{TradeAuthorization.DESCRIPTOR.full_name}", "nothing"]
        ),
    )
    return sim.world.sign(granter, message)


def _draw_order(
    sim: Simulation, granter: str
) -> market_tx_pb2.MsgBuy | market_tx_pb2.MsgSell | market_tx_pb2.MsgPlaceLimitOrder:
    slot, quantity_wh, limit = draw_order(sim)
    owner = people.address_text(granter)
    order = {"slot": slot, "quantity_wh": quantity_wh, "price_limit_per_kwh": limit}
    kind = sim.random.choice(["buy", "sell", "limit order"])
    if kind == "buy":
        return market_tx_pb2.MsgBuy(buyer=owner, **order)
    if kind == "sell":
        return market_tx_pb2.MsgSell(seller=owner, **order)
    side = sim.random.choice([state_pb2.SIDE_BUY, state_pb2.SIDE_SELL])
    return market_tx_pb2.MsgPlaceLimitOrder(owner=owner, side=side, **order)


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (5, grant),
    (10, execute),
    (1, revoke),
]
