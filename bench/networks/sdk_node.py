"""A network of the Cosmos SDK with the CometBFT settings and the load of ours."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
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
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@contextmanager
def run_sdk(
    home: Path, binary: Path, preset: Preset, keys: Sequence[AccountKey], validators: int
) -> Iterator[list[Node]]:
    """Validators of the SDK with an account for each key, numbered as `get_number` says."""
    command = ["/usr/bin/env", f"LD_LIBRARY_PATH={binary.parent}", str(binary)]
    folders = _init(home, command, validators)
    document = _make_genesis(folders[0], preset, keys)
    ports = find_free_ports(validators)
    peers = [_get_peer(command, folder, number, ports) for number, folder in enumerate(folders)]
    nodes = []
    for number, folder in enumerate(folders):
        (folder / "config" / "genesis.json").write_text(document)
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


def get_number(position: int, validators: int) -> int:
    """The account number of a key: the validators' own accounts come first."""
    return validators + position


def encode_address(text: str) -> str:
    """One of our addresses as the SDK node writes it."""
    number = int.from_bytes(bech32.decode(text), "big")
    data = [(number >> shift) & 31 for shift in range(155, -1, -5)]
    prefix = [ord(c) >> 5 for c in PREFIX] + [0] + [ord(c) & 31 for c in PREFIX]
    checksum = _polymod([*prefix, *data, 0, 0, 0, 0, 0, 0]) ^ 1
    data += [(checksum >> shift) & 31 for shift in range(25, -1, -5)]
    return f"{PREFIX}1" + "".join(_ALPHABET[value] for value in data)


def _polymod(values: Sequence[int]) -> int:
    """The checksum of BIP-173."""
    state = 1
    for value in values:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(_GENERATOR):
            state ^= generator if top >> bit & 1 else 0
    return state


def _init(home: Path, command: Sequence[str], validators: int) -> list[Path]:
    where = ["--output-dir", str(home / "sdk"), "--node-daemon-home", "home"]
    names = ["--keyring-backend", "test", "--chain-id", CHAIN_ID, "--single-host"]
    count = ["--v", str(validators), "--starting-ip-address", LOOPBACK]
    # Its own folder too: it would leave files in the user's home.
    own = ["--home", str(home / "own")]
    _run([*command, "testnet", "init-files", *where, *names, *count, *own])
    return [home / "sdk" / f"node{number}" / "home" for number in range(validators)]


def _make_genesis(folder: Path, preset: Preset, keys: Sequence[AccountKey]) -> str:
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
    return json.dumps(document)


def _get_peer(command: Sequence[str], folder: Path, number: int, ports: Ports) -> str:
    node_id = _run([*command, "comet", "show-node-id", "--home", str(folder)]).strip()
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


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=INIT_DEADLINE_S
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:5])}: {done.stderr.strip()[-500:]}")
    return done.stdout
