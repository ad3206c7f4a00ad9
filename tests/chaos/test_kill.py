"""kill -9 of applications, CometBFT nodes and the bridge: one after the other, and all at once."""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node_config.localnet.network import APP, BRIDGE, COMETBFT, Network
from tests.chaos.support.rpc import let_pass, wait_until
from tests.chaos.support.trial import DEADLINE_S, require_standstill, trial

pytestmark = pytest.mark.crash

KILLS, KILLS_OF_ALL, FREEZES = 10, 3, 4
PAUSE_MAX_S, FREEZE_S, STANDSTILL_S = 1.0, 4.0, 5.0


def test_processes_killed_one_after_the_other(tmp_path: Path, chance: random.Random) -> None:
    """The others go on without the node whose process was killed, and it comes back to them."""
    with trial(tmp_path, chance) as run:
        for _ in range(KILLS):
            let_pass(chance.uniform(0.0, PAUSE_MAX_S))
            name, process = choose_process(run.network, chance)
            run.network.kill(name, process)
            others = [node.name for node in run.network.layout.nodes if node.name != name]
            run.go_on(nodes=others)
            run.go_on(blocks=1)


def test_everything_killed_at_once(tmp_path: Path, chance: random.Random) -> None:
    with trial(tmp_path, chance) as run:
        for _ in range(KILLS_OF_ALL):
            let_pass(chance.uniform(0.0, PAUSE_MAX_S))
            run.resume(lambda: kill_all(run.network), "all processes killed at once")
            run.work()


def test_processes_that_hang_or_cannot_write(tmp_path: Path, chance: random.Random) -> None:
    """One that does nothing for some seconds goes on; one whose files may not grow ends, and is
    started again without that limit.
    """
    with trial(tmp_path, chance) as run:
        names = [node.name for node in run.network.layout.nodes]
        for _ in range(FREEZES):
            name, process = choose_process(run.network, chance)
            with frozen(run.network.get_pid(name, process)):
                run.go_on(2, [other for other in names if other != name])
                let_pass(FREEZE_S)
            run.go_on()
        for process in (APP, COMETBFT):
            forbid_writing(run.network, chance.choice(names), process)
            run.go_on()


def test_two_of_four_down(tmp_path: Path, chance: random.Random) -> None:
    """Without two of four no block is made; with three of them there is one again."""
    with trial(tmp_path, chance) as run:
        down = chance.sample([node.name for node in run.network.layout.nodes], 2)
        for name in down:
            run.network.stop_unit(name)
        require_standstill(run, STANDSTILL_S)
        run.resume(lambda: start_all(run.network, down), "two of four were down")


def choose_process(network: Network, chance: random.Random) -> tuple[str, str]:
    """Any process, each as likely as another."""
    nodes = [node.name for node in network.layout.nodes]
    processes = [(name, process) for name in nodes for process in (APP, COMETBFT)]
    return chance.choice([*processes, (BRIDGE, BRIDGE)])


def kill_all(network: Network) -> None:
    for pid in network.get_pids():
        os.kill(pid, signal.SIGKILL)


def start_all(network: Network, names: list[str]) -> None:
    for name in names:
        network.start_unit(name)


def forbid_writing(network: Network, name: str, process: str) -> None:
    """Until another process has taken its place."""
    pid = network.get_pid(name, process)
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    wait_until(
        lambda: network.get_pid(name, process) not in (0, pid),
        DEADLINE_S,
        f"another {process} of {name}",
    )


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that is stopped while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
