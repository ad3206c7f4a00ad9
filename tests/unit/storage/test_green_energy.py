"""What certificates make of the energy in a battery: shares, and no more than they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chain.carbon import Claimable
from chain.storage import rules
from tests.support.properties import examples

CAPACITY_WH = 13_500
WH = st.integers(0, 30_000)
EFFICIENCY = st.integers(500, 1_000)


def test_a_home_battery() -> None:
    model = rules.StateOfChargeModel(CAPACITY_WH, 950, 950)
    step = rules.compute_step(model, 0, 10_000, 0)
    exempt_wh = rules.compute_exempt_wh(model, step.stored_wh)
    assert (step.stored_wh, exempt_wh) == (9_500, 9_025)
    assert rules.compute_green_wh(model, exempt_wh, 10_000, 10_000) == 9_500
    assert rules.compute_green_wh(model, exempt_wh, 10_000, 4_000) == 3_800
    assert rules.compute_green_drawn_wh(3_800, 5_264, 9_500) == 2_106
    assert rules.compute_discharge_max_wh(model, 2_106) == 2_000
    assert rules.compute_discharge_max_wh(model, 1_685) == 1_600


@given(WH, WH, EFFICIENCY, EFFICIENCY, st.integers(0, CAPACITY_WH), st.lists(WH, max_size=4))
@examples(400)
def test_what_is_matched_and_what_comes_back_is_no_more_than_was_retired(
    import_wh: int, export_wh: int, into: int, out: int, before_wh: int, pieces: list[int]
) -> None:
    """Whatever was in the battery, and whatever else is behind its meter."""
    model = rules.StateOfChargeModel(CAPACITY_WH, into, out)
    step = rules.compute_step(model, before_wh, import_wh, export_wh)
    exempt_wh = rules.compute_exempt_wh(model, step.stored_wh)
    if not exempt_wh:
        return
    line = Claimable(import_wh - exempt_wh, 0, 1, 1, battery_import_wh=import_wh)
    retired_wh = green_wh = 0
    for piece in pieces:
        more_wh = min(piece, import_wh - retired_wh)
        green = [
            rules.compute_green_wh(model, exempt_wh, import_wh, wh)
            for wh in (retired_wh, retired_wh + more_wh)
        ]
        green_wh += green[1] - green[0]
        retired_wh += more_wh
    matched_wh = line.unmatched_wh - line.compute_unmatched_wh(retired_wh)
    comes_back_wh = rules.compute_discharge_max_wh(model, green_wh)
    assert matched_wh + comes_back_wh <= retired_wh
    assert green_wh <= step.stored_wh
    assert comes_back_wh * 1_000_000 <= into * out * retired_wh
