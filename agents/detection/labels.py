"""`labels.csv`: which weeks of which meters were attacked.

Columns `meter` and `week`: a number counted from 0, or a date within the week. A column such as
`label` or `attacked` says which rows are; without one all are. A column `kind` names the attack.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from agents.detection.weeks import HOURS_PER_WEEK, Weeks
from agents.input.table import read_columns
from client.errors import MissingError

_TRUTHS = ("label", "attacked", "attack", "is_attack", "theft", "anomaly", "is_theft", "truth", "y")
_KINDS = ("kind", "type", "attack_type", "attack_kind")
_WEEKS = ("week", "week_begin", "begin", "time", "date")
_FALSE = frozenset(("", "0", "0.0", "false", "no", "none", "normal", "clean", "nan", "-1"))


@dataclass(frozen=True, slots=True)
class Labels:
    """Which meters' weeks were attacked, and how, where it is said.

    `marks` are sentences about rows that are not used.
    """

    is_attacked: np.ndarray
    kinds: np.ndarray
    marks: tuple[str, ...] = ()


def read_labels(path: Path, weeks: Weeks) -> Labels:
    """Reads the file; raises MissingError if it names no week of a known meter."""
    table = read_columns(path)
    column = next((name for name in _WEEKS if name in table), None)
    if "meter" not in table or column is None:
        raise MissingError(f"{path} needs the columns meter and week")
    truth = next((table[name] for name in _TRUTHS if name in table), None)
    kind = next((table[name] for name in _KINDS if name in table), None)
    told = truth if truth is not None else kind
    numbers = [_to_week(text, weeks) for text in table[column]]
    shape = weeks.net.shape[:2]
    is_attacked, kinds = np.zeros(shape, dtype=bool), np.full(shape, "", dtype=object)
    at = {name: number for number, name in enumerate(weeks.names)}
    unused = dict.fromkeys(
        (
            "name a meter that is not in this folder, or cannot be used",
            "have a week that is neither a number nor a date",
            f"have a week outside 0 to {weeks.count - 1}",
        ),
        0,
    )
    no_meter, no_week, outside = unused
    for row, (meter, week) in enumerate(zip(table["meter"], numbers, strict=True)):
        if meter.strip() not in at:
            unused[no_meter] += 1
        elif week is None:
            unused[no_week] += 1
        elif not 0 <= week < weeks.count:
            unused[outside] += 1
        elif told is None or told[row].strip().lower() not in _FALSE:
            is_attacked[at[meter.strip()], week] = True
            kinds[at[meter.strip()], week] = kind[row].strip() if kind else ""
    marks = tuple(f"{count} rows of {path.name} {what}" for what, count in unused.items() if count)
    if sum(unused.values()) == len(numbers):
        raise MissingError(f"{path} names no week of a meter of this folder: {'; '.join(marks)}")
    return Labels(is_attacked, kinds, marks)


def _to_week(text: str, weeks: Weeks) -> int | None:
    text = text.strip()
    try:
        return int(float(text))
    except (ValueError, OverflowError):
        pass
    try:
        time = datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
    return int((time - weeks.begin).total_seconds() // (HOURS_PER_WEEK * 3600))
