"""A street on a simulated chain: slot after slot, every home decides, is delivered to and metered.

when it begins   what is due by time: a slot opens, one closes, the slot before the last is settled
a minute later   readings of the slot before, and the orders of every home

What a home knows when it decides is what it would know on a network: its own past, the quotes of
the pool and what earlier slots came to. Within a slot its battery follows the meter: it keeps what
flows through the meter at the position that was bought, as far as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from blockenergy.bank.v1.query_pb2 import QueryBalancesRequest, QueryBalancesResponse
from blockenergy.market.v1 import query_pb2
from blockenergy.metering.v1.state_pb2 import Reading
from blockenergy.metering.v1.tx_pb2 import MsgSubmitReadings
from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR
from blockenergy.registry.v1.role_pb2 import ROLE_PROSUMER
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest

from agents.chain_view import get_net_wh, make_messages, read_market, read_price
from agents.trading import Limits, Observation, decide
from agents.trading.expect import PriceMemory, forecast
from agents.trading.observation import NO_LOAD
from agents.trading.stored_value import move
from agents.trading.strategies import learn
from client.signing.keys import AccountKey
from meter_bridge.client import sign_reading
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter, make_app_state
from node_config.preset import Preset, load_preset
from node_config.simulated.chain import ChainInProcess
from node_config.simulated.hindsight import compute_cost_in_hindsight
from node_config.simulated.homes import Home, HomeData, as_mapping, derive_secret, make_homes

PRESET, FEEDER = "year", "street"
CAPACITY_W = 60_000
MONEY = 10_000_000_000
ORDERS_AT_S = 60
# Whole days before the first slot, so that slot numbers are far from zero.
FIRST_DAY = 20_000
DAY_S, HOUR_S = 86_400, 3_600
OPERATORS = (
    "registrar",
    "treasury",
    "backstop",
    "issuer",
    "bridge",
    "distributor0",
    "default-fund",
)
# Per home: the pool's depth with full purses, and what is put into all purses at the beginning.
DEPTH_WH, PURSES = 2_500, 1_200_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Clock:
    """The slots of the data on the chain's calendar, and which slot of its day the first one is."""

    slot_s: int
    first_of_day: int
    slots: int

    @property
    def per_day(self) -> int:
        """Slots of a day."""
        return DAY_S // self.slot_s

    @property
    def first_slot(self) -> int:
        """The chain's number of the first slot of the data."""
        return FIRST_DAY * self.per_day + self.first_of_day


@dataclass(frozen=True, slots=True)
class HomeResult:
    """What a home's year came to. Money in millionths, fees included; positive is cost."""

    name: str
    strategy: str
    cost: int
    # At the supplier's prices, without a market: without battery, and with one for its own use.
    cost_alone: int
    cost_alone_with_battery: int
    # At the market's own prices, by who knew all of them beforehand.
    cost_in_hindsight: int
    import_wh: int
    export_wh: int
    stored_end_wh: int


@dataclass(frozen=True, slots=True)
class StreetResult:
    """What came of all homes, and the market's price in each slot."""

    homes: tuple[HomeResult, ...]
    prices: tuple[int, ...]
    net_wh: tuple[tuple[int, ...], ...]
    stored_wh: tuple[tuple[int, ...], ...]
    rejections: tuple[str, ...]
    price_low_per_kwh: int
    price_high_per_kwh: int


def show_nothing(done: int, whole: int) -> None:
    """Progress that nobody looks at; by its name, other processes know it too."""


def run_street(
    data: Sequence[HomeData],
    clock: Clock,
    seed: int = 1,
    on_progress: Progress = show_nothing,
) -> StreetResult:
    """Trades, delivers and settles every slot of the data on a new chain."""
    street = _Street(data, clock, seed)
    for index in range(clock.slots):
        on_progress(index, clock.slots)
        street.run_slot(index)
    return street.finish()


class _Street:
    def __init__(self, data: Sequence[HomeData], clock: Clock, seed: int) -> None:
        self._clock, self._seed = clock, seed
        self._homes = make_homes(data, clock.per_day, seed)
        self._keys = {name: AccountKey(derive_secret(seed, name, "operator")) for name in OPERATORS}
        preset = _make_preset(len(data), clock)
        market = preset.params["market"]
        self._low: int = market["price_low_per_kwh"]
        self._high: int = market["price_high_per_kwh"]
        self._horizon: int = market["horizon_slots"]
        self._order_min_wh: int = market["order_min_wh"]
        # One slot earlier, so that the first slot of the data is open when it begins.
        start_s = (clock.first_slot - 1) * clock.slot_s
        self._chain = ChainInProcess(
            f"{preset.chain_name}-{seed}", self._make_state(preset, start_s), start_s
        )
        self._chain.make_block(start_s)
        self._prices = PriceMemory(clock.per_day)
        self._paid: list[int] = []
        self._net_wh: list[list[int]] = [[] for _ in data]

    def run_slot(self, index: int) -> None:
        """A slot of the data begins: the one before is metered, and homes trade later ones."""
        slot = self._clock.first_slot + index
        self._chain.make_block(slot * self._clock.slot_s)
        if index:
            self._read_meters(slot - 1)
        price = read_price(self._chain.ask, slot)
        self._prices = self._prices.add(slot, price)
        self._paid.append(price)
        self._trade(index, slot)
        self._chain.make_block(slot * self._clock.slot_s + ORDERS_AT_S)
        self._deliver(index, slot)

    def finish(self) -> StreetResult:
        """Settles what is left, and adds up.

        Meters are read on, and show that nothing flows: silence would be charged.
        """
        clock = self._clock
        end = clock.first_slot + clock.slots
        for slot in range(end, end + self._horizon + 3):
            self._chain.make_block(slot * clock.slot_s)
            self._read_meters(slot - 1)
            self._chain.make_block(slot * clock.slot_s + ORDERS_AT_S)
        results = tuple(
            self._conclude(home, net_wh)
            for home, net_wh in zip(self._homes, self._net_wh, strict=True)
        )
        return StreetResult(
            results,
            tuple(self._paid),
            tuple(map(tuple, self._net_wh)),
            tuple(tuple(home.stored_after_wh) for home in self._homes),
            tuple(self._chain.rejections),
            self._low,
            self._high,
        )

    def _make_state(self, preset: Preset, start_s: int) -> Mapping[str, object]:
        accounts = [GenesisAccount(h.key.address, (ROLE_PROSUMER,), MONEY) for h in self._homes]
        meters = [
            GenesisMeter(
                home.meter_id,
                home.key.address,
                FEEDER,
                CAPACITY_W,
                home.meter_key.pub_key,
                energy_source=ENERGY_SOURCE_SOLAR,
                device_power_w=CAPACITY_W,
            )
            for home in self._homes
        ]
        names = [name for name in OPERATORS if name != "default-fund"]
        operators = {name: self._keys[name].address for name in names}
        return make_app_state(preset, operators, accounts, meters, start_s)

    def _read_meters(self, slot: int) -> None:
        readings = [
            sign_reading(
                home.meter_key,
                self._chain.chain_id,
                Reading(
                    meter_id=home.meter_id,
                    slot=slot,
                    import_register_wh=home.import_register_wh,
                    export_register_wh=home.export_register_wh,
                ),
            )
            for home in self._homes
        ]
        bridge = self._keys["bridge"]
        self._chain.send(bridge, [MsgSubmitReadings(bridge=bridge.address, readings=readings)])

    def _trade(self, index: int, slot: int) -> None:
        view = read_market(self._chain.ask, slot, self._horizon)
        last = self._clock.first_slot + self._clock.slots
        open_slots = tuple(one for one in view.open_slots if one.slot < last)
        positions = {
            one: self._read_positions(one) for one in [slot, *(each.slot for each in open_slots)]
        }
        quotes = {one.slot: one.price_per_kwh for one in open_slots}
        ahead = range(slot + 1, slot + self._clock.per_day)
        seen = Observation(
            open_slots=open_slots,
            forecast_wh={},
            position_wh={},
            flexible=NO_LOAD,
            can_sell=True,
            price_low_per_kwh=self._low,
            price_high_per_kwh=self._high,
            expected_price_per_kwh=self._prices.expect(ahead, quotes),
            spread_per_kwh=view.spread_per_kwh,
            limits=Limits(order_min_wh=self._order_min_wh),
        )
        for number, home in enumerate(self._homes):
            own = {one: found.get(home.key.address, 0) for one, found in positions.items()}
            self._decide(home, number, index, slot, replace(seen, position_wh=own))

    def _decide(self, home: Home, number: int, index: int, slot: int, seen: Observation) -> None:
        known = home.data.expect(index) if home.data.expect else None
        if known is None:
            slots = range(slot, slot + self._clock.per_day)
            expected: Mapping[int, tuple[int, int, int]] = forecast(home.past, slot - 1, slots)
        else:
            expected = as_mapping(slot, known)
        now = expected[slot]
        battery = home.battery
        if battery is not None:
            stored_wh, _ = move(battery, seen.position_wh[slot] - now[1])
            battery = replace(battery, stored_wh=stored_wh)
        later = {one: values for one, values in expected.items() if one > slot}
        decision, home.memory = decide(
            replace(
                seen,
                forecast_wh={one: values[1] for one, values in later.items()},
                quantiles_wh=later,
                battery=battery,
                seed=f"{self._seed}/{number}",
            ),
            home.data.strategy,
            home.memory,
        )
        home.reasons = decision.reasons
        if decision.orders:
            self._chain.send(home.key, make_messages(decision.orders, home.key.address))

    def _read_positions(self, slot: int) -> dict[str, int]:
        request = query_pb2.QueryPositionsRequest(
            slot=slot, pagination=PageRequest(limit=len(self._homes))
        )
        found = self._chain.ask(request, query_pb2.QueryPositionsResponse).positions
        return {one.owner: get_net_wh(one) for one in found}

    def _deliver(self, index: int, slot: int) -> None:
        """What flows in the slot: the battery keeps the meter at the position."""
        positions = self._read_positions(slot)
        for number, home in enumerate(self._homes):
            use_wh, flow_wh = home.data.net_wh[index], 0
            position_wh = positions.get(home.key.address, 0)
            if battery := home.battery:
                home.stored_wh, flow_wh = move(battery, position_wh - use_wh)
            home.count(use_wh + flow_wh)
            home.battery_wh.append(flow_wh)
            home.stored_after_wh.append(home.stored_wh)
            self._net_wh[number].append(use_wh + flow_wh)
            home.past = home.past.add(slot, use_wh)
            if home.data.strategy == "learner":
                home.memory = learn(home.memory, self._gain(slot, use_wh + flow_wh))

    def _gain(self, slot: int, net_wh: int) -> int:
        """What a slot's energy was worth against the supplier's prices, at the market's price."""
        price = self._paid[slot - self._clock.first_slot]
        outside = self._high if net_wh > 0 else self._low
        return abs(net_wh) * abs(outside - price) // 1000

    def _conclude(self, home: Home, net_wh: Sequence[int]) -> HomeResult:
        request = QueryBalancesRequest(address=home.key.address)
        found = self._chain.ask(request, QueryBalancesResponse)
        balance = sum(int(coin.amount) for coin in (*found.free, *found.held))
        use = home.data.net_wh[: len(net_wh)]
        return HomeResult(
            name=home.data.name,
            strategy=home.data.strategy,
            cost=MONEY - balance,
            cost_alone=compute_cost_alone(use, self._low, self._high),
            cost_alone_with_battery=compute_cost_alone(
                follow_meter(home.data, len(net_wh)), self._low, self._high
            ),
            cost_in_hindsight=compute_cost_in_hindsight(home.data, self._paid),
            import_wh=sum(wh for wh in net_wh if wh > 0),
            export_wh=-sum(wh for wh in net_wh if wh < 0),
            stored_end_wh=home.stored_wh,
        )


def compute_cost_alone(net_wh: Sequence[int], low: int, high: int) -> int:
    """What energy costs from the supplier: the highest price for use, the lowest for surplus."""
    return sum(wh * (high if wh > 0 else low) for wh in net_wh) // 1000


def follow_meter(data: HomeData, slots: int) -> list[int]:
    """Net use with a battery that stores all surplus and gives all it has before anything is
    bought: the best it can do at the supplier's prices, which are the same all day.
    """
    battery, net_wh = data.battery, []
    for use_wh in data.net_wh[:slots]:
        flow_wh = 0
        if battery is not None:
            stored_wh, flow_wh = move(battery, -use_wh)
            battery = replace(battery, stored_wh=stored_wh)
        net_wh.append(use_wh + flow_wh)
    return net_wh


def _make_preset(homes: int, clock: Clock) -> Preset:
    """The preset of simulated years for so many homes and slots of this length."""
    preset = load_preset(PRESET)
    metering = {
        **preset.params["metering"],
        "slot_length_s": clock.slot_s,
        "represented_duration_s": clock.slot_s,
        "reading_deadline_s": clock.slot_s // 6,
    }
    market = {
        **preset.params["market"],
        "depth_max_wh": DEPTH_WH * homes * clock.slot_s // HOUR_S,
        "gate_closure_s": clock.slot_s // 12,
        "late_cancellation_s": clock.slot_s // 12,
        "purses": clock.per_day,
    }
    params = {**preset.params, "metering": metering, "market": market}
    return replace(preset, params=params, purse_seed=PURSES * homes // clock.per_day)
