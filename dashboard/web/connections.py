"""Connections of uvicorn with limits that it does not have: how many in all and of one address, and
how long a request may take to come.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_BYTES_MAX = 16 * 1024


@dataclass(slots=True)
class Places:
    """How many connections there may be, and who has them now."""

    connections_max: int = 2_500
    per_address_max: int = 32
    request_s: float = 15.0
    taken: Counter[str] = field(default_factory=Counter)

    def take(self, address: str) -> bool:
        """Takes a place; False if there is none."""
        if self.taken.total() >= self.connections_max:
            return False
        if self.taken[address] >= self.per_address_max:
            return False
        self.taken[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Gives a place back."""
        self.taken[address] -= 1
        if not self.taken[address]:
            del self.taken[address]


def make_protocol(places: Places) -> type[H11Protocol]:
    """A protocol whose connections share the places."""

    class Limited(H11Protocol):
        _address = ""
        _timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            address = self.client[0] if self.client else "-"
            if not places.take(address):
                transport.abort()
                return
            self._address = address
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if self._timer is not None:
                self._timer.cancel()
            if self._address:
                places.leave(self._address)
                self._address = ""

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait()

        def _wait(self) -> None:
            """For the next request, however slowly it comes."""
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_later(places.request_s, self._end_unless_busy)

        def _end_unless_busy(self) -> None:
            if self.cycle is None or self.cycle.response_complete:
                self.transport.abort()

    return Limited
