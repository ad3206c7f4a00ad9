"""What meters push by DLMS in other frames and lists than those of `meter_telegrams`."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.others.meter_telegrams import (
    GENERAL_HEADER,
    SIGNING_KEY,
    Change,
    Shown,
    compute_x25,
    encipher,
    leave,
    make_date_time,
    make_hdlc,
    make_notification,
)

LOGICAL_LINK = b"\xe6\xe7\x00"


def make_m_bus(apdu: bytes, size: int = 100) -> bytes:
    """Frames of M-Bus, as in Austria: numbered, with a bit in the last."""
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    frames = b""
    for number, part in enumerate(parts):
        last = 0x10 * (number == len(parts) - 1)
        content = bytes([0x53, 0xFF, number & 0x0F | last, 0x01, 0x67]) + part
        head = bytes([0x68, len(content), len(content), 0x68])
        frames += head + content + bytes([sum(content) & 0xFF, 0x16])
    return frames


def make_blocks(apdu: bytes, size: int = 60) -> bytes:
    """general-block-transfer."""
    parts = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    blocks = b""
    for number, part in enumerate(parts, start=1):
        last = 0x80 * (number == len(parts))
        blocks += bytes([0xE0, 0x40 | last]) + number.to_bytes(2, "big") + bytes(2)
        blocks += bytes([len(part)]) + part
    return blocks


def make_tcp(apdu: bytes) -> bytes:
    return b"\x00\x01\x00\x01\x00\x10" + len(apdu).to_bytes(2, "big") + apdu


def make_segments(apdu: bytes, size: int = 90) -> bytes:
    """Several frames of HDLC, each of which but the last says that more follow."""
    content = LOGICAL_LINK + apdu
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    frames = b""
    for number, part in enumerate(parts):
        more = 0x0800 * (number < len(parts) - 1)
        # Format, two addresses of one byte and one of two, control, and two checks.
        length = 2 + 2 + 1 + 1 + 2 + len(part) + 2
        header = (0xA000 | more | length).to_bytes(2, "big") + b"\xce\xff\x03\x13"
        frame = header + compute_x25(header) + part
        frames += b"\x7e" + frame + compute_x25(frame)
    return frames + b"\x7e"


def write_length(size: int) -> bytes:
    return bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")


def sign(apdu: bytes) -> bytes:
    """general-signing of suite 1."""
    signed = GENERAL_HEADER + write_length(len(apdu)) + apdu
    made = SIGNING_KEY.sign(signed, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    signature = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(made))
    return b"\xdf" + signed + write_length(len(signature)) + signature


def make_dlms_m_bus(shown: Shown, change: Change = leave) -> bytes:
    return make_m_bus(encipher(change(make_notification(shown)), 5))


def make_dlms_blocks(shown: Shown, change: Change = leave) -> bytes:
    return make_tcp(make_blocks(change(make_notification(shown))))


def make_dlms_signed(shown: Shown, change: Change = leave) -> bytes:
    return make_segments(sign(change(make_notification(shown))))


def write_octets(content: bytes) -> bytes:
    return b"\x09" + bytes([len(content)]) + content


def write_number(value: int) -> bytes:
    return b"\x06" + value.to_bytes(4, "big")


def make_kaifa(shown: Shown, change: Change = leave) -> bytes:
    """By position: names, three phases, the clock, and registers once an hour."""
    names = (b"KFM_001", f"69706314{shown.number:08d}".encode(), b"MA304H3E")
    phases = (1_000, 0, 0, 377, 14_571, 15_645, 9_513, 2_193, 0, 2_205)
    registers = (shown.import_wh, shown.export_wh, 889_094, 3_206_836)
    items = [*map(write_octets, names), *map(write_number, phases)]
    items += [write_octets(make_date_time(shown.time_s)), *map(write_number, registers)]
    head = b"\x0f\x40\x00\x00\x00" + write_octets(make_date_time(shown.time_s))
    return make_hdlc(change(head + b"\x02" + bytes([len(items)]) + b"".join(items)))


def make_described(shown: Shown, change: Change = leave) -> bytes:
    """Landis+Gyr: first what follows, then the values."""
    values = [
        ("00002a0000ff", write_octets(f"LGZ10306{shown.number:08d}".encode())),
        ("0100010700ff", write_number(28)),
        ("0101010800ff", write_number(shown.import_wh)),
        ("0101020800ff", write_number(shown.export_wh)),
        ("0100200700ff", b"\x12\x00\xec"),
        ("01000d0700ff", b"\x10\x03\xe8"),
    ]
    codes = ["0008190900ff", *(code for code, _ in values)]
    description = b"".join(
        b"\x02\x04\x12\x00\x03" + write_octets(bytes.fromhex(code)) + b"\x0f\x02\x12\x00\x00"
        for code in codes
    )
    items = [b"\x01" + bytes([len(codes)]) + description, *(value for _, value in values)]
    head = b"\x0f\x00\x00\x00\x00\x0c" + make_date_time(shown.time_s)
    content = change(head + b"\x02" + bytes([len(items)]) + b"".join(items))
    return make_segments(make_blocks(content, 112), 120)
