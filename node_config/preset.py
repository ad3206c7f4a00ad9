"""Presets: all parameters of a new network in one TOML file, chosen by name or by path.

A preset has the chain's parameters, the consensus parameters and the node settings, and may name
participants. Ports are chosen when a network is created from it. With `base = "NAME"` it changes
another preset: what it says counts, and its feeders, if it names any, are the only ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain import app
from client.errors import MissingError, UsageError
from client.files.toml_file import read_toml
from node_config.money import Denom
from node_config.participants import Participant, parse_participants

FOLDER = Path(__file__).resolve().parent / "presets"
BALANCES = (
    "treasury", "backstop", "distributor", "registrar", "issuer", "bridge", "default-fund",
)  # fmt: skip
CARBON = ("default_g_per_mwh", "price_per_tonne")
_TABLES = (
    "chain", "settlement_denom", "balances", "purses", "feeders", "params", "carbon",
    "consensus_params",
    "cometbft", "participants",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Preset:
    """The settings of a network."""

    # The beginning of the chain id; the rest is drawn when a network is made.
    chain_name: str
    denom: Denom
    # What each operator's account begins with, in smallest units.
    balances: Mapping[str, int]
    # What each of the market's purses begins with, in smallest units: all that the treasury risks.
    purse_seed: int
    # The feeders: capacity and grid fee of each line, and the feeder that it branches off.
    feeders: Mapping[str, Mapping[str, Any]]
    # Those registered at genesis, by name.
    participants: Mapping[str, Participant]
    # Per module, without the addresses and denominations, which genesis puts in. The chain checks
    # that none is missing.
    params: Mapping[str, Mapping[str, Any]]
    # Of energy whose factor nobody publishes, and what a tonne costs, in smallest units.
    default_g_per_mwh: int
    carbon_price_per_tonne: int
    consensus_params: Mapping[str, Any]
    # Per section of config.toml; `base` precedes the first section.
    cometbft: Mapping[str, Mapping[str, Any]]


def load_preset(name: str) -> Preset:
    """Loads a preset by name, or by a path that ends with .toml.

    Raises MissingError if there is none, and UsageError if it is incomplete.
    """
    path = find_preset(name)
    return parse_preset(path, read_preset(path))


def find_preset(name: str) -> Path:
    """The file of a preset; MissingError if there is none."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in FOLDER.glob("*.toml")))
        raise MissingError(
            f"there is no preset {name}; use one of {known}, or the path of a .toml file"
        )
    return path


def parse_preset(path: Path, content: Mapping[str, Any]) -> Preset:
    """The preset that tables describe; `path` is named in errors. UsageError."""
    _require_names(path, "", content, _TABLES)
    _require_known(path, "params.", content["params"], [module.name for module in app.MODULES])
    _require_names(path, "balances.", content["balances"], BALANCES)
    _require_names(path, "purses.", content["purses"], ("seed_each",))
    _require_names(path, "carbon.", content["carbon"], CARBON)
    try:
        denom = Denom(**content["settlement_denom"])
        return Preset(
            chain_name=content["chain"]["name"],
            denom=denom,
            balances={role: denom.parse(text) for role, text in content["balances"].items()},
            purse_seed=denom.parse(content["purses"]["seed_each"]),
            feeders=content["feeders"],
            participants=parse_participants(content["participants"], denom),
            params=content["params"],
            default_g_per_mwh=content["carbon"]["default_g_per_mwh"],
            carbon_price_per_tonne=denom.parse(content["carbon"]["price_per_tonne"]),
            consensus_params=content["consensus_params"],
            cometbft=content["cometbft"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: {error}; compare it with {FOLDER / 'localnet.toml'}") from error


def read_preset(path: Path) -> dict[str, Any]:
    """The tables of a preset, on top of those of its base."""
    content = read_toml(path)
    base = content.pop("base", None)
    if base is None:
        return {"participants": {}} | content
    merged = read_preset(FOLDER / f"{base}.toml")
    for name in ("feeders", "participants"):
        merged[name] = content.pop(name, merged[name])
    return _merge(merged, content)


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(old.get(name), dict)
        merged[name] = _merge(old[name], value) if both else value
    return merged


def _require_names(path: Path, place: str, table: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if name not in table:
            raise UsageError(f"{path}: {place}{name} is missing")
    _require_known(path, place, table, names)


def _require_known(path: Path, place: str, table: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in table:
        if name not in names:
            raise UsageError(f"{path}: {place}{name} is not known")
