"""The meter bridge: accepts signed meter readings and submits them to the chain.

It promises: an acknowledged reading is on disk and is submitted until the chain returns a final
result, whichever process is killed in between; and a reading reaches the chain exactly as the meter
signed it, because the bridge can verify signatures but holds no meter key.

    formats/         telegrams of meters, parsed (pure)
    sources/         where telegrams come from: serial ports, TCP, MQTT, HTTP, websockets, files
    gateway/         reads meters, signs their readings, sends them to a bridge
    vee/             checks and estimates of intervals (pure)
    readings         from a telegram to the reading of one slot (pure)
    intake           checks a reading and accepts it
    spool/           accepted readings, on disk
    chain/           the chain as the bridge sees it; submission of due readings
    insights         what analysts say of meters, kept beside the readings
    server, tls      the gRPC service, and who may connect
    bridge           assembles all of it
    client/          for gateways, in Python and as `blockenergy meter`

The walk of a reading: a push is `Pending` until the reading is on disk; the reading stays in the
spool until the chain's `Result` for it is final.
"""

import os

# gRPC's core logs for its own developers on standard error; our errors are complete without it.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
