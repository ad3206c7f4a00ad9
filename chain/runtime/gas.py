"""The gas of messages, as their definitions declare it (blockenergy/options/v1).

Promises that it is known before anything is executed: it depends on the message alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.message import Message

from chain.runtime.encoding.options import get_option
from chain.runtime.units import MICRO, ceil_div


class MessageGas(NamedTuple):
    """The gas of a kind of message: its own, and that of fields by their names.

    lists: for each item. fields: if it is given.
    """

    own: int
    lists: tuple[tuple[str, int], ...]
    fields: tuple[tuple[str, int], ...]

    def add_up(self, message: Message) -> int:
        """The gas of a message of this kind."""
        gas = self.own
        for name, each in self.lists:
            gas += each * len(getattr(message, name))
        for name, each in self.fields:
            if getattr(message, name):
                gas += each
        return gas


def get_message_gas(descriptor: Any) -> MessageGas:
    """What a definition declares."""
    declared = [(field, get_option(field, options.gas_for_each)) for field in descriptor.fields]
    return MessageGas(
        get_option(descriptor, options.gas),
        tuple((field.name, each) for field, each in declared if each and field.is_repeated),
        tuple((field.name, each) for field, each in declared if each and not field.is_repeated),
    )


def compute_message_gas(message: Message) -> int:
    """The gas that a message takes beside that of its transaction."""
    return _get_gas_of(message.DESCRIPTOR).add_up(message)


def compute_min_fee(gas_limit: int, min_gas_price_micro: int) -> int:
    """The lowest fee for a gas limit, in smallest units of the fee denomination; rounded up."""
    return ceil_div(gas_limit * min_gas_price_micro, MICRO)


_get_gas_of = cache(get_message_gas)
