"""Tie lines, what they have agreed slot by slot, and their orders of a block."""

from __future__ import annotations

from blockenergy.tielines.v1 import state_pb2

from chain.runtime.encoding.keys import TEXT, U64, Pair
from chain.runtime.encoding.values import Record
from chain.runtime.state.collections import Index, Map, Schema


def _find_back(key: tuple[int, str], schedule: state_pb2.Schedule) -> tuple[int, str] | None:
    """Only a schedule with something to trade back."""
    return key if schedule.back_export_wh or schedule.back_import_wh else None


SCHEMA = Schema(20, "tielines")
TIE_LINES = Map(SCHEMA, 1, "tie_lines", TEXT, Record(state_pb2.TieLine))
# (slot, tie line).
SCHEDULES = Map(SCHEMA, 2, "schedules", Pair(U64, TEXT), Record(state_pb2.Schedule))
# By order id: placed in this block, gone at its end.
PLACED = Map(SCHEMA, 3, "placed", U64, Record(state_pb2.PlacedOrder))
# Of the schedules that have something to trade back.
SCHEDULES_TO_TRADE_BACK = Index(SCHEMA, 4, SCHEDULES, Pair(U64, TEXT), by=_find_back)
