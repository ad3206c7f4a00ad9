"""Insights: what analysts say of meters. They are kept beside the readings, and are none.

An insight is taken from an analyst whose key the operator has given, about a meter of this bridge,
signed for this chain. It never goes on the chain and changes no reading. It is on disk before it is
acknowledged; the same content again is a success.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from blockenergy.bridge.v1 import bridge_pb2
from blockenergy.bridge.v1.bridge_pb2 import (
    Insight,
    InsightResult,
    InsightsResponse,
    KeptInsight,
    PushInsightResponse,
)

from chain.runtime.encoding import codec
from chain.runtime.signatures import verify_ed25519
from meter_bridge.chain import METER_FRESH_S, ChainUnreachableError, ChainView
from meter_bridge.formats.telegram import METER_ID

FILE_NAME = "insights.db"
KEPT_MAX, LISTED_MAX = 1_000_000, 100
PARTS_MAX, NAME_CHARACTERS_MAX = 1_000, 64
NUMBER_MAX = (1 << 63) - 1
SIGNATURE_BYTES = 64
SHARES_SUM = 1_000
_DOMAIN = b"blockenergy/insight/v1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS insights (
    number INTEGER PRIMARY KEY,
    analyst TEXT NOT NULL,
    meter_id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    first_slot INTEGER NOT NULL,
    last_slot INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    content BLOB NOT NULL,
    UNIQUE (analyst, meter_id, kind, first_slot, last_slot, revision)
);
CREATE INDEX IF NOT EXISTS of_meter ON insights (meter_id, number);
"""


class Signer(Protocol):
    """Signs for an analyst, such as `client.signing.keys.MeterKey`."""

    def sign(self, content: bytes) -> bytes:
        """The 64-byte Ed25519 signature over the content."""


def make_sign_bytes(chain_id: str, insight: Insight) -> bytes:
    """What an analyst signs: domain, digest of the chain id, and the insight without signature."""
    unsigned = Insight()
    unsigned.CopyFrom(insight)
    unsigned.signature = b""
    return _DOMAIN + hashlib.sha256(chain_id.encode()).digest() + codec.encode(unsigned)


def sign_insight(key: Signer, chain_id: str, insight: Insight) -> Insight:
    """The insight with the analyst's signature."""
    signed = Insight()
    signed.CopyFrom(insight)
    signed.signature = key.sign(make_sign_bytes(chain_id, insight))
    return signed


class Insights:
    """The insights of one bridge; thread-safe. `analysts` has their public keys by name."""

    def __init__(self, home: Path, view: ChainView, analysts: Mapping[str, bytes]) -> None:
        self._view = view
        self._analysts = dict(analysts)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(home / FILE_NAME, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def push(self, insight: Insight) -> PushInsightResponse:
        """Keeps an insight, or says why not. Errors: ChainUnreachableError."""
        result, detail = self._judge(insight)
        if result is None:
            result = self._keep(insight)
        return PushInsightResponse(result=result, detail=detail)

    def list_kept(self, meter_id: str, after: int) -> InsightsResponse:
        """The insights of a meter behind a number, the oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT number, content FROM insights WHERE meter_id = ? AND number > ? "
                "ORDER BY number LIMIT ?",
                (meter_id, min(after, NUMBER_MAX), LISTED_MAX),
            ).fetchall()
        return InsightsResponse(
            insights=[
                KeptInsight(number=number, insight=Insight.FromString(content))
                for number, content in rows
            ]
        )

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._db.close()

    def _judge(self, insight: Insight) -> tuple[InsightResult | None, str]:
        """Why an insight is not kept; no result if it may be."""
        problem = find_problem(insight)
        if problem:
            return bridge_pb2.INSIGHT_MALFORMED, problem
        key = self._analysts.get(insight.analyst)
        if key is None:
            return bridge_pb2.INSIGHT_ANALYST_UNKNOWN, ""
        params = self._view.params
        if params is None:
            raise ChainUnreachableError("The bridge has not reached the chain since it started.")
        content = make_sign_bytes(params.chain_id, insight)
        if not verify_ed25519(key, content, insight.signature):
            return bridge_pb2.INSIGHT_WRONG_SIGNATURE, ""
        if self._view.find_meter(insight.meter_id, METER_FRESH_S) is None:
            return bridge_pb2.INSIGHT_METER_UNKNOWN, ""
        return None, ""

    def _keep(self, insight: Insight) -> InsightResult:
        key = (
            insight.analyst,
            insight.meter_id,
            insight.kind,
            insight.first_slot,
            insight.last_slot,
            insight.revision,
        )
        content = codec.encode(insight)
        with self._lock:
            known = self._db.execute(
                "SELECT content FROM insights WHERE analyst = ? AND meter_id = ? AND kind = ? "
                "AND first_slot = ? AND last_slot = ? AND revision = ?",
                key,
            ).fetchone()
            if known is not None:
                is_same = known[0] == content
                return bridge_pb2.INSIGHT_DUPLICATE if is_same else bridge_pb2.INSIGHT_CONFLICT
            (last,) = self._db.execute("SELECT max(number) FROM insights").fetchone()
            if (last or 0) >= KEPT_MAX:
                return bridge_pb2.INSIGHT_FULL
            self._db.execute(
                "INSERT INTO insights "
                "(analyst, meter_id, kind, first_slot, last_slot, revision, content) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, content),
            )
        return bridge_pb2.INSIGHT_ACCEPTED


def find_problem(insight: Insight) -> str:
    """What is not well-formed, in one sentence; empty if nothing is."""
    if METER_ID.fullmatch(insight.meter_id) is None or METER_ID.fullmatch(insight.analyst) is None:
        return "Analyst and meter have ids."
    if not insight.first_slot <= insight.last_slot <= NUMBER_MAX or insight.revision > NUMBER_MAX:
        return "The slots are not in order, or a number is larger than 2^63 - 1."
    if len(insight.signature) != SIGNATURE_BYTES:
        return f"The signature has {len(insight.signature)} bytes; Ed25519 needs {SIGNATURE_BYTES}."
    if not 1 <= len(insight.parts) <= PARTS_MAX:
        return f"An insight has 1 to {PARTS_MAX} parts."
    names = [part.name for part in insight.parts]
    is_named = all(name.isprintable() and 0 < len(name) <= NAME_CHARACTERS_MAX for name in names)
    if not is_named or len(set(names)) < len(names):
        return f"Parts have names of 1 to {NAME_CHARACTERS_MAX} characters, each once."
    return find_problem_of_kind(insight)


def find_problem_of_kind(insight: Insight) -> str:
    """What does not fit the kind of an insight."""
    shares = sum(part.share_permille for part in insight.parts)
    energies = [part.energy_wh for part in insight.parts]
    if insight.kind == bridge_pb2.INSIGHT_DISAGGREGATION:
        if shares != SHARES_SUM or any(energies):
            return "The shares of a disaggregation sum to 1000, and it has no energies."
    elif insight.kind == bridge_pb2.INSIGHT_FORECAST:
        slots = insight.last_slot - insight.first_slot + 1
        if len(energies) != slots or max(energies) > NUMBER_MAX or shares:
            return "A forecast has one energy for each of its slots, and no shares."
    elif insight.kind == bridge_pb2.INSIGHT_ALERT:
        if shares or any(energies):
            return "An alert has names only."
    else:
        return "The kind is not known."
    return ""
