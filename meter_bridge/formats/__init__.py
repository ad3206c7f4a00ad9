"""Meter formats: each turns the bytes a meter sent into a `Telegram`, without I/O.

A format is one file and one row of FORMATS, and a value of TelegramFormat in bridge.proto. Its
parser verifies whatever integrity check the format has and raises TelegramError for anything it
does not understand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from blockenergy.bridge.v1.bridge_pb2 import TELEGRAM_FORMAT_DSMR_P1, TelegramFormat

from meter_bridge.formats import dsmr, frame
from meter_bridge.formats.local_time import LocalTime
from meter_bridge.formats.telegram import Telegram, TelegramError


@dataclass(frozen=True)
class Format:
    """How telegrams of one format are parsed, and found in a file."""

    parse: Callable[[bytes, LocalTime], Telegram]
    # One telegram in a file that may hold many, and how to recognise it, for error messages.
    in_file: re.Pattern[bytes]
    framing: str


FORMATS: dict[TelegramFormat, Format] = {
    TELEGRAM_FORMAT_DSMR_P1: Format(
        dsmr.parse, frame.IN_FILE, "a telegram starts with / and ends with !"
    ),
}


def parse_telegram(format_id: TelegramFormat, raw: bytes, local_time: LocalTime) -> Telegram:
    """Parses a telegram of any supported format.

    Errors: TelegramError.
    """
    found = FORMATS.get(format_id)
    if found is None:
        raise TelegramError("The telegram's format is not supported; use DSMR P1.")
    return found.parse(raw, local_time)
