"""What every answer carries, and what every request has to pass before anybody reads it.

Only the site itself may call it: another page in the same browser is rejected by the origin, and a
name that somebody lets point to this machine by the host.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A reader takes so long at most for a part of an answer.
SEND_S = 30.0
_CONTENT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": _CONTENT,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS = "max-age=31536000"


@dataclass(frozen=True, slots=True)
class Rate:
    """Tokens a second, and how many can be saved up."""

    per_s: float
    burst: float


class Buckets:
    """A rate for each key, of which the latest are known."""

    def __init__(
        self, rate: Rate, get_time_s: Callable[[], float] = time.monotonic, keys_max: int = 10_000
    ) -> None:
        self._rate = rate
        self._get_time_s = get_time_s
        self._keys_max = keys_max
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Takes a token; False if there is none left."""
        now_s = self._get_time_s()
        level, then_s = self._levels.pop(key, (self._rate.burst, now_s))
        level = min(self._rate.burst, level + (now_s - then_s) * self._rate.per_s)
        is_good = level >= 1
        self._levels[key] = (level - 1 if is_good else level, now_s)
        if len(self._levels) > self._keys_max:
            self._levels.popitem(last=False)
        return is_good


class Guard:
    """Wraps an application: headers on every answer, a time for each part of it, and only requests
    for one of the hosts. is_secure: readers reach it by TLS.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], is_secure: bool) -> None:
        self._app = app
        self._hosts = hosts
        more = {"strict-transport-security": _HSTS} if is_secure else {}
        self._headers = [
            (name.encode(), value.encode()) for name, value in (HEADERS | more).items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, self._headers)
            await asyncio.wait_for(send(message), SEND_S)

        if host in self._hosts:
            await self._app(scope, receive, send_guarded)
        else:
            await _reject_host(send_guarded)


def _add(message: MutableMapping[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    own = {name for name, _ in headers}
    kept = [(name, value) for name, value in message.get("headers", []) if name not in own]
    message["headers"] = [*kept, *headers]


async def _reject_host(send: Send) -> None:
    content = b"This server is not known by that name; use the address that it printed.\n"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(content)).encode()),
    ]
    await send({"type": "http.response.start", "status": 421, "headers": headers})
    await send({"type": "http.response.body", "body": content})
