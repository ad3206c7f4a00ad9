"""Participants, meters, feeders, and the parameters of the registry."""

from __future__ import annotations

from blockenergy.registry.v1 import state_pb2

from chain.runtime.encoding import bech32
from chain.runtime.encoding.keys import ADDRESS, TEXT
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Index, Map, Schema, Sequence

SCHEMA = Schema(2, "registry")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
PARTICIPANTS = Map(SCHEMA, 1, "participants", ADDRESS, Record(state_pb2.Participant))
METERS = Map(SCHEMA, 2, "meters", TEXT, Record(state_pb2.Meter))


# Meters that have slots to settle, owner by owner; check meters are nobody's to settle.
METERS_BY_OWNER = Index(
    SCHEMA,
    3,
    METERS,
    ADDRESS,
    by=lambda _, meter: None if meter.closed or meter.checks_feeder else bech32.decode(meter.owner),
)

# The meter with a key. A key is free again when its meter is removed.
METERS_BY_KEY = Index(
    SCHEMA,
    7,
    METERS,
    TEXT,
    by=lambda _, meter: None if meter.status == state_pb2.STATUS_REMOVED else meter.pub_key.hex(),
)

FEEDERS = Map(SCHEMA, 4, "feeders", TEXT, Record(state_pb2.Feeder))
# The feeders that branch off each; under the empty name, those at the grid supply point.
FEEDERS_BY_PARENT = Index(SCHEMA, 6, FEEDERS, TEXT, by=lambda _, feeder: feeder.parent)
# The feeders with a check meter, by its id.
FEEDERS_BY_CHECK_METER = Index(
    SCHEMA, 8, FEEDERS, TEXT, by=lambda _, feeder: feeder.check_meter or None
)
# Feeders are never removed, so that the last number is their count.
FEEDER_COUNT = Sequence(SCHEMA, 5, "feeder_count")
