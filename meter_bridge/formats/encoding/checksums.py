"""Checksums of meter formats. They detect damage; against forgery there are keys."""

from __future__ import annotations

import binascii
from collections.abc import Iterable


def _make_table(polynomial: int) -> tuple[int, ...]:
    """The change of the remainder by each byte, highest bit first."""
    table = []
    for value in range(256):
        remainder = value << 8
        for _ in range(8):
            remainder = (remainder << 1) ^ polynomial if remainder & 0x8000 else remainder << 1
        table.append(remainder & 0xFFFF)
    return tuple(table)


_EN_13757 = _make_table(0x3D65)
# What turns the bits of each byte around.
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def _compute_reflected(content: bytes, start: int) -> int:
    """The remainder by x^16 + x^12 + x^5 + 1, lowest bit first.

    Python's own is the same with the highest bit first, and many times as fast as a loop.
    """
    high, low = divmod(binascii.crc_hqx(content.translate(_REVERSED), start), 256)
    return _REVERSED[low] << 8 | _REVERSED[high]


def compute_x25(content: bytes) -> int:
    """CRC-16/X-25, the frame check sequence of HDLC and SML."""
    return _compute_reflected(content, 0xFFFF) ^ 0xFFFF


def compute_kermit(content: bytes) -> int:
    """CRC-16/KERMIT, which some older SML meters use instead."""
    return _compute_reflected(content, 0)


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
