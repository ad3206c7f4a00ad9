"""`blockenergy meter export`: intervals of a meter from the chain, checked, without gaps."""

from __future__ import annotations

import argparse
import sys

from blockenergy.metering.v1 import errors_pb2
from blockenergy.metering.v1.query_pb2 import (
    QueryParamsRequest,
    QueryParamsResponse,
    QueryReadingRequest,
    QueryReadingResponse,
)

from client.cli.common import add_node_option
from client.errors import ClientError, RejectedError, UsageError
from client.node.rpc import Rpc
from client.queries import query
from meter_bridge.vee.export import write_cmep, write_espi
from meter_bridge.vee.intervals import make_intervals
from meter_bridge.vee.slots import Registers
from meter_bridge.vee.validate import Limits

WRITERS = {"espi": write_espi, "cmep": write_cmep}
# A quarter of a year of quarter hours.
SLOTS_MAX = 10_000


def fill_export(parser: argparse.ArgumentParser) -> None:
    """Options of `export`."""
    parser.add_argument("meter_id", metavar="METER", help="meter id")
    parser.add_argument("first", metavar="FIRST", type=int, help="first slot")
    parser.add_argument("last", metavar="LAST", type=int, help="last slot")
    parser.add_argument(
        "--format", choices=WRITERS, default="espi", help="Green Button (espi, default) or CMEP"
    )
    parser.add_argument(
        "--fuse-w", metavar="W", type=int, default=Limits().fuse_w, help="for checks (17250)"
    )
    add_node_option(parser)
    parser.set_defaults(run_meter=export)


def export(args: argparse.Namespace) -> int:
    """Writes a file with the intervals to standard output. Errors: ClientError."""
    if not 0 < args.first <= args.last < args.first + SLOTS_MAX:
        raise UsageError(f"FIRST and LAST are slots, at most {SLOTS_MAX} of them")
    rpc = Rpc(args.node)
    length_s = query(rpc, QueryParamsRequest(), QueryParamsResponse).params.slot_length_s
    readings = {}
    for slot in range(args.first - 1, args.last + 1):
        if (found := find_reading(rpc, args.meter_id, slot)) is not None:
            readings[slot] = found
    if len(readings) < 2:
        raise ClientError(f"the chain has no two readings of meter {args.meter_id} in these slots")
    intervals = make_intervals(readings, Limits(slot_length_s=length_s, fuse_w=args.fuse_w))
    sys.stdout.buffer.write(WRITERS[args.format](args.meter_id, intervals, length_s))
    return 0


def find_reading(rpc: Rpc, meter_id: str, slot: int) -> Registers | None:
    """What the chain has recorded for a slot; None if it has nothing."""
    try:
        request = QueryReadingRequest(meter_id=meter_id, slot=slot)
        found = query(rpc, request, QueryReadingResponse).registers
    except RejectedError as error:
        if (error.codespace, error.code) != ("metering", errors_pb2.READING_UNKNOWN):
            raise
        return None
    return Registers(found.import_wh, found.export_wh)
