"""Makes the genesis document of a draft and its records: for everybody the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from chain.validators import VOTE_ACCOUNT
from client.errors import UsageError
from node_config.ceremony.document import require_document
from node_config.ceremony.draft import Draft
from node_config.ceremony.record import Record
from node_config.cometbft.files import compute_address
from node_config.genesis import GenesisPeer, GenesisValidator, make_app_state, make_document

RECORDS_MAX = 100
# What no two records share, and what it is called.
_UNIQUE: tuple[tuple[str, Callable[[Record], object]], ...] = (
    ("operator", lambda record: record.operator),
    ("validator key", lambda record: record.validator),
    ("node key", lambda record: record.peer.node_id),
    ("label", lambda record: record.label),
)


def collect(draft: Draft, records: Sequence[Record]) -> str:
    """The text of genesis.json, whatever the order of the records. UsageError.

    Nobody holds the authority over parameters but the vote of all.
    """
    _require_fitting(records)
    # By operator, so that the order of files says nothing.
    ordered = sorted(records, key=lambda record: record.operator)
    operators = {f"distributor{number}": one.operator for number, one in enumerate(ordered)}
    operators |= {**draft.offices, "authority": VOTE_ACCOUNT}
    validators = [
        GenesisValidator(
            one.label, compute_address(one.validator).hex().upper(), one.validator, one.operator
        )
        for one in ordered
    ]
    peers = [GenesisPeer(one.peer.node_id, one.label, one.operator) for one in ordered]
    state = make_app_state(
        draft.preset,
        operators,
        draft.accounts,
        (),
        draft.genesis_time_s,
        peers,
        validators=validators,
    )
    document = make_document(draft.preset, draft.chain_id, draft.genesis_time_s, validators, state)
    require_document(document, "the document")
    return json.dumps(document, indent=1) + "\n"


def _require_fitting(records: Sequence[Record]) -> None:
    if not 1 <= len(records) <= RECORDS_MAX:
        raise UsageError(f"1 to {RECORDS_MAX} records are expected, not {len(records)}")
    for what, get in _UNIQUE:
        seen: dict[object, str] = {}
        for record in records:
            value = get(record)
            if value in seen:
                raise UsageError(
                    f"{seen[value]!r} and {record.label!r} have the same {what}; each distributor "
                    "makes a record of its own, and one only"
                )
            seen[value] = record.label
