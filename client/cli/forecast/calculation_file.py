"""Calculations from JSON files by the functions of the chain, without a node.

`forecast score --file`: a list of {"quantiles": [nine], "outcome": Wh}, with a "baseline" if there
is one. `predict quote --file`: a list of {"beta", "shares": [...], "outcome", "buy"}, in
millionths; a negative "buy" sells. All numbers are whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chain import forecast
from client.errors import UsageError
from client.files.bounded import read_bytes
from client.files.json_input import parse_json

FILE_BYTES_MAX = 64 << 20
# As on the chain.
_VALUE_LIMIT = 1 << 46
_SHARES_MAX = 1 << 50
_BETA_MAX = 1 << 48
_QUANTILES = 9
_MICRO = 1_000_000


def read_list(path: Path) -> list[dict[str, Any]]:
    """The objects of a list in a JSON file."""
    try:
        content = parse_json(read_bytes(path, FILE_BYTES_MAX))
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise UsageError(f"{path} is not a list of objects")
    return content


def score(place: int, case: dict[str, Any]) -> dict[str, object]:
    """The loss of one forecast, and its skill if there is a baseline."""
    where = f"[{place}]"
    _require_keys(where, case, ("quantiles", "outcome"), ("baseline",))
    quantiles = _get_numbers(f"{where}.quantiles", case["quantiles"], _VALUE_LIMIT)
    if len(quantiles) != _QUANTILES or quantiles != sorted(quantiles):
        raise UsageError(f"{where}.quantiles: nine numbers that do not fall are expected")
    outcome = _get_number(f"{where}.outcome", case["outcome"], _VALUE_LIMIT)
    loss = forecast.compute_loss(quantiles, outcome)
    scored: dict[str, object] = {"loss": loss}
    if "baseline" in case:
        baseline = _get_number(f"{where}.baseline", case["baseline"], _VALUE_LIMIT)
        baseline_loss = forecast.compute_loss([baseline] * _QUANTILES, outcome)
        skill = forecast.compute_skill_permille(loss, baseline_loss)
        scored |= {"baseline_loss": baseline_loss, "skill_permille": skill}
    return scored


def quote(place: int, case: dict[str, Any]) -> dict[str, object]:
    """What shares cost, and the prices of all outcomes before and after, as fractions of one."""
    where = f"[{place}]"
    _require_keys(where, case, ("beta", "shares", "outcome", "buy"), ())
    shares = _get_numbers(f"{where}.shares", case["shares"], _SHARES_MAX)
    beta = _get_number(f"{where}.beta", case["beta"], _BETA_MAX)
    if not 2 <= len(shares) <= forecast.lmsr.OUTCOMES_MAX or min(shares) < 0:
        raise UsageError(f"{where}.shares: 2 to {forecast.lmsr.OUTCOMES_MAX} numbers from 0 on")
    if beta < 1:
        raise UsageError(f"{where}.beta: at least 1 is expected")
    outcome = _get_number(f"{where}.outcome", case["outcome"], _SHARES_MAX)
    if not 0 <= outcome < len(shares):
        raise UsageError(f"{where}.outcome: 0 to {len(shares) - 1} are expected")
    buy = _get_number(f"{where}.buy", case["buy"], _SHARES_MAX)
    after = forecast.lmsr.trade(shares, outcome, buy)
    if not 0 <= after[outcome] < _SHARES_MAX:
        raise UsageError(f"{where}.buy: that would leave {after[outcome]} shares")
    cost = forecast.lmsr.compute_cost(after, beta) - forecast.lmsr.compute_cost(shares, beta)
    return {
        "cost": cost,
        "prices": _get_prices(shares, beta),
        "prices_after": _get_prices(after, beta),
    }


def _get_prices(shares: Sequence[int], beta: int) -> list[float]:
    return [price / _MICRO for price in forecast.lmsr.compute_prices_micro(shares, beta)]


def _require_keys(
    where: str, case: dict[str, Any], needed: Sequence[str], allowed: Sequence[str]
) -> None:
    for name in needed:
        if name not in case:
            raise UsageError(f"{where}.{name} is missing")
    for name in case:
        if name not in (*needed, *allowed):
            raise UsageError(f"{where}.{name[:50]} is not known")


def _get_numbers(where: str, value: Any, limit: int) -> list[int]:
    if not isinstance(value, list):
        raise UsageError(f"{where}: a list of numbers is expected")
    return [_get_number(where, one, limit) for one in value]


def _get_number(where: str, value: Any, limit: int) -> int:
    if type(value) is not int or not -limit < value < limit:
        raise UsageError(f"{where}: a whole number from {1 - limit} to {limit - 1} is expected")
    return int(value)
