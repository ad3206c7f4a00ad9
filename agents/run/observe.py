"""What the chain shows and the journal remembers, as what a home knows when it decides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blockenergy.auth.v1 import query_pb2 as auth_query_pb2
from blockenergy.market.v1 import query_pb2 as market_query_pb2
from blockenergy.metering.v1 import query_pb2 as metering_query_pb2
from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.settlement.v1 import query_pb2 as settlement_query_pb2

from agents.chain_view import Ask, list_positions_wh, read_market, read_price, read_sides
from agents.run.journal import Journal, Turn
from agents.run.settings import HomeSettings, LoadSettings
from agents.trading import Battery, Flexible, Limits, Observation
from agents.trading.expect import DAYS_USED, ERRORS_KEPT, HOURS, Past, PriceMemory, forecast
from agents.trading.observation import NO_LOAD
from agents.trading.stored_value import move
from client.errors import RejectedError

if TYPE_CHECKING:
    # It needs libraries of the extra `agents`.
    from agents.run.forecaster import Forecaster

DAY_S, HOUR_S = 86_400, 3_600
# How far back lines are asked for that are not there yet.
LINES_BACK = 16
STATE_BYTES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Network:
    """What the parameters say about slots and orders."""

    slot_length_s: int
    represented_s: int
    horizon_slots: int
    order_min_wh: int
    order_max_wh: int
    messages_per_tx_max: int

    @property
    def per_day(self) -> int:
        """Slots that represent a day."""
        return max(1, DAY_S // self.represented_s)

    def get_slot_max_wh(self, power_w: int) -> int:
        """The most energy that a power comes to in a slot."""
        return power_w * self.represented_s // HOUR_S


def read_network(ask: Ask) -> Network:
    """The parameters in force."""
    metering = ask(
        metering_query_pb2.QueryParamsRequest(), metering_query_pb2.QueryParamsResponse
    ).params
    market = ask(market_query_pb2.QueryParamsRequest(), market_query_pb2.QueryParamsResponse).params
    limits = ask(auth_query_pb2.QueryParamsRequest(), auth_query_pb2.QueryParamsResponse).params
    return Network(
        metering.slot_length_s,
        metering.represented_duration_s,
        market.horizon_slots,
        market.order_min_wh,
        market.order_max_wh,
        limits.messages_per_tx_max,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """An observation, and what the slot in delivery is to be: the battery's flow in it."""

    observation: Observation
    now_battery_wh: int
    stored_wh: int
    prices: PriceMemory
    # What made the forecast, in words.
    forecast_by: str


def observe(
    ask: Ask,
    home: HomeSettings,
    network: Network,
    journal: Journal,
    slot: int,
    address: str,
    forecaster: Forecaster | None = None,
) -> Seen:
    """What a home knows while `slot` is delivered; its forecast is that of a model if it has one
    and enough of a past for it.
    """
    past = make_past(home, network, journal, slot)
    known_until = max((one for one in past.net_wh if one < slot), default=slot - 1)
    day = range(slot, slot + network.per_day)
    forecast_by = "its own last days" if past.net_wh else "an ordinary household"
    expected = None
    if forecaster is not None:
        expected = forecaster.forecast(past, known_until, day)
    if forecaster is not None and expected is not None:
        forecast_by = forecaster.name
    else:
        expected = forecast(past, known_until, day)
    view = read_market(ask, slot, network.horizon_slots)
    slots = [slot, *(one.slot for one in view.open_slots)]
    positions = list_positions_wh(ask, slots, address)
    prices = _remember_price(ask, network, journal, slot)
    quotes = {one.slot: one.price_per_kwh for one in view.open_slots}
    flexible = find_flexible(home, network, journal, slot)
    stored_wh = read_stored_wh(home, journal, slot)
    battery, flow_wh = None, 0
    if home.battery:
        battery = _make_battery(home, network, stored_wh)
        need_wh = expected[slot][1] + flexible.planned_wh.get(slot, 0)
        stored_wh, flow_wh = move(battery, positions[slot] - need_wh)
        battery = _make_battery(home, network, stored_wh)
    later = {one: values for one, values in expected.items() if one > slot}
    can_buy, can_sell = read_sides(ask, address)
    observation = Observation(
        open_slots=view.open_slots,
        forecast_wh={one: values[1] for one, values in later.items()},
        position_wh={one: wh for one, wh in positions.items() if one > slot},
        flexible=flexible,
        can_sell=can_sell and home.can_sell,
        can_buy=can_buy,
        price_low_per_kwh=view.price_low_per_kwh,
        price_high_per_kwh=view.price_high_per_kwh,
        battery=battery,
        quantiles_wh=later,
        expected_price_per_kwh=prices.expect(list(later), quotes),
        spread_per_kwh=view.spread_per_kwh,
        limits=find_limits(home, network, journal, slot),
        seed=address,
    )
    return Seen(observation, flow_wh, stored_wh, prices, forecast_by)


def learn_measured(
    ask: Ask, home: HomeSettings, network: Network, journal: Journal, slot: int, address: str
) -> None:
    """Writes down what settled slots came to, without battery and flexible load.

    What is not exactly measured is not learnt from.
    """
    known = journal.list_measured(slot - LINES_BACK)
    for one in range(max(1, slot - LINES_BACK), slot):
        if one in known:
            continue
        request = settlement_query_pb2.QueryLineRequest(slot=one, owner=address)
        try:
            line = ask(request, settlement_query_pb2.QueryLineResponse).line
        except RejectedError:
            continue
        if line.quality != QUALITY_MEASURED or line.inexact:
            continue
        moved_wh = find_battery_wh(journal, one)
        loaded_wh = find_flexible(home, network, journal, one - 1).planned_wh.get(one, 0)
        journal.write_measured(one, line.import_wh - line.export_wh - moved_wh - loaded_wh, {})


def find_battery_wh(journal: Journal, slot: int) -> int:
    """What the battery was told to do in a slot: in its own turn, or where there was none, in the
    last one before it, whose schedule the controller goes on with.
    """
    turn = journal.get_last_turn(slot)
    if turn is None:
        return 0
    if turn.slot == slot:
        return int(turn.decided.get("now_battery_wh", 0))
    return int(turn.decided.get("battery_wh", {}).get(str(slot), 0))


def make_past(home: HomeSettings, network: Network, journal: Journal, slot: int) -> Past:
    """What the journal knows of the last weeks."""
    per_day = network.per_day
    measured = journal.list_measured(slot - (DAYS_USED + ERRORS_KEPT) * per_day)
    return Past(per_day, measured, home.annual_kwh, home.hours_ahead * per_day // HOURS)


def find_window(load: LoadSettings, network: Network, hours_ahead: int, slot: int) -> range:
    """The slots of the day's window that `slot` is in, or else of the next one."""
    per_day = network.per_day
    first = (load.first_hour - hours_ahead) * per_day // HOURS % per_day
    length = (load.end_hour - load.first_hour) * per_day // HOURS % per_day or per_day
    since = (slot - first) % per_day
    begin = slot - since if since < length else slot - since + per_day
    return range(begin, begin + length)


def find_flexible(home: HomeSettings, network: Network, journal: Journal, slot: int) -> Flexible:
    """What the flexible load still needs, from what was traded for it."""
    if home.load is None:
        return NO_LOAD
    window = find_window(home.load, network, home.hours_ahead, slot + 1)
    planned: dict[int, int] = {}
    for turn in journal.list_turns(window.start - network.horizon_slots - 1):
        for order, traded in list_traded(turn):
            if order["is_flexible"]:
                planned[order["slot"]] = planned.get(order["slot"], 0) + traded["traded_wh"]
    left_wh = home.load.energy_wh - sum(planned.get(one, 0) for one in window)
    slot_max_wh = network.get_slot_max_wh(home.load.power_w)
    return Flexible(max(0, left_wh), slot_max_wh, window, planned)


def find_limits(home: HomeSettings, network: Network, journal: Journal, slot: int) -> Limits:
    """What the owner and the chain allow; what was spent since the day began is gone."""
    order_max_wh = home.limits.order_max_wh or network.order_max_wh
    money_left = None
    if home.limits.money_per_day:
        day = slot - (slot + home.hours_ahead * network.per_day // HOURS) % network.per_day
        spent = sum(
            traded["amount"]
            for turn in journal.list_turns(day)
            for order, traded in list_traded(turn)
            if order["is_buy"]
        )
        money_left = max(0, home.limits.money_per_day - spent)
    return Limits(
        money_left,
        network.order_min_wh,
        min(order_max_wh, network.order_max_wh),
        network.messages_per_tx_max,
    )


def list_traded(turn: Turn) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The orders of a turn with what was traded of each; none if it was not executed."""
    traded = (turn.outcome or {}).get("orders", [])
    return list(zip(turn.decided.get("orders", []), traded, strict=False))


def read_stored_wh(home: HomeSettings, journal: Journal, slot: int) -> int:
    """What the battery holds when `slot` begins: as its controller says, else as was planned."""
    if home.battery is None:
        return 0
    path = home.get_path(home.battery.state_file)
    if path is not None:
        try:
            with path.open("rb") as file:
                state = json.loads(file.read(STATE_BYTES_MAX))
            stored_wh = int(state["state_of_charge_wh"])
        except (OSError, ValueError, KeyError, TypeError):
            # The controller may just be writing it, or not be there yet.
            stored_wh = -1
        if 0 <= stored_wh <= home.battery.capacity_wh:
            return stored_wh
    note = journal.get_note("stored", None)
    if note is None or note["before_slot"] > slot:
        return home.battery.state_of_charge_wh
    return int(note["stored_wh"])


def _make_battery(home: HomeSettings, network: Network, stored_wh: int) -> Battery:
    found = home.battery
    assert found is not None, "asked for a home with a battery only"
    return Battery(
        found.capacity_wh,
        network.get_slot_max_wh(found.power_w),
        found.charge_efficiency_permille,
        found.discharge_efficiency_permille,
        found.reserve_wh,
        stored_wh,
        found.wear_per_kwh,
    )


def _remember_price(ask: Ask, network: Network, journal: Journal, slot: int) -> PriceMemory:
    known = {int(number): price for number, price in journal.get_note("prices", {}).items()}
    memory = PriceMemory(network.per_day, known)
    try:
        return memory.add(slot, read_price(ask, slot))
    except RejectedError:
        # The chain has just begun, and had no such slot.
        return memory
