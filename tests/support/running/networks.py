"""Networks of real nodes on loopback, for as long as a test needs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node_config.cometbft.toolchain import ToolchainError, cometbft_binary
from node_config.localnet.network import Network, ProcessMaker
from node_config.localnet.ports import Ports, find_free_ports
from node_config.localnet.process import Process
from node_config.localnet.setup import init_network
from node_config.preset import Preset, load_preset

Change = Callable[[dict[str, Any]], None]

DEADLINE_S = 180.0
# Blocks without transactions come four times as often as by the presets: what waits for the next
# block, as every proof does, waits less.
QUICK = {"timeout_commit": "100ms", "create_empty_blocks_interval": "250ms"}


def require_cometbft() -> Path:
    """The path of CometBFT; a test that needs it is skipped where it cannot be had."""
    try:
        return cometbft_binary()
    except ToolchainError as error:
        pytest.skip(str(error))


def with_params(preset: Preset, **changes: Mapping[str, Any]) -> Preset:
    """A preset with other parameters of some modules."""
    changed = {name: {**preset.params[name], **values} for name, values in changes.items()}
    return replace(preset, params={**preset.params, **changed})


def with_cometbft(preset: Preset, **changes: Mapping[str, Any]) -> Preset:
    """A preset with other settings in some sections of CometBFT's file."""
    changed = {name: {**preset.cometbft[name], **values} for name, values in changes.items()}
    return replace(preset, cometbft={**preset.cometbft, **changed})


def quick(preset: str | Preset) -> Preset:
    """A preset whose blocks come more often."""
    preset = load_preset(preset) if isinstance(preset, str) else preset
    return with_cometbft(preset, consensus=QUICK)


def forget(_: str) -> None:
    """For a test that does not look at what a network says."""


@contextmanager
def running_network(
    home: Path,
    validators: int = 1,
    preset: str | Preset = "demo",
    *,
    ports: Ports | None = None,
    make_process: ProcessMaker = Process,
    change: Change | None = None,
    **genesis: Any,
) -> Iterator[Network]:
    """A network that runs in `home`, which does not exist yet, with blocks as the preset has them.

    ports: free ones by default. change: of the state that it begins with. genesis: accounts, meters
    and more for `init_network`.
    """
    require_cometbft()
    base_port = (ports or find_free_ports(validators)).base
    init_network(home, validators, preset=preset, base_port=base_port, **genesis)
    if change is not None:
        _change_genesis(home, change)
    network = Network(home, forget, make_process)
    network.start(DEADLINE_S)
    try:
        yield network
    finally:
        network.stop()


def _change_genesis(home: Path, change: Change) -> None:
    for path in home.glob("*/config/genesis.json"):
        document = json.loads(path.read_text())
        change(document["app_state"])
        path.write_text(json.dumps(document))
