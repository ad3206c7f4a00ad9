"""Wireless M-Bus telegrams (EN 13757-4, OMS), modes C1 and T1, as a radio receiver hands them on.

    L, C, maker, address     then CI fields, each with a header:
    8C, 8D, 8E, 8F           extended link layer; with a session it is AES-128-CTR, and has a CRC
    72, 7A                   transport layer; mode 5 is AES-128-CBC
    78                       nothing

The checksums of the radio (formats A and B) are verified if the receiver has left them in. A
telegram without any checksum of its own is marked so. The records are read by pymbusparser.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from meter_bridge.formats.encoding.axdr import Reader
from meter_bridge.formats.encoding.checksums import compute_en_13757
from meter_bridge.formats.encoding.registers import read_registers_wh
from meter_bridge.formats.telegram import (
    Content,
    Context,
    Quantity,
    Secrets,
    TelegramError,
    parse_amount,
    require_bytes,
)

BYTES_MAX = 300
HEADER_BYTES, FIRST_BLOCK, BLOCK = 10, 10, 16
SEND_NO_REPLY = 0x44
# Preambles of mode C that receivers may hand on, in front of formats A and B.
PREAMBLES = (b"\x54\xcd", b"\x54\x3d")
RADIO_CHECK, LINK_CHECK = "CRC-16/EN-13757 of the radio", "CRC-16/EN-13757 of the link layer"
# Bytes behind the CI field: communication control, access number, session; in two also an address.
ELL_BYTES = {0x8C: 2, 0x8D: 6, 0x8E: 10, 0x8F: 14}
ELL_WITH_SESSION = {0x8D, 0x8F}
LONG_HEADER, SHORT_HEADER, NO_HEADER = 0x72, 0x7A, 0x78
# What counter mode and CBC with a counted nonce are called in the configuration field.
NOT_ENCRYPTED, CBC_WITH_ADDRESS = 0, 5
IDLE_FILLER = b"\x2f\x2f"
KEY_BYTES = 16
QUANTITIES = {"W.h": "Wh", "W": "W", "V": "V", "A": "A", "m3": "m3", "Hz": "Hz"}
REVERSE = "Accumulation only if value is negative"
_REGISTER = re.compile(r"1-0:[12]\.8\.[0-9]+", re.ASCII)
NAMES = {"Energy": ("1-0:1.8", "1-0:2.8"), "Power": ("1-0:1.7", "1-0:2.7")}


@dataclass(frozen=True)
class Link:
    """The link layer of a telegram, and what has been opened of the rest."""

    # Maker, identification, version and type, as sent.
    address: bytes
    content: bytes
    checks: tuple[str, ...]
    counter: int | None = None


def read(raw: bytes, context: Context) -> list[Content]:
    """The content of one telegram; none if it is of another meter than the one that is meant.

    Errors: TelegramError.
    """
    require_bytes(raw, BYTES_MAX)
    link = read_link(raw)
    if context.only not in ("", format_identification(link.address)):
        return []
    link = open_transport(open_link(link, context.secrets), context.secrets)
    values = read_records(link.content)
    imported, exported = read_registers_wh(values)
    return [
        Content(
            meter_id=format_identification(link.address),
            import_register_wh=imported,
            export_register_wh=exported,
            values=values,
            checks=link.checks,
            counter=link.counter,
        )
    ]


def format_identification(address: bytes) -> str:
    """The eight digits on the meter."""
    return address[5:1:-1].hex().upper()


def read_link(raw: bytes) -> Link:
    """The link layer, without the checksums of the radio.

    Errors: TelegramError.
    """
    for preamble in PREAMBLES:
        raw = raw.removeprefix(preamble)
    plain, checks = strip_radio_checksums(raw)
    if len(plain) <= HEADER_BYTES or plain[1] != SEND_NO_REPLY:
        raise TelegramError("The telegram is not one that a wireless M-Bus meter sends by itself.")
    return Link(plain[2:HEADER_BYTES], plain[HEADER_BYTES:], checks)


def strip_radio_checksums(raw: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The telegram as it was before the radio added checksums, and what they verified."""
    if not raw:
        raise TelegramError("The telegram is empty.")
    length = raw[0] + 1
    if len(raw) == length:
        is_format_b = length > HEADER_BYTES + 2 and has_checksum(raw)
        return (bytes([raw[0] - 2]) + raw[1:-2], (RADIO_CHECK,)) if is_format_b else (raw, ())
    blocks = 1 + max(0, length - FIRST_BLOCK + BLOCK - 1) // BLOCK
    if len(raw) != length + 2 * blocks:
        raise TelegramError(f"The telegram has {len(raw)} bytes but states {length}.")
    plain, position = b"", 0
    while position < len(raw):
        size = (FIRST_BLOCK if position == 0 else BLOCK) + 2
        block = raw[position : position + size]
        if not has_checksum(block):
            raise TelegramError("A block of the telegram does not match its checksum.")
        plain += block[:-2]
        position += size
    return plain, (RADIO_CHECK,)


def has_checksum(block: bytes) -> bool:
    """Whether bytes end with their own checksum."""
    return compute_en_13757(block[:-2]) == int.from_bytes(block[-2:], "big")


def open_link(link: Link, secrets: Secrets) -> Link:
    """Opens the extended link layer, if there is one."""
    kind = link.content[0]
    if kind not in ELL_BYTES:
        return link
    reader = Reader(link.content)
    header = reader.take(1 + ELL_BYTES[kind])[1:]
    if kind not in ELL_WITH_SESSION:
        return Link(link.address, reader.rest(), link.checks)
    session = header[-4:]
    rest = reader.rest()
    # Minutes and session; the three bits above say whether it is encrypted.
    number = int.from_bytes(session, "little") & (1 << 29) - 1
    checks = (*link.checks, LINK_CHECK)
    if (plain := strip_link_checksum(rest)) is not None:
        return Link(link.address, plain, checks, number)
    key = require_key(secrets)
    nonce = link.address + header[:1] + session + b"\0\0\0"
    cipher = Cipher(algorithms.AES(key), modes.CTR(nonce)).decryptor()
    plain = strip_link_checksum(cipher.update(rest))
    if plain is None:
        raise TelegramError(
            "The telegram does not match its checksum; it was altered, or the key is wrong."
        )
    return Link(link.address, plain, (*checks, "AES-128-CTR decryption"), number)


def strip_link_checksum(content: bytes) -> bytes | None:
    """What follows the checksum of the extended link layer; None if it does not match."""
    is_right = len(content) > 2 and compute_en_13757(content[2:]) == int.from_bytes(
        content[:2], "little"
    )
    return content[2:] if is_right else None


def require_key(secrets: Secrets) -> bytes:
    """Errors: TelegramError if there is none."""
    if len(secrets.encryption_key) != KEY_BYTES:
        raise TelegramError("The telegram is encrypted; give the meter's key of 16 bytes.")
    return secrets.encryption_key


def open_transport(link: Link, secrets: Secrets) -> Link:
    """Opens the transport layer; what remains are records."""
    reader = Reader(link.content)
    kind, address = reader.take_int(1), link.address
    if kind == NO_HEADER:
        return Link(address, reader.rest(), link.checks, link.counter)
    if kind == LONG_HEADER:
        identification, maker, version_type = reader.take(4), reader.take(2), reader.take(2)
        address = maker + identification + version_type
    elif kind != SHORT_HEADER:
        raise TelegramError(f"The telegram's content {kind:02X} is not supported; 72, 7A, 78 are.")
    access, _, configuration = reader.take(1), reader.take(1), reader.take_int(2)
    rest = reader.rest()
    # The low byte of the field comes first.
    configuration = (configuration & 0xFF) << 8 | configuration >> 8
    mode = configuration >> 8 & 0x1F
    if mode == NOT_ENCRYPTED:
        return Link(address, rest, link.checks, link.counter)
    if mode != CBC_WITH_ADDRESS:
        raise TelegramError(f"The telegram's encryption mode {mode} is not supported; 0 and 5 are.")
    size = 16 * (configuration >> 4 & 0x0F)
    if size > len(rest):
        raise TelegramError("The telegram is shorter than its encrypted part.")
    cipher = Cipher(algorithms.AES(require_key(secrets)), modes.CBC(address + 8 * access))
    plain = cipher.decryptor().update(rest[:size]) + rest[size:]
    if not plain.startswith(IDLE_FILLER):
        raise TelegramError("The telegram was altered, or the key is wrong.")
    # Only the first bytes are known, so this is no check of the others.
    return Link(address, plain, link.checks, link.counter)


def read_records(content: bytes) -> dict[str, Quantity]:
    """Present values by OBIS code, or by name where there is none for electricity.

    Errors: TelegramError, also if the library for records is not installed.
    """
    values: dict[str, Quantity] = {}
    for record in parse_records(content):
        named = name_record(record)
        if named:
            code, quantity = named
            first, number = code, 1
            # Of a quantity without a code there may be several, such as volumes and voltages.
            while values.get(code, quantity) != quantity and not _REGISTER.fullmatch(first):
                number += 1
                code = f"{first} {number}"
            if values.setdefault(code, quantity) != quantity:
                raise TelegramError(f"The telegram contains {code} twice.")
    return values


def parse_records(content: bytes) -> list[dict[str, Any]]:
    """The records as pymbusparser reads them."""
    try:
        import pymbusparser
    except ImportError as error:
        raise TelegramError(
            "Wireless M-Bus needs the extra `meters`: pip install 'blockenergy[meters]'."
        ) from error
    content = content.removeprefix(IDLE_FILLER)
    if not content:
        raise TelegramError("The telegram has no records.")
    try:
        records: list[dict[str, Any]] = pymbusparser.parse_records(content)
    except pymbusparser.MbusParserError as error:
        raise TelegramError("The telegram's records cannot be read.") from error
    return records


def name_record(record: dict[str, Any]) -> tuple[str, Quantity] | None:
    """Code and value of a present value; None for others."""
    value, unit = record.get("value") or {}, record.get("unit", "")
    is_present = record["function"] == "Instantaneous value" and not record["storage_number"]
    if not is_present or value.get("kind") != "decimal" or unit not in QUANTITIES:
        return None
    quantities = record["quantities"]
    quantity = Quantity(Decimal(parse_amount(value["value"])), QUANTITIES[unit])
    name = quantities[0]
    is_reverse = REVERSE in quantities
    if len(quantities) > 1 + is_reverse or name not in NAMES:
        label = " ".join(quantities).lower()
        return f"{label} {record['tariff']}" if record["tariff"] else label, quantity
    end = str(record["tariff"]) if name == "Energy" else "0"
    return f"{NAMES[name][is_reverse]}.{end}", quantity


def split(content: bytes) -> list[bytes]:
    """The telegrams of a capture, one behind the other, without checksums of the radio."""
    telegrams, position = [], 0
    while position < len(content):
        end = position + content[position] + 1
        if end > len(content):
            return [content]
        telegrams.append(content[position:end])
        position = end
    return telegrams
