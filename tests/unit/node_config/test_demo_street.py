"""Homes, their meters, the day, and what the demonstration shows of the chain."""

from typing import Any

import pytest
from blockenergy.market.v1 import events_pb2 as market
from blockenergy.market.v1.query_pb2 import QuerySlotResponse
from blockenergy.market.v1.state_pb2 import Slot
from blockenergy.metering.v1 import events_pb2 as metering
from blockenergy.settlement.v1 import events_pb2 as settlement
from blockenergy.settlement.v1.state_pb2 import SlotResult
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain.runtime import slots as slot_times
from client.node.rpc import Rpc
from client.watch import WatchedBlock
from meter_bridge.client import compute_reading, dsmr
from node_config.demo.after.text import eur, kwh
from node_config.demo.day import Day, plan_day
from node_config.demo.home.homes import HOMES, HOURS, Home, make_street
from node_config.demo.home.meter import Meter
from node_config.demo.home.resident import Resident
from node_config.demo.watcher import Progress
from node_config.preset import load_preset

NOW_S = 1_800_000_003.7


def compute_load(annual_kwh: int, factors: Any) -> list[int]:
    return [round(annual_kwh / 365 / 96 * 1000 * factor) for factor in factors]


def compute_pv(peak_w: int, azimuth: int) -> list[int]:
    return [peak_w // 8 if 32 <= quarter < 72 else 0 for quarter in range(96)]


@pytest.fixture(scope="module")
def street() -> list[Home]:
    return make_street(1, compute_load, compute_pv)


@pytest.fixture
def day() -> Day:
    return plan_day(load_preset("demo"), HOURS, NOW_S)


def test_the_same_seed_gives_the_same_street(street: list[Home]) -> None:
    again = make_street(1, compute_load, compute_pv)
    other = make_street(2, compute_load, compute_pv)
    assert [home.key.address for home in again] == [home.key.address for home in street]
    assert [home.load_wh for home in again] == [home.load_wh for home in street]
    assert not {home.meter_id for home in other} & {home.meter_id for home in street}
    assert other[0].load_wh != street[0].load_wh


def test_half_of_the_homes_have_pv(street: list[Home]) -> None:
    assert len(street) == HOMES
    assert sum(home.can_sell for home in street) == HOMES // 2
    assert all(any(map(any, home.pv_wh)) == home.can_sell for home in street)


def test_forecasts_are_near_and_the_late_one_is_nearer(street: list[Home]) -> None:
    def error(home: Home, forecast_wh: tuple[int, ...]) -> int:
        actual = [sum(load) - sum(pv) for load, pv in zip(home.load_wh, home.pv_wh, strict=True)]
        return sum(abs(a - f) for a, f in zip(actual, forecast_wh, strict=True))

    early = sum(error(home, home.early_forecast_wh) for home in street)
    late = sum(error(home, home.late_forecast_wh) for home in street)
    assert 0 < late < early


def test_a_meter_counts_both_ways_and_its_telegram_says_so() -> None:
    meter = Meter("E0001000000000001", 1_000_003, 50)
    meter.count([100, -30, 0, -70])
    telegram = dsmr.parse(meter.make_telegram(1_800_000_000))
    assert telegram.meter_id == "E0001000000000001"
    assert telegram.time_s == 1_800_000_000
    assert telegram.import_register_wh == 1_000_103
    assert telegram.export_register_wh == 150


def test_the_first_slot_of_the_day_is_the_first_that_the_chain_opens(day: Day) -> None:
    assert day.genesis_time_s >= NOW_S
    length_s = day.slot_length_s
    first = slot_times.slot_at(day.genesis_time_s + day.gate_closure_s, length_s) + 1
    assert first == day.first_slot
    assert day.get_hour(day.first_slot) == 0
    assert day.get_hour(day.slots[-1]) == 23
    # Its gate stays open for a slot after the first block.
    gate_s = day.get_start_s(first) - day.gate_closure_s
    assert gate_s - day.genesis_time_s == length_s


def test_tradable_slots(day: Day) -> None:
    first, last = day.slots[0], day.slots[-1]
    known = range(first, last + 7)
    assert day.get_tradable(first - 1, known) == list(range(first, first + 6))
    assert day.get_tradable(first - 1, [first]) == [first]
    assert day.get_tradable(last - 2, known) == [last - 1, last]
    assert day.get_tradable(last, known) == []


def test_flexible_hours_end_with_the_day() -> None:
    short = plan_day(load_preset("demo"), 6, NOW_S)
    first = short.first_slot
    assert short.get_slots(range(4, 12)) == range(first + 4, first + 6)
    assert len(short.get_slots(range(8, 12))) == 0


def test_quarters_of_an_hour_add_up_with_flexible_load(street: list[Home], day: Day) -> None:
    resident = Resident(street[0], Rpc(), day, "energy-demo-1")
    noon = day.first_slot + 12
    net_wh = resident.compute_net_use_wh(noon)
    assert sum(net_wh) == sum(street[0].load_wh[12]) - sum(street[0].pv_wh[12])
    request = resident.read_meter(noon)
    reading = compute_reading(dsmr.parse(request.telegram.telegram), day.slot_length_s)
    assert reading.slot == noon
    home = street[0]
    moved = reading.import_register_wh - home.import_register_wh
    moved -= reading.export_register_wh - home.export_register_wh
    assert moved == sum(net_wh)


def make_block(height: int, *events: Message) -> WatchedBlock:
    fees = ("anna", Coin(denom="ueur", amount="2")), ("ben", Coin(denom="ueur", amount="3"))
    return WatchedBlock(height, b"hash", (0, 5), (tuple(events), ()), (), fees)


def test_progress_follows_a_slot_from_its_opening_to_its_settlement() -> None:
    progress = Progress()
    opened = QuerySlotResponse(slot=7, bid_per_kwh=187_000, ask_per_kwh=193_000)
    progress.apply(make_block(1, market.EventSlotOpened(slot=7)), {7: opened})
    traded = QuerySlotResponse(slot=7, ask_per_kwh=200_000, info=Slot(cost=100))
    executed = market.EventOrderExecuted(order_id=8, slot=7)
    lapsed = market.EventOrderLapsed(order_id=9, slot=7)
    progress.apply(make_block(2, executed, lapsed), {7: traded})
    before = progress.copy()
    result = SlotResult(import_wh=310, imbalance_charge=3)
    recorded = metering.EventReadingRecorded(meter_id="m", slot=7)
    rejected = metering.EventReadingRejected(meter_id="n", slot=7)
    settled = settlement.EventSlotSettled(slot=7, result=result)
    progress.apply(make_block(3, recorded, rejected, settled), {})
    assert (progress.height, progress.txs, progress.orders) == (3, 6, 2)
    assert progress.fees == {"anna": 6, "ben": 9}
    assert progress.slots[7].ask_per_kwh == 200_000
    assert (progress.readings[7], progress.readings_rejected) == (1, 1)
    assert progress.results[7] == result
    assert progress.get_money_settled(7) == 103
    assert progress.count_settled(range(6, 9)) == 1
    # A copy does not follow.
    assert (before.height, before.readings[7], before.get_money_settled(7)) == (2, 0, 0)
    assert before.fees == {"anna": 4, "ben": 6}
    assert before.count_settled(range(6, 9)) == 0


def test_numbers_for_people() -> None:
    assert kwh(12_345) == "12.3"
    assert kwh(-4) == "0.0"
    assert eur(-1_234_560_000) == "-1,234.56"
    assert eur(1, 6) == "0.000001"
