"""Other registries: who speaks for each, and that a unit of it comes in once and goes back once.

All of them share one list of receipts and one of serial numbers, whatever their units stand for.
"""

from __future__ import annotations

from itertools import islice

from blockenergy.credits.v1 import events_pb2, state_pb2, tx_pb2

from chain import carbon, registry
from chain.credits import rules
from chain.credits.keeper import CreditsError
from chain.credits.state import RECEIPTS, REGISTRIES, SERIALS
from chain.runtime.context import Context
from chain.runtime.errors import ChainError, require
from chain.runtime.state.collections import HasStore
from chain.runtime.tx import decode_address

_REGISTRIES_MAX = 256
_SERIAL_MAX = 1 << 53
UNITS = frozenset(state_pb2.RegistryUnit.values()) - {0}


def set_registry(ctx: Context, msg: tx_pb2.MsgSetRegistry) -> tx_pb2.MsgSetRegistryResponse:
    """Names another registry, or its new operator."""
    carbon.require_authority(ctx, msg.authority)
    require(rules.is_name(msg.registry), CreditsError.NAME_INVALID, "the registry")
    known = REGISTRIES.get(ctx, msg.registry)
    count = sum(1 for _ in islice(REGISTRIES.items(ctx), _REGISTRIES_MAX))
    fits = known is not None or count < _REGISTRIES_MAX
    require(fits, CreditsError.TOO_MANY, f"max {_REGISTRIES_MAX} registries")
    registered = registry.is_participant(ctx, decode_address(msg.operator))
    require(registered, CreditsError.REGISTRY_INVALID, "the operator is not registered")
    same = msg.unit in UNITS and (known is None or known.unit == msg.unit)
    require(same, CreditsError.REGISTRY_INVALID, "the unit")
    entry = state_pb2.Registry(operator=msg.operator, unit=msg.unit)
    REGISTRIES.set(ctx, msg.registry, entry)
    ctx.emit(events_pb2.EventRegistrySet(registry=msg.registry, entry=entry))
    return tx_pb2.MsgSetRegistryResponse()


def require_registry(
    state: HasStore, name: str, unit: state_pb2.RegistryUnit
) -> state_pb2.Registry:
    """A registry; rejects an unknown one, and one with other units."""
    found = REGISTRIES.get_shared(state, name) if rules.is_name(name) else None
    if found is None or found.unit != unit:
        raise ChainError(CreditsError.REGISTRY_UNKNOWN)
    return found


def require_operator(
    state: HasStore, name: str, unit: state_pb2.RegistryUnit, address: str
) -> None:
    """Rejects who does not speak for a registry."""
    found = require_registry(state, name, unit)
    require(address == found.operator, CreditsError.NOT_OPERATOR)


def is_new_receipt(state: HasStore, name: str, receipt_id: str, receipt: state_pb2.Receipt) -> bool:
    """Whether a receipt is new, and not the same again; rejects one that was for something else."""
    require(rules.is_word(receipt_id), CreditsError.NAME_INVALID, "the receipt")
    known = RECEIPTS.get(state, (name, receipt_id))
    require(known is None or known == receipt, CreditsError.RECEIPT_USED)
    return known is None


def require_unused_receipt(state: HasStore, name: str, receipt_id: str) -> None:
    """Rejects a receipt that anything came in or went out with."""
    require(rules.is_word(receipt_id), CreditsError.NAME_INVALID, "the receipt")
    require(not RECEIPTS.has(state, (name, receipt_id)), CreditsError.RECEIPT_USED)


def count_units(first: int, last: int) -> int:
    """How many units serial numbers are; 0 if they are not in order."""
    return last - first + 1 if 0 < first <= last <= _SERIAL_MAX else 0


def require_new_serials(state: HasStore, name: str, first: int, last: int) -> None:
    """Rejects serial numbers, which are in order, some of which are here already."""
    found = SERIALS.under(name).items(state, before=last + 1, reverse=True)
    before = next(found, None)
    require(before is None or before[1].last < first, CreditsError.SERIALS_OVERLAP)


def add_receipt(ctx: Context, name: str, receipt_id: str, receipt: state_pb2.Receipt) -> None:
    """Keeps a receipt, and the serial numbers that came in with it."""
    RECEIPTS.set(ctx, (name, receipt_id), receipt)
    if receipt.first_serial:
        key = (name, receipt.first_serial)
        SERIALS.set(ctx, key, state_pb2.Serials(last=receipt.last_serial))
