"""Fills the volumes of a test network, each with only what its container needs.

    ROOT/node0/        a validator's folder (and node1, node2, node3)
    ROOT/bridge/       the bridge's account, and its side of TLS
    ROOT/dashboard/    its side of TLS; later its tables
    ROOT/meters/       keys of the simulated homes and meters, and a gateway's side of TLS
    ROOT/operators/    for people: keyring of the operators, with an account `home0` and the key
                       `meter0` of its meter, which is not simulated; a gateway's side of TLS

Volumes that are already filled stay unchanged, so a restarted network continues. All keys are
generated in one place, which is acceptable for trials only.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_SOLAR, ENERGY_SOURCE_UNSPECIFIED
from blockenergy.registry.v1.role_pb2 import ROLE_CONSUMER, ROLE_PROSUMER

import text_output
from client.cli.common import Parser
from client.errors import ClientError, MissingError, UsageError
from client.files.toml_file import format_toml, read_toml
from client.node.chain_pin import pin
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, MeterKey
from net_address import LOOPBACK
from node_config.accounts import GenesisAccount
from node_config.chain_id import make_chain_id
from node_config.genesis import GenesisMeter
from node_config.localnet.ports import DEFAULT_BASE_PORT, Ports
from node_config.localnet.setup import init_network
from node_config.preset import Preset, load_preset
from node_config.testnet.certificates import write_certificates
from node_config.testnet.homes import HOMES_MAX, Street, get_meter_id, has_pv

VALIDATORS = 4
P2P_PORT, RPC_PORT, METRICS_PORT = 26656, 26657, 26660
CHAIN_NAME = "energy-testnet"
BRIDGE, DASHBOARD, METERS, OPERATORS = "bridge", "dashboard", "meters", "operators"
KEYS = "keys"
COMPLETE = "complete"
HOME_AMOUNT = 10_000_000_000
CAPACITY_W = 17_300
FEEDER = "feeder-1"
_CONFIG_COMMENT = (
    "Configuration of this CometBFT node; the other validators are addressed by host name."
)


def write_volumes(root: Path, preset: Preset, homes: int) -> bool:
    """Creates a network and distributes it over the folders in `root`; False if it exists already.

    Raises UsageError if an earlier setup was interrupted.
    """
    complete = root / OPERATORS / COMPLETE
    if complete.exists():
        return False
    names = [f"node{number}" for number in range(VALIDATORS)]
    for name in [*names, BRIDGE, DASHBOARD, METERS, OPERATORS]:
        (root / name).mkdir(exist_ok=True)
        if any((root / name).iterdir()):
            raise UsageError(
                f"{root / name} holds only a part of a network; remove the volumes and start again"
            )
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "net"
        people, simulated = Keyring(root / OPERATORS / KEYS), Keyring(root / METERS / KEYS)
        chain_id = make_chain_id(CHAIN_NAME)
        street = _make_network(draft, preset, [people, *[simulated] * homes], chain_id)
        for name in names:
            _adapt_config(draft / name / "config" / "config.toml")
            shutil.copytree(draft / name, root / name, dirs_exist_ok=True)
        shutil.copytree(draft / KEYS, root / OPERATORS / KEYS, dirs_exist_ok=True)
        shutil.copy(draft / KEYS / f"{BRIDGE}.json", root / BRIDGE / "key.json")
        pin(root / BRIDGE, chain_id)
        pin(simulated.folder, chain_id)
    street.write(root / METERS)
    servers = {root / name: [name, "localhost"] for name in (BRIDGE, DASHBOARD)}
    write_certificates(servers, [root / METERS, root / OPERATORS])
    complete.touch()
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m node_config.testnet.setup`; returns the exit status."""
    parser = Parser(prog="python -m node_config.testnet.setup", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path("/testnet"), help="default: /testnet")
    parser.add_argument("--preset", default="localnet", help="default: localnet")
    parser.add_argument("--homes", type=_parse_homes, default=6, help=f"0 to {HOMES_MAX}")
    try:
        options = parser.parse_args(arguments)
        is_new = write_volumes(options.root, load_preset(options.preset), options.homes)
    except ClientError as error:
        text_output.complain(f"setup: {error.sentence}")
        return error.exit_code
    except OSError as error:
        text_output.complain(f"setup: {error.filename} cannot be written: {error.strerror}")
        return MissingError.exit_code
    text_output.say(
        "The volumes are filled." if is_new else "The volumes already hold a network; it continues."
    )
    return 0


def _make_network(
    draft: Path, preset: Preset, keyrings: Sequence[Keyring], chain_id: str
) -> Street:
    """Writes the files of a local network with homes, each with its keys in a keyring."""
    accounts, meters = [], []
    for number, keyring in enumerate(keyrings):
        key, meter_key = AccountKey.generate(), MeterKey.generate()
        keyring.add(f"home{number}", key, None)
        keyring.add(f"meter{number}", meter_key, None)
        role = ROLE_PROSUMER if has_pv(number) else ROLE_CONSUMER
        accounts.append(GenesisAccount(key.address, (role,), HOME_AMOUNT))
        meters.append(
            GenesisMeter(
                get_meter_id(number),
                key.address,
                FEEDER,
                CAPACITY_W,
                meter_key.pub_key,
                energy_source=ENERGY_SOURCE_SOLAR if has_pv(number) else ENERGY_SOURCE_UNSPECIFIED,
            )
        )
    now_s = int(time.time())
    init_network(
        draft,
        VALIDATORS,
        preset=_reach_from_containers(preset),
        chain_id=chain_id,
        accounts=accounts,
        meters=meters,
        genesis_time_s=now_s,
    )
    metering, market = preset.params["metering"], preset.params["market"]
    return Street(
        homes=len(keyrings) - 1,
        # The first one that the chain sees as a whole.
        first_slot=now_s // metering["slot_length_s"] + 1,
        slot_length_s=metering["slot_length_s"],
        represented_duration_s=metering["represented_duration_s"],
        reading_deadline_s=metering["reading_deadline_s"],
        price_low_per_kwh=market["price_low_per_kwh"],
        price_high_per_kwh=market["price_high_per_kwh"],
    )


def _reach_from_containers(preset: Preset) -> Preset:
    """The same, listening at every address of a container; networks limit who can connect."""
    own: dict[str, dict[str, Any]] = {
        "p2p": {"laddr": f"tcp://0.0.0.0:{P2P_PORT}", "allow_duplicate_ip": False},
        "rpc": {"laddr": f"tcp://0.0.0.0:{RPC_PORT}"},
        "instrumentation": {"prometheus": True, "prometheus_listen_addr": f":{METRICS_PORT}"},
    }
    sections = {name: {**preset.cometbft.get(name, {}), **section} for name, section in own.items()}
    return replace(preset, cometbft={**preset.cometbft, **sections})


def _adapt_config(path: Path) -> None:
    """Addresses peers by their host names in compose.yaml, all at the same port."""
    content = read_toml(path)
    ports = Ports(DEFAULT_BASE_PORT)
    hosts = {f"{LOOPBACK}:{ports.p2p(number)}": f"peer{number}" for number in range(VALIDATORS)}
    peers = []
    for peer in content["p2p"]["persistent_peers"].split(","):
        node_id, _, address = peer.partition("@")
        peers.append(f"{node_id}@{hosts[address]}:{P2P_PORT}")
    content["p2p"]["persistent_peers"] = ",".join(peers)
    path.write_text(format_toml(_CONFIG_COMMENT, content))


def _parse_homes(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) <= HOMES_MAX:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {HOMES_MAX}")


if __name__ == "__main__":
    sys.exit(main())
