"""Constants of units, and the two divisions that energy and money need.

Money is in millionths of the settlement token, prices are in millionths of it per kWh, energy is in
Wh; names say the unit last.
"""

from __future__ import annotations

WH_PER_KWH = 1000
WH_PER_MWH = 1_000_000
PERMILLE = 1000
MICRO = 1_000_000
# Amounts and supplies stay below this, so that every language can hold them in 64 bits.
AMOUNT_MAX = (1 << 63) - 1


def floor_div(numerator: int, denominator: int) -> int:
    """The quotient, rounded towards minus infinity: for what is paid out."""
    return numerator // denominator


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient, rounded towards plus infinity: for what is taken in."""
    return -(-numerator // denominator)
