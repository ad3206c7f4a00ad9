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

from meter_bridge.formats.dlms.security import load_public_key
from meter_bridge.formats.encoding.documents import get_list, get_number, get_text, read_json
from meter_bridge.formats.encoding.local_time import compute_unix_s
from meter_bridge.formats.encoding.registers import EXPORT, IMPORT
from meter_bridge.formats.telegram import (
    DECIMAL_PLACES,
    TELEGRAM_BYTES_MAX,
    Content,
    Context,
    Quantity,
    TelegramError,
    as_meter_id,
    parse_amount,
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
    "secp384r1": "secp384r1", "secp521r1": "secp521r1",
    "brainpool256r1": "brainpoolP256r1", "brainpoolP256r1": "brainpoolP256r1",
    "brainpool384r1": "brainpoolP384r1", "brainpoolP384r1": "brainpoolP384r1",
}  # fmt: skip
DEFAULT_ALGORITHM = "ECDSA-secp256r1-SHA256"
HEXADECIMAL, BASE64 = "hex", "base64"
# Of the meter: good.
GOOD = "G"
READINGS_MAX = 1_000
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}),[0-9]{3}([+-][0-9]{4}) [UISR]",
    re.ASCII,
)
_START = re.compile(rb"(?:^|(?<=[\r\n]))OCMF\|")
_COUNTER = re.compile(r"[TF]([0-9]{1,15})", re.ASCII)
# Index, such as 1-b:1.8.e, 1-0:1.8.0 or 01-00:98.08.00.FF of a transaction.
_CODE = re.compile(r"(?:[0-9A-Fa-f]{1,2}-[0-9A-Za-z]{1,2}:)?([0-9A-Fa-f]{1,2})\.0?8\..*", re.ASCII)
# Registers that run on, and those that begin at zero with each transaction; the first count more.
IMPORTS = ({"1", "01", "B0", "B1"}, {"98", "B2", "B3"})
EXPORTS = ({"2", "02", "C0", "C1"}, {"99", "C2", "C3"})
# What a clock shows that was never set: the time since the meter was switched on.
UNSET_CLOCK = "1970-"


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
    registers: dict[str, tuple[int, int]] = {}
    kept: dict[str, str] = {}
    for reading in readings:
        # A field that repeats that of the reading before may be left out.
        kept = {
            name: get_text(reading, name) or kept.get(name, "") for name in ("TM", "RI", "RU", "ST")
        }
        time_s = read_time_s(kept["TM"])
        if (quantity := read_value(reading, kept["RU"])) is not None:
            values[kept["RI"] or "RV"] = quantity
            take_register(kept, quantity, registers)
    counter = _COUNTER.fullmatch(get_text(document, "PG"))
    return [
        Content(
            meter_id=as_meter_id(get_text(document, "MS")) or as_meter_id(get_text(document, "GS")),
            time_s=time_s,
            import_register_wh=registers.get(IMPORT, (None,))[-1],
            export_register_wh=registers.get(EXPORT, (None,))[-1],
            values=values,
            checks=(f"{algorithm} signature",),
            counter=int(counter[1]) if counter else None,
        )
    ]


def read_value(reading: Any, unit: str) -> Quantity | None:
    """The value of a reading, which many makers send as text; None if it has none, as an event.

    Errors: TelegramError.
    """
    if text := get_text(reading, "RV"):
        return Quantity(parse_amount(text.strip()), unit)
    if isinstance(reading, dict) and "RV" not in reading:
        return None
    return Quantity(get_number(reading, "RV"), unit)


def take_register(
    reading: dict[str, str], quantity: Quantity, registers: dict[str, tuple[int, int]]
) -> None:
    """Takes in a register of energy, if the meter says that it is good; with its rank."""
    if quantity.unit.lower() not in DECIMAL_PLACES or reading["ST"] != GOOD:
        return
    found = _CODE.fullmatch(reading["RI"])
    group = found[1].upper() if found else "1"
    for name, ranks in ((IMPORT, IMPORTS), (EXPORT, EXPORTS)):
        rank = next((number for number, groups in enumerate(ranks) if group in groups), None)
        if rank is not None and rank <= registers.get(name, (rank,))[0]:
            registers[name] = (rank, to_wh(quantity))


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
    key = load_public_key(context.secrets.public_key, CURVES[curve])
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


def read_time_s(text: str) -> int | None:
    """UTC seconds of `2018-07-24T13:22:04,000+0200 S`; None if the clock was never set.

    Errors: TelegramError.
    """
    found = _TIME.fullmatch(text)
    if found and found[1].startswith(UNSET_CLOCK):
        return None
    if found:
        try:
            return compute_unix_s(datetime.strptime(found[1] + found[2], "%Y-%m-%dT%H:%M:%S%z"))
        except (ValueError, OverflowError):
            pass
    raise TelegramError(f"{text[:40]!r} in the data set is not a time of OCMF.")


def split(content: bytes) -> list[bytes]:
    """The data sets of a file, each from the beginning of a line on."""
    starts = [found.start() for found in _START.finditer(content)] or [0]
    ends = [*starts[1:], len(content)]
    return [content[start:end].rstrip() for start, end in zip(starts, ends, strict=True)]
