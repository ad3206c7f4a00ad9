"""A network on this machine, kept running: N CometBFT nodes, N applications and a meter bridge.

Guarantees: a process that ends is restarted; `stop` stops every process in order (bridge, CometBFT,
applications); none outlives this program, even if it is killed.

    with Network(home) as network:
        network.wait_for_height(10, deadline_s=30)
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Self

import text_output
from client.errors import MissingError, RpcError
from client.node.rpc import Rpc
from net_address import parse_host_port
from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.layout import Layout, NodeFiles, load_layout, require_startable
from node_config.localnet.process import Process
from node_config.localnet.supervisor import NetworkError, Supervisor, lock_home
from node_config.localnet.unit import Stage, Unit

START_DEADLINE_S = 60.0
PROBE_TIMEOUT_S = 2.0
APP, COMETBFT, BRIDGE = "app", "cometbft", "bridge"
# Name, command, folder, log.
ProcessMaker = Callable[[str, Sequence[str], Path, Path], Process]


class Network:
    """The network in a folder that `setup.init_network` has made.

    `say` receives a line for every event of interest to an operator; `make_process` makes each
    process from its name, command, folder and log. Raises ClientError.
    """

    def __init__(
        self,
        home: Path,
        say: Callable[[str], None] | None = None,
        make_process: ProcessMaker = Process,
    ) -> None:
        self.layout = load_layout(home.absolute())
        self.rpc_urls = [node.rpc_url for node in self.layout.nodes]
        self.bridge_address = str(self.layout.bridge.listen)
        self._say = say or print_line
        self._make_process = make_process
        self._supervisor = Supervisor(self.layout.logs)
        self._lock_file: IO[bytes] | None = None

    def start(self, deadline_s: float = START_DEADLINE_S) -> None:
        """Starts everything and waits for a new block and for the bridge to listen.

        Raises UsageError or MissingError before anything is started, and NetworkError, with nothing
        left running, if a process fails or the deadline passes.
        """
        assert self._lock_file is None, "the network is running"
        deadline = time.monotonic() + deadline_s
        self._lock_file = lock_home(self.layout.home)
        try:
            require_startable(self.layout)
            self._supervisor.begin(make_units(self.layout, self._say, self._make_process))
            nodes = [node.name for node in self.layout.nodes]
            self._supervisor.want(nodes)
            self._supervisor.wait_until_up(nodes, deadline)
            self._wait_for_new_block(deadline)
            self._supervisor.want([BRIDGE])
            self._supervisor.wait_until_up([BRIDGE], deadline)
        except BaseException:
            self.stop()
            raise

    def cancel(self) -> None:
        """Makes a running `start` fail soon; may be called from a signal handler."""
        self._supervisor.cancel()

    def stop(self) -> None:
        """Stops every process in order; does nothing if none runs."""
        units = self._supervisor.units
        nodes = [units[node.name] for node in self.layout.nodes if units]
        self._supervisor.end(
            [
                [unit.stages[-1].process for unit in units.values() if unit not in nodes],
                [unit.stages[-1].process for unit in nodes],
                [unit.stages[0].process for unit in nodes],
            ]
        )
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop_unit(self, name: str) -> None:
        """Stops a node or the bridge in order; it stays down until `start_unit`."""
        self._supervisor.stop_unit(name)

    def start_unit(self, name: str, deadline_s: float = START_DEADLINE_S) -> None:
        """Starts what `stop_unit` stopped, and waits until it is up."""
        self._supervisor.want([name])
        self._supervisor.wait_until_up([name], time.monotonic() + deadline_s)

    def kill(self, name: str, process: str) -> None:
        """Sends SIGKILL to a process: the "app" or "cometbft" of a node, or the "bridge".

        The supervisor restarts its node or the bridge.
        """
        self._get_process(name, process).send(signal.SIGKILL)

    def get_pid(self, name: str, process: str) -> int:
        """The process id; 0 while it is not running."""
        return self._get_process(name, process).pid

    def get_pids(self) -> list[int]:
        """The process ids of everything that runs."""
        stages = [stage for unit in self._supervisor.units.values() for stage in unit.stages]
        return [stage.process.pid for stage in stages if stage.process.pid]

    def require_running(self) -> None:
        """Raises NetworkError if every node has been given up."""
        nodes = [self._supervisor.units[node.name] for node in self.layout.nodes]
        if not self._supervisor.is_running or all(unit.is_given_up for unit in nodes):
            raise NetworkError(f"no node is running any more; see {self.layout.logs}")

    def wait_for_height(
        self, height: int, deadline_s: float, nodes: Sequence[str] | None = None
    ) -> None:
        """Waits until all nodes, or the named ones, have a block; raises NetworkError if not."""
        deadline = time.monotonic() + deadline_s
        for node in self.layout.nodes:
            if nodes is None or node.name in nodes:
                while (found := get_height(node)) < height:
                    if time.monotonic() >= deadline:
                        raise NetworkError(
                            f"{node.name} is at height {found} after {deadline_s:g} s, not at "
                            f"{height}; see {self.layout.logs}"
                        )
                    self._supervisor.pause()

    def _wait_for_new_block(self, deadline: float) -> None:
        height = max(get_height(node) for node in self.layout.nodes)
        self.wait_for_height(height + 1, max(0.0, deadline - time.monotonic()))

    def _get_process(self, name: str, process: str) -> Process:
        stages = {
            stage.process.name: stage.process for stage in self._supervisor.units[name].stages
        }
        return stages[BRIDGE if process == BRIDGE else f"{name}-{process}"]


def make_units(
    layout: Layout, say: Callable[[str], None], make_process: ProcessMaker
) -> list[Unit]:
    """The nodes and the bridge, not yet started."""
    cometbft = find_cometbft()
    layout.logs.mkdir(exist_ok=True)
    units = [make_node(node, layout.logs, cometbft, say, make_process) for node in layout.nodes]
    return [*units, make_bridge(layout, say, make_process)]


def find_cometbft() -> str:
    """The path of CometBFT; MissingError if there is none."""
    try:
        return str(cometbft_binary())
    except ToolchainError as error:
        raise MissingError(str(error)) from error


def make_node(
    node: NodeFiles,
    logs: Path,
    cometbft: str,
    say: Callable[[str], None],
    make_process: ProcessMaker,
    options: Sequence[str] = (),
) -> Unit:
    """A validator: its application, with more options if need be, then CometBFT."""
    app_name, comet_name = f"{node.name}-{APP}", f"{node.name}-{COMETBFT}"
    app = [sys.executable, "-m", "abci_app", "--home", ".", "--address", node.proxy_app, *options]
    comet = [cometbft, "start", "--home", "."]
    return Unit(
        node.name,
        [
            Stage(
                make_process(app_name, app, node.home, logs / f"{app_name}.log"),
                lambda: is_listening(node),
            ),
            Stage(
                make_process(comet_name, comet, node.home, logs / f"{comet_name}.log"),
                lambda: get_height(node) > 0,
            ),
        ],
        say,
    )


def make_bridge(layout: Layout, say: Callable[[str], None], make_process: ProcessMaker) -> Unit:
    """The meter bridge."""
    bridge = layout.bridge
    bridge.home.mkdir(exist_ok=True)
    command = [
        *[sys.executable, "-m", "meter_bridge", "--home", "."],
        *["--key", str(layout.keys / f"{bridge.key}.json")],
        *["--node", layout.get_node(bridge.node).rpc_url, "--listen", str(bridge.listen)],
    ]
    process = make_process(BRIDGE, command, bridge.home, layout.logs / f"{BRIDGE}.log")
    return Unit(BRIDGE, [Stage(process, lambda: can_connect(bridge.listen[:2]))], say)


def get_height(node: NodeFiles) -> int:
    """The latest block of a node; 0 while it does not answer."""
    rpc = Rpc(node.rpc_url, timeout_s=PROBE_TIMEOUT_S)
    try:
        return rpc.status().latest_height
    except RpcError:
        return 0
    finally:
        rpc.close()


def is_listening(node: NodeFiles) -> bool:
    """Whether the application of a node takes connections."""
    scheme, _, place = node.proxy_app.partition("://")
    if scheme == "tcp":
        return can_connect(parse_host_port(place))
    # A socket's path has max 107 bytes; relative to the folder it is always short enough.
    folder = os.open(node.home, os.O_PATH | os.O_DIRECTORY)
    try:
        path = place if place.startswith("/") else f"/proc/self/fd/{folder}/{place}"
        return can_connect(path)
    finally:
        os.close(folder)


def can_connect(address: str | tuple[str, int]) -> bool:
    """Whether something listens at a unix socket's path or at a host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe, contextlib.suppress(OSError):
        probe.settimeout(PROBE_TIMEOUT_S)
        probe.connect(address)
        return True
    return False


def print_line(line: str) -> None:
    """The default for `say`."""
    text_output.complain(line)
