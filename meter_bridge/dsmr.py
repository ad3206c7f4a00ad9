r"""DSMR P1 telegrams, versions 4 and 5: the reader, and a writer for simulated meters.

The form is that of "P1 Companion Standard" 5.0.2, Netbeheer Nederland, 2016, which also serves
Belgium and, with 1.8.0 in place of 1.8.1 and 1.8.2, Sweden:

    /ISk5\2MT382-1000              who made it
                                   an empty line
    0-0:1.0.0(170102192002W)       local time, W in winter, S in summer
    0-0:96.1.1(4B38...)            equipment identifier, text in hexadecimal
    1-0:1.8.1(000004.426*kWh)      import register of tariff 1
    1-0:2.8.1(000002.444*kWh)      export register of tariff 1
    !6EEE                          CRC16 (ARC) of everything from / to !

A telegram without checksum (DSMR 2.2 and 3) is refused: it has no clock either, so that nobody
could say which slot it belongs to. All other objects are read over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from meter_bridge.telegram import (
    CENTRAL_EUROPE,
    METER_ID,
    METER_ID_FORM,
    TELEGRAM_BYTES_MAX,
    LocalTime,
    Telegram,
    TelegramError,
    format_decimal_wh,
    parse_decimal_wh,
)

CLOCK = "0-0:1.0.0"
EQUIPMENT_ID = "0-0:96.1.1"
IMPORT = "1-0:1.8"
EXPORT = "1-0:2.8"
TARIFFS_MAX = 9

FRAME = re.compile(rb"(/[^!/]*!)([0-9A-F]{4})\r?\n?")
FRAME_WITHOUT_CHECKSUM = re.compile(rb"/[^!/]*!\r?\n?")
PRINTABLE = re.compile(rb"[\r\n\x20-\x7e]*")
REGISTER = re.compile(r"\(([0-9]{1,9}(?:\.[0-9]{1,3})?)\*kWh\)")
TIME = re.compile(r"\(([0-9]{12})([WS])\)")
HEXADECIMAL_TEXT = re.compile(r"\(((?:[0-9A-Fa-f]{2}){1,48})\)")


def parse(raw: bytes, local_time: LocalTime = CENTRAL_EUROPE) -> Telegram:
    """Reads one telegram, exactly as the meter sent it.

    Errors: TelegramError.
    """
    objects = read_objects(require_checksum(raw))
    return Telegram(
        meter_id=read_meter_id(objects),
        time_s=read_time_s(objects, local_time),
        import_register_wh=read_register_wh(objects, IMPORT, required=True),
        export_register_wh=read_register_wh(objects, EXPORT, required=False),
    )


def require_checksum(raw: bytes) -> bytes:
    """The telegram from `/` to `!`, once its checksum is seen to be right."""
    if len(raw) > TELEGRAM_BYTES_MAX:
        raise TelegramError(
            f"The telegram has {len(raw)} bytes; at most {TELEGRAM_BYTES_MAX} are read."
        )
    frame = FRAME.fullmatch(raw)
    if frame is None:
        if FRAME_WITHOUT_CHECKSUM.fullmatch(raw):
            raise TelegramError(
                "The telegram has no checksum; a DSMR meter before version 4 cannot be read."
            )
        raise TelegramError(
            "The telegram does not run from / to ! with four hexadecimal digits behind it."
        )
    content, stated = frame[1], frame[2].decode("ascii")
    computed = f"{compute_crc16(content):04X}"
    if computed != stated:
        raise TelegramError(
            f"The telegram's checksum is {stated}, its content gives {computed}; "
            "it was changed on the way."
        )
    return content


def read_objects(content: bytes) -> dict[str, str]:
    """The values of the objects that are used, each with its brackets, by OBIS code."""
    if not PRINTABLE.fullmatch(content):
        raise TelegramError("The telegram has characters that are not printable ASCII.")
    objects: dict[str, str] = {}
    for line in content.decode("ascii").splitlines():
        code, bracket, rest = line.partition("(")
        if not is_used(code):
            continue
        if code in objects:
            raise TelegramError(f"The telegram has {code} twice.")
        objects[code] = bracket + rest
    return objects


def is_used(code: str) -> bool:
    """Whether an object is one that a reading is made of."""
    return code in {CLOCK, EQUIPMENT_ID} or code.rpartition(".")[0] in {IMPORT, EXPORT}


def read_meter_id(objects: dict[str, str]) -> str:
    """The text that the equipment identifier stands for."""
    found = HEXADECIMAL_TEXT.fullmatch(objects.get(EQUIPMENT_ID, ""))
    if found is None:
        raise TelegramError(
            f"The telegram has no equipment identifier {EQUIPMENT_ID} in hexadecimal."
        )
    meter_id = bytes.fromhex(found[1]).decode("ascii", "replace")
    if METER_ID.fullmatch(meter_id) is None:
        raise TelegramError(f"The equipment identifier is not a meter id: {METER_ID_FORM}.")
    return meter_id


def read_time_s(objects: dict[str, str], local_time: LocalTime) -> int:
    """The meter's clock as UTC seconds; the letter decides in the hour that comes twice."""
    found = TIME.fullmatch(objects.get(CLOCK, ""))
    if found is None:
        raise TelegramError(f"The telegram has no time {CLOCK} of the form YYMMDDhhmmssW.")
    digits = found[1]
    year, month, day, hour, minute, second = (int(digits[i : i + 2]) for i in range(0, 12, 2))
    try:
        shown = datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise TelegramError(f"The telegram's time {digits} is not in the calendar.") from error
    offset_s = local_time.summer_offset_s if found[2] == "S" else local_time.winter_offset_s
    return compute_unix_s(shown) - offset_s


def read_register_wh(objects: dict[str, str], code: str, *, required: bool) -> int:
    """The total register if there is one, otherwise the sum over tariffs 1, 2, 3 and so on.

    A meter that cannot feed in has no export registers, which stands for 0.
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
    """Watt-hours of `(000004.426*kWh)`."""
    found = REGISTER.fullmatch(value)
    if found is None:
        raise TelegramError(f"The register {code} is not of the form (000004.426*kWh).")
    return parse_decimal_wh(found[1])


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
    """Writes the telegram of a meter in CET or CEST, with one register per tariff, 1 to 9.

    `parse` reads from it what went in: the meter id, the time, and the sums of the registers.
    """
    assert 1 <= len(import_registers_wh) <= TARIFFS_MAX
    assert len(export_registers_wh) <= TARIFFS_MAX
    summer = is_summer_time(time_s)
    shown = datetime.fromtimestamp(time_s, UTC) + timedelta(hours=2 if summer else 1)
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


def is_summer_time(time_s: int) -> bool:
    """Whether summer time holds in the EU: last Sunday of March to that of October, 01:00 UTC.

    Source: Directive 2000/84/EC, articles 1 to 3.
    """
    year = datetime.fromtimestamp(time_s, UTC).year
    return compute_last_sunday_s(year, 3) <= time_s < compute_last_sunday_s(year, 10)


def compute_last_sunday_s(year: int, month: int) -> int:
    """01:00 UTC of the last Sunday of a month of 31 days."""
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return compute_unix_s(last - timedelta(days=(last.weekday() + 1) % 7))


def compute_unix_s(moment: datetime) -> int:
    """Whole seconds since 1970, without the float of `datetime.timestamp`."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def compute_crc16(content: bytes) -> int:
    """CRC-16/ARC: polynomial 0x8005, reflected, from 0, as the P1 standard asks for."""
    crc = 0
    for byte in content:
        crc = (crc >> 8) ^ CRC16_TABLE[(crc ^ byte) & 0xFF]
    return crc


def compute_crc16_entry(value: int) -> int:
    """What eight steps of the reflected polynomial make of one byte."""
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


CRC16_TABLE = tuple(compute_crc16_entry(value) for value in range(256))
