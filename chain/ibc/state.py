"""Clients of other chains, packets, and what may be transferred.

The app hash covers this module as an ordered tree in IAVL's format (`chain.runtime.trees.ordered`),
so that other chains verify its proofs with default specifications. What they prove of it are three
paths of a packet: a client id, a byte that says what is there, and the sequence. Client ids begin
with a 0, and so a collection of that number has exactly these paths as its keys.
"""

from __future__ import annotations

from typing import Final

from blockenergy.ibc.v1 import state_pb2
from ibc.lightclients.tendermint.v1 import tendermint_pb2

from chain.ibc.packets import Kind
from chain.ibc.transfer_data import get_voucher_denom
from chain.runtime.encoding.keys import TEXT, U64, Pair
from chain.runtime.encoding.marked import Marked
from chain.runtime.encoding.values import Bytes, Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

_BYTES_MAX: Final = 32
# The first character of client ids.
_PATHS: Final = 0x30
_KINDS: Final[dict[int, str]] = {kind: kind.name.lower() for kind in Kind}


def _find_voucher(key: tuple[str, str], _: state_pb2.TransferLimit) -> str | None:
    return get_voucher_denom(*key)


SCHEMA = Schema(19, "ibc")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
CLIENTS = Map(SCHEMA, 1, "clients", TEXT, Record(state_pb2.Client))
# (client, (revision, height)).
CONSENSUS_STATES = Map(
    SCHEMA,
    2,
    "consensus_states",
    Pair(TEXT, Pair(U64, U64)),
    Record(tendermint_pb2.ConsensusState),
)
# How many clients were created: they are numbered from 0, and never removed.
CLIENT_COUNT = Sequence(SCHEMA, 3, "client_count")
# (client, path).
LIMITS = Map(SCHEMA, 4, "limits", Pair(TEXT, TEXT), Record(state_pb2.TransferLimit))
# By the denomination of the voucher.
LIMITS_BY_VOUCHER = Index(SCHEMA, 5, LIMITS, TEXT, by=_find_voucher)
# ((client, kind), sequence): commitments, receipts and acknowledgements.
PACKETS = Map(SCHEMA, _PATHS, "packets", Pair(Marked(_PATHS, _KINDS), U64), Bytes(1, _BYTES_MAX))
