"""Amounts of the settlement denomination as written in files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chain.runtime.units import AMOUNT_MAX
from client.units import parse_decimal

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z][A-Za-z0-9]*)?", re.ASCII)
_TEXT_MAX = 64


@dataclass(frozen=True, slots=True)
class Denom:
    """A denomination: its smallest unit, its symbol, and the decimals between them."""

    name: str
    symbol: str
    decimals: int

    def parse(self, text: str) -> int:
        """Smallest units of `1500000`, `1500000ueur` or `1.5 EUR`; ValueError for anything else."""
        found = _AMOUNT.fullmatch(text.strip()) if len(text) <= _TEXT_MAX else None
        if found is None:
            raise ValueError(f"{text[:_TEXT_MAX]!r} is not an amount; {self._advice()}")
        number, unit = found[1], found[2] or self.name
        if unit not in (self.name, self.symbol):
            raise ValueError(f"{text!r} is not in {self.symbol} or {self.name}; {self._advice()}")
        amount = parse_decimal(number, self.decimals if unit == self.symbol else 0)
        if amount is None:
            raise ValueError(f"{text!r} is not a whole number of {self.name}; {self._advice()}")
        if amount > AMOUNT_MAX:
            raise ValueError(f"{text!r} is more than 2^63 - 1 {self.name}")
        return amount

    def _advice(self) -> str:
        one = 10**self.decimals * 3 // 2
        return f"write {one} or {one}{self.name}, or 1.5 {self.symbol}"
