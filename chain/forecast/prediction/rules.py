"""The form of a market, its outcome, and what comes back for bonds. Nothing here reads state."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from blockenergy.forecast.v1 import state_pb2

from chain.forecast.prediction import lmsr
from chain.forecast.scoring.rules import VALUE_LIMIT
from chain.runtime.calendar import SECONDS_PER_HOUR
from chain.runtime.units import ceil_div, floor_div

# So that shares, and sums of them, have 64 bits.
SHARES_MAX = 1 << 50
BETA_CEILING = 1 << 48
# A tenth of a token: below it prices jump by whole percents with each thousandth of a share.
BETA_MIN = 100_000
ROUNDS_CEILING = 20
_QUESTION = re.compile(r"[ -~]{1,200}")
_NAME = re.compile(r"[ -~]{1,64}")


class Bond(NamedTuple):
    """What somebody put up for an outcome."""

    outcome: int
    amount: int


def find_outcomes_error(market: state_pb2.PredictionMarket) -> str:
    """What is wrong with question and outcomes, in a few words; empty if nothing."""
    if market.target_id:
        bounds = list(market.bounds)
        if not 1 <= len(bounds) < lmsr.OUTCOMES_MAX or bounds != sorted(set(bounds)):
            return f"1 to {lmsr.OUTCOMES_MAX - 1} rising bounds"
        if max(abs(bounds[0]), abs(bounds[-1])) >= VALUE_LIMIT:
            return "a bound is out of range"
        if market.question or market.names or market.reporter:
            return "a target needs no question, names or reporter"
        return ""
    if market.bounds or market.slot:
        return "a question has neither bounds nor slot"
    if _QUESTION.fullmatch(market.question) is None:
        return "a question has 1 to 200 printable characters of ASCII"
    names = list(market.names)
    if not 2 <= len(names) <= lmsr.OUTCOMES_MAX or len(set(names)) != len(names):
        return f"2 to {lmsr.OUTCOMES_MAX} different names"
    if any(_NAME.fullmatch(name) is None for name in names):
        return "a name has 1 to 64 printable characters of ASCII"
    return ""


def count_outcomes(market: state_pb2.PredictionMarket) -> int:
    """How many outcomes a market has."""
    return len(market.bounds) + 1 if market.target_id else len(market.names)


def find_outcome(bounds: Sequence[int], value: int) -> int:
    """The outcome that a value falls into: outcome i ends below the i-th bound."""
    return bisect_right(bounds, value)


def compute_carried_wh(capacity_w: int, duration_s: int) -> int:
    """The most that a connection carries in a time, in Wh; rounded up."""
    return ceil_div(capacity_w * duration_s, SECONDS_PER_HOUR)


def share_bonds(bonds: Sequence[Bond], outcome: int | None) -> list[int]:
    """What comes back for each bond, all of it together what was put up.

    Bonds of wrong outcomes go to those of the right one in proportion, rounded down; the first of
    these, in favour of the reporter, has the remainder. Without a final outcome, or if nobody stood
    for it, every bond comes back: nobody gains by an outcome that nobody stated.
    """
    right = sum([bond.amount for bond in bonds if bond.outcome == outcome])
    if outcome is None or not right:
        return [bond.amount for bond in bonds]
    lost = sum([bond.amount for bond in bonds]) - right
    shares = [
        bond.amount + floor_div(lost * bond.amount, right) if bond.outcome == outcome else 0
        for bond in bonds
    ]
    first = next(place for place, bond in enumerate(bonds) if bond.outcome == outcome)
    shares[first] += right + lost - sum(shares)
    return shares
