"""The bridge's client, for meters and gateways: parse telegrams, sign readings, push them.

    with MeterClient("127.0.0.1:26690") as bridge:
        health = bridge.health()
        reading = compute_reading(dsmr.parse(telegram), health.slot_length_s)
        signed = sign_reading(key, health.chain_id, reading)
        response = bridge.push_telegram(telegram, signed.signature)

Once a push result is in ACKNOWLEDGED, the bridge has the reading on disk. After any other result or
an exception the sender must keep it. Pushing the same reading again is always safe.

`add_arguments` and `run` implement the command `blockenergy meter`.
"""

from meter_bridge.client.commands import add_arguments, run
from meter_bridge.client.connection import (
    ACKNOWLEDGED,
    BridgeError,
    BridgeUnreachableError,
    MeterClient,
    sign_reading,
)
from meter_bridge.formats import dsmr
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
    "dsmr",
    "run",
    "sign_reading",
]
