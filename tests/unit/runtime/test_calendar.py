"""Days and months, compared with Python's own calendar."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chain.runtime.calendar import format_date, get_month
from tests.support.properties import examples


@given(st.integers(0, 253_402_300_799))
@examples(500)
def test_every_day_until_the_year_9999(time_s: int) -> None:
    expected = datetime.fromtimestamp(time_s, UTC)
    assert format_date(time_s) == expected.strftime("%Y%m%d").zfill(8)
    assert get_month(time_s) == expected.year * 100 + expected.month


def test_leap_days() -> None:
    assert format_date(951_782_400) == "20000229"
    assert format_date(4_107_542_400) == "21000301"
