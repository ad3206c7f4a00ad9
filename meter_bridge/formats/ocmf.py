"""OCMF (Open Charge Metering Format): signed readings of charging stations.

    OCMF|{payload}|{signature}

The signature is verified over the payload exactly as it was sent. Without a public key the reading
is rejected: a signature that nobody verifies protects nothing.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from meter_bridge.formats.dlms_security import load_public_key
from meter_bridge.formats.documents import get_list, get_number, get_text, read_json
from meter_bridge.formats.local_time import compute_unix_s
from meter_bridge.formats.registers import EXPORT, IMPORT
from meter_bridge.formats.telegram import (
    DECIMAL_PLACES,
    TELEGRAM_BYTES_MAX,
    Content,
    Context,
    Quantity,
    TelegramError,
    as_meter_id,
    require_bytes,
    to_wh,
)

PREFIX = b"OCMF|"
DIGESTS: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
CURVES = {
    "secp192r1": "secp192r1", "secp256k1": "secp256k1", "secp256r1": "secp256r1",
    "secp384r1": "secp384r1", "brainpool256r1": "brainpoolP256r1",
    "brainpool384r1": "brainpoolP384r1",
}  # fmt: skip
DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
HEXADECIMAL, BASE64 = "hex", "base64"
# Of the meter: good.
GOOD = "G"
READINGS_MAX = 1_000
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}),[0-9]{3}([+-][0-9]{4}) ([UISR])",
    re.ASCII,
)
_COUNTER = re.compile(r"[TF]([0-9]{1,15})", re.ASCII)
# Index, such as 1-b:1.8.e, 1-0:1.8.0 or 01-00:98.08.00.FF of a transaction.
_CODE = re.compile(r"(?:[0-9A-Fa-f]{1,2}-[0-9A-Za-z]{1,2}:)?([0-9A-Fa-f]{1,2})\.0?8\..*", re.ASCII)
IMPORTS, EXPORTS = {"1", "01", "98", "B0", "B1", "B2"}, {"2", "02", "99", "C0", "C1", "C2"}


def read(raw: bytes, context: Context) -> list[Content]:
    """The last reading of one data set, once its signature is verified.

    Errors: TelegramError.
    """
    require_bytes(raw, TELEGRAM_BYTES_MAX)
    payload, algorithm = require_signature(raw, context)
    document = read_json(payload)
    readings = get_list(document, "RD")
    if not 1 <= len(readings) <= READINGS_MAX:
        raise TelegramError("The data set has no reading, or too many.")
    values: dict[str, Quantity] = {}
    time_s: int | None = None
    registers: dict[str, int] = {}
    kept: dict[str, str] = {}
    for reading in readings:
        # A field that repeats that of the reading before may be left out.
        kept = {
            name: get_text(reading, name) or kept.get(name, "") for name in ("TM", "RI", "RU", "ST")
        }
        time_s = read_time_s(kept["TM"])
        quantity = Quantity(get_number(reading, "RV"), kept["RU"])
        values[kept["RI"] or "RV"] = quantity
        take_register(kept, quantity, registers)
    counter = _COUNTER.fullmatch(get_text(document, "PG"))
    return [
        Content(
            meter_id=as_meter_id(get_text(document, "MS")) or as_meter_id(get_text(document, "GS")),
            time_s=time_s,
            import_register_wh=registers.get(IMPORT),
            export_register_wh=registers.get(EXPORT),
            values=values,
            checks=(f"{algorithm} signature",),
            counter=int(counter[1]) if counter else None,
        )
    ]


def take_register(reading: dict[str, str], quantity: Quantity, registers: dict[str, int]) -> None:
    """Takes in a register of energy, if the meter says that it is good."""
    if quantity.unit.lower() not in DECIMAL_PLACES or reading["ST"] != GOOD:
        return
    found = _CODE.fullmatch(reading["RI"])
    group = found[1].upper() if found else "1"
    if group in IMPORTS or group in EXPORTS:
        registers[IMPORT if group in IMPORTS else EXPORT] = to_wh(quantity)


def require_signature(raw: bytes, context: Context) -> tuple[bytes, str]:
    """The payload as it was sent, and the algorithm with which it is signed.

    Errors: TelegramError.
    """
    raw = raw.rstrip(b"\r\n")
    if not raw.startswith(PREFIX):
        raise TelegramError("The data set does not start with OCMF|.")
    # A text in the payload may have a bar of its own.
    payload, bar, signature = raw[len(PREFIX) :].rpartition(b"|")
    if not bar:
        raise TelegramError("The data set has no signature.")
    document = read_json(signature)
    algorithm = get_text(document, "SA") or DEFAULT_ALGORITHM
    kind, curve, digest = ([*algorithm.split("-"), "", "", ""])[:3]
    if kind != "ECDSA" or curve not in CURVES or digest not in DIGESTS:
        raise TelegramError(
            f"The data set is signed with {algorithm[:40]!r}, which is not supported."
        )
    key = load_public_key(context.secrets.public_key)
    if key.curve.name != CURVES[curve]:
        raise TelegramError(f"The meter's public key is on {key.curve.name}, not on {curve}.")
    try:
        key.verify(decode_signature(document), payload, ec.ECDSA(DIGESTS[digest]()))
    except InvalidSignature as error:
        raise TelegramError("The data set's signature does not match; it was altered.") from error
    return payload, algorithm


def decode_signature(document: Any) -> bytes:
    """The signature, in DER; errors: TelegramError."""
    text, encoding = get_text(document, "SD"), get_text(document, "SE") or HEXADECIMAL
    try:
        if encoding == BASE64:
            return b64decode(text, validate=True)
        return bytes.fromhex(text)
    except (ValueError, Base64Error) as error:
        raise TelegramError(
            "The data set's signature is neither hexadecimal nor base64."
        ) from error


def read_time_s(text: str) -> int:
    """UTC seconds of `2018-07-24T13:22:04,000+0200 S`; errors: TelegramError."""
    found = _TIME.fullmatch(text)
    if found:
        try:
            return compute_unix_s(datetime.strptime(found[1] + found[2], "%Y-%m-%dT%H:%M:%S%z"))
        except (ValueError, OverflowError):
            pass
    raise TelegramError(f"{text[:40]!r} in the data set is not a time of OCMF.")


def split(content: bytes) -> list[bytes]:
    """The data sets of a file, one a line."""
    return [line for line in content.splitlines() if line.strip()]
