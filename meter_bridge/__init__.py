"""The meter bridge: takes in signed meter readings and carries them to the chain.

It promises: an acknowledged reading is on disk and is submitted until the chain has answered,
whatever process is killed in between; and a reading reaches the chain as it was signed by the
meter, because the bridge can check a signature but never make one.

    telegram, dsmr, readings    what a meter says, as one reading of one slot (pure)
    intake                      what must hold before a reading is accepted
    spool, spool_table          accepted readings, on disk
    submit                      from the spool to the chain, and the answers back
    chain, chain_client         what the bridge needs of the chain, and the node that gives it
    server, tls, bridge         gRPC, and the parts put together
    connection, commands        for gateways, and as `blockenergy meter`; client has both
"""

import os

# What gRPC's core writes on standard error is for its developers; our own sentences say it all.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
