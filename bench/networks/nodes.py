"""Networks of CometBFT's kvstore and of BlockEnergy, with the same CometBFT settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from bench.sending.at_full_speed import Rpc
from node_config.accounts import GenesisAccount
from node_config.cometbft.files import make_plan, write_node
from node_config.cometbft.toolchain import cometbft_binary, released_binary
from node_config.genesis import make_document
from node_config.localnet.layout import NodeFiles, load_layout
from node_config.localnet.network import get_height, is_listening
from node_config.localnet.ports import find_free_ports
from node_config.localnet.process import Process, make_environment
from node_config.localnet.setup import init_network
from node_config.preset import Preset, load_preset

CHAIN_ID = "bench-1"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
# On top of the preset, for both nodes: no waiting between blocks, and room for the whole load.
SETTINGS: dict[str, dict[str, Any]] = {
    "consensus": {"skip_timeout_commit": True},
    "mempool": {"size": 200_000, "cache_size": 400_000, "max_txs_bytes": 1 << 30},
    "rpc": {"max_request_batch_size": 0},
}
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Tuning(NamedTuple):
    """What an operator may set otherwise."""

    app_options: tuple[str, ...]
    cometbft_variables: tuple[str, ...]


AS_SHIPPED = Tuning((), ())
# Throughput is measured with blocks as large as the chain allows, which take longer, and memory for
# what waits.
LARGE_BLOCKS = Tuning(("--block-target-ms", "2000"), ("GOMEMLIMIT=512MiB",))


class Node(NamedTuple):
    """A running node."""

    files: NodeFiles
    # By name: "cometbft", and for BlockEnergy "app".
    processes: dict[str, Process]

    def read_cpu_s(self) -> dict[str, float]:
        """Processor time of each process so far, in seconds."""
        return {name: read_cpu_s(process.pid) for name, process in self.processes.items()}


def load_settings(settings: Mapping[str, Mapping[str, Any]] = SETTINGS) -> Preset:
    """The preset of a private network with the settings of a measurement."""
    preset = load_preset("localnet")
    cometbft = {
        name: {**preset.cometbft.get(name, {}), **settings.get(name, {})}
        for name in preset.cometbft.keys() | settings.keys()
    }
    return replace(preset, cometbft=cometbft)


@contextmanager
def run_kvstore(home: Path, preset: Preset) -> Iterator[Node]:
    """CometBFT's built-in key-value store, in CometBFT's own process: the release as it is, with
    the garbage collector as Go sets it. What our build does better is ours.
    """
    ports = find_free_ports(1)
    plan = make_plan(0, ports.p2p(0), ports.rpc(0))
    base = {**preset.cometbft["base"], "proxy_app": "kvstore"}
    preset = replace(preset, cometbft={**preset.cometbft, "base": base})
    document = make_document(preset, CHAIN_ID, int(time.time()), [plan.validator], {})
    node_home = home / plan.name
    write_node(node_home, plan, [plan], preset, json.dumps(document))
    (home / "localnet.toml").write_text(
        f'nodes = ["{plan.name}"]\n[bridge]\nkey = "bridge"\nnode = "{plan.name}"\n'
        f'listen = "127.0.0.1:{ports.bridge}"\n'
    )
    as_go_sets_it = ["/usr/bin/env", "-u", "GOGC", "-u", "GOMEMLIMIT"]
    command = [*as_go_sets_it, str(released_binary()), "start", "--home", "."]
    with run_nodes([(load_layout(home).nodes[0], {"cometbft": command})]) as nodes:
        yield nodes[0]


@contextmanager
def run_blockenergy(
    home: Path, preset: Preset, accounts: Sequence[GenesisAccount]
) -> Iterator[Node]:
    """BlockEnergy, its application in a process of its own, set for large blocks."""
    with run_validators(home, preset, accounts, 1, LARGE_BLOCKS) as nodes:
        yield nodes[0]


@contextmanager
def run_validators(
    home: Path,
    preset: Preset,
    accounts: Sequence[GenesisAccount],
    validators: int,
    tuning: Tuning = AS_SHIPPED,
    corrupt: int = 0,
) -> Iterator[list[Node]]:
    """A network of BlockEnergy, two processes for each validator; the last `corrupt` of them let
    everything into their mempools.
    """
    init_network(
        home / "net",
        validators,
        preset=preset,
        accounts=accounts,
        base_port=find_free_ports(validators).base,
        chain_id=CHAIN_ID,
    )
    comet = str(cometbft_binary())
    modules = ["abci_app"] * (validators - corrupt) + ["bench.networks.open_app"] * corrupt
    with run_nodes(
        [
            (
                files,
                {
                    "app": [
                        sys.executable,
                        *["-m", module, "--home", ".", "--address"],
                        files.proxy_app,
                        *tuning.app_options,
                    ],
                    "cometbft": [
                        "/usr/bin/env",
                        *tuning.cometbft_variables,
                        comet,
                        "start",
                        "--home",
                        ".",
                    ],
                },
            )
            for files, module in zip(load_layout(home / "net").nodes, modules, strict=True)
        ]
    ) as nodes:
        yield nodes


def read_genesis(node: Node) -> Any:
    """The state of a BlockEnergy node's genesis."""
    return json.loads(node.files.genesis.read_text())["app_state"]


def run_application(node: Node, *arguments: str) -> str:
    """What a command of the application prints about a node that has been stopped."""
    command = [sys.executable, "-m", "abci_app", *arguments, "--home", str(node.files.home)]
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=make_environment()
    ).stdout


def read_cpu_s(pid: int) -> float:
    """Processor time of a process and of those that it has started, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tasks = Path(f"/proc/{pid}/task")
    children = [child for task in tasks.iterdir() for child in _read_children(task)]
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S + sum(map(read_cpu_s, children))


def _read_children(task: Path) -> list[int]:
    return list(map(int, (task / "children").read_text().split()))


@contextmanager
def run_nodes(commands: Sequence[tuple[NodeFiles, dict[str, list[str]]]]) -> Iterator[list[Node]]:
    """Nodes with the commands of their processes, as in `running`."""
    nodes = [
        Node(
            files,
            {
                name: Process(name, command, files.home, files.home / f"{name}.log")
                for name, command in processes.items()
            },
        )
        for files, processes in commands
    ]
    with running(nodes):
        yield nodes


@contextmanager
def running(nodes: Sequence[Node], height: int = 1) -> Iterator[None]:
    """Starts the processes of nodes, waits until all have a height, and ends them in the end."""
    try:
        for node in nodes:
            if "app" in node.processes:
                node.processes["app"].start()
                _wait(node, "app", is_listening)
        for node in nodes:
            node.processes["cometbft"].start()
        for node in nodes:
            _wait(node, "cometbft", lambda files: get_height(files) >= height)
            # Later releases of CometBFT take no transactions before they know that they are up to
            # date.
            _wait(node, "cometbft", lambda files: not is_catching_up(files))
        yield
    finally:
        for node in nodes:
            node.processes["cometbft"].send(signal.SIGTERM)
        for node in nodes:
            for process in reversed(node.processes.values()):
                process.end(STOP_DEADLINE_S)


def is_catching_up(files: NodeFiles) -> bool:
    """Whether a node still asks others for blocks."""
    return bool(Rpc(files.rpc_url).call("status")["sync_info"]["catching_up"])


def _wait(node: Node, name: str, is_ready: Callable[[NodeFiles], bool]) -> None:
    process, deadline_s = node.processes[name], time.monotonic() + START_DEADLINE_S
    while not is_ready(node.files):
        if not process.is_running() or time.monotonic() > deadline_s:
            raise RuntimeError(f"{process.name} does not start: {process.describe_end()}")
        time.sleep(0.05)
