"""Validators by the address of their key, proposals by their number, and the parameters."""

from __future__ import annotations

from blockenergy.validators.v1 import state_pb2

from chain.runtime.encoding.keys import TEXT, U64
from chain.runtime.encoding.values import Amount, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Item, Map, Schema, Sequence

SCHEMA = Schema(15, "validators")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
VALIDATORS = Map(SCHEMA, 1, "validators", TEXT, Record(state_pb2.Validator))
PROPOSALS = Map(SCHEMA, 2, "proposals", U64, Record(state_pb2.Proposal))
PROPOSAL_IDS = Sequence(SCHEMA, 3, "last_proposal_id")
# The height of the latest change of the set.
CHANGED_AT = Item(SCHEMA, 4, "changed_at_height", Amount())
