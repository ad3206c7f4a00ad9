"""Meter formats: each turns the bytes a meter sent into what they say, without I/O.

A format is one file, or folder, and one row of FORMATS, and a value of TelegramFormat in
bridge.proto. Its reader verifies whatever integrity check the format has and raises TelegramError
for anything it does not understand.

    telegram                what formats are parsed into
    dsmr, dlms, sml, ...    the formats
    encoding                what several of them share: how data is written down, and checked
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import TelegramFormat

from meter_bridge.formats import (
    cmep,
    dsmr,
    espi,
    iec62056_21,
    ieee2030_5,
    n3rgy,
    ocmf,
    sense,
    sml,
    tasmota,
    wmbus,
)
from meter_bridge.formats.dlms import reader as dlms
from meter_bridge.formats.encoding import frame
from meter_bridge.formats.encoding.local_time import LocalTime
from meter_bridge.formats.telegram import Content, Context, Telegram, TelegramError, complete


def take_whole(content: bytes) -> Sequence[bytes]:
    """A file of a format that has one document in it."""
    return [content] if content.strip() else []


@dataclass(frozen=True)
class Format:
    """How telegrams of one format are recognised, read, and found in a file that holds many."""

    # Errors: TelegramError.
    read: Callable[[bytes, Context], list[Content]]
    # Whether a file can be of no other format; in the order of FORMATS.
    recognise: Callable[[bytes], object]
    # For error messages.
    framing: str
    split: Callable[[bytes], Sequence[bytes]] = take_whole


# What only P1 telegrams have, behind what is left of the one before. One changed bit leaves several
# of them.
_DSMR = re.compile(
    rb"\A(?:[^/]{0,8192}[\r\n])?\s*/.{0,8192}^(?:1-3:0\.2\.8\(|0-0:1\.0\.0\(|0-0:96\.1\.1\(|0-0:42\.0\.0\(|![^\s])",
    re.DOTALL | re.MULTILINE,
)
_IEC_62056_21 = re.compile(
    rb"\A[\x00\x7f\xff\s]*(?:/\?|/[A-Za-z]{3}|\x02|\x06[0-9]|[0-9A-Z.:*-]{3,24}\()"
)
_XML, _JSON = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<"), re.compile(rb"\A\s*\{")
_DLMS = re.compile(
    rb"\A(?:\x7e|\x68..\x68|\xe6[\xe6\xe7]\x00|\x0f....[\x00\x09\x0c]|[\xdb\xdc\xdd\xdf\xe0]|\x00\x01)",
    re.DOTALL,
)
_WMBUS = re.compile(rb"\A(?:\x54\xcd|\x54\x3d)?.\x44", re.DOTALL)

FORMATS: dict[TelegramFormat, Format] = {
    bridge_pb2.TELEGRAM_FORMAT_DSMR_P1: Format(
        dsmr.read, _DSMR.match, "a telegram starts with / and ends with !", frame.IN_FILE.findall
    ),
    bridge_pb2.TELEGRAM_FORMAT_IEC_62056_21: Format(
        iec62056_21.read,
        _IEC_62056_21.match,
        "a readout starts with / or STX and ends with !",
        iec62056_21.split,
    ),
    bridge_pb2.TELEGRAM_FORMAT_SML: Format(
        sml.read,
        lambda content: sml.START in content[:4096] or sml.BARE.match(content),
        "a telegram starts with 1B1B1B1B01010101",
        sml.split,
    ),
    bridge_pb2.TELEGRAM_FORMAT_DLMS: Format(
        dlms.read, _DLMS.match, "a telegram starts with 7E, 68 or 0F", dlms.split
    ),
    bridge_pb2.TELEGRAM_FORMAT_WMBUS: Format(
        wmbus.read,
        _WMBUS.match,
        "a telegram starts with its length and 44",
        wmbus.split,
    ),
    bridge_pb2.TELEGRAM_FORMAT_OCMF: Format(
        ocmf.read,
        lambda content: content.lstrip().startswith(ocmf.PREFIX),
        "a data set starts with OCMF|",
        ocmf.split,
    ),
    bridge_pb2.TELEGRAM_FORMAT_CMEP: Format(
        cmep.read,
        lambda content: content.lstrip().startswith(b"MEPMD"),
        f"a record starts with {cmep.RECORD}",
    ),
    bridge_pb2.TELEGRAM_FORMAT_IEEE_2030_5: Format(
        ieee2030_5.read,
        lambda content: _XML.match(content) and ieee2030_5.NAMESPACE.encode() in content,
        f"a document is XML in the namespace {ieee2030_5.NAMESPACE}",
    ),
    bridge_pb2.TELEGRAM_FORMAT_ESPI: Format(
        espi.read, _XML.match, f"a document is XML in the namespace {espi.NAMESPACE}"
    ),
    bridge_pb2.TELEGRAM_FORMAT_SENSE: Format(
        sense.read,
        lambda content: _JSON.match(content) and b'"payload"' in content,
        "a frame is a JSON object with type and payload",
    ),
    bridge_pb2.TELEGRAM_FORMAT_N3RGY: Format(
        n3rgy.read,
        lambda content: _JSON.match(content) and b'"devices"' in content,
        "an answer is a JSON object with resource and devices",
    ),
    bridge_pb2.TELEGRAM_FORMAT_TASMOTA: Format(
        tasmota.read, _JSON.match, "a message is a JSON object"
    ),
}


def find_format(content: bytes) -> tuple[TelegramFormat, bytes] | None:
    """The format of a file, and its content as bytes if it came as hexadecimal text."""
    decoded = decode_hexadecimal(content)
    for format_id, known in FORMATS.items():
        if decoded is not None and known.recognise(decoded):
            return format_id, decoded
        if known.recognise(content):
            return format_id, content
    return None


_HEXADECIMAL = re.compile(rb"\s*(?:0x)?(?:[0-9A-Fa-f]{2}[\s|:_-]*)+", re.ASCII)


def decode_hexadecimal(content: bytes) -> bytes | None:
    """The bytes of a file in hexadecimal; None if it is none."""
    if not _HEXADECIMAL.fullmatch(content):
        return None
    return bytes.fromhex(re.sub(rb"\A\s*0x|[^0-9A-Fa-f]", b"", content).decode("ascii"))


def read_telegram(format_id: TelegramFormat, raw: bytes, context: Context) -> list[Content]:
    """What a telegram of any supported format says, one content for each meter in it.

    Errors: TelegramError.
    """
    found = FORMATS.get(format_id)
    if found is None:
        raise TelegramError("The telegram's format is not supported.")
    return found.read(raw, context)


def parse_telegram(format_id: TelegramFormat, raw: bytes, local_time: LocalTime) -> Telegram:
    """A telegram that says by itself what a reading is made of, as a bridge needs it.

    Errors: TelegramError.
    """
    contents = read_telegram(format_id, raw, Context(local_time))
    if len(contents) != 1:
        raise TelegramError(
            f"The telegram is about {len(contents)} meters; push the reading of each instead."
        )
    if not contents[0].checks:
        raise TelegramError(
            "The telegram has no checksum, so a changed digit would go unnoticed; a gateway that "
            "reads the meter itself can push its reading."
        )
    return complete(contents[0])


__all__ = [
    "FORMATS",
    "Format",
    "decode_hexadecimal",
    "find_format",
    "parse_telegram",
    "read_telegram",
]
