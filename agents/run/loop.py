"""The turns of all homes of this machine, slot after slot, until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from agents.run.agent import HomeAgent, Say
from agents.run.observe import Network
from client.errors import ClientError
from client.node.rpc import Rpc
from client.node.rpc_types import NodeStatus

POLL_S = 0.5
NS_PER_S = 1_000_000_000


def run_homes(
    agents: Sequence[HomeAgent],
    rpc: Rpc,
    network: Network,
    stop: threading.Event,
    say: Say,
    *,
    turns: int = 0,
    dry_run: bool = False,
) -> None:
    """Steps every home until `stop` is set or, with `turns`, each has taken so many.

    What one home cannot do is said, once while it stays the same, and tried again; the others go
    on.
    """
    problems: dict[str, str] = {}
    while not stop.is_set():
        try:
            status = rpc.status()
        except ClientError as error:
            _say_once(say, problems, "the node", error.sentence)
            stop.wait(POLL_S)
            continue
        problems.pop("the node", None)
        slot = find_slot(status, network)
        for agent in agents:
            try:
                agent.step(slot, status.latest_height, dry_run=dry_run)
                problems.pop(agent.home.key, None)
            except ClientError as error:
                _say_once(say, problems, agent.home.key, error.sentence)
        if turns and all(agent.turns >= turns for agent in agents):
            return
        stop.wait(POLL_S)


def find_slot(status: NodeStatus, network: Network) -> int:
    """The slot that is delivered while the latest block is made."""
    return status.latest_time_ns // NS_PER_S // network.slot_length_s


def _say_once(say: Say, problems: dict[str, str], who: str, sentence: str) -> None:
    if problems.get(who) != sentence:
        problems[who] = sentence
        say(f"{who}: {sentence}")
