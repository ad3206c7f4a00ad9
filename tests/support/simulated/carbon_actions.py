"""What authorities, certifiers and holders of certificates send in a simulation, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from blockenergy.carbon.v1 import state_pb2 as carbon_pb2
from blockenergy.carbon.v1 import tx_pb2 as carbon_tx_pb2
from blockenergy.certificates.v1 import state_pb2, tx_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR

from chain.carbon.state import DEVICES
from chain.certificates.state import HOLDINGS, LAST_CLOSED, PRICES, RECORDED
from chain.registry import is_renewable
from chain.registry.state import METERS
from chain.runtime.encoding import bech32
from chain.settlement.state import LINES, PROGRESS
from tests.support.simulated import actions
from tests.support.streets import people
from tests.support.world import FIRST_SLOT, reading

if TYPE_CHECKING:
    from tests.support.simulated.simulation import Simulation

ZONES = 2
# Of the homes whose meters have a renewable source, these begin with a certified device.
_CERTIFIED = (0, 2, 4, 6)


def draw(seed: int, random: Random) -> dict[str, Any]:
    """Where carbon begins: two zones, a price, devices on some roofs."""
    changes: dict[str, Any] = {
        "registry.participants[auditor]": {
            "roles": ["ROLE_AUDITOR", "ROLE_CERTIFIER"], "status": "STATUS_ACTIVE",
        },
        "carbon.zones[0]": {"default_g_per_mwh": random.choice([0, 420_000])},
        "carbon.zones[1]": {
            "name": "far", "publisher": "backstop", "default_g_per_mwh": 300_000,
        },
        "carbon.prices[0]": {"price_per_tonne": (80_000_000, 0, 300_000_000)[seed % 3]},
        "certificates.params": {"claim_slots": 3, "certificate_life_s": 600, "entry_min_wh": 1},
    }  # fmt: skip
    if seed % 2:
        changes["carbon.feeder_zones[south]"] = {"zone": 1}
    for number in _CERTIFIED:
        source = "ENERGY_SOURCE_SOLAR" if number % 4 == 0 else "ENERGY_SOURCE_BIOMASS"
        changes[f"carbon.devices[meter-{number}]"] = {
            "owner": f"home-{number}", "energy_source": source, "power_w": 3_000,
            "storage_behind_wh": random.choice([0, 0, 2_000]),
            "status": "DEVICE_STATUS_IN_FORCE", "meter_added_at_s": FIRST_SLOT * 60,
        }  # fmt: skip
        changes[f"certificates.prices[home-{number}]"] = {"price_per_kwh": 20_000}
    return changes


def set_zone(sim: Simulation) -> bytes:
    signer = _authority(sim)
    message = carbon_tx_pb2.MsgSetZone(
        authority=people.address_text(signer),
        zone=sim.random.choice([0, 1, 2, 5]),
        name=sim.random.choice(["grid", "far", "no name"]),
        publisher=people.address_text(sim.random.choice(["backstop", "distributor", "fred"])),
        default_g_per_mwh=sim.random.choice([0, 300_000, 420_000, 3_000_000]),
    )
    return sim.world.sign(signer, message)


def place_feeder(sim: Simulation) -> bytes:
    signer = _authority(sim)
    message = carbon_tx_pb2.MsgPlaceFeeder(
        authority=people.address_text(signer),
        feeder=sim.random.choice(["north", "branch", "south", "thin", "nowhere"]),
        zone=sim.random.choice([0, 1, 1, 9]),
        from_slot=sim.world.slot_ahead(sim.random.choice([-5, 1, 4])),
    )
    return sim.world.sign(signer, message)


def set_delivery(sim: Simulation) -> bytes:
    signer = _authority(sim)
    message = carbon_tx_pb2.MsgSetDelivery(
        authority=people.address_text(signer),
        from_zone=sim.random.choice([0, 1]),
        to_zone=sim.random.choice([0, 1, 9]),
        loss_permille=sim.random.choice([0, 30, 1_000, 1_001]),
    )
    return sim.world.sign(signer, message)


def publish_factors(sim: Simulation) -> bytes:
    zone = sim.random.choice([0, 0, 0, 1, 9])
    signer = sim.random.choice(["distributor" if zone == 0 else "backstop"] * 9 + ["anna"])
    if signer == "anna":
        signer = sim.anybody()
    factors = []
    for _ in range(sim.random.choice([0, 1, 3, 6])):
        location = sim.random.choice([0, 150_000, 420_000])
        factors.append(
            carbon_pb2.Factor(
                location_g_per_mwh=location,
                residual_g_per_mwh=location + sim.random.choice([0, 90_000, 90_000]),
                cfe_permille=sim.random.choice([0, 380]),
                solar_ceiling_permille=sim.random.choice([0, 500, 1_000]),
                quality=sim.random.choice([1, 2, 3, 3, 3, 5]),
            )
        )
    message = carbon_tx_pb2.MsgPublishFactors(
        publisher=people.address_text(signer),
        zone=zone,
        first_slot=sim.world.slot_ahead(sim.random.choice([-5, -1, 0, 1, 2])),
        factors=factors,
    )
    return sim.world.sign(signer, message)


def set_price(sim: Simulation) -> bytes:
    signer = _authority(sim)
    message = carbon_tx_pb2.MsgSetPrice(
        authority=people.address_text(signer),
        from_slot=sim.world.slot_ahead(sim.random.choice([0, 5, 6, 9])),
        price_per_tonne=sim.random.choice([0, 1, 80_000_000, 300_000_000, 300_000_001]),
    )
    return sim.world.sign(signer, message)


def certify_device(sim: Simulation) -> bytes:
    signer = _certifier(sim)
    meters = dict(METERS.items(sim.world.state))
    renewable = [
        name
        for name, meter in meters.items()
        if is_renewable(meter.energy_source) and not DEVICES.has(sim.world.state, name)
    ]
    meter_id = sim.random.choice(sorted(meters))
    if renewable and sim.random.random() < 0.7:
        meter_id = sim.random.choice(renewable)
    message = carbon_tx_pb2.MsgCertifyDevice(
        certifier=people.address_text(signer),
        meter_id=meter_id,
        energy_source=sim.random.choice([meters[meter_id].energy_source, ENERGY_SOURCE_SOLAR]),
        power_w=sim.random.choice([0, 3_000, 9_000]),
        storage_behind_wh=sim.random.choice([0, 0, 2_000]),
        foreign_id=sim.random.choice(["", "", "PV-1"]),
    )
    return sim.world.sign(signer, message)


def suspend_device(sim: Simulation) -> bytes:
    signer = _certifier(sim)
    message = carbon_tx_pb2.MsgSuspendDevice(
        certifier=people.address_text(signer), meter_id=_device(sim), reason="examined"
    )
    return sim.world.sign(signer, message)


def reinstate_device(sim: Simulation) -> bytes:
    signer = _certifier(sim)
    message = carbon_tx_pb2.MsgReinstateDevice(
        certifier=people.address_text(signer), meter_id=_device(sim), reason="examined"
    )
    return sim.world.sign(signer, message)


def read_all_meters(sim: Simulation) -> bytes:
    """What every meter shows at the end of the last slot: only then lines are exact."""
    slot, known = sim.world.slot_ahead(-1), sim.known_meters()
    readings = [
        reading(meter_id, slot, *sim.meters[meter_id].shown_at(slot, generation),
                signed_by=actions.key_name(meter_id, generation))
        for meter_id, generation in sorted(known.items())[:50]
    ]  # fmt: skip
    return sim.world.submit(*readings[: sim.random.choice([50] * 19 + [0])])


def trade_renewable(sim: Simulation) -> bytes:
    """A renewable bid or ask of neighbours of whom one has such a meter."""
    seller, buyers = sim.random.choice([("home-0", ("home-1", "home-2")), ("home-4", ("home-5",))])
    is_buy = sim.random.random() < 0.5
    owner = sim.random.choice(buyers) if is_buy else seller
    message = market_tx_pb2.MsgPlaceLimitOrder(
        owner=people.address_text(owner),
        slot=sim.world.slot_ahead(sim.random.choice([1, 2, 2, 3])),
        side=market_pb2.SIDE_BUY if is_buy else market_pb2.SIDE_SELL,
        quantity_wh=sim.random.choice([500, 2_000, 4_000]),
        price_limit_per_kwh=actions.HIGH if is_buy else actions.LOW,
        local=True,
        renewable=True,
    )
    return sim.world.sign(owner, message)


def transfer_certificates(sim: Simulation) -> bytes:
    holder, entries = draw_entries(sim)
    message = tx_pb2.MsgTransferCertificates(
        holder=people.address_text(holder),
        recipient=people.address_text(sim.anybody()),
        entries=entries,
    )
    return sim.world.sign(holder, message)


def retire_certificates(sim: Simulation) -> bytes:
    """For somebody who used energy in that slot, mostly as much as was used."""
    holder, entries = draw_entries(sim)
    consumer = sim.anybody()
    slot = entries[0].slot if entries else 0
    users = [
        (owner, line)
        for owner, line in LINES.under(slot).items(sim.world.state)
        if line.import_wh and not line.inexact
    ]
    if users and sim.random.random() < 0.9:
        owner, line = sim.random.choice(users)
        consumer = sim.name_of(owner)
        for entry in entries:
            entry.wh = min(entry.wh, sim.random.choice([line.import_wh, line.import_wh // 3]))
    message = tx_pb2.MsgRetireCertificates(
        holder=people.address_text(holder),
        consumer=people.address_text(consumer),
        entries=entries,
    )
    return sim.world.sign(holder, message)


def cancel_certificates(sim: Simulation) -> bytes:
    holder, entries = draw_entries(sim)
    message = tx_pb2.MsgCancelCertificates(holder=people.address_text(holder), entries=entries)
    return sim.world.sign(holder, message)


def set_certificate_price(sim: Simulation) -> bytes:
    holder = sim.random.choice(sim.homes)
    message = tx_pb2.MsgSetCertificatePrice(
        holder=people.address_text(holder),
        price_per_kwh=sim.random.choice([0, 1, 20_000, 10**9 + 1]),
    )
    return sim.world.sign(holder, message)


def buy_certificates(sim: Simulation) -> bytes:
    seller, entries = draw_entries(sim)
    sellers = [sim.name_of(owner) for owner, _ in PRICES.items(sim.world.state)]
    for _ in range(5):
        if seller in sellers:
            break
        seller, entries = draw_entries(sim)
    buyer = sim.random.choice(sim.homes)
    message = tx_pb2.MsgBuyCertificates(
        buyer=people.address_text(buyer),
        seller=people.address_text(seller),
        entries=entries,
        cost_limit=sim.random.choice([0, 10**6, 10**9]),
        retire=sim.random.random() < 0.3,
    )
    return sim.world.sign(buyer, message)


def withdraw_certificates(sim: Simulation) -> bytes:
    signer, state = _certifier(sim), sim.world.state
    made = [
        (slot, meter_id)
        for meter_id, device in DEVICES.items(state)
        for slot in range(max(0, PROGRESS.get(state).slot - 3), PROGRESS.get(state).slot)
        if (line := LINES.get(state, (slot, bech32.decode(device.owner)))) and line.renewable_wh
    ]
    slot, meter_id = sim.random.choice([*made[-5:], (0, _device(sim))])
    message = tx_pb2.MsgWithdrawCertificates(
        certifier=people.address_text(signer),
        slot=slot,
        meter_id=meter_id,
        wh=sim.random.choice([1, 100, 1_000, 1_000]),
    )
    return sim.world.sign(signer, message)


def record_statement(sim: Simulation) -> bytes:
    """Mostly where the last one has stopped, as far as windows have closed."""
    state, account = sim.world.state, sim.random.choice(sim.homes[:3])
    recorded = RECORDED.get(state, people.wallet(account).address)
    kept = max(0, PROGRESS.get(state).history_from)
    first = recorded.next_slot if recorded and sim.random.random() < 0.9 else kept
    message = tx_pb2.MsgRecordStatement(
        account=people.address_text(account),
        first_slot=first,
        last_slot=max(first, LAST_CLOSED.last(state) - sim.random.choice([0, 0, -1])),
    )
    return sim.world.sign(account, message)


def draw_entries(sim: Simulation) -> tuple[str, list[state_pb2.Entry]]:
    """A holder and what it has: mostly of the last slots and untouched, or held already; now and
    then too much, twice, or of somebody else.
    """
    state = sim.world.state
    found = [
        (holder, slot, producer, holding.wh)
        for (slot, (producer, holder)), holding in HOLDINGS.items(state)
    ]
    for slot in range(PROGRESS.get(state).slot - 2, PROGRESS.get(state).slot):
        for owner, line in LINES.under(max(0, slot)).items(state):
            free_wh = line.renewable_wh - line.self_wh - line.given_wh
            if free_wh:
                found.append((owner, slot, owner, free_wh))
    if not found:
        return sim.anybody(), []
    holder, slot, producer, wh = sim.random.choice(found[-20:])
    wh = sim.random.choice([wh, wh, max(1, wh // 2), max(1, wh // 3), wh + 1])
    entry = state_pb2.Entry(slot=slot, producer=bech32.encode(producer), wh=wh)
    name = sim.anybody() if sim.random.random() < 0.05 else sim.signer_of(holder)
    return name, [entry] * sim.random.choice([1] * 15 + [0, 2])


def _authority(sim: Simulation) -> str:
    return sim.random.choice(["distributor"] * 9 + [sim.anybody()])


def _certifier(sim: Simulation) -> str:
    return sim.random.choice(["auditor"] * 9 + [sim.anybody()])


def _device(sim: Simulation) -> str:
    devices = [meter_id for meter_id, _ in DEVICES.items(sim.world.state)]
    return sim.random.choice([*devices, "meter-nowhere"])


ACTIONS: list[tuple[int, Callable[[Simulation], bytes]]] = [
    (40, read_all_meters),
    (25, trade_renewable),
    (1, set_zone),
    (1, place_feeder),
    (1, set_delivery),
    (3, publish_factors),
    (1, set_price),
    (2, certify_device),
    (1, suspend_device),
    (2, reinstate_device),
    (4, transfer_certificates),
    (8, retire_certificates),
    (2, cancel_certificates),
    (2, set_certificate_price),
    (5, buy_certificates),
    (1, withdraw_certificates),
    (4, record_statement),
]
