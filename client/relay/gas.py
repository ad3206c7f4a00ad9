"""What relaying costs on a chain of the Cosmos SDK, which counts gas as it goes.

Its nodes charge for the limit, whatever was used. Messages of IBC take much the same each time, so
the limit follows from their number and size, without asking a node to try them first.
"""

from __future__ import annotations

from collections.abc import Sequence

from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain.runtime.gas import compute_min_fee
from client.cost import Cost, GasPrice

FREE = GasPrice(0, "")
# Well above what wasmd 0.70.3 uses: others have more in their way.
_PER_TX = 100_000
_PER_MESSAGE = 200_000
_PER_BYTE = 30


def compute_cost(messages: Sequence[Message], price: GasPrice) -> Cost:
    """Gas limit and fee for messages in one transaction."""
    size = sum(message.ByteSize() for message in messages)
    gas_limit = _PER_TX + _PER_MESSAGE * len(messages) + _PER_BYTE * size
    amount = compute_min_fee(gas_limit, price.micro)
    fee = [Coin(denom=price.denom, amount=str(amount))] if amount else []
    return Cost(gas_limit, fee)
