"""Waiting for a network in containers, and looking into its containers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from client.node.rpc import Rpc
from node_config.testnet.network import NODES, Testnet

T = TypeVar("T")
DEADLINE_S = 120.0
LINKS, PRESET = "10.213.8", "demo"
# Processes of a validator, by one of their arguments, and how to find them in its container.
COMETBFT, APPLICATION = "/opt/blockenergy/bin/cometbft", "abci_app"
WORKER = "abci_app.signature_worker"
FIND = r"""
import contextlib, os, pathlib, sys
for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    with contextlib.suppress(OSError):
        pid = int(file.parent.name)
        if sys.argv[1] in file.read_text().split("\0") and pid != os.getpid():
            print(pid)
"""


def poll(get: Callable[[], T], is_enough: Callable[[T], bool]) -> T:
    """What `get` gives as soon as it is enough."""
    end_s = time.monotonic() + DEADLINE_S
    while not is_enough(value := get()):
        assert time.monotonic() < end_s, f"still {value}"
        time.sleep(0.3)
    return value


def wait_for_common_blocks(net: Testnet, more: int = 3) -> None:
    """All validators are a number of blocks further, with the same block and state there."""
    height = max(map(net.get_height, range(NODES))) + more
    for number in range(NODES):
        net.wait_for_height(number, height, DEADLINE_S)
    blocks = [Rpc(net.get_rpc_url(number)).block(height) for number in range(NODES)]
    assert len({(block.hash, block.app_hash) for block in blocks}) == 1


def wait_for_peers(net: Testnet, number: int, count: int) -> None:
    """A validator has this number of peers, all over its links."""
    peers = poll(lambda: net.get_peers(number), lambda found: len(found) == count)
    assert all(peer.startswith(f"{LINKS}.") for peer in peers)


def find_processes(net: Testnet, service: str, argument: str) -> list[str]:
    """The numbers, in its container, of a service's processes with an argument."""
    container = net.get_container(service)
    return net.engine.run("exec", container, "python", "-c", FIND, argument).split()


def kill_processes(net: Testnet, service: str, argument: str) -> None:
    """With SIGKILL."""
    kill = "import os, sys\nfor pid in sys.argv[1:]: os.kill(int(pid), 9)"
    pids = find_processes(net, service, argument)
    net.engine.run("exec", net.get_container(service), "python", "-c", kill, *pids)
