"""The feeder's net use for the next slots, seen at every slot, as if it were one home."""

from __future__ import annotations

import numpy as np

from agents.observation import HOUR_S, Street
from agents.planning.outlook import Outlook, look_ahead
from agents.planning.year import WH_PER_KWH, fill_gaps


def look_at_feeder(street: Street, threads: int = 1) -> tuple[np.ndarray, Outlook]:
    """Net use of each home in Wh, and the outlook of their sum, in kWh, at each slot.

    Quantiles of a sum come from the errors of the sum; those of its homes do not add up.
    """
    per_day = street.grid.slots_per_day
    net = fill_gaps(street.get_matrix("net"), per_day)
    load = fill_gaps(street.get_matrix("load"), per_day)
    use = load.sum(axis=0, keepdims=True) / WH_PER_KWH
    sun = np.maximum(load - net, 0.0).sum(axis=0, keepdims=True) / WH_PER_KWH
    return net, look_ahead(use, sun, street.grid, threads)


def get_capacity_wh(capacity_w: int, slot_s: int) -> int:
    """What a line carries in a slot."""
    return capacity_w * slot_s // HOUR_S
