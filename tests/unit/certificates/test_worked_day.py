"""The worked day of docs/carbon.md, settled by a chain: the numbers computed there by hand."""

from __future__ import annotations

from docs import carbon_pictures as day
from tests.support.streets.green_street import ADDED_AT_S, GreenStreet

FIRST_SLOT = ADDED_AT_S // 60
# docs/carbon.md, "By hand": unmatched Wh and charge of the hours from one to before another.
BY_HAND = {
    (0, 6): (1_180, 45_312),
    (6, 7): (360, 14_688),
    (7, 8): (290, 11_368),
    (8, 17): (0, 0),
    (17, 18): (320, 13_312),
    (18, 21): (2_450, 109_760),
    (21, 24): (1_220, 51_728),
}


def test_a_day_computed_by_hand() -> None:
    street = GreenStreet(
        {"certificates.params": {"claim_slots": 24}, "settlement.params": {"history_slots": 40}},
        {
            f"carbon.factors[0, {FIRST_SLOT + hour}]": {
                "location_g_per_mwh": location,
                "residual_g_per_mwh": location + day.RESIDUAL_MORE,
                "solar_ceiling_permille": 1_000,
                "quality": "FACTOR_QUALITY_MEASURED",
            }
            for hour, location in enumerate(day.LOCATION)
        },
    )
    for hour, flows in enumerate(zip(day.USE_WH, day.SUN_WH, strict=True)):
        street.run_slot(hour, anna=flows)
    lines = [street.line(FIRST_SLOT + hour, "anna") for hour in range(24)]
    for (start, end), (unmatched_wh, charge) in BY_HAND.items():
        hours = lines[start:end]
        found = sum(line["import_wh"] - line.get("self_wh", 0) for line in hours)
        assert (found, sum(line.get("carbon_charge", 0) for line in hours)) == (
            unmatched_wh,
            charge,
        )
    found = street.statement("anna", FIRST_SLOT, FIRST_SLOT + 23)
    assert (found.sums.use_wh, found.sums.matched_wh, found.sums.charge) == (10_070, 4_250, 246_168)
    assert (found.market_g, found.location_g) == (3_078, 3_762)
