"""Curtailment over the data: what it would have done, slot after slot, from what was known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.grid.curtailment import Feeder, Proposal, propose
from agents.grid.outlook import get_capacity_wh, look_at_feeder
from agents.observation import HOUR_S, Street
from agents.planning.year import WH_PER_KWH


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. Hours, Wh, and millionths; `ahead` are the proposals of the next day."""

    hours: float
    hours_over: float
    hours_over_with: float
    curtailed_wh: int
    compensation: int
    # Curtailments of slots that would have been within the capacity, and slots over it without one.
    in_vain: int
    missed: int
    ahead: tuple[tuple[int, Proposal], ...]
    flow_wh: np.ndarray
    flow_with_wh: np.ndarray


def run_trial(
    street: Street, capacity_w: int, prices: tuple[int, int], share_max_permille: int, threads: int
) -> Trial:
    """Each slot is curtailed by the forecast made before it; homes do what they are asked to.

    What each home will use is taken to be its use a day before, which is all that the operator
    needs it for: to know what share of it is as much as is too much.
    """
    grid, per_day = street.grid, street.grid.slots_per_day
    net, outlook = look_at_feeder(street, threads)
    capacity_wh = get_capacity_wh(capacity_w, grid.slot_s)
    feeder = Feeder(capacity_wh, capacity_wh, *prices)
    flow, flow_with = net.sum(axis=0), net.sum(axis=0)
    quantiles = np.sort(np.rint(outlook.quantiles[:, 0] * WH_PER_KWH).astype(np.int64), axis=0)
    curtailed = compensation = in_vain = missed = 0
    for slot in range(per_day, grid.slots):
        before = [round(wh) for wh in net[:, slot - per_day].tolist()]
        proposal = propose(feeder, quantiles[:, slot, 0].tolist(), before, share_max_permille)
        is_over = abs(flow[slot]) > capacity_wh
        missed += int(is_over and proposal is None)
        if proposal is None:
            continue
        in_vain += int(not is_over)
        affected = net[:, slot][(net[:, slot] > 0) == proposal.is_use].sum()
        taken = affected * proposal.share_permille / 1000
        flow_with[slot] -= taken
        curtailed += round(abs(taken))
        compensation += round(abs(taken) * (prices[1] - prices[0]) / WH_PER_KWH)
    ahead = []
    last = grid.slots - 1
    usual = [round(wh) for wh in net[:, -per_day:].mean(axis=1).tolist()]
    for step in range(per_day):
        found = propose(feeder, quantiles[:, last, step].tolist(), usual, share_max_permille)
        if found is not None:
            ahead.append((last + step, found))
    hour = grid.slot_s / HOUR_S
    return Trial(
        (grid.slots - per_day) * hour,
        float((np.abs(flow[per_day:]) > capacity_wh).sum() * hour),
        float((np.abs(flow_with[per_day:]) > capacity_wh).sum() * hour),
        curtailed,
        compensation,
        in_vain,
        missed,
        tuple(ahead),
        flow,
        flow_with,
    )
