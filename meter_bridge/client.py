"""For meters, gateways and programs: reads telegrams, signs readings and pushes them to a bridge.

    with MeterClient("127.0.0.1:26690") as bridge:
        health = bridge.health()
        reading = compute_reading(parse(telegram), health.slot_length_s)
        signed = sign_reading(key, health.chain_id, reading)
        response = bridge.push_telegram(telegram, signed.signature)

A reading is the bridge's to keep once its result is in ACKNOWLEDGED; after anything else, and after
every exception, it is still the sender's. Pushing the same reading again is always safe.

`add_arguments` and `run` are the command `blockenergy meter`.
"""

from meter_bridge.commands import add_arguments, run
from meter_bridge.connection import (
    ACKNOWLEDGED,
    BridgeError,
    BridgeUnreachableError,
    MeterClient,
    sign_reading,
)
from meter_bridge.dsmr import format_telegram, parse
from meter_bridge.readings import compute_reading
from meter_bridge.tls import TlsError, TlsFiles

__all__ = [
    "ACKNOWLEDGED",
    "BridgeError",
    "BridgeUnreachableError",
    "MeterClient",
    "TlsError",
    "TlsFiles",
    "add_arguments",
    "compute_reading",
    "format_telegram",
    "parse",
    "run",
    "sign_reading",
]
