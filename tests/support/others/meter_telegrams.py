"""Telegrams of every format as meters would send them, written from the formats' descriptions.

Nothing here is taken from the readers, so that a mistake in one of them shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, reduce
from operator import xor

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from meter_bridge.formats.dsmr import format_telegram
from meter_bridge.formats.encoding.local_time import is_eu_summer_time
from meter_bridge.formats.telegram import Secrets

KEY, AUTHENTICATION_KEY = bytes(range(16)), bytes(range(0xD0, 0xE0))
SIGNING_KEY = ec.derive_private_key(0xB10C, ec.SECP256R1())
SECRETS = Secrets(
    KEY,
    AUTHENTICATION_KEY,
    SIGNING_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    bytes(range(0x40, 0x50)),
)
SYSTEM_TITLE = b"BENtest\x01"
# Of general-ciphering: transaction, originator, recipient, no date, nothing else.
GENERAL_HEADER = b"\x08" + bytes(8) + b"\x08" + SYSTEM_TITLE + b"\x08" + bytes(8) + b"\0\0"


@dataclass(frozen=True)
class Shown:
    """What a meter shows at a moment."""

    time_s: int = 1_800_014_400
    import_wh: int = 1_234_567
    export_wh: int = 89_000
    # Digits only, which every format can carry.
    number: int = 12_345_678


def to_local(time_s: int) -> datetime:
    """What a clock in Brussels shows."""
    return datetime.fromtimestamp(time_s, UTC) + timedelta(hours=1 + is_eu_summer_time(time_s))


@cache
def find_remainders(polynomial: int) -> tuple[int, ...]:
    """Of each byte by a reflected polynomial, bit by bit."""
    remainders = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
        remainders.append(crc)
    return tuple(remainders)


def compute_crc(
    content: bytes, polynomial: int, *, start: int = 0xFFFF, invert: bool = True
) -> int:
    """A reflected CRC-16, byte by byte."""
    crc, remainders = start, find_remainders(polynomial)
    for byte in content:
        crc = crc >> 8 ^ remainders[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF if invert else crc


def compute_x25(content: bytes) -> bytes:
    return compute_crc(content, 0x8408).to_bytes(2, "little")


Change = Callable[[bytes], bytes]


def leave(content: bytes) -> bytes:
    """No change. What a checksum or a key protects may be changed before it is protected."""
    return content


def make_iec_62056_21(shown: Shown, change: Change = leave, *, with_check: bool = True) -> bytes:
    moment = to_local(shown.time_s)
    lines = [
        "F.F(00)",
        f"C.1({shown.number:08d})",
        f"0.9.1({moment:%H%M%S})",
        f"0.9.2({moment:%y%m%d})",
        f"1.8.0({shown.import_wh // 1000:08d}.{shown.import_wh % 1000:03d}*kWh)",
        f"2.8.0({shown.export_wh // 1000:08d}.{shown.export_wh % 1000:03d}*kWh)",
        "1.8.0*01(00000001.000*kWh)",
        "!",
    ]
    body = change("".join(f"{line}\r\n" for line in lines).encode()) + b"\x03"
    check = bytes([reduce(xor, body)]) if with_check else b""
    return b"/LGZ4ZMF100AC.M26\r\n\x02" + (body + check if with_check else body[:-1])


def make_date_time(time_s: int) -> bytes:
    moment = datetime.fromtimestamp(time_s, UTC)
    head = moment.year.to_bytes(2, "big") + bytes([moment.month, moment.day, moment.isoweekday()])
    return head + bytes([moment.hour, moment.minute, moment.second, 0xFF, 0, 0, 0])


def make_notification(shown: Shown) -> bytes:
    def register(code: str, value: int) -> bytes:
        return (
            b"\x02\x03\x09\x06" + bytes.fromhex(code) + b"\x06" + value.to_bytes(4, "big")
            + b"\x02\x02\x0f\x00\x16\x1e"
        )  # fmt: skip

    number = f"{shown.number:08d}".encode()
    items = [
        b"\x02\x02\x09\x06" + bytes.fromhex("0000600100ff") + b"\x0a\x08" + number,
        register("0100010800ff", shown.import_wh),
        register("0100020800ff", shown.export_wh),
    ]
    head = b"\x0f\x40\x00\x00\x00\x0c" + make_date_time(shown.time_s)
    return head + b"\x01" + bytes([len(items)]) + b"".join(items)


def make_hdlc(apdu: bytes) -> bytes:
    information = b"\xe6\xe7\x00" + apdu
    # Format, two addresses of one byte, control, and the check of the header.
    length = 2 + 1 + 1 + 1 + 2 + len(information) + 2
    header = (0xA000 | length).to_bytes(2, "big") + b"\x03\x21\x13"
    frame = header + compute_x25(header) + information
    return b"\x7e" + frame + compute_x25(frame) + b"\x7e"


def encipher(
    apdu: bytes, counter: int, *, suite: int = 0, key: bytes = KEY, header: bytes = b""
) -> bytes:
    control = bytes([0x30 | suite])
    added = control + (AUTHENTICATION_KEY if len(key) == 16 else AUTHENTICATION_KEY * 2)
    added += header
    nonce = SYSTEM_TITLE + counter.to_bytes(4, "big")
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(added)
    text = encryptor.update(apdu) + encryptor.finalize()
    protected = control + counter.to_bytes(4, "big") + text + encryptor.tag[:12]
    length = len(protected)
    size = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
    return b"\xdb\x08" + SYSTEM_TITLE + size + protected


def make_dlms(shown: Shown, change: Change = leave) -> bytes:
    return make_hdlc(change(make_notification(shown)))


def make_dlms_ciphered(shown: Shown, change: Change = leave, *, counter: int = 7) -> bytes:
    return make_hdlc(encipher(change(make_notification(shown)), counter))


def make_general(apdu: bytes, key_info: bytes) -> bytes:
    """general-ciphering, of a message that is ciphered for general-glo-ciphering."""
    return b"\xdd" + GENERAL_HEADER + key_info + apdu[10:]


def make_dlms_wrapped(shown: Shown, change: Change = leave, *, counter: int = 7) -> bytes:
    """With a key of its own, which is wrapped with the master key."""
    key = bytes(range(16))
    wrapped = aes_key_wrap(SECRETS.master_key, key)
    apdu = encipher(change(make_notification(shown)), counter, key=key, header=GENERAL_HEADER)
    return make_hdlc(make_general(apdu, b"\1\1\0" + bytes([len(wrapped)]) + wrapped))


def make_dsmr_ciphered(shown: Shown, change: Change = leave, *, counter: int = 7) -> bytes:
    return encipher(make_dsmr(shown, change), counter)


def make_sml_messages(shown: Shown, change: Change = leave) -> bytes:
    """As some readers hand them on, without the frame of the file."""

    def octets(content: bytes) -> bytes:
        return bytes([len(content) + 1]) + content

    def message(number: int, tag: int, body: bytes) -> bytes:
        head = (
            b"\x76" + octets(bytes([number])) + b"\x62\x00\x62\x00\x72\x63" + tag.to_bytes(2, "big")
        )
        content = head + body
        return content + b"\x63" + compute_x25(content) + b"\x00"

    def entry(code: str, unit: bytes, value: bytes) -> bytes:
        return b"\x77\x07" + bytes.fromhex(code) + b"\x01\x01" + unit + value + b"\x01"

    server = b"\x0a\x01BEN\x01" + shown.number.to_bytes(4, "big")
    entries = [
        entry("0100600100ff", b"\x01\x01", octets(server)),
        # Tenths of a watt-hour.
        entry(
            "0100010800ff", b"\x62\x1e\x52\xff", b"\x69" + (10 * shown.import_wh).to_bytes(8, "big")
        ),
        entry(
            "0100020800ff", b"\x62\x1e\x52\xff", b"\x69" + (10 * shown.export_wh).to_bytes(8, "big")
        ),
        entry("0100100700ff", b"\x62\x1b\x52\x00", b"\x55\xff\xff\xff\x85"),
    ]
    clock = b"\x72\x62\x02\x65" + shown.time_s.to_bytes(4, "big")
    response = (
        b"\x77\x01" + octets(server) + b"\x01" + clock + bytes([0x70 | len(entries)])
        + b"".join(entries) + b"\x01\x01"
    )  # fmt: skip
    content = message(1, 0x0101, b"\x76\x01\x01\x02\x05\x02\x06\x01\x01")
    return content + message(2, 0x0701, change(response)) + message(3, 0x0201, b"\x71\x01")


def make_sml(shown: Shown, change: Change = leave) -> bytes:
    content = make_sml_messages(shown, change)
    fill = -len(content) % 4
    content = content.replace(b"\x1b" * 4, b"\x1b" * 8)
    framed = b"\x1b" * 4 + b"\x01" * 4 + content + bytes(fill) + b"\x1b" * 4 + bytes([0x1A, fill])
    return framed + compute_x25(framed)


def make_ieee_2030_5(shown: Shown, change: Change = leave) -> bytes:
    def reading(value: int, direction: int) -> str:
        return (
            f"<MirrorMeterReading><Reading><timePeriod><duration>0</duration><start>{shown.time_s}"
            f"</start></timePeriod><value>{value}</value></Reading><ReadingType>"
            f"<accumulationBehaviour>9</accumulationBehaviour><flowDirection>{direction}"
            "</flowDirection><powerOfTenMultiplier>0</powerOfTenMultiplier><uom>72</uom>"
            "</ReadingType></MirrorMeterReading>"
        )

    return change(
        (
            '<MirrorUsagePoint xmlns="urn:ieee:std:2030.5:ns">'
            f"<deviceLFDI>{shown.number:08d}</deviceLFDI>"
            f"{reading(shown.import_wh, 1)}{reading(shown.export_wh, 19)}</MirrorUsagePoint>"
        ).encode()
    )


def make_espi(shown: Shown, change: Change = leave) -> bytes:
    base = f"/espi/1_1/resource/Subscription/1/UsagePoint/{shown.number:08d}"
    values_wh = (282, 323, 294, 331)
    start_s = shown.time_s - 900 * len(values_wh)
    readings = "".join(
        f"<IntervalReading><timePeriod><duration>900</duration><start>{start_s + 900 * place}"
        f"</start></timePeriod><value>{value}</value></IntervalReading>"
        for place, value in enumerate(values_wh)
    )
    kind = "/espi/1_1/resource/ReadingType/7"
    meaning = "<flowDirection>1</flowDirection><uom>72</uom>"
    entries = (
        (base, "", "<UsagePoint/>"),
        (f"{base}/MeterReading/1", kind, "<MeterReading/>"),
        (kind, "", f"<ReadingType>{meaning}</ReadingType>"),
        (
            f"{base}/MeterReading/1/IntervalBlock/1",
            "",
            f"<IntervalBlock>{readings}</IntervalBlock>",
        ),
    )
    body = "".join(
        f'<entry><link rel="self" href="{own}"/>'
        + (f'<link rel="related" href="{related}"/>' if related else "")
        + f"<content>{resource}</content></entry>"
        for own, related, resource in entries
    )
    return change(f'<feed xmlns="http://www.w3.org/2005/Atom">{body}</feed>'.encode())


def make_cmep(shown: Shown, change: Change = leave) -> bytes:
    def row(unit: str, length: str, values: list[tuple[int, str]]) -> str:
        triplets = ",".join(
            f"{datetime.fromtimestamp(time_s, UTC):%Y%m%d%H%M},R0,{value}"
            for time_s, value in values
        )
        head = (
            f"MEPMD01,20080501,BEN,HOME:1,1,{shown.number:08d},202701151200,{shown.number:08d},OK,E"
        )
        return f"{head},{unit},1.0,{length},{len(values)},{triplets}"

    def kwh(value_wh: int) -> str:
        return f"{value_wh // 1000}.{value_wh % 1000:03d}"

    quarters = [(shown.time_s - 900 * place, kwh(250)) for place in (3, 2, 1, 0)]
    registers = [
        (shown.time_s - 3600, kwh(shown.import_wh - 1000)),
        (shown.time_s, kwh(shown.import_wh)),
    ]
    exported = [(shown.time_s, kwh(shown.export_wh))]
    rows = [
        row("KWH", "00000015", quarters),
        row("KWHREG", "00000100", registers),
        row("KWHRREG", "00000100", exported),
    ]
    return change("".join(f"{one}\r\n" for one in rows).encode())


def make_sense(shown: Shown, change: Change = leave) -> bytes:
    devices = [
        {"id": "always_on", "name": "Always On", "w": 726},
        {"id": "a1", "name": "Dryer", "w": 512.5},
    ]
    payload = {
        "w": 1238.5,
        "hz": 60.0,
        "devices": devices,
        "epoch": shown.time_s,
        "voltage": [121.5],
    }
    return change(json.dumps({"type": "realtime_update", "payload": payload}).encode())


def make_n3rgy(shown: Shown, change: Change = leave) -> bytes:
    values = [
        {
            "primaryValue": 0.25,
            "timestamp": f"{datetime.fromtimestamp(end_s, UTC):%Y-%m-%d %H:%M}",
            "unit": "kWh",
            "type": "HALF_HOURLY",
        }
        for end_s in (shown.time_s - 1800, shown.time_s)
    ]
    resource = f"/mpxn/{shown.number:013d}/utility/electricity/readingtype/consumption?end=1"
    devices = [{"deviceId": "01-0A-00-00-00-00-FF-03", "values": values}]
    answer = {"resource": resource, "granularity": "halfhour", "unit": "kWh", "devices": devices}
    return change(json.dumps(answer).encode())


def make_ocmf(shown: Shown, change: Change = leave) -> bytes:
    moment = datetime.fromtimestamp(shown.time_s, UTC)
    reading = {
        "TM": f"{moment:%Y-%m-%dT%H:%M:%S},000+0000 S", "TX": "E", "RI": "1-0:1.8.0", "RU": "Wh",
        "RV": shown.import_wh, "ST": "G",
    }  # fmt: skip
    exported = {"RI": "1-0:2.8.0", "RV": shown.export_wh}
    content = {"FV": "1.0", "PG": "T7", "MS": f"{shown.number:08d}", "RD": [reading, exported]}
    payload = change(json.dumps(content).encode())
    signature = SIGNING_KEY.sign(payload, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    trailer = {"SA": "ECDSA-secp256r1-SHA256", "SD": signature.hex()}
    return b"OCMF|" + payload + b"|" + json.dumps(trailer).encode()


def make_tasmota(shown: Shown, change: Change = leave) -> bytes:
    moment = to_local(shown.time_s)
    registers = (
        f'"Total_in": {shown.import_wh // 1000}.{shown.import_wh % 1000:03d}, '
        f'"Total_out": {shown.export_wh // 1000}.{shown.export_wh % 1000:03d}'
    )
    return change(
        (
            f'{{"Time": "{moment:%Y-%m-%dT%H:%M:%S}", "SML": {{{registers}, "Power_curr": 137, '
            f'"Meter_Number": "{shown.number:08d}"}}}}'
        ).encode()
    )


def make_dsmr(shown: Shown, change: Change = leave) -> bytes:
    sent = format_telegram(
        f"{shown.number:08d}", shown.time_s, [shown.import_wh], [shown.export_wh]
    )
    content = change(sent[: sent.rindex(b"!")]) + b"!"
    return content + f"{compute_crc(content, 0xA001, start=0, invert=False):04X}\r\n".encode()
