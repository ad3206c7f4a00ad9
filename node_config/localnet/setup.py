"""Makes the files of a new network on this machine.

Everything is written or nothing, into a folder that did not exist before; every file may be edited
by hand afterwards.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from client.errors import MissingError, UsageError
from client.node.chain_pin import pin, require_chain_id
from client.signing.keyring import Keyring
from client.signing.keys import AccountKey, Key
from net_address import LOOPBACK
from node_config.accounts import GenesisAccount, read_accounts
from node_config.chain_id import make_chain_id
from node_config.cometbft.files import NodePlan, make_plan, write_node
from node_config.crowd import make_crowd
from node_config.genesis import GenesisMeter, GenesisPeer, make_app_state, make_document
from node_config.localnet.layout import BRIDGE, FILE, KEYS, NODES_MAX, format_layout
from node_config.localnet.ports import DEFAULT_BASE_PORT, Ports
from node_config.preset import Preset, load_preset

DEFAULT_VALIDATORS = 4
_OPERATORS = ("registrar", "treasury", "backstop", "issuer", BRIDGE)


def init_network(
    home: Path,
    validators: int = DEFAULT_VALIDATORS,
    accounts_csv: Path | None = None,
    preset: str | Preset = "localnet",
    *,
    base_port: int = DEFAULT_BASE_PORT,
    chain_id: str = "",
    accounts: Sequence[GenesisAccount] = (),
    meters: Sequence[GenesisMeter] = (),
    genesis_time_s: int = 0,
    forecasts: Mapping[str, Any] | None = None,
) -> str:
    """Writes every file of a new network into `home`, which must not exist; returns its chain id.

    `chain_id` is made from the preset's name if it is not given, and pinned beside the keys.
    `genesis_time_s` is the time of the first block, now if 0; the nodes wait for a future one.
    Raises UsageError or MissingError, with nothing written.
    """
    if isinstance(preset, str):
        preset = load_preset(preset)
    chain_id = require_chain_id(chain_id) if chain_id else make_chain_id(preset.chain_name)
    ports = Ports(base_port)
    _require_fitting(home, validators, ports)
    listed = read_accounts(accounts_csv, preset.denom) if accounts_csv else []
    names = [*_OPERATORS, *(f"distributor{number}" for number in range(validators))]
    operators = {name: AccountKey.generate() for name in names}
    addresses = {name: key.address for name, key in operators.items()}
    crowd = make_crowd(preset.participants)
    genesis_time_s = genesis_time_s or int(time.time())
    plans = [
        make_plan(number, ports.p2p(number), ports.rpc(number)) for number in range(validators)
    ]
    peers = [
        GenesisPeer(plan.node_id, plan.name, addresses[f"distributor{number}"])
        for number, plan in enumerate(plans)
    ]
    nodes = [
        replace(plan.validator, operator=addresses[f"distributor{number}"])
        for number, plan in enumerate(plans)
    ]
    everybody = [*crowd.accounts, *accounts, *listed]
    state = make_app_state(
        preset,
        addresses,
        everybody,
        [*crowd.meters, *meters],
        genesis_time_s,
        peers,
        crowd.batteries,
        forecasts,
        nodes,
    )
    document = make_document(preset, chain_id, genesis_time_s, nodes, state)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as folder:
            draft = Path(folder) / "home"
            draft.mkdir(mode=0o700)
            text = json.dumps(document, indent=1) + "\n"
            _write(draft, plans, preset, text, operators | crowd.keys, ports)
            pin(draft / KEYS, chain_id)
            draft.rename(home)
    except OSError as error:
        raise MissingError(f"{home} cannot be written: {error.strerror}") from error
    return chain_id


def _require_fitting(home: Path, validators: int, ports: Ports) -> None:
    if home.exists():
        raise UsageError(
            f"{home} already exists; start it, or remove it to create a new network there"
        )
    if not 1 <= validators <= NODES_MAX:
        raise UsageError(f"{validators} validators are not possible; choose 1 to {NODES_MAX}")
    highest = max(ports.get_all(validators))
    if ports.base < 1024 or highest >= 1 << 16:
        raise UsageError(
            f"the ports {ports.base} to {highest} are not possible; choose 1024 to 65535"
        )


def _write(
    home: Path,
    plans: Sequence[NodePlan],
    preset: Preset,
    document: str,
    keys: Mapping[str, Key],
    ports: Ports,
) -> None:
    for plan in plans:
        write_node(home / plan.name, plan, plans, preset, document)
    keyring = Keyring(home / KEYS)
    for name, key in keys.items():
        keyring.add(name, key, None)
    (home / BRIDGE).mkdir()
    listen = f"{LOOPBACK}:{ports.bridge}"
    (home / FILE).write_text(format_layout([plan.name for plan in plans], listen))
