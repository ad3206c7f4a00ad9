"""Losses, gains, rewards and the weighted median of forecasts. Nothing here reads state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from blockenergy.forecast.v1 import state_pb2

from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.units import PERMILLE, floor_div

# Of a slot: 10 % to 90 %.
QUANTILES = 9
SLOTS_PER_MESSAGE_MAX = 192
HASH_BYTES = 32
# Quantiles and outcomes are below it, so that the losses of SKILL_SLOTS_MAX slots have 64 bits.
VALUE_LIMIT = 1 << 46
SKILL_SLOTS_MAX = 1000
_DAYS_PER_WEEK = 7
# Kept so that a week before the last slot is there even where slots wait to be scored.
_DAYS_KEPT = 8
_DOMAIN = b"blockenergy/forecast/v1"
# Of the n-th quantile, what each unit below or above the outcome adds to the loss, in tenths.
_WEIGHTS = range(1, QUANTILES + 1)
_TENTHS = 10


class Entry(NamedTuple):
    """A forecast that is scored. number: its place in the order in which forecasts were fixed."""

    number: int
    is_open: bool
    stake: int
    loss: int


class Result(NamedTuple):
    """What a forecast gained, earned and lost."""

    gain: int
    reward: int
    burned: int


def compute_loss(quantiles: Sequence[int], outcome: int) -> int:
    """The pinball loss of the nine quantiles, times ten.

    The n-th quantile adds n for each unit that the outcome is above it, and 10 - n for each unit
    below.
    """
    loss = 0
    for weight, quantile in zip(_WEIGHTS, quantiles, strict=True):
        above = outcome - quantile
        loss += weight * above if above >= 0 else (weight - _TENTHS) * above
    return loss


def compute_baseline_loss(baseline: int, outcome: int) -> int:
    """The loss of nine equal quantiles."""
    return compute_loss([baseline] * QUANTILES, outcome)


def reward(
    entries: Sequence[Entry], baseline_loss: int, most: int, burn_permille: int
) -> list[Result]:
    """What each forecast of a slot gains, earns and loses; `most` is the reward of all together.

    A forecast gains what it improves on the baseline and on every open forecast that was there
    before it: whoever could read a forecast earns nothing by repeating it. Rewards are rounded
    down, in favour of the orderer. The order of the entries changes nothing.

    All together earn the share of `most` that the largest gain is of the baseline's loss: being a
    unit better than yesterday is not worth what knowing the outcome is. And none earns more than
    the share of its own stake: what one account wins on a guess, another loses on the opposite one.
    """
    gains = _compute_gains(entries, baseline_loss)
    weights = [entry.stake * gain for entry, gain in zip(entries, gains, strict=True)]
    # Gains are at most the baseline's loss; where it is 0, nobody gains.
    earned = most * max(gains, default=0)
    total = sum(weights) * baseline_loss
    return [
        Result(
            gain=gain,
            reward=min(floor_div(earned * weight, total), floor_div(weight, baseline_loss))
            if total
            else 0,
            burned=compute_burn(entry.stake, entry.loss, baseline_loss, burn_permille),
        )
        for entry, gain, weight in zip(entries, gains, weights, strict=True)
    ]


def _compute_gains(entries: Sequence[Entry], baseline_loss: int) -> list[int]:
    """What each forecast improves on the smallest loss that could be had by repeating others."""
    gains = {}
    known = baseline_loss
    for entry in sorted(entries):
        gains[entry.number] = max(0, known - entry.loss)
        if entry.is_open and entry.loss < known:
            known = entry.loss
    return [gains[entry.number] for entry in entries]


def compute_burn(stake: int, loss: int, baseline_loss: int, burn_permille: int) -> int:
    """What of a stake is lost because the loss is above the baseline's; at most the stake.

    Rounded down, in favour of the forecaster. A baseline without a loss is no measure.
    """
    if loss <= baseline_loss or not baseline_loss:
        return 0
    excess = stake * (loss - baseline_loss) * burn_permille
    return min(stake, floor_div(excess, PERMILLE * baseline_loss))


def compute_skill_permille(loss: int, baseline_loss: int) -> int:
    """1 - loss / baseline loss, rounded down, between -1000 and 1000; 0 without a baseline loss."""
    if not baseline_loss:
        return 0
    skill = floor_div(PERMILLE * (baseline_loss - loss), baseline_loss)
    return max(-PERMILLE, skill)


def compute_medians(forecasts: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """For each quantile the weighted median of (weight, quantiles): the lowest value with at least
    half of the weight at or below it. Does not fall, because none of the forecasts does.
    """
    half = sum([weight for weight, _ in forecasts])
    medians = []
    for place in range(QUANTILES):
        below = 0
        for value, weight in sorted([(quantiles[place], one) for one, quantiles in forecasts]):
            below += weight
            if 2 * below >= half:
                medians.append(value)
                break
    return medians


def limit_deviation(quantiles: Sequence[int], baseline: int, permille: int) -> list[int]:
    """The quantiles, no further from the baseline than a share of it."""
    most = floor_div(abs(baseline) * permille, PERMILLE)
    return [min(max(one, baseline - most), baseline + most) for one in quantiles]


def compute_outcome(
    quantity: int, import_wh: int, export_wh: int, cost: int, bought_wh: int
) -> int | None:
    """What a quantity came to in a slot; None for the price of a slot without trades.

    cost: of all purchases together. Prices are rounded down.
    """
    if quantity == state_pb2.QUANTITY_PRICE:
        value = floor_div(cost * 1000, bought_wh) if bought_wh else None
    elif quantity == state_pb2.QUANTITY_CONSUMPTION:
        value = import_wh
    elif quantity == state_pb2.QUANTITY_PRODUCTION:
        value = export_wh
    else:
        value = import_wh - export_wh
    return None if value is None else min(max(value, 1 - VALUE_LIMIT), VALUE_LIMIT - 1)


def list_baseline_slots(slot: int, represented_duration_s: int) -> tuple[int, int]:
    """The same slot one day before, and one week before."""
    day = compute_day_slots(represented_duration_s)
    return slot - day, slot - _DAYS_PER_WEEK * day


def compute_day_slots(represented_duration_s: int) -> int:
    """Slots of a day; at least one. Rounded down where a day has no whole number of them."""
    return max(1, floor_div(SECONDS_PER_DAY, represented_duration_s))


def compute_kept_slots(represented_duration_s: int) -> int:
    """For how many settled slots outcomes are kept."""
    return _DAYS_KEPT * compute_day_slots(represented_duration_s)


def compute_hash(
    chain_id: str,
    signer: bytes,
    target_id: int,
    slot: int,
    quantiles: Sequence[int],
    salt: bytes,
) -> bytes:
    """What fixes a forecast without showing it. Bound to chain, signer, target and slot, so that
    a copy of it is worth nothing.
    """
    parts = [
        _DOMAIN,
        hashlib.sha256(chain_id.encode()).digest(),
        signer,
        target_id.to_bytes(8, "big"),
        slot.to_bytes(8, "big"),
        *[quantile.to_bytes(8, "big", signed=True) for quantile in quantiles],
        salt,
    ]
    return hashlib.sha256(b"".join(parts)).digest()


def are_quantiles(quantity: int, quantiles: Sequence[int]) -> bool:
    """Whether quantiles of a slot do not fall and are in range."""
    least = 1 - VALUE_LIMIT if quantity == state_pb2.QUANTITY_NET_USE else 0
    rises = all(before <= after for before, after in pairwise(quantiles))
    in_range = least <= quantiles[0] and quantiles[-1] < VALUE_LIMIT
    return len(quantiles) == QUANTILES and rises and in_range
