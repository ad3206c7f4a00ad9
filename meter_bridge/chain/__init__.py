"""The chain as seen from a bridge.

chain     what the bridge needs of a chain, and a view of it that rarely blocks
node      the same from a CometBFT node, over RPC
proofs    what a node says, proven by a light client
submit    moves due readings from the spool to the chain and records the results
"""

from meter_bridge.chain.chain import (
    METER_FRESH_S,
    RECHECKED_METER_FRESH_S,
    UNKNOWN_METER_FRESH_S,
    Chain,
    ChainRejectedError,
    ChainUnreachableError,
    ChainView,
    Head,
    Meter,
    Params,
    Result,
)

__all__ = [
    "METER_FRESH_S",
    "RECHECKED_METER_FRESH_S",
    "UNKNOWN_METER_FRESH_S",
    "Chain",
    "ChainRejectedError",
    "ChainUnreachableError",
    "ChainView",
    "Head",
    "Meter",
    "Params",
    "Result",
]
