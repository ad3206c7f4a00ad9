"""The arithmetic of registers and connections. Nothing here reads state."""

from __future__ import annotations

import hashlib

from blockenergy.metering.v1 import state_pb2

from chain.runtime.calendar import SECONDS_PER_HOUR
from chain.runtime.encoding import codec
from chain.runtime.signatures import verify_meter
from chain.runtime.units import PERMILLE, ceil_div

_DOMAIN = b"blockenergy/reading/v1"
HASH_BYTES = 32
# Silence beyond about a century allows no more energy: the settlement of a meter stays in 64 bits.
SILENT_HOURS_MAX = 1_000_000


def reading_sign_bytes(chain_id: str, reading: state_pb2.Reading) -> bytes:
    """What a meter signs: domain, digest of the chain id, and the reading without its signature.

    Domain and chain id prevent a signature from being used for anything else.
    """
    content = state_pb2.Reading(
        meter_id=reading.meter_id,
        slot=reading.slot,
        import_register_wh=reading.import_register_wh,
        export_register_wh=reading.export_register_wh,
        telegram_hash=reading.telegram_hash,
    )
    return _DOMAIN + hashlib.sha256(chain_id.encode()).digest() + codec.encode(content)


def is_signed(pub_key: bytes, chain_id: str, reading: state_pb2.Reading) -> bool:
    """Whether a meter with this key has signed a reading for the chain. A hash of another size than
    32 bytes cannot be signed.
    """
    if len(reading.telegram_hash) not in (0, HASH_BYTES):
        return False
    return verify_meter(pub_key, reading_sign_bytes(chain_id, reading), reading.signature)


def compute_energy_max_wh(
    capacity_w: int, slots: int, represented_duration_s: int, tolerance_permille: int
) -> int:
    """The largest energy of a connection in a number of slots, or in SILENT_HOURS_MAX if that is
    shorter. Rounded up, in favour of the meter.
    """
    duration_s = min(slots * represented_duration_s, SILENT_HOURS_MAX * SECONDS_PER_HOUR)
    watt_seconds = capacity_w * duration_s * (PERMILLE + tolerance_permille)
    return ceil_div(watt_seconds, SECONDS_PER_HOUR * PERMILLE)


def compute_step(before_wh: int, after_wh: int, size_wh: int) -> int:
    """How far a register of this size has moved, on the shorter way around: forwards through its
    roll-over, or backwards. At least -size_wh / 2, less than size_wh / 2.
    """
    half_wh = size_wh // 2
    return (after_wh - before_wh + half_wh) % size_wh - half_wh


def is_step_in_range(
    before: state_pb2.Registers,
    after: state_pb2.Registers,
    size_wh: int,
    energy_max_wh: int,
    export_max_wh: int,
) -> bool:
    """Whether registers can have moved from one state to the other, with so much energy in all and
    so much export.
    """
    import_wh = compute_step(before.import_wh, after.import_wh, size_wh)
    export_wh = compute_step(before.export_wh, after.export_wh, size_wh)
    if import_wh < 0 or not 0 <= export_wh <= export_max_wh:
        return False
    return import_wh + export_wh <= energy_max_wh
