"""Accepted readings on disk: `spool` is the durable queue, `table` its SQLite tables."""

from meter_bridge.spool.spool import (
    Spool,
    SpoolBrokenError,
    SpoolFullError,
    SpoolLimits,
    WrongOwnerError,
)
from meter_bridge.spool.table import Counts

__all__ = [
    "Counts",
    "Spool",
    "SpoolBrokenError",
    "SpoolFullError",
    "SpoolLimits",
    "WrongOwnerError",
]
