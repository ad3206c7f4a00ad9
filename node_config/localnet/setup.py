"""Makes the files of a new network on this machine.

Everything is written or nothing, into a folder that did not exist before; every file may be edited
by hand afterwards.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from client.errors import MissingError, UsageError
from client.keyring import Keyring
from client.keys import AccountKey
from net_address import LOOPBACK
from node_config.accounts import GenesisAccount, read_accounts
from node_config.cometbft.files import NodePlan, make_plan, write_node
from node_config.genesis import GenesisMeter, make_app_state, make_document
from node_config.localnet.layout import BRIDGE, FILE, KEYS, NODES_MAX, format_layout
from node_config.localnet.ports import DEFAULT_BASE_PORT, Ports
from node_config.preset import Preset, load_preset

DEFAULT_VALIDATORS = 4
_CHAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,50}")
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
) -> None:
    """Writes every file of a new network into `home`, which must not exist.

    `genesis_time_s` is the time of the first block, now if 0; the nodes wait for a future one.
    Raises UsageError or MissingError, with nothing written.
    """
    if isinstance(preset, str):
        preset = load_preset(preset)
    chain_id = chain_id or preset.chain_id
    ports = Ports(base_port)
    _require_fitting(home, validators, ports, chain_id)
    listed = read_accounts(accounts_csv, preset.denom) if accounts_csv else []
    names = [*_OPERATORS, *(f"distributor{number}" for number in range(validators))]
    keys = {name: AccountKey.generate() for name in names}
    addresses = {name: key.address for name, key in keys.items()}
    genesis_time_s = genesis_time_s or int(time.time())
    state = make_app_state(preset, addresses, [*accounts, *listed], meters, genesis_time_s)
    plans = [
        make_plan(number, ports.p2p(number), ports.rpc(number)) for number in range(validators)
    ]
    nodes = [plan.validator for plan in plans]
    document = make_document(preset, chain_id, genesis_time_s, nodes, state)
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as folder:
            draft = Path(folder) / "home"
            draft.mkdir(mode=0o700)
            text = json.dumps(document, indent=1) + "\n"
            _write(draft, plans, preset, text, keys, ports)
            draft.rename(home)
    except OSError as error:
        raise MissingError(f"{home} cannot be written: {error.strerror}") from error


def _require_fitting(home: Path, validators: int, ports: Ports, chain_id: str) -> None:
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
    if not _CHAIN_ID.fullmatch(chain_id):
        raise UsageError(
            f"{chain_id!r} is not a chain id; use 1 to 50 letters, digits or one of ._-"
        )


def _write(
    home: Path,
    plans: Sequence[NodePlan],
    preset: Preset,
    document: str,
    keys: dict[str, AccountKey],
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
