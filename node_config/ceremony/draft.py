"""The draft: what all parties agree on before anybody adds a validator.

It has the chain id, the time of the first block, all parameters, the offices and the accounts, and
no key. Its hash stands in every record, so that whoever signs one has agreed to exactly this draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.runtime.encoding import bech32
from client.errors import UsageError
from client.node.chain_pin import require_chain_id
from node_config.accounts import ROLES, GenesisAccount, parse_roles
from node_config.ceremony.document import compute_hash, require_fields
from node_config.node.home import read_document
from node_config.preset import Preset, find_preset, parse_preset, read_preset

FORMAT = "blockenergy-genesis-draft-1"
# Who holds each office; grid may be left out, and is the treasury then.
OFFICES = ("registrar", "treasury", "backstop", "issuer", "bridge")
GRID = "grid"
TIME_MAX_S = 1 << 40
_FIELDS = ("format", "chain_id", "genesis_time_s", "preset", "offices", "accounts")


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft whose form is right."""

    content: Mapping[str, Any]
    preset: Preset
    offices: Mapping[str, str]
    accounts: Sequence[GenesisAccount]

    @property
    def chain_id(self) -> str:
        """The id of the new chain."""
        return str(self.content["chain_id"])

    @property
    def genesis_time_s(self) -> int:
        """When the first block may come."""
        return int(self.content["genesis_time_s"])

    @property
    def hash(self) -> str:
        """What every record names."""
        return compute_hash(self.content)


def make_draft(
    preset: str,
    chain_id: str,
    genesis_time_s: int,
    offices: Mapping[str, str],
    accounts: Sequence[GenesisAccount],
) -> Draft:
    """A new draft; UsageError or MissingError."""
    content = {
        "format": FORMAT,
        "chain_id": chain_id,
        "genesis_time_s": genesis_time_s,
        "preset": read_preset(find_preset(preset)),
        "offices": dict(offices),
        "accounts": [_write_account(account) for account in accounts],
    }
    return _parse(content, "the draft")


def read_draft(path: Path) -> Draft:
    """The draft in a file; UsageError or MissingError."""
    return _parse(read_document(path), str(path))


def _parse(content: Mapping[str, Any], name: str) -> Draft:
    try:
        require_fields(content, _FIELDS)
        if content["format"] != FORMAT:
            raise UsageError(f"the format is not {FORMAT}")
        require_chain_id(content["chain_id"])
        time_s = content["genesis_time_s"]
        if not isinstance(time_s, int) or not 0 < time_s < TIME_MAX_S:
            raise UsageError("genesis_time_s: seconds since 1970 are expected")
        preset = parse_preset(Path("preset"), content["preset"])
        if preset.participants:
            raise UsageError("the preset has participants, whose keys would be made in one place")
        accounts = [_read_account(entry) for entry in content["accounts"]]
        offices = _parse_offices(content["offices"])
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{name} is not a draft: {error!r}") from error
    return Draft(content, preset, offices, accounts)


def _parse_offices(offices: Any) -> dict[str, str]:
    require_fields({name: offices[name] for name in offices if name != GRID}, OFFICES)
    for office, address in offices.items():
        try:
            bech32.decode(address)
        except bech32.AddressError as error:
            raise UsageError(f"offices.{office}: {error}") from error
    return {GRID: offices["treasury"], **offices}


def _write_account(account: GenesisAccount) -> dict[str, object]:
    names = {number: name for name, number in ROLES.items()}
    roles = [names[number] for number in account.roles]
    return {"address": account.address, "roles": roles, "amount": account.amount}


def _read_account(entry: Any) -> GenesisAccount:
    require_fields(entry, ("address", "roles", "amount"))
    try:
        bech32.decode(entry["address"])
    except bech32.AddressError as error:
        raise UsageError(f"accounts {str(entry['address'])[:80]!r}: {error}") from error
    amount = entry["amount"]
    if not isinstance(amount, int) or amount < 0:
        raise UsageError(f"accounts {entry['address']}: the amount is a whole number")
    return GenesisAccount(entry["address"], parse_roles("+".join(entry["roles"])), amount)
