"""DLMS/COSEM as meters push it: data notifications, whole, in blocks, ciphered or signed.

    0F  DataNotification              what is measured, with the meter's clock
    E0  general-block-transfer        a part of one of the others
    DB, DC  general-glo-ciphering, general-ded-ciphering
    DD  general-ciphering             with a key that is agreed on before, or comes wrapped
    DF  general-signing               ECDSA with P-256 (suite 1) or P-384 (suite 2)

They come in HDLC frames, in M-Bus frames, behind the header of TCP, or bare. Meters in Luxembourg
and Austria cipher a DSMR telegram in the same way, as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meter_bridge.formats import dsmr
from meter_bridge.formats.dlms import hdlc, mbus_frames
from meter_bridge.formats.dlms import security as dlms_security
from meter_bridge.formats.dlms.lists import read_list
from meter_bridge.formats.encoding.axdr import Data, Reader, read_data
from meter_bridge.formats.encoding.local_time import compute_unix_s, make_wall_clock
from meter_bridge.formats.telegram import (
    TELEGRAM_BYTES_MAX,
    Content,
    Context,
    TelegramError,
    require_bytes,
)

NOTIFICATION, BLOCK, SIGNED = 0x0F, 0xE0, 0xDF
# How a DSMR telegram begins.
DSMR = b"/"
DATE_TIME_BYTES = 12
OCTETS = 9
# Version 1, source and destination port, length.
WRAPPER_VERSION, WRAPPER_BYTES = b"\x00\x01", 8
BLOCKS_MAX = 64
# Ciphered inside of signed, and blocks inside of either.
LAYERS_MAX = 4
DAYLIGHT_SAVING, NOT_SPECIFIED = 0x80, 0x8000


@dataclass(frozen=True)
class Opened:
    """A data notification, and what it took to open it."""

    apdu: bytes
    checks: tuple[str, ...]
    counter: int | None = None
    key_id: str = ""


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one push.

    Errors: TelegramError.
    """
    require_bytes(raw, TELEGRAM_BYTES_MAX)
    if not raw:
        raise TelegramError("The telegram is empty.")
    apdu, checks = unframe(raw)
    opened = open_apdu(Opened(apdu, checks), context)
    if opened.apdu.startswith(DSMR):
        return [
            replace(
                one,
                checks=(*opened.checks, *one.checks),
                counter=opened.counter,
                key_id=opened.key_id,
            )
            for one in dsmr.read(opened.apdu.rstrip(b"\0"), context)
        ]
    date_time, body = read_notification(opened.apdu)
    found = read_list(body)
    # The clock object, where there is one, says when the values were taken.
    time_s = read_time_s(found.date_time or date_time, context)
    if not found.values:
        raise TelegramError("The telegram has no value that a reading could be made of.")
    content = found.make_content(time_s, opened.checks, opened.counter)
    return [replace(content, key_id=opened.key_id)]


def unframe(raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    """What was pushed, without its frames, and what they verified."""
    if raw[0] == hdlc.FLAG:
        return hdlc.join_frames(raw), (hdlc.CHECK,)
    if raw[0] == mbus_frames.START:
        return mbus_frames.join_frames(raw), (mbus_frames.CHECK,)
    if raw[:2] == WRAPPER_VERSION:
        if len(raw) != WRAPPER_BYTES + int.from_bytes(raw[6:8], "big"):
            raise TelegramError("The telegram is not as long as its TCP header says.")
        return raw[WRAPPER_BYTES:], ()
    return (raw[hdlc.LLC_SIZE :] if raw[: hdlc.LLC_SIZE] in hdlc.LLC else raw), ()


def open_apdu(opened: Opened, context: Context) -> Opened:
    """Joins blocks, deciphers and verifies until there is a data notification."""
    for _ in range(LAYERS_MAX):
        tag = opened.apdu[0] if opened.apdu else -1
        if tag == NOTIFICATION or (opened.counter is not None and opened.apdu.startswith(DSMR)):
            return opened
        if tag == BLOCK:
            opened = replace(opened, apdu=join_blocks(opened.apdu))
        elif tag == SIGNED:
            content, check = dlms_security.verify(opened.apdu, context.secrets)
            opened = replace(opened, apdu=content, checks=(*opened.checks, check))
        elif tag in dlms_security.CIPHERED:
            found = dlms_security.decipher(opened.apdu, context.secrets)
            checks = (*opened.checks, found.check) if found.check else opened.checks
            opened = Opened(found.content, checks, found.counter, found.key_id)
        else:
            break
    raise TelegramError("The telegram is no DLMS data notification.")


def join_blocks(apdu: bytes) -> bytes:
    """The content of general-block-transfer, whose blocks are numbered from 1.

    Errors: TelegramError if one is missing.
    """
    reader, joined = Reader(apdu), b""
    for number in range(1, BLOCKS_MAX + 1):
        if reader.take_int(1) != BLOCK:
            raise TelegramError("The telegram has something else between its blocks.")
        is_last = reader.take_int(1) & 0x80
        found = reader.take_int(2)
        reader.take(2)
        if found != number:
            raise TelegramError(f"The telegram has block {found} instead of block {number}.")
        joined += reader.take_octets()
        if is_last:
            return joined
    raise TelegramError(f"The telegram has more than {BLOCKS_MAX} blocks.")


def read_notification(apdu: bytes) -> tuple[bytes, Data]:
    """The meter's clock, empty if it is not sent, and the data."""
    reader = Reader(apdu)
    # Tag, and number of the invocation.
    reader.take(5)
    date_time = b""
    length = reader.take_int(1)
    if length == OCTETS:
        # Kaifa gives it as data with a type.
        length = reader.take_int(1)
    if length:
        date_time = reader.take(length)
    body = read_data(reader)
    if reader.rest().strip(b"\0"):
        raise TelegramError("The telegram has bytes behind its data.")
    return date_time, body


def read_time_s(date_time: bytes, context: Context) -> int | None:
    """UTC seconds of a date-time (IEC 62056-6-2), by its deviation or the meter's time zone.

    None if there is none. Errors: TelegramError if there is no such moment.
    """
    if len(date_time) != DATE_TIME_BYTES:
        return None
    year, month, day = int.from_bytes(date_time[:2], "big"), date_time[2], date_time[3]
    try:
        shown = make_wall_clock(year, month, day, *date_time[5:8])
    except ValueError as error:
        raise TelegramError("The telegram's date and time do not exist.") from error
    deviation, status = int.from_bytes(date_time[9:11], "big"), date_time[11]
    if deviation != NOT_SPECIFIED:
        minutes = int.from_bytes(date_time[9:11], "big", signed=True)
        if abs(minutes) > 14 * 60:
            raise TelegramError("The telegram's clock is further from UTC than any time zone.")
        return compute_unix_s(shown) + minutes * 60
    if status == 0xFF:
        return context.local_time.find_unix_s(shown, context.received_s)
    return context.local_time.to_unix_s(shown, is_summer=bool(status & DAYLIGHT_SAVING))


def split(content: bytes) -> Sequence[bytes]:
    """The telegrams of a capture: HDLC frames, joined where one says that it has more."""
    if content[:1] != bytes([hdlc.FLAG]):
        return [content]
    return hdlc.split(content)
