"""Telegrams of real meters, with the values that were published with them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from blockenergy.bridge.v1.bridge_pb2 import TELEGRAM_FORMAT_WMBUS

from meter_bridge.formats import find_format, read_telegram
from meter_bridge.formats.dlms.security import open_protected
from meter_bridge.formats.telegram import Content, Context, Secrets, TelegramError
from tests.support.shared import SHARED

VECTORS = SHARED / "vectors" / "meter_telegrams.json"
ROWS: dict[str, dict[str, Any]] = (
    {row["id"]: row for row in json.loads(VECTORS.read_text("utf-8"))} if VECTORS.exists() else {}
)
pytestmark = pytest.mark.skipif(not ROWS, reason="the genuine telegrams are not available")

# Of each vector: meter id, time, import and export register, and values as published.
EXPECTED: dict[str, tuple[str, int | None, int | None, int | None, dict[str, str]]] = {
    "dsmr5_iskra_mt382": (
        "K8EG004046395507", 1_483_381_202, 6_825, 2_444,
        {"1-0:1.8.1": "4.426 kWh", "1-0:1.8.2": "2.399 kWh", "1-0:2.8.1": "2.444 kWh",
         "1-0:1.7.0": "0.244 kW"},
    ),
    "lg_e350_zcf100_p1": (
        "E0031003277898816", 1_479_323_435, 159_880, 0,
        {"1-0:1.8.1": "75.067 kWh", "1-0:1.8.2": "84.813 kWh", "1-0:1.7.0": "2.778 kW"},
    ),
    "elster_as1440": (
        "1234567890123456", None, 285_400, 120_100, {"1.8.0": "285.4 kWh", "2.8.0": "120.1 kWh"},
    ),
    "itron_em214_typ720": (
        "1240007670003202", None, 22_108_700, 10_452_000,
        {"1.8.1": "22108.7 kWh", "2.8.1": "10452.0 kWh", "1.7.0": "0.49 kW"},
    ),
    "kamstrup_omnipower_han_se": (
        "5706567326590407", 1_643_047_130, None, None,
        {"1-1:1.7.0": "826 W", "1-1:3.7.0": "104 var", "1-1:4.7.0": "176 var",
         "1-1:31.7.0": "2.37 A", "1-1:32.7.0": "232 V"},
    ),
    "kamstrup_multical21_encrypted": ("76348799", None, None, None, {"volume": "6.408 m3"}),
    "lg_e450_push_vse2026": (
        "LGZ1030653520967", 1_777_887_561, 482_939, 0,
        {"1-0:1.7.0": "28 W", "1-1:1.8.0": "482939 Wh", "1-1:2.8.0": "0 Wh", "1-1:3.8.0": "37 varh",
         "1-1:4.8.0": "344697 varh", "1-0:32.7.0": "236 V", "1-0:31.7.0": "0.09 A"},
    ),
    "sml_holley_edl21": (
        "1HLY0200271520", None, 4_499_896, 0,
        {"1-0:1.8.0": "4499896.2 Wh", "1-0:2.8.0": "0 Wh", "1-0:16.7.0": "137 W",
         "1-0:32.7.0": "234.4 V", "1-0:14.7.0": "50.0 Hz"},
    ),
    "cmep_mepmd01": (
        "B74741489", 1_780_470_000, None, None, {"CF": "479 CF", "CFREG": "2932046 CF"},
    ),
    "sense_realtime": (
        "", 1_528_234_102, None, None,
        {"1-0:16.7.0": "11163.86328125 W", "devices": "4", "sum of devices": "11163.86279296875 W"},
    ),
    "ocmf_abl": ("BQ27400330016", 1_532_431_324, 2_935_600, None, {"1-b:1.8.e": "2935.6 kWh"}),
}  # fmt: skip
# Where a changed bit cannot be seen: identifications in front of the block check, formats without
# any check, and texts beside the numbers that are checked.
UNPROTECTED = {"elster_as1440", "itron_em214_typ720", "cmep_mepmd01", "sense_realtime"}
# The access number of a wireless telegram says nothing, and only the radio's checksum covers it.
ACCESS_NUMBER = {"kamstrup_multical21_encrypted": 12}


def as_bytes(row: dict[str, Any]) -> bytes:
    if "hex" in row:
        return bytes.fromhex(row["hex"])
    if "json" in row:
        return json.dumps(row["json"]).encode()
    text = row["text"]
    return (
        "\n".join(text).encode()
        if isinstance(text, list)
        else (row.get("ident", "") + text).encode()
    )


def make_context(row: dict[str, Any]) -> Context:
    key, public = row.get("key", ""), row.get("public_key_der", "")
    return Context(secrets=Secrets(bytes.fromhex(key), public_key=bytes.fromhex(public)))


def read(row: dict[str, Any], raw: bytes) -> Content:
    found = find_format(raw)
    if found is None:
        raise TelegramError("Unknown.")
    return read_telegram(*found, make_context(row))[0]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_telegram_has_its_published_values(name: str) -> None:
    found = read(ROWS[name], as_bytes(ROWS[name]))
    meter_id, time_s, import_wh, export_wh, values = EXPECTED[name]
    assert (found.meter_id, found.time_s) == (meter_id, time_s)
    assert (found.import_register_wh, found.export_register_wh) == (import_wh, export_wh)
    for code, text in values.items():
        amount, _, unit = text.partition(" ")
        assert (found.values[code].amount, found.values[code].unit) == (Decimal(amount), unit)


def test_every_vector_is_looked_at() -> None:
    assert ROWS.keys() == EXPECTED.keys() | {"dlms_green_book_suite0", "itron_2030_5"}


@pytest.mark.parametrize("name", sorted(EXPECTED.keys() - UNPROTECTED))
def test_every_flipped_bit_is_rejected(name: str) -> None:
    row = ROWS[name]
    raw = as_bytes(row)
    last = raw.rindex(b"|") if name == "ocmf_abl" else len(raw)
    for position in range(last):
        for bit in range(8):
            altered = bytearray(raw)
            altered[position] ^= 1 << bit
            if position == ACCESS_NUMBER.get(name):
                assert read(row, bytes(altered)) == read(row, raw)
                continue
            with pytest.raises(TelegramError):
                read(row, bytes(altered))


def test_the_tampering_that_the_vectors_name() -> None:
    row = ROWS["ocmf_abl"]
    with pytest.raises(TelegramError, match="does not match"):
        read(row, as_bytes(row).replace(b"2935.6", b"2934.6"))
    row = ROWS["dsmr5_iskra_mt382"]
    with pytest.raises(TelegramError, match="altered"):
        read(row, as_bytes(row).replace(b"00.244", b"09.244"))


def test_the_example_of_the_green_book() -> None:
    row = ROWS["dlms_green_book_suite0"]
    secrets = Secrets(bytes.fromhex(row["key"]), bytes.fromhex(row["auth_key"]))
    nonce = bytes.fromhex(row["system_title"] + row["invocation_counter"])
    plain, check = open_protected(0x30, nonce, bytes.fromhex(row["cipher"]), secrets)
    assert plain == bytes.fromhex(row["plain"]) and check == "AES-128-GCM authentication"


@pytest.mark.parametrize(
    ("path", "obis", "values"),
    [("/upt/1/mr/1/r", "1-0:1.7.0", 875), ("/upt/1/mr/3/rs", "1-0:1.8.0", 40_808_961)],
)
def test_readings_of_an_itron_meter(path: str, obis: str, values: int) -> None:
    texts = ROWS["itron_2030_5"]["text"]
    raw = next(text for place, text in texts.items() if place.startswith(path)).encode()
    found = find_format(raw)
    assert found is not None
    content = read_telegram(*found, Context(obis=obis))[0]
    assert content.values[obis].amount == values
    assert content.import_register_wh == (values if obis.endswith("8.0") else None)


WIRELESS = (
    "2D442D2C5768663230028D20E4E2C81C20878C7804041A03000004843C00000000042B0300000004AB3C00000000"
)


def test_a_wireless_electricity_meter_of_kamstrup() -> None:
    """Decrypted by the receiver, which has left the session in the header."""
    found = read_telegram(TELEGRAM_FORMAT_WMBUS, bytes.fromhex(WIRELESS), Context())[0]
    assert (found.meter_id, found.import_register_wh, found.export_register_wh) == (
        "32666857",
        7_940,
        0,
    )
    assert found.values["1-0:1.7.0"].amount == 3
