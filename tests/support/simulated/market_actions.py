"""What people do in the market of a simulation beyond market orders: cancel, rest, offer, curtail,
store, and rebuild the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.market.v1 import state_pb2, tx_pb2
from blockenergy.storage.v1 import tx_pb2 as storage_tx_pb2
from google.protobuf.message import Message

from chain.market.state import POSITIONS, STANDING_ORDERS
from tests.support.simulated.actions import HIGH, LOW, by_registrar, draw_order
from tests.support.streets import people

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

BATTERIES = ("battery", "battery-2")
FEEDERS = ("north", "branch", "south", "thin")
# Where the crowds of slots meet, slot by slot: mostly on the thin market, which needs many.
_CROWDS = ("thin", "north", "thin", "branch", "thin", "south", "thin")


def cancel_position(sim: Simulation) -> bytes:
    """Mostly part of what somebody has; mostly at any price."""
    random = sim.random
    slot, quantity_wh, limit = draw_order(sim)
    owner, is_bought = sim.anybody(), random.random() < 0.5
    first = sim.world.slot_ahead(1)
    held = [entry for entry in POSITIONS.items(sim.world.state) if entry[0][0] >= first]
    if held and random.random() < 0.9:
        (slot, address), position = random.choice(held)
        owner = sim.signer_of(address)
        is_bought = position.bought_wh > 0 and (not position.sold_wh or is_bought)
        whole_wh = position.bought_wh if is_bought else position.sold_wh
        quantity_wh = random.choice([whole_wh, 1, random.randint(1, whole_wh + 1)])
        limit = random.choice([LOW if is_bought else HIGH] * 3 + [limit])
    return sim.world.cancel(owner, slot, is_bought, quantity_wh, limit)


def place_limit_order(sim: Simulation) -> bytes:
    random = sim.random
    side = random.choice(["buy", "sell"])
    slot, quantity_wh, limit = draw_order(sim)
    message = tx_pb2.MsgPlaceLimitOrder(
        slot=slot,
        side=state_pb2.SIDE_BUY if side == "buy" else state_pb2.SIDE_SELL,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        **_draw_kind(sim, side, quantity_wh, limit),
    )
    if random.random() < 0.3:
        message.local, message.renewable = random.choice(
            [(True, False), (True, True), (False, True)]
        )
    return _sign(sim, sim.trader(side), message)


def join_the_crowd(sim: Simulation) -> bytes:
    """A limit order of somebody who lives where all meet who order for this slot; many are sent in
    one block, so that there is a market even where few live.
    """
    random, slot = sim.random, sim.world.slot_ahead(2)
    feeder = _CROWDS[slot % len(_CROWDS)]
    name = random.choice(sim.homes_on(feeder))
    side = random.choice([side for side in ("buy", "sell") if name in sim.able_to(side)])
    limit = random.choice([190_000, random.randint(185_000, 290_000)])
    message = tx_pb2.MsgPlaceLimitOrder(
        slot=slot,
        side=state_pb2.SIDE_BUY if side == "buy" else state_pb2.SIDE_SELL,
        quantity_wh=random.randint(1, 2_000),
        price_limit_per_kwh=limit if side == "buy" else 380_000 - limit,
        local=feeder != "thin" and random.random() < 0.5,
    )
    if feeder != "thin" and random.random() < 0.2:
        message.minimum_acceptable_wh = message.quantity_wh
    return _sign(sim, name, message)


def amend_limit_order(sim: Simulation) -> bytes:
    _, quantity_wh, limit = draw_order(sim)
    owner, slot, order_id = sim.some_limit_order()
    message = tx_pb2.MsgAmendLimitOrder(
        slot=slot,
        order_id=order_id,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=limit,
        **_draw_kind(sim, sim.random.choice(["buy", "sell"]), quantity_wh, limit),
    )
    return _sign(sim, owner, message)


def cancel_limit_order(sim: Simulation) -> bytes:
    owner, slot, order_id = sim.some_limit_order()
    return _sign(sim, owner, tx_pb2.MsgCancelLimitOrder(slot=slot, order_id=order_id))


def place_standing_order(sim: Simulation) -> bytes:
    random, side = sim.random, sim.random.choice(["buy", "sell"])
    _, slot_max_wh, limit = draw_order(sim)
    slots, slot_max_wh = random.randint(1, 15), min(slot_max_wh, random.choice([500, 3_000]))
    message = tx_pb2.MsgPlaceStandingOrder(
        side=state_pb2.SIDE_BUY if side == "buy" else state_pb2.SIDE_SELL,
        quantity_wh=slot_max_wh * random.choice([1, 1, slots, slots + 1]),
        slot_max_wh=slot_max_wh,
        price_limit_per_kwh=limit,
        last_slot=sim.world.slot_ahead(slots),
        first_slot=random.choice([0, 0, 0, sim.world.slot_ahead(2)]),
    )
    if random.random() < 0.2:
        message.full_price_per_kwh = max(LOW, limit - 5_000) if side == "buy" else limit + 5_000
    if random.random() < 0.2:
        message.pool_price_min_per_kwh = random.choice([LOW, 190_000])
        message.pool_price_max_per_kwh = random.choice([190_000, HIGH])
    if random.random() < 0.2:
        message.forecast_target_id = random.randint(1, 3)
        message.forecast_limit = random.randint(-2_000, 10_000)
        message.forecast_below = random.random() < 0.5
    return _sign(sim, sim.trader(side), message)


def cancel_standing_order(sim: Simulation) -> bytes:
    owner, number = sim.anybody(), sim.random.randint(0, 20)
    standing = list(STANDING_ORDERS.items(sim.world.state))
    if standing and sim.random.random() < 0.8:
        number, order = sim.random.choice(standing)
        owner = people.name_of(order.owner)
    return _sign(sim, owner, tx_pb2.MsgCancelStandingOrder(standing_order_id=number))


def _draw_kind(sim: Simulation, side: str, quantity_wh: int, limit: int) -> dict[str, int]:
    """A plain order, one with a minimum, or one with a range; now and then both."""
    kind = sim.random.random()
    fields = {}
    if kind < 0.15 or kind > 0.98:
        fields["minimum_acceptable_wh"] = sim.random.choice(
            [1, quantity_wh // 2, quantity_wh, quantity_wh + 1]
        )
    if 0.15 <= kind < 0.3 or kind > 0.98:
        room = limit - LOW if side == "buy" else HIGH - limit
        step = sim.random.choice([1, max(1, room), max(1, room // 2), room + 1])
        fields["full_price_per_kwh"] = max(1, limit - step if side == "buy" else limit + step)
    return fields


def set_offer(sim: Simulation) -> bytes:
    slot, quantity_wh, price = draw_order(sim)
    seller = sim.trader("sell")
    if sim.offers and sim.random.random() < 0.2:
        slot, seller = sim.random.choice(sorted(sim.offers))
        quantity_wh = sim.random.choice([0, quantity_wh])
    message = tx_pb2.MsgSetOffer(slot=slot, price_per_kwh=price, available_wh=quantity_wh)
    return _sign(sim, seller, message)


def buy_offer(sim: Simulation) -> bytes:
    slot, quantity_wh, limit = draw_order(sim)
    seller = sim.trader("sell")
    if sim.offers and sim.random.random() < 0.9:
        slot, seller = sim.random.choice(sorted(sim.offers))
        available_wh = sim.offers[slot, seller]
        quantity_wh = sim.random.choice([available_wh, available_wh // 2, 1, quantity_wh])
    message = tx_pb2.MsgBuyOffer(
        seller=people.address_text(seller),
        slot=slot,
        quantity_wh=quantity_wh,
        price_limit_per_kwh=sim.random.choice([HIGH, HIGH, limit]),
    )
    return _sign(sim, sim.trader("buy"), message)


def curtail(sim: Simulation) -> bytes:
    """Mostly in a slot whose delivery has begun or is about to, where somebody has a position."""
    random, world = sim.random, sim.world
    slot, feeder = (
        world.slot_ahead(random.choice([-1, 0, 1, 2])),
        random.choice([*FEEDERS, "nowhere"]),
    )
    near = (world.slot_ahead(0), world.slot_ahead(1))
    held = [entry for entry in POSITIONS.items(world.state) if entry[0][0] in near]
    if held and random.random() < 0.9:
        (slot, _), position = random.choice(held)
        feeder = position.feeder or "north"
    message = tx_pb2.MsgCurtail(
        slot=slot,
        feeder=feeder,
        side=random.choice([0] + [1, 2] * 5),
        share_permille=random.choice([0, 1, 300, 500, 500, 1_000, 1_000, 1_001]),
        reason=random.choice(["The line is being repaired."] * 9 + [""]),
    )
    return _sign(sim, random.choice(["distributor"] * 19 + [sim.anybody()]), message)


def charge(sim: Simulation) -> bytes:
    slot, quantity_wh, limit = draw_order(sim)
    message = storage_tx_pb2.MsgCharge(
        slot=slot, quantity_wh=min(quantity_wh, 1 + quantity_wh // 4), price_limit_per_kwh=limit
    )
    return _sign(sim, _battery(sim), message)


def discharge(sim: Simulation) -> bytes:
    slot, quantity_wh, limit = draw_order(sim)
    message = storage_tx_pb2.MsgDischarge(
        slot=slot, quantity_wh=min(quantity_wh, 1 + quantity_wh // 4), price_limit_per_kwh=limit
    )
    return _sign(sim, _battery(sim), message)


def shift(sim: Simulation) -> bytes:
    slot, quantity_wh, limit = draw_order(sim)
    message = storage_tx_pb2.MsgShift(
        charge_slot=slot,
        charge_wh=1 + quantity_wh // 4,
        charge_limit_per_kwh=sim.random.choice([HIGH, limit]),
        discharge_slot=slot + sim.random.choice([0, 1, 1, 1, 2]),
        discharge_wh=1 + quantity_wh // 5,
        discharge_limit_per_kwh=sim.random.choice([LOW, limit]),
    )
    return _sign(sim, _battery(sim), message)


def _battery(sim: Simulation) -> str:
    return sim.random.choice([*BATTERIES] * 5 + [sim.anybody()])


def add_battery(sim: Simulation) -> bytes:
    random = sim.random
    message = storage_tx_pb2.MsgAddBattery(
        registrar=people.address_text("registrar"),
        owner=people.address_text(_battery(sim)),
        capacity_wh=random.choice([0, 5_000, 20_000, 20_000]),
        power_w=random.choice([1_000, 10_000]),
        charge_efficiency_permille=random.choice([900, 950, 1_000, 1_000, 1_001]),
        discharge_efficiency_permille=random.choice([1, 900, 1_000]),
        state_of_charge_wh=random.choice([0, 2_500, 5_000]),
    )
    return sim.world.sign("registrar", message)


def remove_battery(sim: Simulation) -> bytes:
    message = storage_tx_pb2.MsgRemoveBattery(
        registrar=people.address_text("registrar"),
        owner=people.address_text(sim.random.choice([_battery(sim), sim.anybody(), sim.anybody()])),
    )
    return sim.world.sign("registrar", message)


def change_feeder(sim: Simulation) -> bytes:
    """Lines are closed and opened, and crossing them gets cheaper or dearer."""
    random = sim.random
    fields: dict[str, Any] = {
        "feeder": random.choice([*FEEDERS, "nowhere"]),
        "capacity_w": random.choice([0, 500, 2_000, 2_000, 20_000, 10_000_000, 2**63]),
        "grid_fee_per_kwh": random.choice([0, 0, 1, 7_777, 60_000]),
    }
    fields["operator"] = people.address_text(random.choice(["distributor"] * 9 + ["fred"]))
    fields["thin_market"] = fields["feeder"] == "thin" and random.random() < 0.9
    return by_registrar(sim, "ChangeFeeder", fields)


def add_feeder(sim: Simulation) -> bytes:
    random = sim.random
    fields: dict[str, Any] = {
        "feeder": random.choice([*FEEDERS, "hill", "creek", "mill", ""]),
        "parent": random.choice(["", *FEEDERS, "hill", "nowhere"]),
        "capacity_w": random.choice([3_000, 10_000_000]),
        "grid_fee_per_kwh": random.choice([0, 7_777]),
    }
    return by_registrar(sim, "AddFeeder", fields)


def fund_purses(sim: Simulation) -> bytes:
    """The treasury, and now and then somebody else, into some of the purses."""
    random = sim.random
    message = tx_pb2.MsgFundPurses(
        amount_each=random.choice([0, 1, 20_000, 5_000_000]),
        first_purse=random.randint(0, 6),
        purses=random.choice([0, 1, 2, 9]),
    )
    return _sign(sim, random.choice(["treasury"] * 3 + [sim.anybody()]), message)


def _sign(sim: Simulation, name: str, message: Any) -> bytes:
    """Signs a message, after naming its signer in it."""
    for field in ("owner", "seller", "buyer", "distributor", "treasury"):
        if hasattr(message, field) and not getattr(message, field):
            setattr(message, field, people.address_text(name))
    assert isinstance(message, Message)
    return sim.world.sign(name, message)


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (12, cancel_position),
    (30, place_limit_order),
    (4, amend_limit_order),
    (4, cancel_limit_order),
    (20, place_standing_order),
    (4, cancel_standing_order),
    (14, set_offer),
    (20, buy_offer),
    (12, curtail),
    (2, join_the_crowd),
    (6, charge),
    (6, discharge),
    (6, shift),
    (2, add_battery),
    (1, remove_battery),
    (4, change_feeder),
    (1, add_feeder),
    (1, fund_purses),
]
