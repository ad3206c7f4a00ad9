"""A network of the Cosmos SDK with the CometBFT settings and the load of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.networks.nodes import CHAIN_ID, Node, run_nodes
from bench.sending.transactions import BALANCE
from chain.runtime.encoding import bech32
from client.signing.keys import AccountKey
from net_address import LOOPBACK
from node_config.localnet.address import Address
from node_config.localnet.layout import NodeFiles
from node_config.localnet.ports import Ports, find_free_ports
from node_config.preset import Preset

DENOM = "stake"
PREFIX = "wasm"
INIT_DEADLINE_S = 120
# The interfaces that nobody asks here, and what a node of ours does not do either.
APP_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "": {"minimum-gas-prices": f"0{DENOM}"},
    "api": {"enable": False},
    "grpc": {"enable": False},
    "grpc-web": {"enable": False},
    "telemetry": {"enabled": False},
}


@contextmanager
def run_sdk(
    home: Path,
    binary: Path,
    preset: Preset,
    keys: Sequence[AccountKey],
    validators: int,
    chain_id: str = CHAIN_ID,
    adapt: Callable[[Any], None] = lambda _: None,
) -> Iterator[list[Node]]:
    """Validators of the SDK with an account for each key, numbered as `get_number` says. `adapt`
    may change the genesis document.
    """
    command = make_command(binary)
    folders = _init(home, command, validators, chain_id)
    document = _make_genesis(folders[0], preset, keys)
    adapt(document)
    ports = find_free_ports(validators)
    peers = [_get_peer(command, folder, number, ports) for number, folder in enumerate(folders)]
    nodes = []
    for number, folder in enumerate(folders):
        (folder / "config" / "genesis.json").write_text(json.dumps(document))
        _configure(folder, preset, ports, number, peers)
        files = NodeFiles(
            f"sdk{number}",
            folder,
            Address(LOOPBACK, ports.rpc(number), "the SDK node"),
            Address(LOOPBACK, ports.p2p(number), "the SDK node"),
            "",
        )
        nodes.append((files, {"cometbft": [*command, "start", "--home", "."]}))
    with run_nodes(nodes) as running:
        yield running


def make_command(binary: Path) -> list[str]:
    """What starts the executable, with the library that lies beside it."""
    return ["/usr/bin/env", f"LD_LIBRARY_PATH={binary.parent}", str(binary)]


def get_number(position: int, validators: int) -> int:
    """The account number of a key: the validators' own accounts come first."""
    return validators + position


def encode_address(text: str) -> str:
    """One of our addresses as the SDK node writes it."""
    return bech32.encode_with_prefix(bech32.decode(text), PREFIX)


def _init(home: Path, command: Sequence[str], validators: int, chain_id: str) -> list[Path]:
    where = ["--output-dir", str(home / "sdk"), "--node-daemon-home", "home"]
    names = ["--keyring-backend", "test", "--chain-id", chain_id, "--single-host"]
    count = ["--v", str(validators), "--starting-ip-address", LOOPBACK]
    # Its own folder too: it would leave files in the user's home.
    own = ["--home", str(home / "own")]
    run_command([*command, "testnet", "init-files", *where, *names, *count, *own])
    return [home / "sdk" / f"node{number}" / "home" for number in range(validators)]


def _make_genesis(folder: Path, preset: Preset, keys: Sequence[AccountKey]) -> Any:
    """The genesis document with the accounts of the load and the block size of our preset."""
    document = json.loads((folder / "config" / "genesis.json").read_text())
    accounts = document["app_state"]["auth"]["accounts"]
    bank = document["app_state"]["bank"]
    for key in keys:
        address = encode_address(key.address)
        accounts.append(
            {
                "@type": "/cosmos.auth.v1beta1.BaseAccount",
                "address": address,
                "pub_key": None,
                "account_number": "0",
                "sequence": "0",
            }
        )
        coins = [{"denom": DENOM, "amount": str(BALANCE)}]
        bank["balances"].append({"address": address, "coins": coins})
    for number, account in enumerate(accounts):
        account["account_number"] = str(number)
    for supply in bank["supply"]:
        if supply["denom"] == DENOM:
            supply["amount"] = str(int(supply["amount"]) + BALANCE * len(keys))
    document["consensus"]["params"]["block"] = preset.consensus_params["block"]
    return document


def _get_peer(command: Sequence[str], folder: Path, number: int, ports: Ports) -> str:
    node_id = run_command([*command, "comet", "show-node-id", "--home", str(folder)]).strip()
    return f"{node_id}@{LOOPBACK}:{ports.p2p(number)}"


def _configure(
    folder: Path, preset: Preset, ports: Ports, number: int, peers: Sequence[str]
) -> None:
    others = ",".join(peer for index, peer in enumerate(peers) if index != number)
    settings: dict[str, dict[str, Any]] = {
        ("" if name == "base" else name): dict(section) for name, section in preset.cometbft.items()
    }
    settings["rpc"] |= {
        "laddr": f"tcp://{LOOPBACK}:{ports.rpc(number)}",
        "pprof_laddr": "",
    }
    settings["p2p"] |= {
        "laddr": f"tcp://{LOOPBACK}:{ports.p2p(number)}",
        "persistent_peers": others,
    }
    _change(folder / "config" / "config.toml", settings)
    _change(folder / "config" / "app.toml", APP_SETTINGS)


def _change(path: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Replaces values in a TOML file that has one line for each; raises KeyError for others."""
    lines, section, missing = [], "", {(s, k) for s, keys in settings.items() for k in keys}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        key = line.partition("=")[0].strip()
        if (section, key) in missing:
            missing.discard((section, key))
            line = f"{key} = {json.dumps(settings[section][key])}"  # noqa: PLW2901
        lines.append(line)
    if missing:
        raise KeyError(f"{path.name} has no {sorted(missing)}")
    path.write_text("\n".join(lines) + "\n")


def run_command(command: Sequence[str]) -> str:
    """What a command prints; RuntimeError if it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INIT_DEADLINE_S
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:5])}: {done.stderr.strip()[-500:]}")
    return done.stdout
