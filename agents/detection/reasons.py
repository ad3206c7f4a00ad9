"""Sentences for a score: what of a meter's week speaks for something being wrong."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from agents.detection.detector import Scored

# Reasons are given from this score on, and for what adds at least so much to the log-odds.
SCORE_MIN, PART_MIN = 0.1, 0.2
REASONS_MAX = 3

_LIKE_PAST = "the gap of the feeder has the shape of what this meter used to use"
_BY_FEATURE: dict[str, str | Callable[[float], str]] = {
    "level": lambda value: f"{_more_or_less(value)} than in its own last eight weeks",
    "level_beyond_neighbours": lambda value: f"{_more_or_less(value)} than its neighbours' change",
    "day_shape": "its day has another shape than before",
    "day_shape_reversed": "its day looks like its own past run backwards",
    "day_shape_margin": "its day looks more like its own past run backwards than forwards",
    "week_shape": "its hours do not follow its own past",
    "week_shape_reversed": "its week looks like its own past run backwards",
    "week_shape_margin": "its week looks like its own past run backwards",
    "spread": lambda value: f"its hours vary {'more' if value > 0 else 'less'} than before",
    "roughness": lambda value: f"it jumps {'more' if value > 0 else 'less'} from hour to hour",
    "persistence": lambda value: f"an hour says {'more' if value > 0 else 'less'} about the next",
    "zeros": lambda value: f"{value:+.0%} of its hours are at or near zero",
    "equal_hours": "the same value hour after hour",
    "night": lambda value: f"its nights are {'higher' if value > 0 else 'lower'} than before",
    "evening": lambda value: f"its evenings are {'higher' if value > 0 else 'lower'} than before",
    "peak": lambda value: f"its peaks are {'higher' if value > 0 else 'lower'} than before",
    "trough": lambda value: f"its lowest hours are {'higher' if value > 0 else 'lower'}",
    "day_likeness": lambda value: f"its days are {'more' if value > 0 else 'less'} alike",
    "day_levels": lambda value: f"its days differ {'more' if value > 0 else 'less'} in total",
    "gap": "the feeder delivers more than its meters report",
    "gap_of_level": "the feeder's gap is large for this meter",
    "gap_beyond_drop": "the feeder's gap does not fit this meter's drop",
    "gap_like_reported": "the gap of the feeder follows what this meter reports",
    "gap_like_history": _LIKE_PAST,
    "gap_like_drop": "the gap of the feeder has the shape of what this meter lacks",
    "gap_like_reversed_day": "the gap of the feeder is this meter's day run backwards",
    "gap_like_reversed_week": "the gap of the feeder is this meter's week run backwards",
    "gap_like_flat": _LIKE_PAST,
    "gap_from_reported": "of all meters this one explains the gap of the feeder",
    "gap_from_drop": "of all meters what this one lacks explains the gap of the feeder",
    "gap_from_history": "of all meters this one's past explains the gap of the feeder",
}


def find_reasons(found: Scored, meter: int, week: int, missing: float) -> list[str]:
    """The strongest reasons first; none for an ordinary week."""
    reasons = [f"{missing:.0%} of its readings are missing"] if missing > 0 else []
    if not found.scores[meter, week] >= SCORE_MIN:
        return reasons
    parts = found.parts[meter, week]
    for number in np.argsort(-parts):
        if parts[number] < PART_MIN or len(reasons) >= REASONS_MAX:
            break
        name = found.features.names[number].removesuffix("_rank")
        known = _BY_FEATURE[name]
        value = float(found.features.values[meter, week, number])
        sentence = known if isinstance(known, str) else known(value)
        if sentence not in reasons:
            reasons.append(sentence)
    return reasons


def _more_or_less(log_ratio: float) -> str:
    share = float(np.exp(log_ratio)) - 1.0
    return f"{abs(share):.0%} {'more' if share > 0 else 'less'}"
