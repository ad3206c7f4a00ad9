"""Five homes with batteries trade a day by themselves on four validators; one agent is killed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from agent_processes import DEADLINE_S, poll, read_turns, start_agent, wait_for_signed_turn
from blockenergy.bank.v1.query_pb2 import QueryDenomRequest, QueryDenomResponse
from blockenergy.market.v1.query_pb2 import QuerySlotRequest, QuerySlotResponse
from blockenergy.market.v1.state_pb2 import SLOT_STATUS_SETTLED
from blockenergy.metering.v1.state_pb2 import QUALITY_MEASURED
from blockenergy.settlement.v1.query_pb2 import QueryResultRequest, QueryResultResponse
from blockenergy.settlement.v1.state_pb2 import Line
from houses import HOURS, House, Kind, build, format_participant

from agents.run.loop import NS_PER_S
from client.account import get_account
from client.node.chain_pin import read_pin
from client.node.rpc import Rpc
from client.queries import query
from client.signing import tx
from client.signing.keyring import Keyring
from client.watch import get_block
from meter_bridge.client import ACKNOWLEDGED, MeterClient
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.demo.after.results import (
    MODULE_ACCOUNTS,
    get_app_height,
    get_lines,
    get_money,
    wait_for_app_hash,
)
from node_config.demo.watcher import Progress
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network

pytestmark = [pytest.mark.network, pytest.mark.agent_bars]

VALIDATORS, SLOT_S, DENOM = 4, 6, "ueur"
PRESET = f"""
base = "localnet"

[params.metering]
slot_length_s = {SLOT_S}
represented_duration_s = 3_600
reading_deadline_s = 24
silent_slots_max = 100_000
estimate_permille = 0

[params.market]
gate_closure_s = 2
late_cancellation_s = 2
"""
KINDS = {
    "anna": Kind(4_500, 6_000, 10_000, 5_000),
    "ben": Kind(3_500, 5_000, 8_000, 4_000, strategy="learner"),
    "carl": Kind(5_000, 0, 6_000, 3_000, money_per_day=4_000_000),
    "dora": Kind(2_800, 4_000, 5_000, 2_500, strategy="taker"),
    "eva": Kind(6_000, 7_000, 12_000, 6_000),
}
# Its agent is killed in these hours of the day; those of the others are one process.
KILLED, KILLED_IN = "eva", (8, 15)
# A home that traded nothing and whose battery covered its need to the watt-hour has no line.
NO_LINE = Line(quality=QUALITY_MEASURED)


@dataclass(frozen=True, slots=True)
class Street:
    """The day as it was: the network, still running, and the houses with their agents' journals."""

    network: Network
    houses: Mapping[str, House]
    addresses: Mapping[str, str]
    money_before: Mapping[str, int]
    day: range
    said: str


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    try:
        cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("five")
    preset = folder / "five.toml"
    preset.write_text(PRESET + "".join(map(format_participant, KINDS)))
    base_port = find_free_ports(VALIDATORS).base
    init_network(folder / "net", VALIDATORS, preset=str(preset), base_port=base_port)
    network = Network(folder / "net")
    network.start(DEADLINE_S)
    try:
        yield live_a_day(network, folder)
    finally:
        network.stop()


def live_a_day(network: Network, folder: Path) -> Street:
    rpc, keyring = Rpc(network.rpc_urls[1]), Keyring(network.layout.keys)
    together, alone = folder / "together", folder / "alone"
    houses = {
        name: build(name, kind, alone if name == KILLED else together, keyring)
        for name, kind in KINDS.items()
    }
    addresses = {name: keyring.get(name).address for name in KINDS}
    height = get_app_height(rpc)
    money = {name: get_money(rpc, address, DENOM, height) for name, address in addresses.items()}
    log = folder / "agents.log"
    with (
        running(together, network, log),
        running(alone, network, log) as agent,
        MeterClient(network.bridge_address) as bridge,
    ):
        for house in houses.values():
            poll(house.schedule.exists, bool)
        # A slot is measured between two readings.
        last = find_slot(rpc) + 1
        day = range(last + 1, last + 1 + HOURS)
        push_readings(bridge, network, houses, wait_for_end(rpc, last))
        for slot in day:
            if slot - day.start in KILLED_IN:
                # As soon as its turn is on disk: before, while or after it is sent.
                wait_for_signed_turn(houses[KILLED].settings, slot - 1)
                agent.restart_after_kill()
            wait_for_end(rpc, slot)
            for house in houses.values():
                house.live(slot)
            push_readings(bridge, network, houses, slot)
        # With the next turn each has seen what came of the day's last orders.
        for house in houses.values():
            wait_for_signed_turn(house.settings, day[-1])
        wait_for_settlement(rpc, day[-1])
    return Street(network, houses, addresses, money, day, log.read_text())


class Agent:
    """A running agent that writes what it says into a file."""

    def __init__(self, path: Path, network: Network, log: Path) -> None:
        self._path, self._log = path, log
        self._network = network.layout.home, network.rpc_urls[0]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("a") as output:
            return start_agent(self._path, self._network, output=output)

    def restart_after_kill(self) -> None:
        """SIGKILL, and a new one."""
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.process = self._start()


@contextmanager
def running(path: Path, network: Network, log: Path) -> Iterator[Agent]:
    """The agent of a home, or of a folder of them; it is told to end when the block does."""
    agent = Agent(path, network, log)
    try:
        yield agent
    finally:
        agent.process.terminate()
        agent.process.wait(DEADLINE_S)


def find_slot(rpc: Rpc) -> int:
    return rpc.status().latest_time_ns // NS_PER_S // SLOT_S


def wait_for_end(rpc: Rpc, slot: int) -> int:
    poll(lambda: find_slot(rpc), lambda now: now > slot)
    return slot


def wait_for_settlement(rpc: Rpc, slot: int) -> None:
    request = QuerySlotRequest(slot=slot)
    poll(
        lambda: query(rpc, request, QuerySlotResponse).info.status,
        lambda status: status == SLOT_STATUS_SETTLED,
    )


def push_readings(
    bridge: MeterClient, network: Network, houses: Mapping[str, House], slot: int
) -> None:
    chain_id = read_pin(network.layout.keys)
    for house in houses.values():
        reading = house.read_meter(chain_id, slot)
        poll(lambda reading=reading: bridge.push_reading(reading).result, ACKNOWLEDGED.__contains__)


def test_each_home_trades_by_itself_and_says_why(street: Street) -> None:
    assert "Traceback" not in street.said
    for name, house in street.houses.items():
        turns = [turn for turn in read_turns(house.settings) if turn[0] in street.day]
        # A busy machine may miss slots.
        assert len(turns) > HOURS // 2, street.said
        for *_, decided, _ in turns:
            found = json.loads(decided)
            assert found["orders"] or found["reasons"]
            assert all(order["reason"] for order in found["orders"])
        traded = [slot for slot, wh in find_traded(house).items() if wh and slot in street.day]
        assert len(traded) > HOURS // 3, street.said
        assert f"{name}, slot " in street.said


def test_an_agent_that_is_killed_orders_nothing_twice(street: Street) -> None:
    rpc = Rpc(street.network.rpc_urls[2])
    for name, house in street.houses.items():
        signed = [raw for _, _, raw, _, _ in read_turns(house.settings) if raw]
        sent = [raw for raw in signed if rpc.tx(tx.compute_hash(raw))]
        # Each transaction of the account is one of the journal.
        assert get_account(rpc, street.addresses[name]).sequence == len(sent), street.said
        traded = find_traded(house)
        for slot in street.day:
            line = get_lines(rpc, slot).get(street.addresses[name], NO_LINE)
            # And what the chain says it has traded is what the journal says.
            assert line.bought_wh - line.sold_wh == traded[slot], (name, slot, street.said)


def find_traded(house: House) -> dict[int, int]:
    """Net energy bought by slot, as the journal has it."""
    traded: dict[int, int] = defaultdict(int)
    for *_, decided, outcome in read_turns(house.settings):
        results = (json.loads(outcome) or {}).get("orders", [])
        for order, result in zip(json.loads(decided)["orders"], results, strict=False):
            sign = 1 if order["is_buy"] else -1
            traded[order["slot"]] += sign * result["traded_wh"]
    return traded


def test_energy_is_what_flowed(street: Street) -> None:
    rpc = Rpc(street.network.rpc_urls[3])
    for slot in street.day:
        lines = get_lines(rpc, slot)
        result = query(rpc, QueryResultRequest(slot=slot), QueryResultResponse).result
        for name, house in street.houses.items():
            line = lines.get(street.addresses[name], NO_LINE)
            assert line.quality == QUALITY_MEASURED
            assert line.import_wh - line.export_wh == house.metered_wh[slot]
        net_wh = sum(house.metered_wh[slot] for house in street.houses.values())
        assert result.import_wh - result.export_wh == net_wh
        assert result.backstop_import_wh - result.backstop_export_wh == net_wh
    for house in street.houses.values():
        # Nothing comes out of a battery that did not go in.
        moved_wh = sum(house.metered_wh.values()) - sum(house.used_wh.values())
        assert 0 <= house.battery.stored_wh <= moved_wh
        # Each agent has learnt what its home uses without the battery that it moves.
        with closing(sqlite3.connect(house.settings.with_suffix(".sqlite"))) as database:
            learnt = dict(database.execute("SELECT slot, net_wh FROM measured"))
        known = learnt.keys() & house.in_time
        assert {slot: learnt[slot] for slot in known} == {
            slot: house.used_wh[slot] for slot in known
        }
        assert len(known) > HOURS // 6


def test_no_money_is_made_or_lost(street: Street) -> None:
    rpcs = [Rpc(url) for url in street.network.rpc_urls]
    height = get_app_height(rpcs[0])
    assert len({wait_for_app_hash(rpc, height) for rpc in rpcs}) == 1
    progress = Progress()
    for one in range(1, height + 1):
        progress.apply(get_block(rpcs[0], one), {})
    lines: dict[str, list[Line]] = defaultdict(list)
    for slot in progress.results:
        for address, line in get_lines(rpcs[0], slot, height).items():
            lines[address].append(line)
    for name, address in street.addresses.items():
        gained = sum(line.credited - line.charged for line in lines[address])
        gained -= progress.fees[address] + progress.closed[address]
        money = get_money(rpcs[0], address, DENOM, height)
        assert money - street.money_before[name] == gained, name
    keyring = Keyring(street.network.layout.keys)
    everybody = {info.address for info in keyring.list_keys() if info.key_type != "meter"}
    everybody |= set(MODULE_ACCOUNTS.values())
    owned = sum(get_money(rpcs[0], address, DENOM, height) for address in everybody)
    request = QueryDenomRequest(denom=DENOM)
    assert owned == query(rpcs[0], request, QueryDenomResponse, height=height).info.supply
