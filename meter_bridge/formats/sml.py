"""SML files (Smart Message Language, BSI TR-03109-1), as German meters send them.

    1B1B1B1B 01010101 ... 1B1B1B1B 1A, number of fill bytes, CRC-16/X-25 of all before it

In between are messages: lists of transaction, group, abort on error, body, CRC, end. The body of a
GetListResponse has the values. Messages may also come bare, as some readers hand them on; then the
checksum of each is verified. The clock is mostly a count of seconds
since the meter was switched on; then the telegram has no time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from meter_bridge.formats.dlms.lists import UNITS
from meter_bridge.formats.encoding.axdr import Reader
from meter_bridge.formats.encoding.checksums import compute_kermit, compute_x25
from meter_bridge.formats.encoding.registers import format_obis, read_registers_wh
from meter_bridge.formats.telegram import (
    TELEGRAM_BYTES_MAX,
    Content,
    Context,
    Quantity,
    TelegramError,
    as_meter_id,
    require_bytes,
    scale,
)

Value: TypeAlias = "bool | int | bytes | list[Value] | None"

ESCAPE, VERSION_1, END = b"\x1b" * 4, b"\x01" * 4, 0x1A
START = ESCAPE + VERSION_1
CHECK, MESSAGE_CHECK = "SML CRC-16/X-25", "SML CRC-16/X-25 of each message"
TRAILER_BYTES = 8
LIST_RESPONSE = 0x0701
DEPTH_MAX = 8
# Fields of a message, of its list of values, and of a value.
MESSAGE_FIELDS, LIST_FIELDS, ENTRY_FIELDS = 6, 7, 7
MESSAGE = bytes([0x70 | MESSAGE_FIELDS])
# A message from its transaction to the number of its group.
BARE = re.compile(rb"\x76[\x02-\x0f].{1,14}\x62.\x62[\x00\xff]\x72", re.DOTALL)
# Three at most by the standard, but four are sent.
FILL_MAX = 4
UTC, LOCAL = 2, 3
# Where meters say who they are; the last is a serial number in text.
SERVER_IDS, SERIALS = ("1-0:96.1.0", "1-0:0.0.9"), ("1-0:0.0.0", "0-0:96.1.255*255", "1-0:96.1.255")
# DIN 43863-5: length, medium, maker in three letters, block, and a number.
DIN_LENGTHS, DIN_BYTES = {9, 10}, 10


@dataclass
class Found:
    """What the lists of a file say."""

    server_id: bytes = b""
    time_s: int | None = None
    values: dict[str, Quantity] = field(default_factory=dict)
    octets: dict[str, bytes] = field(default_factory=dict)


def read(raw: bytes, _: Context) -> list[Content]:
    """The content of one file.

    Errors: TelegramError.
    """
    require_bytes(raw, TELEGRAM_BYTES_MAX)
    found = Found()
    is_bare = raw[:1] == MESSAGE
    for body in read_messages(raw if is_bare else require_checksum(raw), is_bare=is_bare):
        take_body(body, found)
    if not found.values:
        raise TelegramError("The telegram has no list of values.")
    imported, exported = read_registers_wh(found.values)
    return [
        Content(
            meter_id=find_meter_id(found),
            time_s=found.time_s,
            import_register_wh=imported,
            export_register_wh=exported,
            values=found.values,
            checks=(MESSAGE_CHECK if is_bare else CHECK,),
        )
    ]


def require_checksum(raw: bytes) -> bytes:
    """The messages of a file, without escapes and fill bytes.

    Errors: TelegramError.
    """
    if not raw.startswith(START) or len(raw) < len(START) + TRAILER_BYTES:
        raise TelegramError("The telegram does not start as an SML file does.")
    trailer = raw[-TRAILER_BYTES:]
    fill = trailer[5]
    if trailer[:4] != ESCAPE or trailer[4] != END or fill > FILL_MAX:
        raise TelegramError("The telegram does not end as an SML file does.")
    stated = int.from_bytes(trailer[6:], "little")
    if stated not in {compute_x25(raw[:-2]), compute_kermit(raw[:-2])}:
        raise TelegramError(
            f"The telegram's checksum is {stated:04X} but its content gives "
            f"{compute_x25(raw[:-2]):04X}; it was altered or damaged in transit."
        )
    content = raw[len(START) : -TRAILER_BYTES]
    content = content[: len(content) - fill]
    return content.replace(ESCAPE * 2, ESCAPE)


def read_messages(content: bytes, *, is_bare: bool) -> Iterator[list[Value]]:
    """The body of each message; its own checksum is verified if nothing else protects it.

    Errors: TelegramError.
    """
    reader = Reader(content)
    while reader.position < len(content):
        start = reader.position
        if content[start] == 0:
            # Fill bytes.
            reader.take(1)
            continue
        if reader.take_int(1) != 0x70 | MESSAGE_FIELDS:
            raise TelegramError("The telegram has something else between its messages.")
        fields = [read_value(reader) for _ in range(4)]
        end = reader.position
        stated, last = read_value(reader), reader.take_int(1)
        checked = content[start:end]
        swapped = {int.from_bytes(compute(checked).to_bytes(2, "little"), "big")
                   for compute in (compute_x25, compute_kermit)}  # fmt: skip
        is_right = isinstance(stated, int) and stated in swapped
        if last != 0 or (is_bare and not is_right):
            raise TelegramError("A message of the telegram does not match its checksum.")
        if isinstance(fields[3], list):
            yield fields[3]


def read_value(reader: Reader, depth: int = 0) -> Value:
    """The next value. Its length counts the bytes of the length itself, except that of a list.

    Errors: TelegramError.
    """
    head = reader.take_int(1)
    kind, length, count = head >> 4 & 7, head & 0x0F, 1
    while head & 0x80:
        head, count = reader.take_int(1), count + 1
        length = length << 4 | head & 0x0F
        if count > 4:
            raise TelegramError("The telegram has a length of impossible size.")
    if kind == 7:
        if depth >= DEPTH_MAX:
            raise TelegramError("The telegram's lists are nested too deeply.")
        return [read_value(reader, depth + 1) for _ in range(length)]
    if kind == 0 and length == 0:
        return None
    if length < count:
        raise TelegramError("The telegram has a length of impossible size.")
    content = reader.take(length - count)
    if kind == 0:
        return content or None
    if kind == 4:
        return content != b"\0"
    if kind in (5, 6) and 1 <= len(content) <= 8:
        return int.from_bytes(content, "big", signed=kind == 5)
    raise TelegramError(f"The telegram has a value of the unknown type {kind}.")


def take_body(body: list[Value], found: Found) -> None:
    """Takes in the values of a GetListResponse; other messages carry none."""
    if len(body) != 2 or body[0] != LIST_RESPONSE:
        return
    response = body[1]
    if not isinstance(response, list) or len(response) != LIST_FIELDS:
        raise TelegramError("The telegram has a list of values without its seven fields.")
    _, server_id, _, sensor_time, entries, _, gateway_time = response
    if isinstance(server_id, bytes):
        found.server_id = server_id
    times = (read_time_s(sensor_time), read_time_s(gateway_time))
    found.time_s = next((time_s for time_s in times if time_s is not None), found.time_s)
    for entry in entries if isinstance(entries, list) else ():
        take_entry(entry, found)


def take_entry(entry: Value, found: Found) -> None:
    """Takes in one value with its code, unit and scaler."""
    if not isinstance(entry, list) or len(entry) != ENTRY_FIELDS:
        raise TelegramError("The telegram has a value without its seven fields.")
    name, _, _, unit, scaler, value, _ = entry
    if not isinstance(name, bytes) or len(name) != 6:
        return
    code = format_obis(name)
    if isinstance(value, bytes):
        found.octets.setdefault(code, value)
    elif isinstance(value, int) and not isinstance(value, bool):
        exponent = scaler if isinstance(scaler, int) else 0
        shown = UNITS.get(unit, "") if isinstance(unit, int) else ""
        quantity = Quantity(scale(value, exponent), shown)
        if found.values.setdefault(code, quantity) != quantity:
            raise TelegramError(f"The telegram contains {code} twice.")


def read_time_s(value: Value) -> int | None:
    """UTC seconds of a time; None for a count of seconds, or for none."""
    match value:
        case [2, int(time_s)]:
            return time_s
        case [3, [int(time_s), int(), int()]]:
            # The timestamp is UTC, the two numbers beside it are the offsets of local time.
            return time_s
    return None


def find_meter_id(found: Found) -> str:
    """The meter's identification, as its label has it if it follows DIN 43863-5."""
    for code in SERVER_IDS:
        if code in found.octets:
            return format_server_id(found.octets[code])
    for code in SERIALS:
        if text := as_meter_id(found.octets.get(code, b"").decode("ascii", "replace").strip()):
            return text
    return format_server_id(found.server_id)


def format_server_id(octets: bytes) -> str:
    """Medium, maker, block and number, such as 1HLY0200271520; else hexadecimal."""
    if len(octets) == DIN_BYTES and octets[0] in DIN_LENGTHS:
        maker, number = octets[2:5].decode("ascii", "replace"), int.from_bytes(octets[6:], "big")
        text = f"{octets[1]:X}{maker}{octets[5]:02X}{number:08d}"
        if as_meter_id(text):
            return text
    text = octets.decode("ascii", "replace").strip()
    return as_meter_id(text) or (octets.hex().upper() if any(octets) else "")


def split(content: bytes) -> list[bytes]:
    """The files of a capture, damaged ones too."""
    files: list[bytes] = []
    start = content.find(START)
    while start >= 0:
        end = find_end(content, start + len(START))
        if end < 0:
            files.append(content[start:])
            break
        files.append(content[start:end])
        start = content.find(START, end)
    return files or [content]


def find_end(content: bytes, position: int) -> int:
    """Behind the next trailer; -1 if there is none. Escapes in the data come twice."""
    while True:
        position = content.find(ESCAPE, position)
        if position < 0:
            return -1
        if content[position + 4 : position + 8] == ESCAPE:
            position += 8
        elif content[position + 4 : position + 5] == bytes([END]):
            return position + TRAILER_BYTES
        else:
            position += 1
