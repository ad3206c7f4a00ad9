"""Telegrams of wireless M-Bus, in the two ways in which electricity meters encrypt them."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.support.others.meter_telegrams import KEY, Change, Shown, leave


def compute_en_13757(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x3D65 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
    return crc ^ 0xFFFF


def make_wmbus_address(shown: Shown) -> bytes:
    """Maker KAM, identification, version, type: electricity."""
    return b"\x2d\x2c" + bytes.fromhex(f"{shown.number:08d}")[::-1] + b"\x30\x02"


def make_wmbus_records(shown: Shown) -> bytes:
    records = b"\x04\x03" + shown.import_wh.to_bytes(4, "little")
    return records + b"\x04\x83\x3c" + shown.export_wh.to_bytes(4, "little")


def add_radio_checksums(content: bytes) -> bytes:
    """Those of format A, behind the length."""
    content = bytes([len(content)]) + content
    blocks = [content[:10], *(content[at : at + 16] for at in range(10, len(content), 16))]
    return b"".join(block + compute_en_13757(block).to_bytes(2, "big") for block in blocks)


def make_wmbus(shown: Shown, change: Change = leave) -> bytes:
    """Encrypted, as Kamstrup's meters send it."""
    address = make_wmbus_address(shown)
    plain = change(b"\x78" + make_wmbus_records(shown))
    plain = compute_en_13757(plain).to_bytes(2, "little") + plain
    # Session 1 of a minute, encrypted by counter mode.
    session = (0x20000000 | shown.time_s // 60 % 0x1000000 << 4 | 1).to_bytes(4, "little")
    nonce = address + b"\x20" + session + bytes(3)
    text = Cipher(algorithms.AES(KEY), modes.CTR(nonce)).encryptor().update(plain)
    return add_radio_checksums(b"\x44" + address + b"\x8d\x20\x01" + session + text)


def make_wmbus_cbc(shown: Shown, change: Change = leave) -> bytes:
    """Mode 5 of the transport layer, with a short header, as OMS describes it."""
    address, access = make_wmbus_address(shown), 0x2A
    plain = b"\x2f\x2f" + change(make_wmbus_records(shown))
    plain += b"\x2f" * (-len(plain) % 16)
    mode = modes.CBC(address + 8 * bytes([access]))
    text = Cipher(algorithms.AES(KEY), mode).encryptor().update(plain)
    configuration = bytes([len(plain) // 16 << 4 & 0xF0, 5])
    header = b"\x7a" + bytes([access, 0]) + configuration
    return add_radio_checksums(b"\x44" + address + header + text)
