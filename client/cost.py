"""What a transaction costs: the gas that it takes by its content, and the fee for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blockenergy.auth.v1.state_pb2 import Params
from cosmos.authz.v1beta1.tx_pb2 import MsgExec
from cosmos.base.v1beta1.coin_pb2 import Coin
from google.protobuf.message import Message

from chain.runtime.gas import compute_message_gas, compute_min_fee
from client.errors import UsageError
from client.signing import tx

_LARGEST_AMOUNT = str((1 << 64) - 1)


class Cost(NamedTuple):
    """What a transaction says of its cost."""

    gas_limit: int
    fee: Sequence[Coin]


class GasPrice(NamedTuple):
    """Per unit of gas: millionths of a denomination's smallest unit."""

    micro: int
    denom: str


class Wish(NamedTuple):
    """What a user wants a transaction to cost; what is not given is computed, for the chain's
    minimum gas price. gas_limit: 0 if not given.
    """

    gas_limit: int = 0
    fee: Sequence[Coin] | None = None
    gas_price: GasPrice | None = None


NO_WISH = Wish()


def compute_cost(
    params: Params,
    messages: Sequence[Message],
    pub_key: bytes,
    memo: str = "",
    timeout_height: int = 0,
    wish: Wish = NO_WISH,
    fee_granter: str = "",
) -> Cost:
    """Gas limit and fee that are enough for the largest encoding of a transaction.

    Raises UsageError if the gas price is in another denomination than that of fees.
    """
    price = wish.gas_price or GasPrice(params.min_gas_price_micro, params.fee_denom)
    if price.denom != params.fee_denom:
        raise UsageError(f"the gas price is in {price.denom}; fees are paid in {params.fee_denom}")
    fee = wish.fee
    if fee is None:
        fee = [Coin(denom=params.fee_denom, amount=_LARGEST_AMOUNT)] if price.micro else []
    size = tx.compute_size_max(messages, pub_key, fee, memo, timeout_height, fee_granter)
    gas = params.gas_per_tx + params.gas_per_byte * size + sum(map(_count_gas, messages))
    gas_limit = wish.gas_limit or min(gas, params.gas_limit_max)
    if wish.fee is not None or not fee:
        return Cost(gas_limit, fee)
    amount = compute_min_fee(gas_limit, price.micro)
    return Cost(gas_limit, [Coin(denom=params.fee_denom, amount=str(amount))])


def _count_gas(message: Message) -> int:
    """The gas of a message, with that of the messages in it."""
    gas = compute_message_gas(message)
    if isinstance(message, MsgExec):
        gas += sum(_count_gas(tx.unpack(packed)) for packed in message.msgs)
    return gas
