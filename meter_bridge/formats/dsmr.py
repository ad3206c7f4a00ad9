r"""DSMR P1 telegrams, versions 4 and 5: the parser, and a writer for simulated meters.

The format is that of "P1 Companion Standard" 5.0.2, Netbeheer Nederland, 2016, and of its relatives
in Austria, Belgium, Finland, Hungary, Lithuania, Luxembourg and Sweden, which differ in the objects
that they have:

    /ISk5\2MT382-1000              manufacturer and model
                                   an empty line
    0-0:1.0.0(170102192002W)       local time; W: winter, S: summer time
    0-0:96.1.1(4B38...)            identifier, as text in hexadecimal; or another, or none
    1-0:1.8.1(000004.426*kWh)      import register of tariff 1; or 1-0:1.8.0, of all tariffs
    1-0:2.8.1(000002.444*kWh)      export register of tariff 1; or 1-0:2.8.0, or none
    !6EEE                          CRC16 (ARC) of everything from / to !

Telegrams of DSMR 2.2 and 3 have neither clock nor checksum. `parse` rejects them, `read` marks
them: they are good only from a source that stands in for both.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from meter_bridge.formats.encoding.frame import compute_crc16, find_unprotected, require_checksum
from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE, LocalTime, is_eu_summer_time
from meter_bridge.formats.telegram import (
    METER_ID,
    Content,
    Context,
    Quantity,
    Telegram,
    TelegramError,
    parse_amount,
    parse_decimal_wh,
)

CHECK = "CRC-16/ARC"
CLOCK = "0-0:1.0.0"
EQUIPMENT_ID = "0-0:96.1.1"
# Where meters say who they are, by precedence: equipment identifier, logical device name (in
# Luxembourg and Hungary), serial number.
IDENTIFIERS = (EQUIPMENT_ID, "0-0:42.0.0", "0-0:96.1.0")
IMPORT = "1-0:1.8"
EXPORT = "1-0:2.8"
TARIFFS_MAX = 9

# Group F of a present value; most meters leave it out.
CURRENT = "*255"
# Load profiles and billing history.
HISTORY = re.compile(r"[0-9]{1,3}-[0-9]{1,3}:9[89]\.")
FIRST_LINE = re.compile(rb"\A[^\r\n]*")
PRINTABLE = re.compile(rb"[\r\n\x20-\x7e]*")
REGISTER = re.compile(r"\(([0-9]{1,9}(?:\.[0-9]{1,6})?)\*([kM]?Wh)\)", re.IGNORECASE)
TIME = re.compile(r"\(([0-9]{12})([WS])\)")
VALUE = re.compile(
    r"([0-9]{1,3}-[0-9]{1,3}:[0-9.]{5,11})(?:\*255)?(?:\([0-9]{12}[WS]\))?"
    r"\(([0-9]{1,9}(?:\.[0-9]{1,6})?)\*([A-Za-z0-9]{1,5})\)",
    re.ASCII,
)
# A clock or the number of the version, which are as old as the checksum.
NEWER = re.compile(rb"^(?:0-0:1\.0\.0|1-3:0\.2\.8)\(", re.MULTILINE)
HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2}){1,64}")


def parse(raw: bytes, local_time: LocalTime = CENTRAL_EUROPE) -> Telegram:
    """Parses one telegram, byte for byte as the meter sent it.

    Errors: TelegramError.
    """
    objects = read_objects(require_checksum(raw))
    return Telegram(
        meter_id=read_meter_id(objects),
        time_s=read_time_s(objects, local_time),
        import_register_wh=read_register_wh(objects, IMPORT, required=True),
        export_register_wh=read_register_wh(objects, EXPORT, required=False),
    )


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one telegram of any version.

    Errors: TelegramError.
    """
    content = find_unprotected(raw)
    is_protected = content is None or NEWER.search(content) is not None
    if content is None or is_protected:
        content = require_checksum(raw)
    objects = read_objects(content)
    return [
        Content(
            meter_id=read_meter_id(objects),
            time_s=read_time_s(objects, context.local_time) if CLOCK in objects else None,
            import_register_wh=find_register_wh(objects, IMPORT),
            export_register_wh=find_register_wh(objects, EXPORT),
            values=read_values(decode_objects(content)),
            checks=(CHECK,) if is_protected else (),
        )
    ]


def decode_objects(content: bytes) -> str:
    """The lines behind the first one, which names the maker; some write any bytes into it.

    Errors: TelegramError.
    """
    objects = FIRST_LINE.sub(b"", content, count=1)
    if not PRINTABLE.fullmatch(objects):
        raise TelegramError("The telegram contains characters that are not printable ASCII.")
    return objects.decode("ascii")


def read_values(content: str) -> dict[str, Quantity]:
    """Everything with a unit that is not history; of a device on M-Bus, its last value."""
    values: dict[str, Quantity] = {}
    for line in content.splitlines():
        found = VALUE.fullmatch(line)
        if found and not HISTORY.match(line):
            values.setdefault(found[1], Quantity(parse_amount(found[2]), found[3]))
    return values


def read_objects(content: bytes) -> dict[str, str]:
    """The values of the objects we use, in their brackets, by OBIS code.

    A history of the meter repeats clock and registers, in the lines of its brackets or behind it.
    """
    objects: dict[str, str] = {}
    has_history, open_brackets = False, 0
    for line in decode_objects(content).splitlines():
        code, bracket, rest = line.partition("(")
        code = code.removesuffix(CURRENT)
        if open_brackets or HISTORY.match(code):
            has_history = True
            open_brackets = max(0, open_brackets + line.count("(") - line.count(")"))
        elif not is_used(code) or (has_history and code in objects):
            continue
        elif code in objects:
            raise TelegramError(f"The telegram contains {code} twice.")
        else:
            objects[code] = bracket + rest
    return objects


def is_used(code: str) -> bool:
    """Whether a reading is made of this object."""
    return code in {CLOCK, *IDENTIFIERS} or code.rpartition(".")[0] in {IMPORT, EXPORT}


def read_meter_id(objects: dict[str, str]) -> str:
    """The first identifier that can be a meter id; empty if there is none."""
    texts = (objects.get(code, "")[1:-1] for code in IDENTIFIERS)
    return next((found for text in texts if (found := decode_identifier(text))), "")


def decode_identifier(text: str) -> str:
    """The meter id of an identifier, in hexadecimal or plain; empty if it is none."""
    if HEXADECIMAL.fullmatch(text):
        decoded = bytes.fromhex(text).decode("ascii", "replace")
        if METER_ID.fullmatch(decoded):
            return decoded
    return text if METER_ID.fullmatch(text) else ""


def read_time_s(objects: dict[str, str], local_time: LocalTime) -> int:
    """The meter's clock in UTC seconds; W or S resolves the repeated hour in October."""
    found = TIME.fullmatch(objects.get(CLOCK, ""))
    if found is None:
        raise TelegramError(f"The telegram has no clock {CLOCK} of the form YYMMDDhhmmssW.")
    digits = found[1]
    year, month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(0, 12, 2))
    try:
        shown = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise TelegramError(f"The telegram's time {digits} does not exist.") from error
    return local_time.to_unix_s(shown, is_summer=found[2] == "S")


def find_register_wh(objects: dict[str, str], code: str) -> int | None:
    """The register, or None if the telegram has none, as of a meter of heat."""
    has_any = any(name.startswith(f"{code}.") for name in objects)
    return read_register_wh(objects, code, required=True) if has_any else None


def read_register_wh(objects: dict[str, str], code: str, *, required: bool) -> int:
    """The total register if there is one, else the sum over tariffs 1, 2, 3 and so on.

    A meter without feed-in has no export registers: 0.
    """
    total = f"{code}.0"
    if total in objects:
        return parse_register_wh(total, objects[total])
    tariffs = sorted(name for name in objects if name.startswith(f"{code}."))
    if not tariffs and required:
        raise TelegramError(f"The telegram has no register {code}.0 or {code}.1.")
    if tariffs != [f"{code}.{number}" for number in range(1, len(tariffs) + 1)]:
        raise TelegramError(f"The telegram has {', '.join(tariffs)}, so a tariff is missing.")
    return sum(parse_register_wh(name, objects[name]) for name in tariffs)


def parse_register_wh(code: str, value: str) -> int:
    """Watt-hours of `(000004.426*kWh)`; the unit may be Wh or MWh, in letters of either case."""
    found = REGISTER.fullmatch(value)
    if found is None:
        raise TelegramError(f"The register {code} is not of the form (000004.426*kWh).")
    return parse_decimal_wh(found[1], found[2])


def format_telegram(
    meter_id: str,
    time_s: int,
    import_registers_wh: Sequence[int],
    export_registers_wh: Sequence[int],
    *,
    import_power_w: int = 0,
    export_power_w: int = 0,
    maker: str = "BEN5BLOCKENERGY",
) -> bytes:
    """Writes a telegram in CET or CEST, with one register per tariff, 1 to 9.

    `parse` returns the same meter id and time, and the sums of the registers.
    """
    assert 1 <= len(import_registers_wh) <= TARIFFS_MAX
    assert len(export_registers_wh) <= TARIFFS_MAX
    summer = is_eu_summer_time(time_s)
    shown = CENTRAL_EUROPE.to_wall_clock(time_s, is_summer=summer)
    lines = [
        f"/{maker}",
        "",
        "1-3:0.2.8(50)",
        f"{CLOCK}({shown:%y%m%d%H%M%S}{'S' if summer else 'W'})",
        f"{EQUIPMENT_ID}({meter_id.encode('ascii').hex().upper()})",
        *format_registers(IMPORT, import_registers_wh),
        *format_registers(EXPORT, export_registers_wh),
        f"1-0:1.7.0({import_power_w // 1000:02d}.{import_power_w % 1000:03d}*kW)",
        f"1-0:2.7.0({export_power_w // 1000:02d}.{export_power_w % 1000:03d}*kW)",
        "!",
    ]
    content = "\r\n".join(lines).encode("ascii")
    return content + f"{compute_crc16(content):04X}\r\n".encode("ascii")


def format_registers(code: str, registers_wh: Sequence[int]) -> list[str]:
    """One line per tariff."""
    return [
        f"{code}.{tariff}({format_decimal_wh(register_wh)}*kWh)"
        for tariff, register_wh in enumerate(registers_wh, start=1)
    ]


def format_decimal_wh(quantity_wh: int) -> str:
    """The inverse of `parse_decimal_wh`, zero-padded as DSMR does: six digits, point, three."""
    return f"{quantity_wh // 1000:06d}.{quantity_wh % 1000:03d}"
