"""What people, meters and attackers send in a simulation: good and bad messages of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from blockenergy.bank.v1 import tx_pb2 as bank_tx_pb2
from blockenergy.metering.v1 import state_pb2 as metering_pb2
from blockenergy.metering.v1 import tx_pb2 as metering_tx_pb2
from blockenergy.peers.v1 import tx_pb2 as peers_tx_pb2
from blockenergy.registry.v1 import state_pb2 as registry_pb2
from blockenergy.registry.v1 import tx_pb2 as registry_tx_pb2
from blockenergy.registry.v1.energy_source_pb2 import EnergySource
from cosmos.base.v1beta1.coin_pb2 import Coin

from tests.support.streets import people
from tests.support.world import DENOM, reading

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

LOW, HIGH = 80_000, 300_000


def buy(sim: Simulation) -> bytes:
    return sim.world.buy(sim.trader("buy"), *draw_order(sim))


def sell(sim: Simulation) -> bytes:
    return sim.world.sell(sim.trader("sell"), *draw_order(sim))


def sell_at_the_highest_limit(sim: Simulation) -> bytes:
    """Reserves nothing and lapses, except when the price is at its bound."""
    slot, quantity_wh, _ = draw_order(sim)
    return sim.world.sell(sim.trader("sell"), slot, quantity_wh, HIGH)


def draw_order(sim: Simulation) -> tuple[int, int, int]:
    """Mostly an order that can be placed; in one of ten something is wrong with it."""
    random = sim.random
    slot = sim.world.slot_ahead(random.choice([1, 2, 2, 2, 2, 3, 4]))
    quantity_wh = random.choice([1, 999, random.randint(1, 8_000), random.randint(1, 30_000)])
    spread = random.choice([0, 10_000, 60_000, 110_000])
    limit = random.choice([LOW, HIGH, random.randint(190_000 - spread, 190_000 + spread)])
    mistake = random.randrange(30)
    if mistake == 0:
        slot = sim.world.slot_ahead(random.choice([-1, 0, 6]))
    elif mistake == 1:
        quantity_wh = random.choice([0, 100_001])
    elif mistake == 2:
        limit = random.choice([0, LOW - 1, HIGH + 1])
    return slot, quantity_wh, limit


def send(sim: Simulation) -> bytes:
    source, target = sim.anybody(), sim.anybody()
    amount = sim.random.choice([0, 1, 10_000, 2_000_000, 10**12])
    denom = sim.random.choice([DENOM, DENOM, DENOM, "uheat"])
    return sim.world.send(source, target, amount, denom)


def drain(sim: Simulation) -> bytes:
    """Treasury or backstop give away nearly all they have, so that they run dry now and then; or a
    little more than that.
    """
    source = sim.random.choice(["treasury", "backstop"])
    amount = sim.world.balance(source) * sim.random.choice([1, 50, 99, 101]) // 100 + 1
    return sim.world.send(source, sim.random.choice(sim.homes), amount)


def give(sim: Simulation) -> bytes:
    """Fresh money for somebody, often for the treasury and the backstop."""
    target = sim.random.choice(["treasury", "backstop", *(sim.anybody() for _ in range(4))])
    return mint(sim, target, sim.random.choice([100_000, 20_000_000, 2**63]))


def mint(sim: Simulation, target: str, amount: int) -> bytes:
    issuer = sim.random.choice(["issuer"] * 9 + [sim.anybody()])
    message = bank_tx_pb2.MsgMint(
        issuer=people.address_text(issuer),
        recipient=people.address_text(target),
        amount=Coin(denom=sim.random.choice([DENOM, DENOM, "uheat"]), amount=str(amount)),
    )
    return sim.world.sign(issuer, message)


def burn(sim: Simulation) -> bytes:
    amount = Coin(denom=DENOM, amount=str(sim.random.choice([1, 50_000, 10**12])))
    message = bank_tx_pb2.MsgBurn(issuer=people.address_text("issuer"), amount=amount)
    return sim.world.sign("issuer", message)


def create_denom(sim: Simulation) -> bytes:
    denom = sim.random.choice(["uheat", "ugreen", "x", f"u{sim.random.randint(0, 99)}"])
    message = bank_tx_pb2.MsgCreateDenom(
        issuer=people.address_text("issuer"), denom=denom, symbol="T", decimals=6
    )
    return sim.world.sign("issuer", message)


def reserve(sim: Simulation) -> bytes:
    owner = sim.anybody()
    message = bank_tx_pb2.MsgReserve(
        owner=people.address_text(owner),
        beneficiary=people.address_text(sim.anybody()),
        amount=Coin(denom=DENOM, amount=str(sim.random.choice([1, 70_000, 10**12]))),
        deadline_s=sim.world.time_s + sim.random.choice([-5, 20, 100, 600, 10**6]),
    )
    return sim.world.sign(owner, message)


def post_hold(sim: Simulation) -> bytes:
    owner, beneficiary, hold_id = sim.some_hold()
    message = bank_tx_pb2.MsgPostHold(
        beneficiary=people.address_text(beneficiary),
        owner=people.address_text(owner),
        hold_id=hold_id,
        amount=Coin(denom=DENOM, amount=str(sim.random.choice([1, 70_000]))),
    )
    return sim.world.sign(beneficiary, message)


def void_hold(sim: Simulation) -> bytes:
    owner, beneficiary, hold_id = sim.some_hold()
    message = bank_tx_pb2.MsgVoidHold(
        beneficiary=people.address_text(beneficiary),
        owner=people.address_text(owner),
        hold_id=hold_id,
    )
    return sim.world.sign(beneficiary, message)


def change_participant(sim: Simulation) -> bytes:
    verb = sim.random.choice(["Add", "Suspend", "Reinstate", "Remove"])
    fields: dict[str, Any] = {"address": people.address_text(sim.random.choice(sim.all_names))}
    if verb == "Add":
        fields["roles"] = sim.random.sample([1, 2, 3, 3, 7, 8], sim.random.randint(0, 2))
    return by_registrar(sim, f"{verb}Participant", fields)


def repair(sim: Simulation) -> bytes:
    """The registrar lets somebody act again who was suspended or removed."""
    statuses = sim.statuses()
    out = [name for name, p in statuses.items() if p.status != registry_pb2.STATUS_ACTIVE]
    if not out:
        return change_participant(sim)
    name = sim.random.choice(out)
    fields: dict[str, Any] = {"address": people.address_text(name)}
    if statuses[name].status == registry_pb2.STATUS_SUSPENDED:
        return by_registrar(sim, "ReinstateParticipant", fields)
    return by_registrar(sim, "AddParticipant", fields | {"roles": statuses[name].roles})


def change_meter(sim: Simulation) -> bytes:
    verb = sim.random.choice(["Add", "Add", "Suspend", "Reinstate", "Reinstate", "Remove"])
    if verb == "Add":
        return add_meter(sim)
    meter_id = sim.random.choice([*sim.meters, "meter-nowhere"])
    if verb == "Remove":
        return remove_meter(sim, meter_id)
    return by_registrar(sim, f"{verb}Meter", {"meter_id": meter_id})


def remove_meter(sim: Simulation, meter_id: str) -> bytes:
    """A meter is taken out, mostly with what it shows."""
    shown = (0, 0)
    if meter_id in sim.meters:
        shown = sim.meters[meter_id].shown_at(-1, sim.known_meters().get(meter_id, 0))
    wrong_wh = sim.random.choice([0, 0, 0, 10**8])
    return sim.world.remove_meter(meter_id, (shown[0] + wrong_wh, shown[1]))


def change_bridge(sim: Simulation) -> bytes:
    """A meter moves to another bridge, mostly at the wish of somebody who may wish it."""
    meter_id = sim.random.choice([*sim.meters, "meter-nowhere"])
    number = meter_id.removeprefix("meter-")
    owner = f"home-{number}" if f"home-{number}" in sim.homes else "registrar"
    sender = sim.random.choice([owner, owner, "registrar", sim.anybody()])
    message = registry_tx_pb2.MsgChangeBridge(
        sender=people.address_text(sender),
        meter_id=meter_id,
        bridge=people.address_text(sim.random.choice(["bridge", "bridge-2", "treasury"])),
    )
    return sim.world.sign(sender, message)


def bring_readings(sim: Simulation) -> bytes:
    """Somebody brings readings of the slot that ended last."""
    slot, known = sim.world.slot_ahead(-1), sim.known_meters()
    chosen = sim.random.sample(sorted(known), sim.random.choice([0, 1, 1, 3]))
    readings = [_reading(sim, meter_id, slot, known[meter_id]) for meter_id in chosen]
    return sim.world.bring(sim.anybody(), *readings)


def add_meter(sim: Simulation) -> bytes:
    """A meter of somebody, which begins to be read as soon as it is there; often under an id that
    was in use before.
    """
    meter_id = f"meter-{len(sim.meters) + sim.random.choice([0, 0, 0, 1 - len(sim.meters)])}"
    removed, generation, initial_wh = sim.known_meters(closed=True), 0, 0
    if removed and sim.random.random() < 0.5:
        meter_id, initial_wh = sim.random.choice(sorted(removed)), 5
        generation = removed[meter_id] + 1
        sim.meters[meter_id].exchange(generation, (initial_wh, 0))
    fields = {
        "meter_id": meter_id,
        "owner": people.address_text(sim.anybody()),
        "bridge": people.address_text(
            sim.random.choice(["bridge", "bridge", "bridge-2", "treasury"])
        ),
        "feeder": sim.random.choice(["north", "north", "branch", "south", "thin", "nowhere"]),
        "capacity_w": sim.random.choice([0, 10_000, 30_000]),
        "pub_key": key_of(meter_id, generation),
        "initial_import_wh": initial_wh,
        "energy_source": sim.random.choice([*EnergySource.values(), 99]),
    }
    sim.expect_meter(meter_id)
    return by_registrar(sim, "AddMeter", fields)


def exchange_meter(sim: Simulation) -> bytes:
    """Another device for an id, mostly with the final registers of the old one."""
    known = sim.known_meters()
    meter_id = sim.random.choice(sorted(known))
    meter, generation = sim.meters[meter_id], known[meter_id]
    final = meter.shown_at(-1, generation)
    initial = (sim.random.choice([0, 10**9 - 5_000]), sim.random.choice([0, 123]))
    meter.exchange(generation + 1, initial)
    message = metering_tx_pb2.MsgExchangeMeter(
        registrar=people.address_text("registrar"),
        meter_id=meter_id,
        pub_key=key_of(meter_id, generation + 1),
        final_import_wh=final[0] + sim.random.choice([0, 0, 0, 0, 10**8]),
        final_export_wh=final[1],
        initial_import_wh=initial[0],
        initial_export_wh=initial[1],
    )
    return sim.world.sign("registrar", message)


def replace_meter_key(sim: Simulation) -> bytes:
    """Another key for a meter, which shows what it showed before."""
    known = sim.known_meters()
    meter_id = sim.random.choice(sorted(known))
    meter, generation = sim.meters[meter_id], known[meter_id]
    meter.offsets[generation + 1] = meter.offsets.get(generation, (0, 0))
    message = metering_tx_pb2.MsgReplaceMeterKey(
        registrar=people.address_text("registrar"),
        meter_id=meter_id,
        pub_key=key_of(meter_id, generation + sim.random.choice([0, 1, 1])),
        revoked=sim.random.random() < 0.5,
    )
    return sim.world.sign("registrar", message)


def key_name(meter_id: str, generation: int) -> str:
    return meter_id if generation == 0 else f"{meter_id}.{generation}"


def key_of(meter_id: str, generation: int) -> bytes:
    return people.meter_key(key_name(meter_id, generation)).public_key().public_bytes_raw()


def by_registrar(sim: Simulation, kind: str, fields: dict[str, Any]) -> bytes:
    """A message of the registry, now and then from somebody who is not the registrar."""
    signer = sim.random.choice(["registrar"] * 9 + [sim.anybody()])
    message = getattr(registry_tx_pb2, f"Msg{kind}")
    return sim.world.sign(signer, message(registrar=people.address_text(signer), **fields))


def change_peer(sim: Simulation) -> bytes:
    """A node is listed or taken off, mostly by who may do so."""
    node_id = sim.random.choice("abcdef") * 40
    signer = sim.random.choice(["registrar", "registrar", sim.anybody()])
    address = people.address_text(signer)
    if sim.random.random() < 0.5:
        return sim.world.sign(signer, peers_tx_pb2.MsgRemovePeer(sender=address, node_id=node_id))
    message = peers_tx_pb2.MsgSetPeer(
        registrar=address,
        node_id=node_id,
        operator=people.address_text(sim.anybody()),
        networks=sim.random.choice([[], ["192.0.2.0/24"], ["nowhere"]]),
    )
    return sim.world.sign(signer, message)


def submit_readings(sim: Simulation) -> bytes:
    """A bridge sends what it has: mostly the slot that ended last, mostly true."""
    slot = sim.world.slot_ahead(sim.random.choice([-3, -2, -1, -1, -1, -1, -1, 0, 1]))
    known = sim.known_meters()
    count = sim.random.choice([0, 1, 5, len(known), len(known), 60])
    chosen = sim.random.sample(sorted(known), min(count, len(known)))
    if count == 60:
        chosen = chosen * (60 // max(1, len(chosen)) + 1)
    readings = [_reading(sim, meter_id, slot, known[meter_id]) for meter_id in chosen]
    return sim.world.submit(*readings, bridge=sim.random.choice(["bridge"] * 5 + ["bridge-2"]))


def _reading(sim: Simulation, meter_id: str, slot: int, generation: int) -> metering_pb2.Reading:
    """What the meter shows; now and then a wrong number, a wrong key or another chain's."""
    import_wh, export_wh = sim.meters[meter_id].shown_at(slot, generation)
    key = key_name(meter_id, generation)
    mood = sim.random.random()
    if mood < 0.03:
        return reading(meter_id, slot, max(0, import_wh - 50), export_wh, signed_by=key)
    if mood < 0.05:
        import_wh += sim.random.choice([1, 10**7])
    elif mood < 0.06:
        key = "meter-0"
    elif mood < 0.07:
        return reading(meter_id, slot, import_wh, export_wh, signed_by=key, chain_id="street-2")
    elif mood < 0.08:
        meter_id = "meter-nowhere"
    return reading(meter_id, slot, import_wh, export_wh, signed_by=key)


def two_at_once(sim: Simulation) -> bytes:
    """Two transfers in one transaction; often the second one fails and takes the first along."""
    source = sim.anybody()
    messages = []
    for amount in (1_000, sim.random.choice([1_000, 10**12])):
        message = bank_tx_pb2.MsgReserve(
            owner=people.address_text(source),
            beneficiary=people.address_text(sim.anybody()),
            amount=Coin(denom=DENOM, amount=str(amount)),
            deadline_s=sim.world.time_s + 60,
        )
        messages.append(message)
    return sim.world.sign(source, *messages)


def spoiled(sim: Simulation) -> bytes:
    """A transaction that must not be let in."""
    name = sim.anybody()
    message = bank_tx_pb2.MsgVoidHold(beneficiary=people.address_text(name), hold_id=1)
    changes: list[dict[str, Any]] = [
        {"chain_id": "street-2"},
        {"sequence": 10**6},
        {"account_number": 10**6},
        {"high_s": True},
        {"gas_limit": 10},
        {"fee": [("uheat", 5)]},
        {"memo": "x" * 300},
        {"timeout_height": 1},
        {"signatures": 0},
        {"extension_option": True},
        {"pub_key_of": people.wallet("registrar")},
    ]
    return sim.world.spoil(name, message, **sim.random.choice(changes))


def noise(sim: Simulation) -> bytes:
    """Random bytes, or a good transaction with one byte changed."""
    if sim.random.random() < 0.5:
        return sim.random.randbytes(sim.random.randint(0, 80))
    name = sim.anybody()
    message = bank_tx_pb2.MsgVoidHold(beneficiary=people.address_text(name), hold_id=1)
    raw = bytearray(sim.world.spoil(name, message))
    raw[sim.random.randrange(len(raw))] ^= 1 << sim.random.randrange(8)
    return bytes(raw)


def replay(sim: Simulation) -> bytes:
    """A transaction of an earlier block."""
    return sim.random.choice(sim.sent) if sim.sent else b""


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (30, buy),
    (25, sell),
    (3, sell_at_the_highest_limit),
    (30, submit_readings),
    (8, send),
    (2, drain),
    (14, give),
    (3, burn),
    (1, create_denom),
    (6, reserve),
    (4, post_hold),
    (2, void_hold),
    (4, change_participant),
    (8, repair),
    (4, change_meter),
    (1, exchange_meter),
    (1, replace_meter_key),
    (1, change_bridge),
    (3, bring_readings),
    (1, change_peer),
    (2, two_at_once),
    (4, spoiled),
    (2, noise),
    (2, replay),
]
