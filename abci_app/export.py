"""Writes a genesis document with which the same chain goes on from its last committed height."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from abci_app.storage.node_state import NodeState
from chain import app

KEY_TYPE = "tendermint/PubKeyEd25519"


class ExportError(Exception):
    """The state cannot be exported; the message says why."""


def make_genesis(state: NodeState, genesis_file: Path) -> str:
    """The genesis document as text.

    Chain id and consensus parameters are taken from the node's own genesis file; state, validators,
    time and first height from what is committed.
    """
    if not state.committed.height:
        raise ExportError("there is no committed block; the genesis file itself is the state")
    try:
        document: dict[str, Any] = json.loads(genesis_file.read_text())
    except (OSError, ValueError) as error:
        raise ExportError(f"{genesis_file} cannot be read: {error}") from None
    time_s = datetime.fromtimestamp(state.committed.time_s, UTC)
    document["genesis_time"] = time_s.strftime("%Y-%m-%dT%H:%M:%SZ")
    document["initial_height"] = str(state.committed.height + 1)
    document["app_hash"] = ""
    document["app_state"] = app.export(state.reader)
    document["validators"] = _list_validators(document["app_state"])
    return json.dumps(document, indent=1) + "\n"


def _list_validators(app_state: dict[str, Any]) -> list[dict[str, Any]]:
    """The validators that have power, as CometBFT takes them."""
    return [
        {
            "address": entry["key"].upper(),
            "pub_key": {"type": KEY_TYPE, "value": entry["value"]["pub_key"]},
            "power": entry["value"]["power"],
            "name": entry["value"].get("label", ""),
        }
        for entry in app_state["validators"]["validators"]
        if int(entry["value"].get("power", 0))
    ]
