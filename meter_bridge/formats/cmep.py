"""CMEP files (California Metering Exchange Protocol), records MEPMD01, as head-ends export them.

One line is one meter and one unit: maker, meter, unit, interval DDHHMM, and triplets of the end of
an interval in UTC, a quality code and a value. Units that end in REG are registers. If a file has
both intervals and registers of a meter for the same time, their sums have to agree.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter_bridge.formats.encoding.local_time import compute_unix_s, make_wall_clock
from meter_bridge.formats.telegram import (
    DECIMAL_PLACES,
    DOCUMENT_BYTES_MAX,
    Content,
    Context,
    Interval,
    Quantity,
    TelegramError,
    as_meter_id,
    decode_text,
    parse_amount,
    require_bytes,
    to_wh,
)

RECORD = "MEPMD01"
CHECK = "sum of intervals against registers"
# Where the fields stand that come before the triplets.
TIME, METER, PURPOSE, COMMODITY, UNIT, CONSTANT, LENGTH, COUNT, FIRST = (
    6,
    7,
    8,
    9,
    10,
    11,
    12,
    13,
    14,
)
RECORDS_MAX, VALUES_MAX = 100_000, 10_000
REGISTER = "REG"
# Intervals may be cut to full units, one each.
TOLERANCE_PERMILLE = 5
_TIME = re.compile(r"[0-9]{12}", re.ASCII)
_LENGTH = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One line."""

    meter_id: str
    unit: str
    is_register: bool
    length_s: int
    # End of the interval in UTC seconds, quality, and value.
    values: tuple[tuple[int, str, Decimal], ...]


def read(raw: bytes, _: Context) -> list[Content]:
    """One content for each meter, in the order of the file.

    Errors: TelegramError.
    """
    require_bytes(raw, DOCUMENT_BYTES_MAX)
    meters: dict[str, list[Row]] = {}
    for row in read_rows(decode_text(raw)):
        meters.setdefault(row.meter_id, []).append(row)
    if not meters:
        raise TelegramError("The file has no record.")
    return [make_content(meter_id, rows) for meter_id, rows in meters.items()]


def read_rows(text: str) -> Iterator[Row]:
    """All lines; errors: TelegramError."""
    try:
        for number, fields in enumerate(csv.reader(io.StringIO(text), strict=True), start=1):
            if number > RECORDS_MAX:
                raise TelegramError(f"The file has more than {RECORDS_MAX} records.")
            if fields:
                yield read_row(fields)
    except csv.Error as error:
        raise TelegramError("The file is not made of values with commas between them.") from error


def read_row(fields: Sequence[str]) -> Row:
    """One line; errors: TelegramError."""
    if len(fields) < FIRST or fields[0] != RECORD:
        raise TelegramError(f"The file has a record that is not a whole {RECORD}.")
    count, rest = fields[COUNT], fields[FIRST:]
    if not (count.isascii() and count.isdigit() and len(count) <= 5 and int(count) <= VALUES_MAX):
        raise TelegramError(f"A record's count is {count[:20]!r}.")
    if len(rest) != 3 * int(count):
        raise TelegramError(
            f"A record says that it has {int(count)} values, but has another number."
        )
    meter_id, unit = as_meter_id(fields[METER]), fields[UNIT].upper()
    if not meter_id:
        raise TelegramError(f"{fields[METER][:30]!r} cannot be a meter id.")
    constant = parse_amount(fields[CONSTANT])
    length_s = read_length_s(fields[LENGTH])
    triplets = [(rest[at], rest[at + 1][:8], rest[at + 2]) for at in range(0, len(rest), 3)]
    times = read_times_s([text for text, _, _ in triplets], length_s)
    values = tuple(
        (time_s, code, parse_amount(value) * constant)
        for time_s, (_, code, value) in zip(times, triplets, strict=True)
        # The head-end has no value of this interval.
        if value
    )
    is_register = unit.endswith(REGISTER)
    return Row(meter_id, unit.removesuffix(REGISTER), is_register, length_s, values)


def read_times_s(texts: Sequence[str], length_s: int) -> list[int]:
    """The time of each value; one that is left out is an interval after the one before.

    Errors: TelegramError.
    """
    times: list[int] = []
    for text in texts:
        is_left_out = not text and times and length_s
        times.append(times[-1] + length_s if is_left_out else read_time_s(text))
    if times != sorted(set(times)):
        raise TelegramError("The values of a record are not in the order of their times.")
    return times


def read_time_s(text: str) -> int:
    """UTC seconds of YYYYMMDDHHMM; errors: TelegramError."""
    if _TIME.fullmatch(text):
        year, rest = int(text[:4]), [int(text[at : at + 2]) for at in range(4, 12, 2)]
        try:
            return compute_unix_s(make_wall_clock(year, *rest))
        except ValueError:
            pass
    raise TelegramError(f"{text[:20]!r} in the file is not a time such as 202606020800.")


def read_length_s(text: str) -> int:
    """Seconds of MMDDHHMM, of which months are never used; errors: TelegramError."""
    found = _LENGTH.fullmatch(text)
    if found is None or int(found[1]):
        raise TelegramError(f"{text[:20]!r} in the file is not an interval such as 00000100.")
    return 86_400 * int(found[2]) + 3_600 * int(found[3]) + 60 * int(found[4])


def make_content(meter_id: str, rows: list[Row]) -> Content:
    """Registers and intervals of one meter; errors: TelegramError if they do not agree."""
    compared = [require_sum(rows, row) for row in rows if row.is_register]
    values: dict[str, Quantity] = {}
    registers: dict[bool, int] = {}
    intervals: list[Interval] = []
    for row in rows:
        unit, is_export = split_direction(row.unit)
        name = f"{row.unit}{REGISTER}" if row.is_register else row.unit
        if row.values:
            last = row.values[-1][2] if row.is_register else sum(v for _, _, v in row.values)
            values[name] = Quantity(Decimal(last), unit)
        if unit.lower() not in DECIMAL_PLACES or not row.values:
            continue
        if row.is_register:
            registers[is_export] = to_wh(Quantity(row.values[-1][2], unit))
        else:
            intervals += [
                Interval(
                    end_s - row.length_s,
                    row.length_s,
                    to_wh(Quantity(value, unit)),
                    is_export,
                    code,
                )
                for end_s, code, value in row.values
            ]
    return Content(
        meter_id=meter_id,
        time_s=max((end_s for row in rows for end_s, _, _ in row.values), default=None),
        import_register_wh=registers.get(False),
        export_register_wh=registers.get(True),
        values=values,
        intervals=tuple(intervals),
        checks=(CHECK,) if any(compared) else (),
    )


def require_sum(rows: list[Row], register: Row) -> bool:
    """Compares a register with the intervals between its first and last value, if there are all.

    Errors: TelegramError if the sums differ.
    """
    if len(register.values) < 2:
        return False
    (first_s, _, first), (last_s, _, last) = register.values[0], register.values[-1]
    for row in rows:
        if row.is_register or row.unit != register.unit or not row.length_s:
            continue
        within = [value for end_s, _, value in row.values if first_s < end_s <= last_s]
        if len(within) * row.length_s != last_s - first_s:
            continue
        difference = abs(sum(within) - (last - first))
        # The last digit that the register shows.
        unit = Decimal(1).scaleb(min(0, int(last.as_tuple().exponent)))
        if difference > max(unit, abs(last - first) * TOLERANCE_PERMILLE / 1000):
            raise TelegramError(
                f"The intervals of meter {register.meter_id} sum to {sum(within)}, but its "
                f"register has advanced by {last - first}; the file was altered or damaged."
            )
        return True
    return False


def split_direction(unit: str) -> tuple[str, bool]:
    """The unit without the letter of its direction, and whether it is export."""
    for letter, is_export in (("D", False), ("R", True)):
        base = unit.removesuffix(letter)
        if base != unit and base.lower() in DECIMAL_PLACES:
            return base, is_export
    return unit, False
