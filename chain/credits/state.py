"""Classes, projects, batches, offers, retirements, and what came from other registries."""

from __future__ import annotations

from blockenergy.credits.v1 import state_pb2

from chain.runtime.encoding.keys import ADDRESS, TEXT, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.params import Params
from chain.runtime.state.collections import Map, Schema, Sequence

SCHEMA = Schema(11, "credits")
PARAMS = Params(SCHEMA, 0, state_pb2.Params)
CLASSES = Map(SCHEMA, 1, "classes", TEXT, Record(state_pb2.Class))
# (class, project).
PROJECTS = Map(SCHEMA, 2, "projects", Pair(TEXT, TEXT), Record(state_pb2.Project))
BATCHES = Map(SCHEMA, 3, "batches", TEXT, Record(state_pb2.Batch))
# (batch, seller).
OFFERS = Map(SCHEMA, 4, "offers", Pair(TEXT, ADDRESS), Record(state_pb2.CreditOffer))
RETIREMENTS = Map(SCHEMA, 5, "retirements", U64, Record(state_pb2.Retirement))
LAST_RETIREMENT = Sequence(SCHEMA, 6, "last_retirement")
# (registry, receipt).
RECEIPTS = Map(SCHEMA, 7, "receipts", Pair(TEXT, TEXT), Record(state_pb2.Receipt))
# (registry, first serial number).
SERIALS = Map(SCHEMA, 8, "serials", Pair(TEXT, U64), Record(state_pb2.Serials))
LOCKS = Map(SCHEMA, 9, "locks", U64, Record(state_pb2.Lock))
# By name.
REGISTRIES = Map(SCHEMA, 12, "registries", TEXT, Record(state_pb2.Registry))
# Classes are never removed, so that the last number is their count.
CLASS_COUNT = Sequence(SCHEMA, 11, "class_count")
LAST_LOCK = Sequence(SCHEMA, 10, "last_lock")
