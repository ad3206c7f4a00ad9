"""A monitor that sends frames over a websocket, as Sense does; power, several times a second."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from meter_bridge.sources.source import Delivery, SourceError
from meter_bridge.sources.tcp import require_private

OPEN_S, POLL_S, SILENCE_S = 10.0, 0.5, 60.0
MESSAGE_BYTES_MAX = 64 * 1024
# Other frames, such as the first one, say nothing of power.
UPDATE = '"realtime_update"'


@dataclass(frozen=True)
class WebSocket:
    """A feed such as wss://clientrt.sense.com/monitors/7/realtimefeed."""

    url: str
    token_file: Path | None = None
    tls_ca: Path | None = None

    # Over TLS, or on this machine.
    is_protected = True

    def validate(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("url starts with wss://")
        require_private(parts.hostname, is_tls=parts.scheme == "wss")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        url, context = self.url, None
        try:
            if self.token_file:
                url += f"?access_token={quote(self.token_file.read_text().strip())}"
            if self.tls_ca:
                context = ssl.create_default_context(cafile=str(self.tls_ca))
            with connect(
                url, ssl=context, open_timeout=OPEN_S, max_size=MESSAGE_BYTES_MAX, proxy=None
            ) as feed:
                heard_s = time.monotonic()
                while not stop.is_set():
                    try:
                        message = feed.recv(timeout=POLL_S)
                    except TimeoutError:
                        if time.monotonic() - heard_s > SILENCE_S:
                            raise SourceError(f"{self.url} has been silent for too long.") from None
                        continue
                    heard_s = time.monotonic()
                    text = (
                        message if isinstance(message, str) else message.decode("utf-8", "replace")
                    )
                    if UPDATE in text:
                        delivery.report("")
                        delivery.deliver(text.encode(), int(time.time()))
        except (OSError, ValueError, WebSocketException) as error:
            # Not the URL that was called: it has the token.
            raise SourceError(f"{self.url} cannot be read: {type(error).__name__}.") from error
