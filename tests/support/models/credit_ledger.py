"""The supply of carbon credits as events tell it."""

from __future__ import annotations

from collections import Counter

from blockenergy.credits.v1 import events_pb2, state_pb2

from chain.credits.keeper import get_denom
from chain.runtime.context import Event


class CreditLedger:
    """Enters what is minted and what ends into a supply by denomination."""

    def __init__(self, supply: Counter[str]) -> None:
        self._supply = supply
        self._locks: dict[int, state_pb2.Lock] = {}

    def follow(self, event: Event) -> bool:
        """Enters one event; says whether it is one of credits."""
        if isinstance(event, events_pb2.EventCreditsMinted):
            self._supply[get_denom(event.batch)] += event.grams
        elif isinstance(event, events_pb2.EventCreditsRetired):
            self._supply[get_denom(event.retirement.batch)] -= event.retirement.grams
        elif isinstance(event, events_pb2.EventCreditsCancelled):
            self._supply[get_denom(event.batch)] -= event.grams
        elif isinstance(event, events_pb2.EventCreditsLocked):
            self._locks[event.number] = event.lock
        elif isinstance(event, events_pb2.EventExportConfirmed):
            lock = self._locks.pop(event.number)
            self._supply[get_denom(lock.batch)] -= lock.grams
        else:
            return False
        return True
