"""Whether a chain can begin with a genesis document: what CometBFT and the rules will ask."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chain import app
from chain.runtime.consensus import ValidatorUpdate
from chain.runtime.context import BlockInfo
from chain.runtime.state.collections import GenesisError
from client.errors import UsageError
from client.node.chain_pin import require_chain_id
from node_config.cometbft.files import compute_address

KEY_TYPE = "tendermint/PubKeyEd25519"
FIELDS = (
    "genesis_time", "chain_id", "initial_height", "consensus_params", "validators", "app_hash",
    "app_state",
)  # fmt: skip
TIME_CHARACTERS = 19


def require_document(document: Mapping[str, Any], name: str) -> None:
    """Raises UsageError, with the document's name and the field, unless a chain can begin so."""
    try:
        require_fields(document, FIELDS)
        require_chain_id(document["chain_id"])
        validators = _parse_validators(document["validators"])
        time_s = _parse_time(document["genesis_time"])
        block = BlockInfo(document["chain_id"], int(document["initial_height"]), time_s)
        app.init_chain(document["app_state"], block, validators)
    except (GenesisError, UsageError) as error:
        raise UsageError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{name} is not a genesis document: {error!r}") from error
    except RecursionError as error:
        raise UsageError(f"{name} is nested too deeply") from error


def require_fields(content: Any, fields: Sequence[str]) -> None:
    """Raises UsageError unless an object has exactly these fields."""
    if not isinstance(content, Mapping):
        raise UsageError("an object is expected")
    for field in fields:
        if field not in content:
            raise UsageError(f"{field} is missing")
    for field in content:
        if field not in fields:
            raise UsageError(f"{str(field)[:100]!r} is not known")


def to_canonical_json(content: object) -> bytes:
    """The one text of a value: sorted, without white space, in ASCII."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def compute_hash(content: object) -> str:
    """SHA-256 of the canonical text, in hexadecimal."""
    return hashlib.sha256(to_canonical_json(content)).hexdigest()


def _parse_validators(entries: Any) -> list[ValidatorUpdate]:
    if not entries:
        raise UsageError("validators: at least one is needed")
    updates = []
    for entry in entries:
        pub_key = base64.b64decode(entry["pub_key"]["value"], validate=True)
        address = str(entry["address"])
        if entry["pub_key"]["type"] != KEY_TYPE:
            raise UsageError(f"validators {address}: only Ed25519 keys are supported")
        if compute_address(pub_key).hex().upper() != address:
            raise UsageError(f"validators {address}: the address is not that of the key")
        power = int(entry["power"])
        if power < 1:
            raise UsageError(f"validators {address}: the power is at least 1")
        updates.append(ValidatorUpdate(pub_key, power))
    if len({update.pub_key for update in updates}) < len(updates):
        raise UsageError("validators: a key stands there twice")
    return updates


def _parse_time(text: str) -> int:
    if not text.endswith("Z"):
        raise UsageError("genesis_time: a time in UTC is expected, such as 2027-01-01T00:00:00Z")
    # Python 3.11 reads at most six decimals; CometBFT writes nine.
    return int(datetime.fromisoformat(text[:TIME_CHARACTERS] + "+00:00").timestamp())
