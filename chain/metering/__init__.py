"""Readings: one per meter and slot, signed by the meter, submitted by its bridge.

Promises that a recorded reading never changes, that other content for the same meter and slot is
recorded as a conflict, and that over time the energy settled for a meter is what its registers
show, through roll-overs and exchanges of the meter: the next reading corrects an estimate.
"""

from blockenergy.metering.v1 import query_pb2, tx_pb2

from chain.metering import msgs, queries
from chain.metering.genesis import validate_genesis, validate_params
from chain.metering.invariants import conflicts, known_meters, offsets
from chain.metering.keeper import (
    SlotEnergy,
    close_if_removed,
    end_slot,
    get_deadline_s,
    get_import_register,
    get_last_settled,
    get_params,
    get_slot_params,
    get_tolerance_max_permille,
    list_unsettled_energy,
    prune,
    settle_estimate,
    settle_reading,
)
from chain.metering.rules import SILENT_HOURS_MAX, reading_sign_bytes
from chain.metering.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="metering",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    invariants=(known_meters, conflicts, offsets),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "MODULE",
    "SILENT_HOURS_MAX",
    "SlotEnergy",
    "close_if_removed",
    "end_slot",
    "get_deadline_s",
    "get_import_register",
    "get_last_settled",
    "get_params",
    "get_slot_params",
    "get_tolerance_max_permille",
    "list_unsettled_energy",
    "prune",
    "reading_sign_bytes",
    "settle_estimate",
    "settle_reading",
]
