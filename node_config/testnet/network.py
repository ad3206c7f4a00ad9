"""The test network of compose.yaml: start, inspect, partition, heal and stop."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from client.errors import RpcError
from client.node.rpc import Rpc
from net_address import LOOPBACK
from node_config.testnet import images
from node_config.testnet.engine import Engine, EngineError, run

PROJECT = "blockenergy"
NODES = 4
COMPOSE_FILE = images.FOLDER / "compose.yaml"
UP_DEADLINE_S, DOWN_DEADLINE_S = 300.0, 180.0
POLL_S = 0.5
PROBE_TIMEOUT_S = 3.0
LINKS_LABEL = "blockenergy.links"
OPERATORS = "/testnet/operators"
# The published services, with the variable and the default of each port.
PORTS = {
    **{f"node{n}": (f"RPC_PORT_{n}", 26657 + 10 * n) for n in range(NODES)},
    "bridge": ("BRIDGE_PORT", 26690),
    "dashboard": ("DASHBOARD_PORT", 8080),
    "prometheus": ("PROMETHEUS_PORT", 9090),
    "grafana": ("GRAFANA_PORT", 3000),
}


class Testnet:
    """One network. `variables` are those that the first lines of compose.yaml name; the
    environment has the others.
    """

    # Its name does not make it a test for pytest.
    __test__ = False

    def __init__(
        self, engine: Engine, project: str = PROJECT, variables: Mapping[str, str] | None = None
    ) -> None:
        self.engine = engine
        self.project = project
        self.has_grafana = False
        self._variables = dict(variables or {})

    def up(self, deadline_s: float = UP_DEADLINE_S) -> None:
        """Starts every container and waits for blocks on all validators.

        Grafana is left out where its image cannot be had.
        """
        end_s = time.monotonic() + deadline_s
        self.has_grafana = self.engine.pull(self._get("GRAFANA_IMAGE", images.GRAFANA))
        profile = ["--profile", "grafana"] if self.has_grafana else []
        self.compose(*profile, "up", "--detach", deadline_s=deadline_s)
        for more in (0, 1):
            # First all respond, then each has a block that is new to all.
            height = more + max(1, *map(self.get_height, range(NODES)))
            for number in range(NODES):
                self.wait_for_height(number, height, end_s - time.monotonic())

    def down(self, volumes: bool = False) -> None:
        """Removes every container and network; with `volumes` the chain as well."""
        what = ["down", "--remove-orphans", *(["--volumes"] if volumes else [])]
        self.compose("--profile", "grafana", *what, deadline_s=DOWN_DEADLINE_S)

    def cut(self, number: int, peer: int | None = None) -> None:
        """Disconnects a running validator from all its links, or from the one to a peer."""
        for link, _ in self.get_links(number, peer):
            if self.is_on(link, number):
                self.engine.run("network", "disconnect", link, self.get_container(f"node{number}"))

    def heal(self, number: int, peer: int | None = None) -> None:
        """Reconnects a validator to its links, at the addresses that its peers know."""
        for link, address in self.get_links(number, peer):
            if not self.is_on(link, number):
                container = self.get_container(f"node{number}")
                self.engine.run("network", "connect", "--ip", address, link, container)

    def get_links(self, number: int, peer: int | None = None) -> list[tuple[str, str]]:
        """The networks that lead to other validators, with the address that a validator has there.

        They are a label of the container, because the engine forgets the address of a cut link.
        """
        label = self.inspect(f"node{number}", f'{{{{index .Config.Labels "{LINKS_LABEL}"}}}}')
        links = [(name, address) for name, _, address in (x.partition("=") for x in label.split())]
        return [
            (f"{self.project}_{name}", address)
            for name, address in links
            if peer is None or str(peer) in name.split("-")
        ]

    def is_on(self, link: str, number: int) -> bool:
        """Whether a validator is connected to a network, by its full name."""
        template = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
        return link in self.inspect(f"node{number}", template).split()

    def compose(self, *arguments: str, deadline_s: float = UP_DEADLINE_S) -> str:
        """What `docker compose ARGUMENTS` prints."""
        file = ["--file", str(COMPOSE_FILE), "--project-name", self.project]
        return run([*self.engine.compose, *file, *arguments], deadline_s, self._variables)

    def copy_keys(self, folder: Path) -> None:
        """Copies the operators' keyring, and what a gateway needs for TLS, into a new folder."""
        if folder.exists():
            raise EngineError(f"{folder} exists already; name a folder that does not")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.engine.run("cp", f"{self.get_container('setup')}:{OPERATORS}", str(folder))

    def get_container(self, service: str) -> str:
        """The id of a service's container, running or not; raises EngineError if there is none."""
        labels = {"project": self.project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{k}={v}" for k, v in labels.items()]
        found = self.engine.run("ps", "--all", "--quiet", "--no-trunc", *filters).split()
        if len(found) != 1:
            raise EngineError(
                f"{self.project} has no service {service}; start it with: make testnet"
            )
        return found[0]

    def inspect(self, service: str, template: str) -> str:
        """Inspects a service's container with a Go template."""
        return self.engine.run("inspect", "--format", template, self.get_container(service)).strip()

    def get_address(self, service: str) -> str:
        """The host:port of a service on this machine."""
        variable, default = PORTS[service]
        return f"{LOOPBACK}:{self._get(variable, str(default))}"

    def get_rpc_url(self, number: int) -> str:
        """The address of a validator for clients."""
        return f"tcp://{self.get_address(f'node{number}')}"

    def get_height(self, number: int) -> int:
        """The latest block of a validator; 0 while it does not answer."""
        rpc = Rpc(self.get_rpc_url(number), timeout_s=PROBE_TIMEOUT_S)
        try:
            return rpc.status().latest_height
        except RpcError:
            return 0
        finally:
            rpc.close()

    def get_peers(self, number: int) -> list[str]:
        """The addresses of the peers that a validator reports as connected."""
        rpc = Rpc(self.get_rpc_url(number), timeout_s=PROBE_TIMEOUT_S)
        try:
            return [peer["remote_ip"] for peer in rpc.call("net_info", {})["peers"]]
        finally:
            rpc.close()

    def wait_for_height(self, number: int, height: int, deadline_s: float) -> None:
        """Waits until a validator has a block; raises EngineError at the deadline."""
        end_s = time.monotonic() + deadline_s
        while (found := self.get_height(number)) < height:
            if time.monotonic() >= end_s:
                raise EngineError(
                    f"node{number} is at height {found}, not at {height}; see its log: "
                    f"docker logs {self.get_container(f'node{number}')[:12]}"
                )
            time.sleep(POLL_S)

    def _get(self, variable: str, default: str) -> str:
        return self._variables.get(variable) or os.environ.get(variable) or default
