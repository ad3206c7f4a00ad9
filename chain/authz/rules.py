"""What an authorization may say, and what a message uses of one."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from blockenergy.authz.v1 import state_pb2
from blockenergy.options.v1 import options_pb2 as options
from google.protobuf.message import Message

from chain.runtime.calendar import SECONDS_PER_DAY
from chain.runtime.encoding.options import get_option
from chain.runtime.units import AMOUNT_MAX

AUTHORIZATION_TYPE_URL = f"/{state_pb2.TradeAuthorization.DESCRIPTOR.full_name}"
GRANTS_MAX = 8
MESSAGES_MAX = 20
_NAMES_MAX = 32
ENDS_WITHIN_S = 400 * SECONDS_PER_DAY


def find_authorization_error(
    authorization: state_pb2.TradeAuthorization, delegable: Container[str]
) -> str:
    """What is wrong with an authorization, in a few words; empty if nothing.

    delegable: type URLs of the messages that can be delegated.
    """
    names = list(authorization.messages)
    if not 0 < len(names) <= _NAMES_MAX:
        return f"1 to {_NAMES_MAX} messages are expected"
    if names != sorted(set(names)):
        return "messages are sorted, each named once"
    for name in names:
        if name not in delegable:
            return f"{name[:100]} can only be signed by the owner"
    if max(authorization.money_per_day, authorization.quantity_per_slot_wh) > AMOUNT_MAX:
        return f"a limit is at most {AMOUNT_MAX}"
    return ""


def get_day(time_s: int) -> int:
    """The day of a time, counted from 1970 in UTC."""
    return time_s // SECONDS_PER_DAY


def list_ordered(message: Message) -> list[tuple[int, int]]:
    """The slots that a message names, each with the Wh that it orders for it at most."""
    slots, quantities = _list_fields(message.DESCRIPTOR)
    quantity_wh = max([getattr(message, name) for name in quantities], default=0)
    return [(getattr(message, name), quantity_wh) for name in slots] if quantity_wh else []


def add_up(
    grant: state_pb2.Grant, ordered: list[tuple[int, int]], first_slot: int
) -> dict[int, int]:
    """Wh by slot that a grant was used for, with what is ordered now, from `first_slot` on."""
    totals = {entry.slot: entry.quantity_wh for entry in grant.ordered if entry.slot >= first_slot}
    for slot, quantity_wh in ordered:
        totals[slot] = totals.get(slot, 0) + quantity_wh
    return totals


def _list_fields(descriptor: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields of a message that name a slot, and those with Wh."""
    single = [field for field in descriptor.fields if not field.is_repeated]
    return tuple(
        tuple(field.name for field in single if get_option(field, options.unit) == unit)
        for unit in (options.UNIT_SLOT, options.UNIT_WH)
    )  # type: ignore[return-value]
