"""Slots as people name them: by number, relative to now, or by a time within them."""

from __future__ import annotations

from blockenergy.metering.v1.query_pb2 import QueryParamsRequest, QueryParamsResponse
from blockenergy.options.v1 import options_pb2 as options

from client.cli.common import NS_PER_S
from client.node.rpc import Rpc
from client.queries import query
from client.units import parse


def parse_slot(rpc: Rpc, text: str) -> int:
    """`4711`, `+2` or `-96` from the slot in delivery, or `2026-10-01T12:00:00Z`.

    Raises UsageError for anything else.
    """
    text = text.strip()
    if text[:1] in ("+", "-"):
        length_s = get_slot_length_s(rpc)
        count = parse(options.UNIT_NONE, text[1:])
        now = rpc.status().latest_time_ns // NS_PER_S // length_s
        return max(0, now + (count if text[0] == "+" else -count))
    if "T" in text:
        return parse(options.UNIT_TIME_S, text) // get_slot_length_s(rpc)
    return parse(options.UNIT_SLOT, text)


def get_slot_length_s(rpc: Rpc) -> int:
    """The block time of a slot."""
    return query(rpc, QueryParamsRequest(), QueryParamsResponse).params.slot_length_s
