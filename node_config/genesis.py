"""The genesis document of a new network: participants, balances and parameters.

The chain has the last word: a document is returned only after `chain.app.init_chain` has accepted
its state. The supply is the sum of the balances, those of the purses included.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from blockenergy.registry.v1.energy_source_pb2 import ENERGY_SOURCE_UNSPECIFIED, EnergySource
from blockenergy.registry.v1.role_pb2 import (
    ROLE_BRIDGE,
    ROLE_DISTRIBUTOR,
    ROLE_ISSUER,
    Role,
)

from chain import app, bank, market
from chain.migrations import MIGRATIONS
from chain.runtime.encoding import bech32
from chain.runtime.state.collections import GenesisError
from client.errors import UsageError
from node_config.accounts import GenesisAccount, merge_accounts
from node_config.preset import Preset

STATUS_ACTIVE = "STATUS_ACTIVE"
# Roles of the operators' accounts, by the name without its number.
OPERATOR_ROLES: Mapping[str, Role] = {
    "registrar": ROLE_DISTRIBUTOR,
    "treasury": ROLE_DISTRIBUTOR,
    "backstop": ROLE_DISTRIBUTOR,
    "distributor": ROLE_DISTRIBUTOR,
    "issuer": ROLE_ISSUER,
    "bridge": ROLE_BRIDGE,
    "grid": ROLE_DISTRIBUTOR,
    "authority": ROLE_DISTRIBUTOR,
}
# Is paid grid fees and has the authority over parameters where nobody else is named.
FIRST = "distributor0"
# What each validator has at genesis.
POWER = 10


@dataclass(frozen=True, slots=True)
class GenesisMeter:
    """A meter registered at genesis, to the bridge of the network."""

    meter_id: str
    owner: str
    # A feeder of the preset, the same for all meters of an owner.
    feeder: str
    capacity_w: int
    # Ed25519, 32 bytes.
    pub_key: bytes
    initial_import_wh: int = 0
    initial_export_wh: int = 0
    # What its export is made from.
    energy_source: EnergySource = ENERGY_SOURCE_UNSPECIFIED
    # Max output of a device that is certified from the start; 0: none is.
    device_power_w: int = 0


@dataclass(frozen=True, slots=True)
class GenesisValidator:
    """A validator of the first block."""

    name: str
    # Of the key, in hexadecimal.
    address: str
    # Ed25519, 32 bytes.
    pub_key: bytes
    # The account that votes with its power; empty: nobody does.
    operator: str = ""


@dataclass(frozen=True, slots=True)
class GenesisPeer:
    """A node that is listed as a peer from the start, wherever it connects from."""

    node_id: str
    name: str
    # The account of who runs it.
    operator: str


def make_operator_accounts(preset: Preset, addresses: Mapping[str, str]) -> list[GenesisAccount]:
    """The accounts of the operators; `addresses` are by name, such as `distributor0`."""
    accounts = []
    for name, address in addresses.items():
        role = name.rstrip("0123456789")
        amount = preset.balances.get(role, 0)
        accounts.append(GenesisAccount(address, (OPERATOR_ROLES[role],), amount))
    return accounts


def make_app_state(
    preset: Preset,
    operators: Mapping[str, str],
    accounts: Sequence[GenesisAccount],
    meters: Sequence[GenesisMeter],
    genesis_time_s: int,
    peers: Sequence[GenesisPeer] = (),
    batteries: Mapping[str, Mapping[str, int]] | None = None,
    forecasts: Mapping[str, Any] | None = None,
    validators: Sequence[GenesisValidator] = (),
) -> dict[str, Any]:
    """The chain's initial state; `batteries` are by owner, `forecasts` what the module of that name
    begins with. Validators that are not given are those of the genesis file, without operators.

    Raises UsageError if the chain rejects it.
    """
    everybody = merge_accounts([*make_operator_accounts(preset, operators), *accounts])
    operators = dict.fromkeys(("grid", "authority"), operators[FIRST]) | dict(operators)
    entries: dict[str, dict[str, Any]] = {
        "auth": _make_auth(everybody),
        "registry": _make_registry(everybody, meters, operators["bridge"], genesis_time_s)
        | _make_feeders(preset, operators["grid"]),
        "bank": _make_bank(preset, operators["issuer"], [*everybody, _make_default_fund(preset)]),
        "market": _make_purses(preset),
        "peers": _make_peers(peers),
        "validators": _make_validators(validators),
        "carbon": _make_carbon(preset, operators["grid"], meters, genesis_time_s),
        "storage": _make_storage(preset, batteries or {}, genesis_time_s),
        "forecast": dict(forecasts or {}),
        "upgrade": {"upgrades": [{"key": name, "value": "1"} for name in sorted(MIGRATIONS)]},
    }
    names = _name_operators(preset.denom.name, operators)
    state = {}
    for module in app.MODULES:
        own = _write_numbers(preset.params.get(module.name, {})) | names.get(module.name, {})
        params = {"params": own} if own else {}
        state[module.name] = module.schema.initial() | params | entries.get(module.name, {})
    require_valid(state)
    return state


def make_document(
    preset: Preset,
    chain_id: str,
    genesis_time_s: int,
    validators: Sequence[GenesisValidator],
    app_state: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of genesis.json, in the format of CometBFT 0.38."""
    moment = datetime.fromtimestamp(genesis_time_s, UTC)
    return {
        "genesis_time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "chain_id": chain_id,
        "initial_height": "1",
        "consensus_params": preset.consensus_params,
        "validators": [
            {
                "address": validator.address,
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": base64.b64encode(validator.pub_key).decode(),
                },
                "power": str(POWER),
                "name": validator.name,
            }
            for validator in validators
        ],
        "app_hash": "",
        "app_state": app_state,
    }


def require_valid(app_state: Any) -> None:
    """Raises UsageError with the field and the reason if the chain rejects the state."""
    try:
        app.init_chain(app_state)
    except GenesisError as error:
        raise UsageError(f"the chain rejects this genesis state: {error}") from error


def _name_operators(denom: str, operators: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Per module, the parameters that a preset cannot know: addresses, and the denomination."""
    return {
        "auth": {"fee_denom": denom, "fee_collector": operators["treasury"]},
        "registry": {"registrar": operators["registrar"]},
        "market": {
            "settlement_denom": denom,
            "treasury": operators["treasury"],
            "grid_account": operators["grid"],
        },
        "settlement": {"backstop": operators["backstop"]},
        "params": {"authority": operators["authority"]},
        "carbon": {"authority": operators["grid"]},
        "certificates": {"beneficiary": operators["treasury"]},
    }


def _write_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    # Protobuf's JSON writes 64-bit numbers as strings.
    return {
        key: str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in fields.items()
    }


def _make_peers(peers: Sequence[GenesisPeer]) -> dict[str, Any]:
    return {
        "peers": [
            {"key": peer.node_id, "value": {"operator": peer.operator, "moniker": peer.name}}
            for peer in sorted(peers, key=lambda peer: peer.node_id)
        ]
    }


def _make_validators(validators: Sequence[GenesisValidator]) -> dict[str, Any]:
    return {
        "validators": [
            {
                "key": validator.address.lower(),
                "value": {
                    "pub_key": base64.b64encode(validator.pub_key).decode(),
                    "power": str(POWER),
                    "target_power": str(POWER),
                    "operator": validator.operator,
                    "label": validator.name,
                    "status": STATUS_ACTIVE,
                },
            }
            for validator in sorted(validators, key=lambda one: one.address)
        ]
    }


def _make_feeders(preset: Preset, operator: str) -> dict[str, Any]:
    return {
        "feeders": [
            {"key": name, "value": _write_numbers(fields) | {"operator": operator}}
            for name, fields in sorted(preset.feeders.items())
        ],
        "feeder_count": str(len(preset.feeders)),
    }


def _make_auth(accounts: Sequence[GenesisAccount]) -> dict[str, Any]:
    return {
        "accounts": [
            {"key": account.address, "value": {"account_number": str(number)}}
            for number, account in enumerate(accounts, start=1)
        ],
        "last_account_number": str(len(accounts)),
    }


def _make_registry(
    accounts: Sequence[GenesisAccount],
    meters: Sequence[GenesisMeter],
    bridge: str,
    genesis_time_s: int,
) -> dict[str, Any]:
    # The feeders of each owner's meters; the chain rejects an owner with more than one.
    feeders: dict[str, list[str]] = {}
    capacities_w: dict[str, int] = {}
    source_capacities_w: dict[str, int] = {}
    for meter in meters:
        owner = meter.owner
        feeders.setdefault(owner, []).append(meter.feeder)
        capacities_w[owner] = capacities_w.get(owner, 0) + meter.capacity_w
        if meter.energy_source != ENERGY_SOURCE_UNSPECIFIED:
            source_capacities_w[owner] = source_capacities_w.get(owner, 0) + meter.capacity_w
    return {
        "participants": [
            {
                "key": account.address,
                "value": {
                    "roles": [Role.Name(role) for role in account.roles],
                    "status": STATUS_ACTIVE,
                    "meters": str(len(feeders.get(account.address, ()))),
                    "feeder": feeders.get(account.address, [""])[0],
                    "capacity_w": str(capacities_w.get(account.address, 0)),
                    "source_capacity_w": str(source_capacities_w.get(account.address, 0)),
                },
            }
            for account in _by_address(accounts)
        ],
        "meters": [_make_meter(meter, bridge, genesis_time_s) for meter in meters],
    }


def _make_meter(meter: GenesisMeter, bridge: str, genesis_time_s: int) -> dict[str, Any]:
    return {
        "key": meter.meter_id,
        "value": {
            "owner": meter.owner,
            "bridge": bridge,
            "feeder": meter.feeder,
            "capacity_w": str(meter.capacity_w),
            "pub_key": base64.b64encode(meter.pub_key).decode(),
            "status": STATUS_ACTIVE,
            "initial_import_wh": str(meter.initial_import_wh),
            "initial_export_wh": str(meter.initial_export_wh),
            "added_at_s": str(genesis_time_s),
            "energy_source": EnergySource.Name(meter.energy_source),
        },
    }


def _make_purses(preset: Preset) -> dict[str, Any]:
    seed = str(preset.purse_seed)
    count = _count_purses(preset) if preset.purse_seed else 0
    return {
        "purses": [
            {"key": str(number), "value": {"money": seed, "seed": seed}} for number in range(count)
        ]
    }


def _count_purses(preset: Preset) -> int:
    """As many as the preset says; that it has to say so, the chain says."""
    return int(preset.params.get("market", {}).get("purses", 0))


def _make_bank(preset: Preset, issuer: str, accounts: Sequence[GenesisAccount]) -> dict[str, Any]:
    denom = preset.denom
    seed = preset.purse_seed * _count_purses(preset)
    purses = GenesisAccount(bech32.encode(market.PURSES_ACCOUNT), (), seed)
    accounts = [*accounts, purses]
    return {
        "denoms": [
            {
                "key": denom.name,
                "value": {
                    "issuer": issuer,
                    "symbol": denom.symbol,
                    "decimals": denom.decimals,
                    "supply": str(sum(account.amount for account in accounts)),
                },
            }
        ],
        "denom_count": "1",
        "balances": [
            {"key": [account.address, denom.name], "value": str(account.amount)}
            for account in _by_address(accounts)
            if account.amount
        ],
    }


def _make_default_fund(preset: Preset) -> GenesisAccount:
    """What the default fund has; nobody signs for it."""
    return GenesisAccount(bech32.encode(bank.DEFAULT_FUND), (), preset.balances["default-fund"])


def _make_carbon(
    preset: Preset, publisher: str, meters: Sequence[GenesisMeter], genesis_time_s: int
) -> dict[str, Any]:
    """One zone, whose factors the distributor with the first validator publishes, and devices."""
    factor = str(preset.default_g_per_mwh)
    zone = {"name": "grid", "publisher": publisher, "default_g_per_mwh": factor}
    return {
        "zones": [{"key": "0", "value": zone}],
        "devices": [
            {"key": meter.meter_id, "value": _make_device(meter, genesis_time_s)}
            for meter in sorted(meters, key=lambda meter: meter.meter_id)
            if meter.device_power_w
        ],
        "prices": [{"key": "0", "value": {"price_per_tonne": str(preset.carbon_price_per_tonne)}}],
    }


def _make_device(meter: GenesisMeter, genesis_time_s: int) -> dict[str, Any]:
    return {
        "owner": meter.owner,
        "energy_source": EnergySource.Name(meter.energy_source),
        "power_w": str(meter.device_power_w),
        "status": "DEVICE_STATUS_IN_FORCE",
        "meter_added_at_s": str(genesis_time_s),
    }


def _make_storage(
    preset: Preset, batteries: Mapping[str, Mapping[str, int]], genesis_time_s: int
) -> dict[str, Any]:
    if not batteries:
        return {"batteries": []}
    # Flows before the slot in delivery are part of the initial state of charge.
    settled_slot = genesis_time_s // preset.params["metering"]["slot_length_s"] - 1
    return {
        "batteries": [
            {"key": owner, "value": _write_numbers({**fields, "settled_slot": settled_slot})}
            for owner, fields in sorted(
                batteries.items(), key=lambda battery: bech32.decode(battery[0])
            )
        ]
    }


def _by_address(accounts: Sequence[GenesisAccount]) -> list[GenesisAccount]:
    """In the order in which the chain exports them."""
    return sorted(accounts, key=lambda account: bech32.decode(account.address))
