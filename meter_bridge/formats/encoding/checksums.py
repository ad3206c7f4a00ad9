"""Checksums of meter formats. They detect damage; against forgery there are keys."""

from __future__ import annotations

from collections.abc import Iterable


def _make_reflected_table(polynomial: int) -> tuple[int, ...]:
    """The change of the remainder by each byte, lowest bit first."""
    table = []
    for value in range(256):
        remainder = value
        for _ in range(8):
            remainder = (remainder >> 1) ^ polynomial if remainder & 1 else remainder >> 1
        table.append(remainder)
    return tuple(table)


def _make_table(polynomial: int) -> tuple[int, ...]:
    """The same, highest bit first."""
    table = []
    for value in range(256):
        remainder = value << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ polynomial if remainder & 0x8000 else remainder << 1
        table.append(remainder & 0xFFFF)
    return tuple(table)


_X25, _EN_13757 = _make_reflected_table(0x8408), _make_table(0x3D65)


def compute_x25(content: bytes) -> int:
    """CRC-16/X-25, the frame check sequence of HDLC and SML."""
    crc = 0xFFFF
    for byte in content:
        crc = (crc >> 8) ^ _X25[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


def compute_kermit(content: bytes) -> int:
    """CRC-16/KERMIT, which some older SML meters use instead."""
    crc = 0
    for byte in content:
        crc = (crc >> 8) ^ _X25[(crc ^ byte) & 0xFF]
    return crc


def compute_en_13757(content: bytes) -> int:
    """CRC-16/EN-13757 of wireless M-Bus."""
    crc = 0
    for byte in content:
        crc = ((crc << 8) & 0xFFFF) ^ _EN_13757[(crc >> 8) ^ byte]
    return crc ^ 0xFFFF


def compute_block_check(content: Iterable[int]) -> int:
    """The block check character of IEC 62056-21: all bytes by exclusive or."""
    check = 0
    for byte in content:
        check ^= byte
    return check
