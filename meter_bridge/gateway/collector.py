"""From what a source delivers to a signed reading on disk: one collector for each meter."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blockenergy.metering.v1.state_pb2 import Reading

from client.signing.keys import MeterKey
from meter_bridge.client.connection import sign_reading
from meter_bridge.formats import FORMATS, read_telegram
from meter_bridge.formats.encoding.local_time import LocalTime
from meter_bridge.formats.telegram import (
    Content,
    Context,
    Secrets,
    Telegram,
    TelegramError,
    complete,
)
from meter_bridge.gateway.config import MeterConfig
from meter_bridge.gateway.store import Entry, Store, StoreError, hash_telegram
from meter_bridge.gateway.sums import IntervalSum, PowerSum
from meter_bridge.readings import NotAtSlotEndError, compute_reading, compute_tolerance_s, rank

log = logging.getLogger(__name__)

MEASURED, UNPROTECTED, DERIVED = "measured", "unprotected", "derived"
POWER = ("1-0:16.7.0",)
# Slots whose best telegram is still being looked for.
OPEN_SLOTS_MAX = 8
# Keys that the telegrams of a meter bring while a gateway runs.
COUNTERS_MAX = 10_000
# How often the state of a sum is kept between readings.
KEEP_S = 60


@dataclass(frozen=True)
class Terms:
    """What a gateway has to know of the chain."""

    chain_id: str
    slot_length_s: int
    tolerance_s: int = 0

    def get_tolerance_s(self) -> int:
        """Max distance of a telegram from the end of its slot."""
        return self.tolerance_s or compute_tolerance_s(self.slot_length_s)


@dataclass(frozen=True)
class Candidate:
    """The best telegram of a slot so far."""

    telegram: Telegram
    raw: bytes
    quality: str
    notes: dict[str, str]


class Collector:
    """The `Delivery` of one meter; `get_terms` returns None until the chain is known.

    `is_protected` says that the source notices a bit that changes on the way; `is_shared`, that it
    has telegrams of other meters too.
    """

    def __init__(
        self,
        meter: MeterConfig,
        key: MeterKey,
        secrets: Secrets,
        store: Store,
        get_terms: Callable[[], Terms | None],
        *,
        is_protected: bool,
        is_shared: bool = False,
    ) -> None:
        self.meter = meter
        # What the meter calls itself, if telegrams of others come from its source.
        self._wanted = meter.serial or (meter.id if is_shared else "")
        self._key = key
        self._secrets = secrets
        self._store = store
        self._get_terms = get_terms
        self._is_protected = is_protected
        self._lock = threading.Lock()
        self._best: dict[int, Candidate] = {}
        self._kept_s = 0
        self._power: PowerSum | None = None
        # The highest that were seen, by their notes.
        self._counters: dict[str, int] = {}
        self._key_id = make_key_id(secrets)
        # Of the source, and of what it delivered last; empty while there is none to complain about.
        self._problems = {"source": "", "telegram": ""}
        self._logged: str | None = None

    @property
    def problem(self) -> str:
        """Why there is no reading, or empty."""
        return self._problems["source"] or self._problems["telegram"]

    def deliver(self, raw: bytes, received_s: int) -> bool:
        """Takes in what a source has received; returns whether all of it was understood."""
        problem = ""
        terms = self._get_terms()
        if terms is None:
            problem = "The bridge has not said yet how long a slot is."
        else:
            with self._lock:
                for part in FORMATS[self.meter.format_id].split(raw) or [raw]:
                    try:
                        self._take(part, received_s, terms)
                    except (TelegramError, NotAtSlotEndError, StoreError) as error:
                        problem = str(error)
        self._note("telegram", problem)
        return not problem

    def tick(self, now_s: int) -> None:
        """Decides on slots for which nothing better can come any more."""
        terms = self._get_terms()
        if terms is None:
            return
        with self._lock:
            for slot in list(self._best):
                if now_s > (slot + 1) * terms.slot_length_s + terms.get_tolerance_s():
                    self._decide(slot, terms)

    def get_cursor(self, name: str) -> str:
        """What a source has kept."""
        return self._store.get_note(f"{self.meter.id}/{name}")

    def keep_cursor(self, name: str, value: str) -> None:
        """Keeps it."""
        self._store.keep_note(f"{self.meter.id}/{name}", value)

    def report(self, problem: str) -> None:
        """Notes a problem of the source; empty if it has none any more."""
        self._note("source", problem)

    def _note(self, of: str, problem: str) -> None:
        """Logs a problem, and its end, once each."""
        self._problems[of] = problem
        if self.problem:
            if self.problem != self._logged:
                log.warning("meter %s: %s", self.meter.id, self.problem)
                self._logged = self.problem
        elif of == "telegram" and self._logged != "":
            log.info("meter %s is read", self.meter.id)
            self._logged = ""

    def _take(self, raw: bytes, received_s: int, terms: Terms) -> None:
        """One telegram. Errors: TelegramError, NotAtSlotEndError, StoreError."""
        winter, summer = self.meter.utc_offsets
        context = Context(
            LocalTime(winter, summer), self._secrets, received_s, self.meter.obis, self._wanted
        )
        content = self._choose(read_telegram(self.meter.format_id, raw, context))
        if content is None:
            return
        is_protected = bool(content.checks) or self._is_protected
        if not is_protected and not self.meter.accept_unprotected:
            raise TelegramError(
                "The telegram has no checksum, and its source does not stand in for one; "
                "accept_unprotected = true takes it nevertheless."
            )
        notes = self._require_rising(content)
        if content.import_register_wh is not None:
            quality = MEASURED if is_protected else UNPROTECTED
            telegram = complete(content, received_s)
            self._offer(Candidate(telegram, raw, quality, notes), terms)
        elif content.intervals:
            self._sum_intervals(content, raw, terms)
        else:
            self._sum_power(content, raw, terms)

    def _choose(self, contents: list[Content]) -> Content | None:
        """The meter's own content among those of a telegram or file."""
        wanted = self._wanted or (self.meter.id if len(contents) > 1 else "")
        return next((one for one in contents if not wanted or one.meter_id == wanted), None)

    def _require_rising(self, content: Content) -> dict[str, str]:
        """The counter of the telegram, as a note; TelegramError if it is not a new one."""
        if content.counter is None:
            return {}
        # It may begin again with another key, and only then.
        name = f"{self.meter.id}/counter/{content.key_id or self._key_id}"
        last = self._counters.get(name)
        if last is None:
            last = int(self._store.get_note(name) or -1)
        if content.counter <= last:
            raise TelegramError(
                f"The telegram's counter {content.counter} is not above {last}; it was sent before."
            )
        if len(self._counters) > COUNTERS_MAX:
            raise TelegramError("The telegrams bring too many keys; start the gateway again.")
        self._counters[name] = content.counter
        return {name: str(content.counter)}

    def _offer(self, candidate: Candidate, terms: Terms) -> None:
        """Keeps the best telegram of a slot; the first at its end or after it is final."""
        telegram, length_s = candidate.telegram, terms.slot_length_s
        slot = compute_reading(telegram, length_s, self.meter.id).slot
        distance_s, is_before = rank(telegram, length_s)
        if distance_s > terms.get_tolerance_s() or self._store.has(self.meter.id, slot):
            return
        best = self._best.get(slot)
        if best is None or rank(telegram, length_s) < rank(best.telegram, length_s):
            self._best[slot] = candidate
        if not is_before:
            self._decide(slot, terms)
        while len(self._best) > OPEN_SLOTS_MAX:
            self._decide(min(self._best), terms)

    def _decide(self, slot: int, terms: Terms) -> None:
        """Signs the reading of a slot and keeps it."""
        best = self._best.pop(slot)
        unsigned = compute_reading(best.telegram, terms.slot_length_s, self.meter.id)
        self._keep(unsigned, best, terms)

    def _keep(self, unsigned: Reading, made_of: Candidate, terms: Terms) -> None:
        salt = b""
        if made_of.raw:
            salt, unsigned.telegram_hash = hash_telegram(made_of.raw)
        reading = sign_reading(self._key, terms.chain_id, unsigned)
        time_s = made_of.telegram.time_s
        entry = Entry(reading, made_of.raw, made_of.quality, time_s, salt, made_of.notes)
        if self._store.add(entry):
            log.info(
                "meter %s slot %d: import %d Wh, export %d Wh, %s",
                reading.meter_id,
                reading.slot,
                reading.import_register_wh,
                reading.export_register_wh,
                made_of.quality,
            )

    def _sum_intervals(self, content: Content, raw: bytes, terms: Terms) -> None:
        """Counts intervals, and keeps the readings of slots that end with one of them."""
        name = f"{self.meter.id}/intervals"
        kept = self._store.get_note(name)
        start = (self.meter.initial_import_wh, self.meter.initial_export_wh)
        total = IntervalSum.load(kept) if kept else IntervalSum.start(*start)
        for shown in total.add(content.intervals):
            telegram = Telegram("", shown.time_s, shown.import_wh, shown.export_wh)
            if shown.time_s % terms.slot_length_s == 0:
                # The file itself is not kept with each of its readings.
                self._offer(Candidate(telegram, raw[:0], DERIVED, {}), terms)
        self._store.keep_note(name, total.dump())
        gap_s = total.find_gap_s(content.intervals)
        if gap_s is not None:
            raise TelegramError(f"Intervals from {gap_s} on are missing; later ones wait for them.")

    def _sum_power(self, content: Content, raw: bytes, terms: Terms) -> None:
        """Counts power over time, and keeps the reading of a slot that has ended."""
        power = next((content.values[code] for code in POWER if code in content.values), None)
        if power is None or content.time_s is None:
            # Such as the short lists of meters that send their registers once an hour.
            return
        name = f"{self.meter.id}/power"
        if self._power is None:
            kept = self._store.get_note(name)
            start = (self.meter.initial_import_wh, self.meter.initial_export_wh)
            self._power = PowerSum.load(kept) if kept else PowerSum.start(*start)
        shown = self._power.add(content.time_s, int(power.amount * 1000), terms.slot_length_s)
        if shown:
            telegram = Telegram("", shown.time_s, shown.import_wh, shown.export_wh)
            self._offer(Candidate(telegram, raw, DERIVED, {name: self._power.dump()}), terms)
        if shown or content.time_s - self._kept_s >= KEEP_S:
            self._store.keep_note(name, self._power.dump())
            self._kept_s = content.time_s


def make_key_id(secrets: Secrets) -> str:
    """Another one for other keys."""
    parts = (secrets.encryption_key, secrets.authentication_key, secrets.public_key)
    digests = [hashlib.sha256(part).digest() for part in parts]
    return hashlib.sha256(b"".join(digests)).hexdigest()[:16]


class Fan:
    """The `Delivery` of a source that several meters share: each takes its own telegrams."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = list(collectors)

    def deliver(self, raw: bytes, received_s: int) -> bool:
        """Delivers to all; returns whether any of them understood all of it."""
        understood = [one.deliver(raw, received_s) for one in self._collectors]
        return any(understood)

    def get_cursor(self, name: str) -> str:
        """What the source has kept, under its first meter."""
        return self._collectors[0].get_cursor(name)

    def keep_cursor(self, name: str, value: str) -> None:
        """Keeps it there."""
        self._collectors[0].keep_cursor(name, value)

    def report(self, problem: str) -> None:
        """Reports it for all."""
        for one in self._collectors:
            one.report(problem)
