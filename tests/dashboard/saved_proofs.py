"""Proofs of lines, as somebody has saved them: of a real network, and by the root of a slot."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import rooted_proof
from blockenergy.dashboard.v1.account_pb2 import SavedProof
from google.protobuf import json_format

# `GET /api/v1/proof/89798760` of carl, on a local network of four validators.
SAVED = json.loads((Path(__file__).parent / "saved_proof.json").read_text())
CHAIN = "energy-street-041c1e-1"
CARL = "energy1gvcjtq86qjda5tyhh94ht4u8cnjuxpjrur6wz9"
SLOT = 89_798_760
# `make test-proofs` tries more.
ALTERED = int(os.environ.get("ALTERED_PROOFS", "1500"))


def read(content: Any) -> SavedProof:
    return json_format.ParseDict(content, SavedProof())


def trust(proof: SavedProof) -> bytes:
    """The hash of validators that a proof holds against."""
    return proof.block.signed_header.header.validators_hash


PROOF, ROOTED = read(SAVED), rooted_proof.make_rooted_proof()
TRUSTED = trust(PROOF)
