"""Options that the bridge and its clients share."""

from __future__ import annotations

import argparse
import re

from meter_bridge.telegram import CENTRAL_EUROPE, LocalTime

# No place is farther from UTC.
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
        help="seconds that the meters' clocks are ahead of UTC (default: 3600,7200 for CET, CEST)",
    )


def parse_local_time(text: str) -> LocalTime:
    """The offsets of `3600,7200`."""
    found = OFFSETS.fullmatch(text)
    if found is None or max(abs(int(found[1])), abs(int(found[2]))) > OFFSET_MAX_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not two offsets such as 3600,7200")
    return LocalTime(int(found[1]), int(found[2]))
