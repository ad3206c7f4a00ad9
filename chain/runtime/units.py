"""Names for kinds of whole numbers, and the two divisions that money needs.

All are plain integers at run time; the type checker keeps them apart.
"""

from __future__ import annotations

from typing import NewType

Wh = NewType("Wh", int)
# Millionths of the settlement token.
Money = NewType("Money", int)
# Millionths of the settlement token per kWh.
Price = NewType("Price", int)
Slot = NewType("Slot", int)

WH_PER_KWH = 1000
PERMILLE = 1000
# Amounts and supplies stay below this, so that every language can hold them in 64 bits.
AMOUNT_MAX = (1 << 63) - 1


def floor_div(numerator: int, denominator: int) -> int:
    """The quotient, rounded towards minus infinity: for what is paid out."""
    return numerator // denominator


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient, rounded towards plus infinity: for what is taken in."""
    return -(-numerator // denominator)
