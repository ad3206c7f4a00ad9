"""Options shared by the bridge and its clients."""

from __future__ import annotations

import argparse
import re

from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE, LocalTime

# No time zone is further from UTC.
OFFSET_MAX_S = 14 * 3600
OFFSETS = re.compile(r"(-?[0-9]{1,5}),(-?[0-9]{1,5})", re.ASCII)


def add_local_time_option(parser: argparse.ArgumentParser) -> None:
    """--utc-offsets."""
    parser.add_argument(
        "--utc-offsets",
        metavar="WINTER,SUMMER",
        dest="local_time",
        type=parse_local_time,
        default=CENTRAL_EUROPE,
        help="UTC offsets of the meters' clocks, in seconds (default: 3600,7200 for CET and CEST)",
    )


def parse_local_time(text: str) -> LocalTime:
    """The offsets of `3600,7200`."""
    found = OFFSETS.fullmatch(text)
    if found is None or max(abs(int(found[1])), abs(int(found[2]))) > OFFSET_MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair of offsets such as 3600,7200")
    return LocalTime(int(found[1]), int(found[2]))
