"""The figures of the day from the chain, and whether the guarantees hold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blockenergy.bank.v1.query_pb2 import (
    QueryBalancesRequest,
    QueryBalancesResponse,
    QueryDenomRequest,
    QueryDenomResponse,
)
from blockenergy.market.v1.query_pb2 import QuerySlotRequest, QuerySlotResponse
from blockenergy.market.v1.state_pb2 import Slot
from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.settlement.v1.query_pb2 import (
    QueryLinesRequest,
    QueryLinesResponse,
    QueryResultRequest,
    QueryResultResponse,
)
from blockenergy.settlement.v1.state_pb2 import Line, SlotResult
from cosmos.base.query.v1beta1.pagination_pb2 import PageRequest

from agents.chain_view import get_middle
from chain import bank, forecast
from chain.carbon import FUND as CARBON_FUND
from chain.market import POOL, PURSES_ACCOUNT
from chain.runtime.encoding import bech32
from chain.settlement import FUND
from client.errors import RpcError
from client.node.rpc import POLL_INTERVAL_S, Rpc
from client.queries import query, query_pages
from client.watch import get_block
from node_config.demo.after.carbon_results import CarbonResults, collect_carbon
from node_config.demo.after.forecast_results import ForecastResults, sort_events
from node_config.demo.day import Day
from node_config.demo.home.homes import Home
from node_config.demo.home.resident import Resident
from node_config.demo.watcher import Progress

MODULE_ACCOUNTS = {
    "pool": bech32.encode(POOL),
    "purses": bech32.encode(PURSES_ACCOUNT),
    "imbalance fund": bech32.encode(FUND),
    "default fund": bech32.encode(bank.DEFAULT_FUND),
    "carbon fund": bech32.encode(CARBON_FUND),
    "forecasts": bech32.encode(forecast.ACCOUNT),
}
NEXT_BLOCK_DEADLINE_S = 20.0
_PAGE = PageRequest(limit=100)


@dataclass(slots=True)
class SlotTotals:
    """One hour of the street."""

    hour: int
    slot: int
    price_per_kwh: int
    bought_wh: int
    sold_wh: int
    # Behind the meters.
    consumed_wh: int
    produced_wh: int
    info: Slot
    result: SlotResult


@dataclass(slots=True)
class PartyTotals:
    """The day of one home: sums of its lines, and its money at the end."""

    name: str
    pv_peak_w: int
    sums: Mapping[str, int]
    slots_estimated: int
    balance_before: int
    balance_after: int
    # Paid for transactions.
    fees: int = 0
    # Paid at once for positions that were closed: bought dearer than sold back, or late.
    closed: int = 0
    # By sales of certificates and refunds of carbon charges, less what certificates cost.
    certificates: int = 0

    @property
    def net_money(self) -> int:
        """Revenue minus cost."""
        return self.sums["credited"] - self.sums["charged"] - self.closed

    def compute_without_market(self, price_low: int, price_high: int) -> int:
        """The same day at the prices outside the market; negative is a cost. In Wh times
        millionths per kWh, rounded down.
        """
        earned = self.sums["export_wh"] * price_low - self.sums["import_wh"] * price_high
        return earned // 1000


@dataclass(slots=True)
class Results:
    """Everything shown in the summary, the table and the picture."""

    day: Day
    slots: list[SlotTotals]
    parties: list[PartyTotals]
    # Of operators and modules, at genesis and at the end.
    operators: Mapping[str, tuple[int, int]]
    supply_before: int
    supply_after: int
    # Of all validators, after the block at `height`.
    app_hashes: list[bytes]
    height: int
    txs: int
    orders: int
    readings: int
    forecasts: ForecastResults = field(default_factory=lambda: ForecastResults({}))
    carbon: CarbonResults = field(default_factory=CarbonResults)
    # Guarantees that do not hold; must be empty.
    broken: list[str] = field(default_factory=list)


# What of a line is no sum.
_NO_SUMS = ("quality", "inexact", "zone", "claim_feeder", "energy_source")
LINE_FIELDS = [field.name for field in Line.DESCRIPTOR.fields if field.name not in _NO_SUMS]


def collect(
    day: Day,
    progress: Progress,
    residents: Sequence[Resident],
    operators: Mapping[str, str],
    before: Mapping[str, int],
    rpcs: Sequence[Rpc],
    denom: str,
) -> Results:
    """Queries the day's results, all after one block; `before` is each address's balance at
    genesis.
    """
    rpc = rpcs[0]
    # Of the module accounts only that of the purses is in the genesis.
    known = {**operators, **MODULE_ACCOUNTS}
    parties = {resident.home.key.address: resident.home.name for resident in residents}
    height = get_app_height(rpc)
    for later in range(progress.height + 1, height + 1):
        progress.apply(get_block(rpc, later), {})
    after = {
        address: get_money(rpc, address, denom, height) for address in [*parties, *known.values()]
    }
    app_hashes = [wait_for_app_hash(one, height) for one in rpcs]
    lines = {slot: get_lines(rpc, slot, height) for slot in day.slots}
    carbon_fund = after[MODULE_ACCOUNTS["carbon fund"]]
    carbon = collect_carbon(rpc, day.slots, lines, progress.certificates, carbon_fund, height)
    request = QueryDenomRequest(denom=denom)
    supply = query(rpc, request, QueryDenomResponse, height=height).info.supply
    return Results(
        day=day,
        slots=[_get_totals(rpc, day, slot, height, residents) for slot in day.slots],
        parties=[
            _make_party(
                resident.home,
                [of_slot[address] for of_slot in lines.values() if address in of_slot],
                balance_before=before[address],
                balance_after=after[address],
                fees=progress.fees[address],
                closed=progress.closed[address],
                certificates=carbon.gained.get(address, 0),
            )
            for address, resident in zip(parties, residents, strict=True)
        ],
        operators={
            name: (before.get(address, 0), after[address]) for name, address in known.items()
        },
        supply_before=sum(before.values()),
        supply_after=supply,
        app_hashes=app_hashes,
        height=height,
        txs=progress.txs,
        orders=progress.orders,
        readings=sum(progress.readings[slot] for slot in day.slots),
        forecasts=sort_events(
            progress.forecasts, {address: name for name, address in operators.items()}
        ),
        carbon=carbon,
    )


def get_app_height(rpc: Rpc) -> int:
    """The height at which queries are answered."""
    return int(rpc.call("abci_info", {})["response"]["last_block_height"])


def wait_for_app_hash(rpc: Rpc, height: int) -> bytes:
    """The app hash after a block, which is in the header of the next one."""
    deadline = time.monotonic() + NEXT_BLOCK_DEADLINE_S
    while rpc.status().latest_height <= height:
        if time.monotonic() > deadline:
            raise RpcError(f"the node at {rpc.node} is not at height {height + 1} in time")
        time.sleep(POLL_INTERVAL_S)
    return rpc.block(height + 1).app_hash


def get_lines(rpc: Rpc, slot: int, height: int = 0) -> dict[str, Line]:
    """How a slot was settled, by account."""
    request = QueryLinesRequest(slot=slot, pagination=_PAGE)
    pages = query_pages(rpc, request, QueryLinesResponse, height=height)
    return {found.owner: found.line for page in pages for found in page.lines}


def get_money(rpc: Rpc, address: str, denom: str, height: int) -> int:
    """The balance of an address after a block, free and on hold."""
    request = QueryBalancesRequest(address=address)
    found = query(rpc, request, QueryBalancesResponse, height=height)
    coins = [*found.free, *found.held]
    return sum(int(coin.amount) for coin in coins if coin.denom == denom)


def _make_party(home: Home, own: Sequence[Line], **money: int) -> PartyTotals:
    return PartyTotals(
        name=home.name,
        pv_peak_w=home.pv_peak_w,
        sums={name: sum(getattr(line, name) for line in own) for name in LINE_FIELDS},
        slots_estimated=sum(line.quality != QUALITY_MEASURED for line in own),
        **money,
    )


def _get_totals(
    rpc: Rpc, day: Day, slot: int, height: int, residents: Sequence[Resident]
) -> SlotTotals:
    hour = day.get_hour(slot)
    found = query(rpc, QuerySlotRequest(slot=slot), QuerySlotResponse, height=height)
    settled = query(rpc, QueryResultRequest(slot=slot), QueryResultResponse, height=height)
    return SlotTotals(
        hour=hour,
        slot=slot,
        price_per_kwh=get_middle(found),
        bought_wh=found.info.bought_wh,
        sold_wh=found.info.sold_wh,
        consumed_wh=sum(
            sum(one.home.load_wh[hour]) + one.get_flexible_wh(slot) for one in residents
        ),
        produced_wh=sum(sum(one.home.pv_wh[hour]) for one in residents),
        info=found.info,
        result=settled.result,
    )
