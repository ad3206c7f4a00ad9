"""Forecasts of a home by the champion of a store of models, as `agent model promote` left it.

The store is looked at before each forecast, so that what is promoted or rolled back is in use from
the next turn on. A home that is too new for a model is forecast from its own past.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from agents.forecast.cube import Cube, fill
from agents.forecast.models import FIRST_DAY
from agents.lifecycle.model import Model, predict
from agents.lifecycle.store import Store
from agents.observation import DAYS_PER_WEEK
from agents.trading.expect import HOURS, Past, carry_error
from client.errors import ClientError, NotFoundError, UsageError

# A date with the weekday of each day of the chain; on fast networks the days themselves are years
# that no calendar has.
_MONDAY = datetime(2001, 1, 1)  # noqa: DTZ001 - the wall clock of the home.
# 1 January 1970 was a Thursday.
_FIRST_WEEKDAY = 3
# Of the nine quantiles: 10 %, 20 %, the middle, 80 % and 90 %.
_LOWEST, _LOW, _MIDDLE, _HIGH, _HIGHEST = 0, 1, 4, 7, 8


class Forecaster:
    """The champion of one store, for any number of homes."""

    def __init__(self, folder: Path, slot_s: int) -> None:
        """Raises NotFoundError or UsageError if there is no champion of net use in such slots."""
        self._store, self._slot_s = Store(folder), slot_s
        self._hash, self._model = self._read(None)

    @property
    def name(self) -> str:
        """The model that is in use, for people."""
        return f"model {self._hash[:12]}"

    def forecast(
        self, past: Past, known_until: int, slots: Sequence[int]
    ) -> dict[int, tuple[int, int, int]] | None:
        """Low, middle and high net use of slots of today and tomorrow, as the function of
        `agents.trading.expect` has them; None if less than eight days were measured.
        """
        self._refresh()
        per_day = past.slots_per_day
        today = (slots[0] + past.slots_ahead) // per_day
        measured = {
            slot + past.slots_ahead: wh for slot, wh in past.net_wh.items() if slot <= known_until
        }
        first = min(measured, default=today * per_day) // per_day
        if today - first < FIRST_DAY:
            return None
        rows = np.full((today + 1 - first, per_day), np.nan)
        for at, wh in measured.items():
            rows[at // per_day - first, at % per_day] = wh
        now = self._predict(rows[:-1], first)
        # Tomorrow is seen from a today whose rest is as expected.
        rows[-1] = np.where(np.isnan(rows[-1]), now[_MIDDLE], rows[-1])
        days = np.concatenate((now, self._predict(rows, first)), axis=1)
        known_at = known_until + past.slots_ahead - today * per_day
        off_wh = 0
        if known_until in past.net_wh and known_at >= 0:
            off_wh = past.net_wh[known_until] - round(float(days[_MIDDLE, known_at]))
        found = {}
        for slot in slots:
            values = days[:, slot + past.slots_ahead - today * per_day]
            hours = max(1, (slot - known_until) * HOURS // per_day)
            found[slot] = _to_wh(values, carry_error(off_wh, hours))
        return found

    def _predict(self, rows: np.ndarray, first_day: int) -> np.ndarray:
        """Nine quantiles of the day after these."""
        begin = _MONDAY + timedelta(days=(first_day + _FIRST_WEEKDAY) % DAYS_PER_WEEK)
        cube = Cube(begin, self._slot_s, rows[None], fill(rows[None]))
        found: np.ndarray = predict(self._model, cube, slice(-1, None))[:, 0, 0]
        return found

    def _refresh(self) -> None:
        try:
            self._hash, self._model = self._read((self._hash, self._model))
        except ClientError:
            # Somebody may just be changing the store; what was read before is still good.
            return

    def _read(self, known: tuple[str, Model] | None) -> tuple[str, Model]:
        champion = self._store.get_champion()
        if champion is None:
            raise NotFoundError(f"{self._store.folder} has no champion; train a model first")
        if known is not None and champion == known[0]:
            return known
        model = self._store.read(champion)
        manifest = model.manifest
        if manifest["target"] != "net":
            raise UsageError(
                f"the champion of {self._store.folder} forecasts {manifest['target']}; a home that "
                f"trades needs one of net use: agent model train --target net"
            )
        if manifest["slot_s"] != self._slot_s:
            raise UsageError(
                f"the champion of {self._store.folder} is of slots of {manifest['slot_s']} s, "
                f"those of the network are of {self._slot_s} s"
            )
        return champion, model


def _to_wh(values: np.ndarray, off_wh: int) -> tuple[int, int, int]:
    """What a sixth of cases is below, the middle, and what a sixth is above; to the nearest Wh."""
    low = values[_LOWEST] + (values[_LOW] - values[_LOWEST]) * 2 / 3
    high = values[_HIGHEST] + (values[_HIGH] - values[_HIGHEST]) * 2 / 3
    low_wh, middle_wh, high_wh = (
        round(float(one)) + off_wh for one in (low, values[_MIDDLE], high)
    )
    return min(low_wh, middle_wh), middle_wh, max(middle_wh, high_wh)
