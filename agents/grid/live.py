"""The lines of a network as their operator sees them: what each will carry, and what to curtail.

For each slot that has not ended and each feeder: what accounts behind it have agreed on, what the
chain's forecast of its net use says if somebody has ordered one, and a proposal where that is
beyond what the line carries. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from blockenergy.forecast.v1 import query_pb2 as forecast_query_pb2
from blockenergy.forecast.v1.state_pb2 import QUANTITY_NET_USE
from blockenergy.market.v1 import query_pb2
from blockenergy.metering.v1 import query_pb2 as metering_query_pb2
from blockenergy.registry.v1 import query_pb2 as registry_query_pb2
from blockenergy.registry.v1.state_pb2 import Feeder as FeederInfo
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest

from agents.chain_view import Ask, ask_pages, get_net_wh
from agents.grid.curtailment import PERMILLE, Feeder, Proposal, propose
from agents.observation import HOUR_S
from client.errors import RejectedError

PAGE = PageRequest(limit=1_000)
# Of nine quantiles from 10 % to 90 %: 20 %, the middle, 80 %.
_LOW, _MIDDLE, _HIGH = 1, 4, 7


@dataclass(frozen=True, slots=True)
class LineAhead:
    """A line in a slot. Energy is in Wh, import positive; `expected_wh` is low, middle, high."""

    slot: int
    begins_at_s: int
    # The chain takes curtailments once the gate has closed.
    is_gate_open: bool
    feeder: str
    capacity_wh: int
    agreed_wh: int
    expected_wh: tuple[int, int, int]
    # Whether that is a forecast; otherwise it is what is agreed.
    is_forecast: bool
    proposal: Proposal | None

    @property
    def load_permille(self) -> int | None:
        """The middle of what is expected as a share of the capacity; None for a closed line."""
        middle_wh = abs(self.expected_wh[1])
        return middle_wh * PERMILLE // self.capacity_wh if self.capacity_wh else None


def look_at_lines(ask: Ask, slot: int, share_max_permille: int) -> list[LineAhead]:
    """All feeders in the slot in delivery and in those of the market's horizon."""
    represented_s = ask(
        metering_query_pb2.QueryParamsRequest(), metering_query_pb2.QueryParamsResponse
    ).params.represented_duration_s
    horizon = ask(
        query_pb2.QueryParamsRequest(), query_pb2.QueryParamsResponse
    ).params.horizon_slots
    request = query_pb2.QuerySlotsRequest(
        first_slot=slot, pagination=PageRequest(limit=horizon + 1)
    )
    slots = ask(request, query_pb2.QuerySlotsResponse).slots
    feeders = _list_feeders(ask)
    areas = {name: find_below(feeders, name) for name in feeders}
    homes = _list_homes(ask)
    targets = _list_targets(ask)
    return [
        line
        for one in slots
        for line in _look_at_slot(
            ask, one, feeders, areas, homes, targets, represented_s, share_max_permille
        )
    ]


def _look_at_slot(
    ask: Ask,
    slot: query_pb2.QuerySlotResponse,
    feeders: Mapping[str, FeederInfo],
    areas: Mapping[str, set[str]],
    homes: Mapping[str, str],
    targets: Mapping[str, int],
    represented_s: int,
    share_max_permille: int,
) -> Iterator[LineAhead]:
    request = query_pb2.QueryPositionsRequest(slot=slot.slot, pagination=PAGE)
    pages = ask_pages(ask, request, query_pb2.QueryPositionsResponse)
    positions = {one.owner: get_net_wh(one) for page in pages for one in page.positions}
    for name, info in feeders.items():
        net_wh = [wh for owner, wh in positions.items() if homes.get(owner) in areas[name]]
        agreed_wh = sum(net_wh)
        forecast = _read_forecast(ask, targets.get(name), slot.slot)
        expected_wh = forecast or (agreed_wh, agreed_wh, agreed_wh)
        capacity_wh = info.capacity_w * represented_s // HOUR_S
        low, high = slot.info.price_low_per_kwh, slot.info.price_high_per_kwh
        line = Feeder(capacity_wh, capacity_wh, low, high)
        yield LineAhead(
            slot.slot,
            slot.delivery_start_s,
            slot.takes_orders,
            name,
            capacity_wh,
            agreed_wh,
            expected_wh,
            forecast is not None,
            propose(line, expected_wh, net_wh, share_max_permille),
        )


def find_below(feeders: Mapping[str, FeederInfo], feeder: str) -> set[str]:
    """A feeder and all that branch off it."""
    found = [feeder]
    # Grows while it is iterated: the branches of the last level are the next one.
    for name in found:
        found += [one for one, info in feeders.items() if info.parent == name]
    return set(found)


def find_fullest(lines: Sequence[LineAhead]) -> list[LineAhead]:
    """Of each feeder the slot in which it is fullest, the first of equals."""
    found: dict[str, LineAhead] = {}
    for line in lines:
        known = found.get(line.feeder)
        if known is None or (line.load_permille or 0) > (known.load_permille or 0):
            found[line.feeder] = line
    return list(found.values())


def _list_feeders(ask: Ask) -> dict[str, FeederInfo]:
    request = registry_query_pb2.QueryFeedersRequest(pagination=PAGE)
    pages = ask_pages(ask, request, registry_query_pb2.QueryFeedersResponse)
    return {one.feeder: one.info for page in pages for one in page.feeders}


def _list_homes(ask: Ask) -> dict[str, str]:
    """The feeder of each account with a meter."""
    request = registry_query_pb2.QueryMetersRequest(pagination=PAGE)
    pages = ask_pages(ask, request, registry_query_pb2.QueryMetersResponse)
    return {
        one.meter.owner: one.meter.feeder
        for page in pages
        for one in page.meters
        if not one.meter.checks_feeder
    }


def _list_targets(ask: Ask) -> dict[str, int]:
    """The target of the net use of each feeder, if there is one."""
    request = forecast_query_pb2.QueryTargetsRequest(pagination=PAGE)
    pages = ask_pages(ask, request, forecast_query_pb2.QueryTargetsResponse)
    return {
        one.target.feeder: one.target_id
        for page in pages
        for one in page.targets
        if one.target.quantity == QUANTITY_NET_USE and not one.target.ended
    }


def _read_forecast(ask: Ask, target_id: int | None, slot: int) -> tuple[int, int, int] | None:
    if target_id is None:
        return None
    request = forecast_query_pb2.QueryChainForecastRequest(target_id=target_id, slot=slot)
    try:
        found = ask(request, forecast_query_pb2.QueryChainForecastResponse).forecast.quantiles
    except RejectedError:
        # Nobody has forecast this slot.
        return None
    return (found[_LOW], found[_MIDDLE], found[_HIGH]) if found else None
