"""The demonstration from start to end: two networks, a relayer, trade, delivery, settlement."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.tielines.v1 import tx_pb2

from client.errors import ClientError
from client.node.rpc import POLL_INTERVAL_S
from client.signing.keyring import Keyring
from node_config.demo.home.homes import make_street
from node_config.preset import load_preset
from node_config.regions.coupling import Step, plan_step, read_prices
from node_config.regions.profiles import compute_load_wh, compute_pv_wh
from node_config.regions.region import TIE_LINE, Figures, Region, make_preset

# Hours of the homes' day, one for each slot: from a morning in which prices meet to a noon at which
# the line is full.
HOURS = (6, 7, 8, 10, 12, 18)
_SEED, _HOMES = 1, 20
_CLIENT = "07-tendermint-0"
# Before the first slot: to start, and to trade.
_START_S, _TRADE_SLOTS = 30, 18
_DEADLINE_S = 300.0
_STEP_WH_MIN, _STEP_WH_MAX = 10, 50_000
_NS_PER_S = 1_000_000_000


class RegionsError(ClientError):
    """The demonstration did not finish. The text is one sentence."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Round:
    """What was seen before the operator traded: prices per kWh in both regions, and what the line
    was to carry from the north to the south, by slot.
    """

    north: list[int]
    south: list[int]
    flow_wh: list[int]


@dataclass
class Results:
    """What happened. paid and earned: by the line in each slot, in the north and in the south;
    broken: a sentence for each promise that was not kept.
    """

    hours: Sequence[int]
    capacity_wh: int
    price_bounds: tuple[int, int]
    rounds: list[Round]
    took_s: float = 0.0
    paid: list[int] = field(default_factory=list)
    earned: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


def play(folder: Path, slot_length_s: int, capacity_wh: int, say: Callable[[str], None]) -> Results:
    """Runs the demonstration in a folder; raises ClientError where it cannot go on."""
    figures = _plan(slot_length_s, capacity_wh)
    homes = make_street(_SEED, compute_load_wh, compute_pv_wh, _HOMES)
    regions = [
        Region("north", [one for one in homes if one.can_sell], figures, HOURS),
        Region("south", [one for one in homes if not one.can_sell], figures, HOURS),
    ]
    preset = make_preset(load_preset("demo"), figures)
    with ExitStack() as stack:
        for region in regions:
            region.prepare(folder, preset)
            stack.callback(region.network.stop)
            region.network.start(_DEADLINE_S)
            say(f"The region {region.name} is {region.chain_id}, with {len(region.homes)} homes.")
        if _relay(folder, regions, "join").wait(_DEADLINE_S):
            raise RegionsError(f"the regions were not joined; see {folder / 'relay.log'}")
        for region in regions:
            region.open_line(_CLIENT)
        relayer = _relay(folder, regions, "run")
        stack.callback(_end, relayer)
        say("Homes trade in their own region.")
        for region in regions:
            region.trade_homes()
        results = _couple(regions, figures, say)
        _deliver(regions, figures, say)
        _settle(regions, figures, results)
        return results


def _plan(slot_length_s: int, capacity_wh: int) -> Figures:
    now_s = int(time.time())
    first = (now_s + _START_S) // slot_length_s + _TRADE_SLOTS + 2
    slots = range(first, first + len(HOURS))
    return Figures(slots, slot_length_s, capacity_wh, now_s)


def _relay(folder: Path, regions: Sequence[Region], command: str) -> subprocess.Popen[bytes]:
    keys = folder / "relayer"
    if not keys.exists():
        Keyring(keys).add("relayer", regions[0].relayer, None)
    words = [sys.executable, "-m", "client.cli", "relay", command, "--keyring", str(keys)]
    for side, region in zip("ab", regions, strict=True):
        words += [f"--node-{side}", region.network.rpc_urls[0], f"--chain-{side}", region.chain_id]
        words += [f"--from-{side}", "relayer"]
        if command == "run":
            words += [f"--client-{side}", _CLIENT]
    words += ["--journal", str(folder / "relay.json")]
    with (folder / "relay.log").open("ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _couple(regions: Sequence[Region], figures: Figures, say: Callable[[str], None]) -> Results:
    """Trades over the line until nothing is to be gained, or the first gate is near."""
    north, south = regions
    begun = time.monotonic()
    last_s = (figures.slots[0] - 3) * figures.slot_length_s
    results = Results(HOURS, figures.capacity_wh, north.price_bounds(), [])
    _wait(lambda: all(_has_traded(region, figures) for region in regions), "homes to trade")
    while True:
        results.rounds.append(_look(regions, figures))
        steps = [(slot, _plan_slot(north, south, slot)) for slot in figures.slots]
        wanted = [(slot, step) for slot, step in steps if step]
        if not wanted or time.time() >= last_s:
            results.took_s = time.monotonic() - begun
            results.broken += [f"slot {slot}: its prices have not met" for slot, _ in wanted]
            return results
        north.send(north.operator, [_make_trade(north, slot, step) for slot, step in wanted])
        _wait(lambda: _is_answered(north, figures), "packets to be answered")
        flow = ", ".join(f"{wh / 1000:.1f}" for wh in _get_flows_wh(north, figures))
        say(f"Round {len(results.rounds)}: the line is to carry {flow} kWh to the south.")


def _plan_slot(north: Region, south: Region, slot: int) -> Step | None:
    schedule = north.get_schedule(slot)
    there = south.get_schedule(slot)
    left_wh = (
        min(schedule.export_left_wh, there.import_left_wh),
        min(schedule.import_left_wh, there.export_left_wh),
    )
    ours, theirs = (read_prices(region.get_slot(slot)) for region in (north, south))
    return plan_step(ours, theirs, left_wh, _STEP_WH_MIN, _STEP_WH_MAX)


def _make_trade(region: Region, slot: int, step: Step) -> tx_pb2.MsgTradeOverTieLine:
    return tx_pb2.MsgTradeOverTieLine(
        operator=region.operator.address,
        tie_line=TIE_LINE,
        slot=slot,
        side=step.side,
        quantity_wh=step.quantity_wh,
        price_limit_per_kwh=step.limit,
        price_limit_there_per_kwh=step.limit_there,
    )


def _look(regions: Sequence[Region], figures: Figures) -> Round:
    north, south = ([_get_middle(region, slot) for slot in figures.slots] for region in regions)
    return Round(north, south, _get_flows_wh(regions[0], figures))


def _get_flows_wh(region: Region, figures: Figures) -> list[int]:
    return [_get_flow_wh(region, slot) for slot in figures.slots]


def _get_middle(region: Region, slot: int) -> int:
    found = region.get_slot(slot)
    return (found.bid_per_kwh + found.ask_per_kwh) // 2


def _get_flow_wh(region: Region, slot: int) -> int:
    schedule = region.get_schedule(slot).schedule
    return schedule.exported_wh - schedule.imported_wh


def _has_traded(region: Region, figures: Figures) -> bool:
    last = region.get_slot(figures.slots[-1]).info
    return last.bought_wh + last.sold_wh > 0


def _is_answered(region: Region, figures: Figures) -> bool:
    schedules = [region.get_schedule(slot).schedule for slot in figures.slots]
    return not any(
        one.pending_export_wh + one.pending_import_wh + one.back_export_wh + one.back_import_wh
        for one in schedules
    )


def _deliver(regions: Sequence[Region], figures: Figures, say: Callable[[str], None]) -> None:
    """Reports, slot by slot, what meters show; the line carries what is agreed."""
    flows = {slot: _get_flow_wh(regions[0], slot) for slot in figures.slots}
    for slot in (figures.slots[0] - 1, *figures.slots):
        end_s = (slot + 1) * figures.slot_length_s
        _wait(partial(_is_past, regions, end_s), "the end of a slot", end_s)
        regions[0].submit(slot, flows)
        regions[1].submit(slot, {key: -wh for key, wh in flows.items()})
        say(f"Slot {slot} is metered.")


def _is_past(regions: Sequence[Region], time_s: int) -> bool:
    return all(region.rpc.status().latest_time_ns >= time_s * _NS_PER_S for region in regions)


def _settle(regions: Sequence[Region], figures: Figures, results: Results) -> None:
    """Waits for the settlement of the last slot, and checks what both regions say."""
    last, end_s = figures.slots[-1], (figures.slots[-1] + 2) * figures.slot_length_s
    settled = market_pb2.SLOT_STATUS_SETTLED

    def is_settled() -> bool:
        return all(region.get_slot(last).info.status == settled for region in regions)

    _wait(is_settled, "the settlement", end_s)
    north, south = regions
    for slot in figures.slots:
        ours, theirs = (region.get_line(slot) for region in regions)
        results.paid.append(ours.cost - ours.revenue)
        results.earned.append(theirs.revenue - theirs.cost)
        flow_wh = _get_flow_wh(north, slot)
        if flow_wh != -_get_flow_wh(south, slot):
            results.broken.append(f"slot {slot}: the regions do not agree")
        if abs(flow_wh) > figures.capacity_wh:
            results.broken.append(f"slot {slot}: {flow_wh} Wh are more than the capacity")
        metered = [line.import_wh - line.export_wh for line in (ours, theirs)]
        if metered != [flow_wh, -flow_wh]:
            results.broken.append(f"slot {slot}: {metered} Wh were metered of {flow_wh}")
        if any(line.imbalance_charge or line.imbalance_credit for line in (ours, theirs)):
            results.broken.append(f"slot {slot}: the line paid an imbalance")
        if any(line.carbon_charge for line in (ours, theirs)):
            results.broken.append(f"slot {slot}: the line paid for carbon that others use")


def _wait(is_there: Callable[[], bool], what: str, from_s: int = 0) -> None:
    deadline = time.monotonic() + _DEADLINE_S + max(0, from_s - time.time())
    while not is_there():
        if time.monotonic() > deadline:
            raise RegionsError(f"waited too long for {what}")
        time.sleep(POLL_INTERVAL_S)
