"""The demonstration from start to end: network, street, view, checks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from client.errors import ClientError
from client.node.rpc import Rpc
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey
from node_config.demo.after.forecast_results import find_broken_forecasts
from node_config.demo.after.promises import find_broken
from node_config.demo.after.results import Results, collect, get_lines
from node_config.demo.carbon import AUTHORITY, ISSUER, Carbon
from node_config.demo.day import Day, plan_day
from node_config.demo.forecasters import (
    REWARD_PER_SLOT,
    Forecasters,
    Outlook,
    make_accounts,
    make_history,
    make_outlook,
)
from node_config.demo.home.homes import CAPACITY_W, Home, make_street
from node_config.demo.home.street import Street
from node_config.demo.page import Page
from node_config.demo.scenario import Scenario
from node_config.demo.view import View
from node_config.demo.watcher import Watcher
from node_config.localnet.network import Network
from node_config.localnet.ports import find_free_ports
from node_config.localnet.setup import init_network
from node_config.preset import load_preset

VALIDATORS = 4
PRESET = "demo"
# Initial balance of a home, in millionths.
POCKET_MONEY = 30_000_000
# Min time from writing the files to the first block, in which all processes start.
START_S = 5.0
START_DEADLINE_S = 60.0
SHOW_S = 0.25
# After the last slot's reading deadline.
SETTLED_DEADLINE_S = 20.0


class DemoError(ClientError):
    """The demonstration did not finish. The text is one sentence."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything known before the network runs."""

    home: Path
    chain_id: str
    homes: Sequence[Home]
    day: Day
    denom: str
    # Balances at genesis by address, and the operators' addresses by name.
    balances: dict[str, int]
    operators: dict[str, str]
    # Of the operators that publish factors and issue credits.
    keys: dict[str, AccountKey]
    outlook: Outlook

    @property
    def shown_home(self) -> Home:
        """The one that a browser can sign in as: with PV, if one has it."""
        return next((one for one in self.homes if one.can_sell), self.homes[0])


def prepare(home: Path, hours: int, seed: int, scenario: Scenario) -> Plan:
    """Makes up the street and writes the files of its network."""
    preset = scenario.apply(load_preset(PRESET))
    homes = make_street(seed, *scenario.get_profiles(), scenario.homes)
    day = plan_day(preset, hours, time.time() + START_S)
    outlook = make_outlook(seed, homes)
    chain_id = init_network(
        home,
        VALIDATORS,
        preset=preset,
        base_port=find_free_ports(VALIDATORS).base,
        accounts=[one.make_account(POCKET_MONEY) for one in homes] + make_accounts(outlook),
        meters=[one.make_meter(min(one.pv_peak_w, CAPACITY_W)) for one in homes],
        genesis_time_s=day.genesis_time_s,
        forecasts=make_history(outlook, day),
    )
    document = json.loads((home / "node0" / "config" / "genesis.json").read_text())
    entries = document["app_state"]["bank"]["balances"]
    keyring = Keyring(home / "keys")
    return Plan(
        home=home,
        chain_id=chain_id,
        homes=homes,
        day=day,
        denom=preset.denom.name,
        balances={entry["key"][0]: int(entry["value"]) for entry in entries},
        outlook=outlook,
        operators={info.name: info.address for info in keyring.list_keys()}
        | {name: key.address for name, key in outlook.keys.items()},
        keys={name: _load(keyring, name) for name in (AUTHORITY, ISSUER)},
    )


def _load(keyring: Keyring, name: str) -> AccountKey:
    """The key of an operator; the demonstration encrypts none."""
    key = keyring.load(name, str)
    assert isinstance(key, AccountKey)
    return key


def play(plan: Plan, network: Network, view: View, stop: threading.Event) -> Results | None:
    """Starts the network and runs the day; None if `stop` was set before its end."""
    try:
        network.start(START_DEADLINE_S)
        watcher = Watcher(network.rpc_urls[0])
        urls = network.rpc_urls
        street = Street(plan.homes, plan.day, plan.chain_id, urls, network.bridge_address)
        forecasters = Forecasters(plan.outlook, plan.day, plan.chain_id, urls[0])
        carbon = Carbon(plan.keys, plan.homes, plan.day, plan.chain_id, urls[0])
        shown = plan.shown_home
        page = Page(plan.home, shown.name, shown.key, urls[0], plan.day.first_slot)
        tasks = [watcher.run, street.run, forecasters.run, carbon.publish]
        tasks.append(partial(page.run, view.say))
        with _Background(tasks, stop) as background, view:
            _show_until_settled(plan.day, watcher, view, background, stop)
        if stop.is_set():
            return None
        rpcs = [Rpc(url) for url in urls]
        carbon.trade({slot: get_lines(rpcs[0], slot) for slot in plan.day.slots})
        results = _conclude(plan, street, watcher, rpcs)
        results.broken += forecasters.rejections + carbon.rejections
        return results
    finally:
        network.stop()


def _show_until_settled(
    day: Day, watcher: Watcher, view: View, background: _Background, stop: threading.Event
) -> None:
    deadline_s = day.get_end_s(day.slots[-1]) + day.reading_deadline_s + SETTLED_DEADLINE_S
    while not stop.wait(SHOW_S):
        progress = watcher.get_progress()
        view.show(progress, int(time.time()) // day.slot_length_s)
        background.raise_failure()
        if progress.count_settled(day.slots) == day.hours:
            return
        if time.time() > deadline_s:
            settled = progress.count_settled(day.slots)
            raise DemoError(f"only {settled} of {day.hours} slots were settled in time")


def _conclude(plan: Plan, street: Street, watcher: Watcher, rpcs: Sequence[Rpc]) -> Results:
    progress = watcher.get_progress()
    results = collect(
        plan.day, progress, street.residents, plan.operators, plan.balances, rpcs, plan.denom
    )
    results.broken += find_broken(results)
    results.broken += street.rejections
    results.broken += street.rejected_telegrams
    results.broken += find_broken_forecasts(results.forecasts, plan.day.hours, REWARD_PER_SLOT)
    if progress.readings_rejected:
        results.broken.append(f"the chain rejected {progress.readings_rejected} readings")
    return results


class _Background:
    """Threads that run until they are done or `stop` is set; the first failure is kept."""

    def __init__(
        self, tasks: Sequence[Callable[[threading.Event], None]], stop: threading.Event
    ) -> None:
        self._done = threading.Event()
        self._failure: Exception | None = None
        self._stop = stop
        self._threads = [
            threading.Thread(target=self._run, args=(task,), daemon=True) for task in tasks
        ]

    def raise_failure(self) -> None:
        """Raises the first exception of a task, if any."""
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _run(self, task: Callable[[threading.Event], None]) -> None:
        try:
            task(self._done)
        except Exception as error:  # noqa: BLE001 - raised again by the main thread.
            self._failure = error
