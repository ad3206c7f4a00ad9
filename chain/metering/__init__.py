"""Readings: one per meter and slot, signed by the meter, submitted by its bridge.

Promises that a recorded reading never changes, that other content for the same meter and slot is
recorded as a conflict, that over time the energy settled for a meter is what its registers show,
through roll-overs and exchanges of the meter, and that silence never costs less than readings.
"""

from blockenergy.metering.v1 import query_pb2, tx_pb2

from chain.metering import msgs, queries
from chain.metering.genesis import validate_genesis, validate_params
from chain.metering.halts import begin_block, get_deadline_s
from chain.metering.invariants import conflicts, known_meters, offsets, silence
from chain.metering.keeper import (
    SlotEnergy,
    end_slot,
    get_last_settled,
    list_unsettled_energy,
    prune,
    settle,
)
from chain.metering.measuring import get_import_register, measure_check_meter
from chain.metering.params import (
    compute_slot_energy_wh,
    get_params,
    get_slot_params,
    get_tolerance_max_permille,
)
from chain.metering.rules import HASH_BYTES, SILENT_HOURS_MAX, is_signed, reading_sign_bytes
from chain.metering.silence import Apart, Prices, list_estimates, require_speaking
from chain.metering.state import PARAMS, SCHEMA
from chain.runtime.module import Module

MODULE = Module(
    name="metering",
    schema=SCHEMA,
    msg_services=(tx_pb2.DESCRIPTOR.services_by_name["Msg"],),
    msgs=msgs,
    query_services=(query_pb2.DESCRIPTOR.services_by_name["Query"],),
    queries=queries,
    begin_block=begin_block,
    invariants=(known_meters, conflicts, offsets, silence),
    params=PARAMS,
    validate_params=validate_params,
    validate_genesis=validate_genesis,
)

__all__ = [
    "HASH_BYTES",
    "MODULE",
    "SILENT_HOURS_MAX",
    "Apart",
    "Prices",
    "SlotEnergy",
    "compute_slot_energy_wh",
    "end_slot",
    "get_deadline_s",
    "get_import_register",
    "get_last_settled",
    "get_params",
    "get_slot_params",
    "get_tolerance_max_permille",
    "is_signed",
    "list_estimates",
    "list_unsettled_energy",
    "measure_check_meter",
    "prune",
    "reading_sign_bytes",
    "require_speaking",
    "settle",
]
