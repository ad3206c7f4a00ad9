"""What a household uses and a roof makes on a clear day in April, by the quarter of an hour: simple
shapes, so that the demonstration needs no library for them.
"""

from __future__ import annotations

from collections.abc import Sequence

_QUARTERS_PER_HOUR = 4
# Of a household of 4,000 kWh a year, by the hour, in W.
_LOAD_W = (
    *(220, 190, 180, 180, 200, 300, 480, 560, 520, 480, 470, 520),
    *(560, 500, 450, 440, 480, 580, 720, 760, 680, 550, 420, 300),
)
_LOAD_KWH = 4_000
# The sun is up from 6 to 20, highest at 13, when a roof makes three quarters of its peak.
_RISE, _SET = 24, 80
_BEST_PERMILLE = 750


def compute_load_wh(annual_kwh: int, factors: Sequence[float]) -> list[int]:
    """The use of a household by its annual kWh, with a factor for each quarter."""
    return [
        round(_LOAD_W[quarter // _QUARTERS_PER_HOUR] * annual_kwh * factor / _LOAD_KWH / 4)
        for quarter, factor in enumerate(factors)
    ]


def compute_pv_wh(peak_w: int, _: int) -> list[int]:
    """What a roof makes by its peak power, whatever its direction: a parabola over the day."""
    width = _SET - _RISE
    # The four of the parabola and that of the quarters of an hour cancel each other.
    return [
        max(0, peak_w * _BEST_PERMILLE * (q - _RISE) * (_SET - q) // (width * width * 1000))
        for q in range(96)
    ]
