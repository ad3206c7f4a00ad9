"""Which events everybody may see, whom an event concerns, and which events are not kept.

Closed by default: an event that is not listed here is seen by those whom it concerns, by operators
of their feeders and by auditors.
"""

from __future__ import annotations

from collections.abc import Iterator

from blockenergy.carbon.v1 import events_pb2 as carbon_pb2
from blockenergy.market.v1 import events_pb2 as market_pb2
from blockenergy.metering.v1 import events_pb2 as metering_pb2
from blockenergy.params.v1 import events_pb2 as params_pb2
from blockenergy.settlement.v1 import events_pb2 as settlement_pb2
from blockenergy.upgrade.v1 import events_pb2 as upgrade_pb2
from blockenergy.validators.v1 import events_pb2 as validators_pb2
from google.protobuf.message import Message

from chain.runtime.encoding import bech32

PUBLIC_EVENTS = frozenset(
    kind.DESCRIPTOR.full_name
    for kind in (
        carbon_pb2.EventCarbonPriceSet,
        carbon_pb2.EventFactorsPublished,
        market_pb2.EventSlotCleared,
        market_pb2.EventSlotOpened,
        market_pb2.EventSlotTraded,
        metering_pb2.EventChainHalted,
        params_pb2.EventParamsUpdated,
        settlement_pb2.EventSlotSettled,
        upgrade_pb2.EventUpgradeCancelled,
        upgrade_pb2.EventUpgraded,
        upgrade_pb2.EventUpgradePlanned,
        validators_pb2.EventValidatorChanged,
    )
)
# Lines, and rows of feeders, have what they say; there is one for each meter, or feeder, and slot.
NOT_KEPT = frozenset(
    kind.DESCRIPTOR.full_name
    for kind in (metering_pb2.EventReadingRecorded, settlement_pb2.EventFeedersSettled)
)
_ADDRESS_BEGINNING = f"{bech32.PREFIX}1"
_METER = "meter_id"


def list_addresses(message: Message) -> Iterator[str]:
    """The addresses in a message, and in messages in it."""
    for field, value in message.ListFields():
        for item in value if field.is_repeated else (value,):
            if isinstance(item, Message):
                yield from list_addresses(item)
            elif isinstance(item, str) and _is_address(item):
                yield item


def get_meter(message: Message) -> str:
    """The meter that an event is about; empty: none."""
    return str(getattr(message, _METER, ""))


def _is_address(text: str) -> bool:
    if not text.startswith(_ADDRESS_BEGINNING):
        return False
    try:
        bech32.decode(text)
    except bech32.AddressError:
        return False
    return True
