"""Consumption and PV production per quarter of an hour of one day.

Loads follow the BDEW standard load profile H25 (2025), PV a clear sky (Ineichen, Linke turbidity
3) on tilted modules with the cell temperature of Faiman and the PVWatts model of module and
inverter. Both end as whole watt-hours: nothing behind them knows of floats.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi

import pandas as pd
from demandlib.bdew import H25
from pvlib import inverter, irradiance, pvsystem, temperature
from pvlib.location import Location

DAY = "2025-04-16"
# In the middle of Germany.
PLACE = Location(51.32, 9.50, "Europe/Berlin", 170, "Kassel")
QUARTERS = 96
LINKE_TURBIDITY = 3.0
TILT_DEGREES = 32
WIND_M_PER_S = 2.0
AIR_MEAN_C, AIR_SWING_C = 12.0, 6.0
WARMEST_HOUR = 15
# Loss of power per kelvin of a silicon module, and what wiring, dirt and mismatch take (PVWatts).
GAMMA_PER_K = -0.0037
LOSSES = 0.14
# H25 is given in kW for a consumption of 1 GWh a year.
PROFILE_KWH = 1_000_000
_QUARTER_H = 0.25
_WH_PER_KWH = 1000


def compute_load_wh(annual_kwh: int, factors: Sequence[float]) -> list[int]:
    """The use of a household by its annual kWh, with a factor for each quarter."""
    profile_kw = H25(_make_times("0min"))
    scale = annual_kwh / PROFILE_KWH * _QUARTER_H * _WH_PER_KWH
    return [
        round(float(kw) * scale * factor) for kw, factor in zip(profile_kw, factors, strict=True)
    ]


def compute_pv_wh(peak_w: int, azimuth_degrees: int) -> list[int]:
    """AC output of a PV system by its peak power, on a clear day."""
    # The sun's position in the middle of a quarter represents the whole quarter.
    times = _make_times("7min30s")
    sun = PLACE.get_solarposition(times)
    sky = PLACE.get_clearsky(times, model="ineichen", linke_turbidity=LINKE_TURBIDITY)
    plane = irradiance.get_total_irradiance(
        TILT_DEGREES,
        azimuth_degrees,
        sun["apparent_zenith"],
        sun["azimuth"],
        sky["dni"],
        sky["ghi"],
        sky["dhi"],
    )["poa_global"].fillna(0.0)
    air_c = [_compute_air_c(quarter / 4) for quarter in range(QUARTERS)]
    cell_c = temperature.faiman(plane, pd.Series(air_c, index=times), WIND_M_PER_S)
    dc_w = pvsystem.pvwatts_dc(plane, cell_c, peak_w, GAMMA_PER_K) * (1 - LOSSES)
    ac_w = inverter.pvwatts(dc_w, peak_w)
    return [max(0, round(float(watts) * _QUARTER_H)) for watts in ac_w]


def _make_times(offset: str) -> pd.DatetimeIndex:
    start = pd.Timestamp(DAY, tz=PLACE.tz) + pd.Timedelta(offset)
    return pd.date_range(start, periods=QUARTERS, freq="15min")


def _compute_air_c(hour: float) -> float:
    return AIR_MEAN_C + AIR_SWING_C * cos((hour - WARMEST_HOUR) / 24 * 2 * pi)
