"""What was settled on each feeder and below it, from the lines of the accounts there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from blockenergy.dashboard.v1.grid_pb2 import FeederSum
from blockenergy.metering.v1.state_pb2 import QUALITY_PROFILE
from blockenergy.settlement.v1.query_pb2 import QueryLineResponse

from dashboard.model.registry import Registry
from dashboard.model.tables import make_row

_ADDED = ("bought_wh", "sold_wh", "import_wh", "export_wh")


def make_feeder_rows(
    slot: int, lines: Sequence[QueryLineResponse], registry: Registry
) -> list[dict[str, Any]]:
    """A row for each feeder with an account on it or below it."""
    sums: dict[str, FeederSum] = {}
    largest: dict[str, int] = {}
    for one in lines:
        participant = registry.find_participant(one.owner)
        if participant is None:
            continue
        line = one.line
        for feeder in registry.list_way_up(participant.feeder):
            total = sums.setdefault(feeder, FeederSum())
            total.accounts += 1
            total.meters += participant.meters
            total.estimated_accounts += line.quality >= QUALITY_PROFILE
            for name in _ADDED:
                setattr(total, name, getattr(total, name) + getattr(line, name))
            energy_wh = line.import_wh + line.export_wh
            largest[feeder] = max(largest.get(feeder, 0), energy_wh)
    return [
        {"feeder": feeder, "slot": slot, "largest_wh": largest[feeder], **make_row(total)}
        for feeder, total in sorted(sums.items())
    ]
