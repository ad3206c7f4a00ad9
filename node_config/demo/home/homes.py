"""The street: homes, each with its own household, roof, car and idea of tomorrow.

Everything follows from a seed, so that a day can be repeated. Energy is in whole watt-hours; a home
is described by what it will really use and produce, and forecasts that deviate from it.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR, ENERGY_SOURCE_UNSPECIFIED
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_PROSUMER

from client.signing.keys import AccountKey, MeterKey
from node_config.accounts import GenesisAccount
from node_config.genesis import GenesisMeter

HOMES = 20
HOURS, QUARTERS_PER_HOUR = 24, 4
CAPACITY_W = 17_300
FEEDER = "feeder-1"
# Deviation of a forecast made hours ahead, and of one made just before the gate closes.
EARLY_ERROR, LATE_ERROR = 0.20, 0.06
# How far households deviate from the standard profile from one quarter of an hour to the next.
LOAD_SPREAD = 0.30

# (annual kWh, factor per quarter) and (peak W, azimuth) to energy per quarter of an hour.
ComputeLoad = Callable[[int, Sequence[float]], list[int]]
ComputePv = Callable[[int, int], list[int]]
PerHour = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FlexibleLoad:
    """Energy that a home needs at any time of the day: a car, a boiler."""

    state_of_charge_wh: int
    # Max Wh per hour.
    hour_max_wh: int
    # Hours from the first, inclusive, to the last, exclusive.
    first_hour: int
    end_hour: int


NO_FLEXIBLE_LOAD = FlexibleLoad(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Home:
    """One home and its day."""

    name: str
    key: AccountKey
    meter_key: MeterKey
    meter_id: str
    annual_kwh: int
    # 0 without PV.
    pv_peak_w: int
    flexible: FlexibleLoad
    # Per hour, then per quarter of an hour.
    load_wh: tuple[PerHour, ...]
    pv_wh: tuple[PerHour, ...]
    # Net use per hour without the flexible load, as expected hours ahead and just before.
    early_forecast_wh: PerHour
    late_forecast_wh: PerHour
    # What the meter shows when the day begins.
    import_register_wh: int
    export_register_wh: int

    @property
    def can_sell(self) -> bool:
        """Whether it is a prosumer."""
        return self.pv_peak_w > 0

    def make_account(self, money: int) -> GenesisAccount:
        """Its account at genesis, with so much money."""
        role = ROLE_PROSUMER if self.can_sell else ROLE_CONSUMER
        return GenesisAccount(self.key.address, (role,), money)

    def make_meter(self, device_power_w: int = 0) -> GenesisMeter:
        """Its meter at genesis; device_power_w: of a certified device, 0 for none."""
        return GenesisMeter(
            self.meter_id,
            self.key.address,
            FEEDER,
            CAPACITY_W,
            self.meter_key.pub_key,
            self.import_register_wh,
            self.export_register_wh,
            energy_source=ENERGY_SOURCE_SOLAR if self.can_sell else ENERGY_SOURCE_UNSPECIFIED,
            device_power_w=device_power_w,
        )


def make_street(
    seed: int, compute_load: ComputeLoad, compute_pv: ComputePv, homes: int = HOMES
) -> list[Home]:
    """The homes; every second one has PV."""
    # Clouds that were not forecast are the same for the whole street.
    sky = random.Random(f"{seed}/sky")  # noqa: S311 - a repeatable day, not a secret.
    sky_errors = [sky.gauss(0, 1) for _ in range(HOURS)]
    return [
        _make_home(seed, number, sky_errors, compute_load, compute_pv)
        for number in range(1, homes + 1)
    ]


def _make_home(
    seed: int,
    number: int,
    sky_errors: Sequence[float],
    compute_load: ComputeLoad,
    compute_pv: ComputePv,
) -> Home:
    name = f"home{number:02d}"
    dice = random.Random(f"{seed}/{name}")  # noqa: S311 - a repeatable day, not a secret.
    annual_kwh = dice.randrange(2_200, 6_000, 100)
    factors = [max(0.3, dice.gauss(1, LOAD_SPREAD)) for _ in range(HOURS * QUARTERS_PER_HOUR)]
    load_wh = _split(compute_load(annual_kwh, factors))
    has_pv = number % 2 == 1
    peak_w = dice.randrange(3_000, 7_000, 250) if has_pv else 0
    azimuth = dice.choice((150, 180, 180, 210, 250))
    pv_wh = _split(compute_pv(peak_w, azimuth)) if has_pv else ((0,) * QUARTERS_PER_HOUR,) * HOURS
    own_errors = [dice.gauss(0, 1) for _ in range(HOURS)]

    def forecast(error: float) -> PerHour:
        return tuple(
            round(sum(load) * max(0.0, 1 + error * own) - sum(pv) * max(0.0, 1 + error * common))
            for load, pv, own, common in zip(load_wh, pv_wh, own_errors, sky_errors, strict=True)
        )

    return Home(
        name=name,
        key=AccountKey(derive_secret(seed, name, "account")),
        meter_key=MeterKey(derive_secret(seed, name, "meter")),
        meter_id=f"E{seed % 10_000:04d}{number:012d}",
        annual_kwh=annual_kwh,
        pv_peak_w=peak_w,
        flexible=_make_flexible(dice),
        load_wh=load_wh,
        pv_wh=pv_wh,
        early_forecast_wh=forecast(EARLY_ERROR),
        late_forecast_wh=forecast(LATE_ERROR),
        import_register_wh=dice.randrange(1_000_000, 30_000_000),
        export_register_wh=dice.randrange(1_000_000, 20_000_000) if has_pv else 0,
    )


def _make_flexible(dice: random.Random) -> FlexibleLoad:
    """Every second home has a car or a boiler to fill."""
    if dice.random() < 0.5:
        return NO_FLEXIBLE_LOAD
    first_hour = dice.choice((6, 7, 8, 9))
    return FlexibleLoad(
        state_of_charge_wh=dice.randrange(2_000, 8_000, 500),
        hour_max_wh=dice.choice((2_000, 2_300, 3_700)),
        first_hour=first_hour,
        end_hour=first_hour + dice.choice((8, 10, 12)),
    )


def _split(quarters: Sequence[int]) -> tuple[PerHour, ...]:
    step = QUARTERS_PER_HOUR
    return tuple(tuple(quarters[hour * step : (hour + 1) * step]) for hour in range(HOURS))


def derive_secret(seed: int, name: str, purpose: str) -> bytes:
    """The secret of a guessable key, for the demonstration only."""
    return hashlib.sha256(f"blockenergy demo {seed} {name} {purpose}".encode()).digest()
