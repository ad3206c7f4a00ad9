r"""Readouts of IEC 62056-21 (once IEC 1107), modes A to D, as text over an optical or serial port.

    /ELS5\@V9.30            manufacturer, baud rate, and identification; may be missing in a file
    <STX>F.F(00)            one object a line: code, and value with unit in brackets
    C.1(1234567890123456)
    1.8.0(000285.4*kWh)
    !
    <ETX> and the block check character, by exclusive or of all after STX

Codes are `C.D.E` or `A-B:C.D.E*F`; a line may have several objects. The block check is verified
where there is one; a readout without it is marked, because nothing in it tells of a changed digit.
Few meters send a clock, and some no unit: a register with decimals and without unit shows kWh.
"""

from __future__ import annotations

import re

from meter_bridge.formats.encoding.checksums import compute_block_check
from meter_bridge.formats.encoding.local_time import make_wall_clock
from meter_bridge.formats.encoding.registers import read_registers_wh
from meter_bridge.formats.telegram import (
    AMOUNT,
    Content,
    Context,
    Quantity,
    TelegramError,
    as_meter_id,
    parse_amount,
    require_bytes,
)

STX, ETX = b"\x02", b"\x03"
# With the values of fifteen months for each of four tariffs.
READOUT_BYTES_MAX = 32_768
BLOCK_CHECK = "block check character"
# Manufacturer, baud rate character, escapes of mode E, identification.
IDENTIFICATION = re.compile(rb"/([A-Za-z]{2}[A-Za-z])([0-9A-I]?)((?:\\[ -~])*)([ -~]{0,60})\r?\n")
# What a line has before the first character, and the echo of the request.
PREAMBLE = re.compile(rb"[\x00\x7f\xff\s]*(?:/\?[A-Za-z0-9]*!\r?\n)?")
# The echo of the answer to the identification.
ACKNOWLEDGEMENT = re.compile(rb"\x06[0-9A-I]{3}\r?\n")
# Where meters say who they are, by precedence.
IDENTIFIERS = (
    "0-0:96.1.255",
    "0-0:96.1.0",
    "1-0:0.0.0",
    "1-0:96.1.0",
    "0-0:C.1.0",
    "0.0.0",
    "C.1",
    "C.1.0",
    "0.0",
    "96.1.0",
)
TIMES, DATES = ("0.9.1", "1-0:0.9.1"), ("0.9.2", "1-0:0.9.2")
UNITS = frozenset(
    {"", "wh", "kwh", "mwh", "w", "kw", "v", "a", "var", "kvar", "varh", "kvarh", "hz", "va", "kva",
     "vah", "kvah", "gj", "m3"}
)  # fmt: skip
PRINTABLE = re.compile(rb"[\r\n\x20-\x7e]*")
# A value without a code belongs to the object before it, such as the time of a maximum.
_OBJECT = re.compile(r"(?:^|(?<=\)))([0-9A-Z:.*&#-]{0,24})\(([^()]*)\)", re.ASCII)
_REGISTER = re.compile(r"(?:1-[0-9]{1,3}:)?[12]\.8\.[0-9]{1,3}", re.ASCII)
# The mark behind the last object, in a line of its own or not.
_LAST = re.compile(rb"[\n)]!")
_DSMR_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{4}(?![^\r\n])")
_HISTORY = re.compile(r".*[*&](?!255$)[0-9]{1,3}", re.ASCII)
_SHOWN_DATE = re.compile(r"(?:[0-9]|20)?([0-9]{2})-?([0-9]{2})-?([0-9]{2})", re.ASCII)
_SHOWN_TIME = re.compile(r"[0-9]?([0-9]{2}):?([0-9]{2}):?([0-9]{2})", re.ASCII)


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one readout.

    Errors: TelegramError.
    """
    require_bytes(raw, READOUT_BYTES_MAX)
    raw = raw[len(PREAMBLE.match(raw)[0]) :]  # type: ignore[index]
    found = IDENTIFICATION.match(raw)
    rest = raw[found.end() :].lstrip(b"\r\n") if found else raw
    if acknowledged := ACKNOWLEDGEMENT.match(rest):
        rest = rest[acknowledged.end() :]
    block, checks = require_block_check(rest)
    objects = read_objects(block)
    values = {
        code: quantity for code, text in objects.items() if (quantity := as_quantity(code, text))
    }
    imported, exported = read_registers_wh(values)
    if not values:
        raise TelegramError("The readout has no value with a unit.")
    return [
        Content(
            meter_id=read_meter_id(objects),
            time_s=read_time_s(objects, context),
            import_register_wh=imported,
            export_register_wh=exported,
            values=values,
            checks=checks,
        )
    ]


def require_block_check(rest: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The objects of a readout without what frames them, and what was verified.

    Errors: TelegramError.
    """
    # Framing and data are told apart before anything is cut off: ETX in the data is no printable
    # character, and a block check may be any byte.
    start = rest.find(STX) + 1 if rest.startswith(STX) or STX in rest[:4] else 0
    end = rest.find(ETX, start)
    if end < 0:
        block = rest[start:]
        checks: tuple[str, ...] = ()
    else:
        checked, trailer = rest[start : end + 1], rest[end + 1 :]
        block, checks = rest[start:end], (BLOCK_CHECK,)
        stated = trailer[:1]
        if not start or not stated or (len(trailer) > 1 and trailer[1:].strip(b"\r\n")):
            raise TelegramError(
                "The readout does not start with STX and end with its block check character."
            )
        if compute_block_check(checked) != stated[0]:
            raise TelegramError(
                f"The readout's block check is {stated[0]:02X} but its content gives "
                f"{compute_block_check(checked):02X}; it was altered or damaged in transit."
            )
    last = _LAST.search(block)
    # Gateways add lines of their own to readouts that have no frame.
    if last is None or (start and block[last.end() :].strip(b"\r\n")):
        raise TelegramError("The readout does not end with a line of !, so a part may be missing.")
    if not checks and _DSMR_CHECKSUM.match(block, last.end()):
        raise TelegramError("The readout ends with a checksum; it is a damaged telegram of DSMR.")
    block = block[: last.start() + 1]
    if not PRINTABLE.fullmatch(block):
        raise TelegramError("The readout contains characters that are not printable ASCII.")
    return block, checks


def read_objects(block: bytes) -> dict[str, str]:
    """The present values by code.

    Errors: TelegramError if a register has two values.
    """
    objects: dict[str, str] = {}
    for line in block.decode("ascii").splitlines():
        for address, value in _OBJECT.findall(line.strip()):
            code = address.removesuffix("*255")
            if not code or _HISTORY.fullmatch(code):
                continue
            if objects.setdefault(code, value) != value and as_quantity(code, value):
                raise TelegramError(f"The readout contains {code} twice.")
    return objects


def as_quantity(code: str, text: str) -> Quantity | None:
    """The number of a value such as `000285.4*kWh`; None if it is no number with a unit."""
    number, _, unit = text.partition("*")
    number = number.strip()
    if unit.lower() not in UNITS or AMOUNT.fullmatch(number) is None:
        return None
    if not unit and _REGISTER.fullmatch(code):
        # Whole numbers without a unit may be anything.
        unit = "kWh" if "." in number else ""
    return Quantity(parse_amount(number), unit) if unit or "*" in text else None


def read_meter_id(objects: dict[str, str]) -> str:
    """The first identifier that can be a meter id; empty if there is none."""
    texts = (objects.get(code, "").strip() for code in IDENTIFIERS)
    return next((found for text in texts if (found := as_meter_id(text)).strip("0")), "")


def read_time_s(objects: dict[str, str], context: Context) -> int | None:
    """The meter's clock, from its date 0.9.2 and its time 0.9.1; None if it has none."""
    date = next((_SHOWN_DATE.fullmatch(objects[code]) for code in DATES if code in objects), None)
    time = next((_SHOWN_TIME.fullmatch(objects[code]) for code in TIMES if code in objects), None)
    if date is None or time is None:
        return None
    year, month, day = (int(part) for part in date.groups())
    try:
        shown = make_wall_clock(2000 + year, month, day, *(int(part) for part in time.groups()))
    except ValueError as error:
        raise TelegramError(f"The readout's time {date[0]} {time[0]} does not exist.") from error
    return context.local_time.find_unix_s(shown, context.received_s)


_START = re.compile(rb"(?:^|(?<=[\r\n]))/[A-Za-z]{3}")


def split(content: bytes) -> list[bytes]:
    """The readouts of a capture, each from its identification on; or all, if there is none."""
    starts = [found.start() for found in _START.finditer(content)] or [0]
    ends = [*starts[1:], len(content)]
    return [content[start:end] for start, end in zip(starts, ends, strict=True)]
