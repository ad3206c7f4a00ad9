"""Our CSV: `time,meter,import_wh,export_wh`, a row per slot and meter.

`time` is when the slot begins: ISO 8601, or seconds since 1970. It is taken as the wall clock that
it shows, with or without an offset, unless a zone is given.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from agents.input.grid import Readings, to_seconds
from agents.input.table import get_stem, read_columns, to_numbers
from client.errors import MissingError

COLUMNS = {"time", "import_wh"}


def read(path: Path, zone: ZoneInfo | None) -> list[Readings]:
    """The readings of each meter in a file; without a column `meter` the file is one meter."""
    table = read_columns(path)
    if not table.keys() >= COLUMNS:
        raise MissingError(f"{path} needs the columns time,meter,import_wh,export_wh")
    rows = len(table["time"])
    time_s = np.array([_to_time(text, zone) for text in table["time"]])
    import_wh = to_numbers(table["import_wh"])
    export_wh = to_numbers(table["export_wh"]) if "export_wh" in table else np.zeros(rows)
    names = np.array(table.get("meter") or [""] * rows)
    good = np.isfinite(time_s)
    if not good.any():
        raise MissingError(f"{path} has no time such as 2026-03-01T00:15:00+01:00")
    marks = (f"{int((~good).sum())} rows without a time left out",) if not good.all() else ()
    found = []
    for name in dict.fromkeys(names[good]):
        chosen = good & (names == name)
        found.append(
            Readings(
                str(name).strip() or get_stem(path),
                time_s[chosen].astype(np.int64),
                import_wh[chosen],
                export_wh[chosen],
                marks,
            )
        )
    return found


def _to_time(text: str, zone: ZoneInfo | None) -> float:
    """Seconds since 1970 by the wall clock; NaN for what is no time."""
    text = text.strip()
    try:
        if text.isascii() and text.isdigit():
            time = datetime.fromtimestamp(int(text), UTC)
        else:
            time = datetime.fromisoformat(text)
        if zone is not None and time.tzinfo is not None:
            time = time.astimezone(zone)
        return float(to_seconds(time))
    except (ValueError, OverflowError, OSError):
        return float("nan")
