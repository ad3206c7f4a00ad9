"""Validators that each live on a machine of their own, as far as the network is concerned.

Every node has a network namespace; a switch connects them. RPC is reached from outside through a
relay at the same port.
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from node_config.localnet.layout import load_layout
from tests.chaos.support.connections.namespaces import Namespace, NamespaceError
from tests.chaos.support.connections.relays import LOOPBACK, Link, Relays
from tests.chaos.support.connections.switch import Switch
from tests.chaos.support.processes import Faults, Rewrite

# Reserved for tests of networks (RFC 2544).
ADDRESS, PREFIX_BITS = "198.18.0.{}", 24
CONNECT_S = 5.0


class Lan:
    """The machines and the switch; the processes of a network are put there by `faults`."""

    def __init__(self, names: list[str], chance: random.Random, stack: ExitStack) -> None:
        self.faults = Faults()
        self._relays = stack.enter_context(Relays())
        self._chance = chance
        self._machines: dict[str, Namespace] = {}
        # Of the nodes whose relay is not open yet.
        self._rpc_ports: dict[str, int] = {}
        for number, name in enumerate(names, 1):
            machine = Namespace(ADDRESS.format(number), PREFIX_BITS)
            stack.callback(machine.close)
            self._machines[name] = machine
            self.faults.always[f"{name}-cometbft"] = self._put(name)
        cables = {name: machine.frames for name, machine in self._machines.items()}
        self.switch = stack.enter_context(Switch(cables, chance))

    def prepare(self, home: Path) -> None:
        """Has every node listen to its machine's address, and look for the others at theirs."""
        nodes = load_layout(home).nodes
        for node in nodes:
            self._rpc_ports[node.name] = node.rpc.port
            config = node.home / "config" / "config.toml"
            text = config.read_text()
            for other in nodes:
                address = self._machines[other.name].address
                place = f"{LOOPBACK}:{other.p2p.port}"
                text = text.replace(f"@{place}", f"@{address}:{other.p2p.port}")
            # The network looks whether the port is free outside, where it has another address.
            config.write_text(re.sub(rf"tcp://{LOOPBACK}:{node.p2p.port}\b",
                f"tcp://0.0.0.0:{node.p2p.port}", text))  # fmt: skip

    def _put(self, name: str) -> Rewrite:
        """Has a node live on its machine, and opens its RPC to the outside at the first start."""
        machine = self._machines[name]
        enter = machine.put_processes()

        def rewrite(command: list[str]) -> list[str]:
            port = self._rpc_ports.pop(name, 0)
            if port:
                link = Link(self._chance)
                self._relays.add(link, lambda: machine.run(lambda: connect(port)), port)
            return enter(command)

        return rewrite


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), timeout=CONNECT_S)


@contextmanager
def make_lan(names: list[str], chance: random.Random) -> Iterator[Lan]:
    """Machines for a network that is made while the block runs; skips where there can be none."""
    with ExitStack() as stack:
        try:
            yield Lan(names, chance, stack)
        except NamespaceError as error:
            pytest.skip(str(error))
