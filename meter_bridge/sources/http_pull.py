"""Readings that are fetched over HTTP: n3rgy, Green Button Connect, and IEEE 2030.5.

    n3rgy          intervals of one supply point; the customer's consent is asked for by each call
    green-button   intervals of one subscription, which is a customer's consent
    ieee-2030-5    the registers of a meter on the home network, with a client certificate

Intervals are asked for from a cursor on, which stays some days behind: late and corrected values
arrive too, and what comes twice does no harm. Other machines are called over TLS only.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from meter_bridge.sources.source import Delivery, SourceError
from meter_bridge.sources.tcp import require_private

KINDS = ("n3rgy", "green-button", "ieee-2030-5")
CALL_S, CALL_TOTAL_S = 10.0, 60.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
DAY_S, OVERLAP_S = 86_400, 2 * 86_400
RETRY_AFTER_MAX_S = 3_600
CURSOR = "until"
NAMESPACE = "urn:ieee:std:2030.5:ns"
FORWARD, REVERSE = 1, 19


@dataclass(frozen=True)
class HttpPull:
    """A server such as https://api-v2.data.n3rgy.com, and what is asked of it."""

    url: str
    kind: str
    # n3rgy: the number of the supply point, and consumption or production.
    supply_point: str = ""
    reading_type: str = "consumption"
    # Of the API, or of the subscription.
    key_file: Path | None = None
    # IEEE 2030.5: where the registers are.
    import_path: str = ""
    export_path: str = ""
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    every_s: int = 1_800
    # How far back the first call goes.
    days: int = 13

    # Over TLS, or on this machine.
    is_protected = True

    def validate(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url starts with https://")
        require_private(parts.hostname, is_tls=parts.scheme == "https")
        if self.kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        if self.kind == "n3rgy" and not (self.supply_point.isdigit() and self.key_file):
            raise ValueError("n3rgy needs supply_point, a number, and key_file")
        if self.kind == "green-button" and not self.key_file:
            raise ValueError("green-button needs key_file")
        if self.kind == "ieee-2030-5" and not self.import_path.startswith("/"):
            raise ValueError("ieee-2030-5 needs import_path, such as /upt/1/mr/3/rs/1/r/1")
        if not 1 <= self.every_s <= DAY_S or not 1 <= self.days <= 400:
            raise ValueError("every_s is 1 to 86400, days 1 to 400")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key go together")

    def run(self, delivery: Delivery, stop: threading.Event) -> None:
        while not stop.is_set():
            now_s = int(time.time())
            if self.kind == "ieee-2030-5":
                delivery.deliver(self._get_registers(), now_s)
            else:
                self._pull_intervals(delivery, now_s)
            delivery.report("")
            stop.wait(self.every_s)

    def _pull_intervals(self, delivery: Delivery, now_s: int) -> None:
        """Asks from the cursor on, in steps of a few days, and moves it."""
        kept = delivery.get_cursor(CURSOR)
        start_s = int(kept) if kept.isdigit() else now_s - self.days * DAY_S
        for from_s, to_s in split_range(start_s, now_s):
            answer = self._get(self._make_target(from_s, to_s))
            if not delivery.deliver(answer, now_s):
                raise SourceError(f"{self.url} has sent an answer that cannot be used.")
            delivery.keep_cursor(CURSOR, str(max(start_s, to_s - OVERLAP_S)))

    def _make_target(self, from_s: int, to_s: int) -> str:
        path = urlsplit(self.url).path.rstrip("/")
        start, end = (datetime.fromtimestamp(time_s, UTC) for time_s in (from_s, to_s))
        if self.kind == "n3rgy":
            query = urlencode(
                {
                    "start": f"{start:%Y%m%d%H%M}",
                    "end": f"{end:%Y%m%d%H%M}",
                    "granularity": "halfhour",
                    "outputFormat": "json",
                }
            )
            point = f"/mpxn/{self.supply_point}/utility/electricity"
            return f"{path}{point}/readingtype/{self.reading_type}?{query}"
        query = urlencode(
            {
                "published-min": f"{start:%Y-%m-%dT%H:%M:%SZ}",
                "published-max": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
        return f"{path}?{query}"

    def _get_registers(self) -> bytes:
        """The registers as one document that says what they are."""
        readings = []
        for path, direction in ((self.import_path, FORWARD), (self.export_path, REVERSE)):
            if path:
                answer = self._get(path).partition(b"?>")
                reading = answer[2] if answer[0].startswith(b"<?xml") else answer[0]
                readings.append(
                    b"<MeterReading>%s<ReadingType><accumulationBehaviour>9</accumulationBehaviour>"
                    b"<flowDirection>%d</flowDirection><uom>72</uom></ReadingType></MeterReading>"
                    % (reading, direction)
                )
        return b'<MeterReadingList xmlns="%s">%s</MeterReadingList>' % (
            NAMESPACE.encode(),
            b"".join(readings),
        )

    def _get(self, target: str) -> bytes:
        """The body of an answer. Errors: SourceError, with what to do about it."""
        connection = self._connect()
        try:
            connection.request("GET", target, headers=self._make_headers())
            response = connection.getresponse()
            body = b"".join(read_all(response))
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self.url} cannot be read: {error}.") from error
        finally:
            connection.close()
        if response.status in (401, 403):
            raise SourceError(
                f"{self.url} does not show these readings ({response.status}); the customer's "
                "consent is missing or has ended, or the key is wrong."
            )
        if response.status == 429:
            wait = response.headers.get("Retry-After", "")
            seconds = min(int(wait), RETRY_AFTER_MAX_S) if wait.isdigit() else 60
            raise SourceError(f"{self.url} is asked too often; it wants a pause of {seconds} s.")
        if response.status != 200:
            raise SourceError(f"{self.url} answers with status {response.status}.")
        return body

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        if parts.scheme == "http":
            return http.client.HTTPConnection(parts.hostname, parts.port, timeout=CALL_S)
        try:
            context = ssl.create_default_context(cafile=str(self.tls_ca) if self.tls_ca else None)
            if self.tls_cert:
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except (OSError, ValueError) as error:
            raise SourceError(f"A certificate for {self.url} cannot be used: {error}.") from error
        return http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=CALL_S, context=context
        )

    def _make_headers(self) -> dict[str, str]:
        if self.key_file is None:
            return {}
        try:
            key = self.key_file.read_text().strip()
        except (OSError, ValueError) as error:
            raise SourceError(f"The key {self.key_file} cannot be read.") from error
        return {"x-api-key": key} if self.kind == "n3rgy" else {"Authorization": f"Bearer {key}"}


def split_range(start_s: int, end_s: int) -> Iterator[tuple[int, int]]:
    """Ranges of ten days at most, of which the last one ends now."""
    while start_s < end_s:
        until_s = min(end_s, start_s + 10 * DAY_S)
        yield start_s, until_s
        start_s = until_s


def read_all(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The parts of a body, within a size and a time."""
    end_s, size = time.monotonic() + CALL_TOTAL_S, 0
    while chunk := response.read(CHUNK_BYTES):
        size += len(chunk)
        if size > ANSWER_BYTES_MAX or time.monotonic() > end_s:
            raise TimeoutError("the answer is too long, or takes too long")
        yield chunk
