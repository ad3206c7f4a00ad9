"""Statements: worked examples, published ones among them, and a line as it is settled."""

from __future__ import annotations

from chain import certificates
from chain.certificates import Sums
from tests.support.streets.green_street import GreenStreet


def slot(use_wh: int, matched_wh: int, location: int, residual: int, cfe_permille: int) -> Sums:
    unmatched_wh = use_wh - matched_wh
    return Sums(
        slots=1,
        use_wh=use_wh,
        matched_wh=matched_wh,
        location_ug=use_wh * location,
        market_ug=unmatched_wh * residual,
        carbon_free_permille_wh=matched_wh * 1_000 + unmatched_wh * cfe_permille,
    )


def test_four_slots() -> None:
    """Emissions and the 24/7 score (Google's CFE score); one slot has no use."""
    slots = [
        slot(500, 500, 300_000, 420_000, 380),
        slot(400, 150, 350_000, 450_000, 300),
        slot(0, 0, 400_000, 500_000, 250),
        slot(1_000, 0, 510_000, 640_000, 120),
    ]
    shown = certificates.compute_shown(certificates.add_up(slots))
    assert (shown.location_g, shown.market_g) == (800, 753)
    assert (shown.carbon_free_ppm, shown.matched_ppm) == (444_736, 342_105)


def test_a_published_example_of_scope_2() -> None:
    """1,000,000 kWh at 0.20 kg, certificates for 600,000, residual mix 0.45 kg."""
    year = slot(10**9, 6 * 10**8, 200_000, 450_000, 0)
    shown = certificates.compute_shown(year)
    assert (shown.location_g, shown.market_g) == (200_000_000, 180_000_000)
    assert shown.matched_ppm == 600_000


def test_nothing_used_is_nothing_to_match() -> None:
    assert certificates.compute_shown(Sums()) == (0, 0, 1_000_000, 1_000_000)


def test_a_published_example_of_granular_certificates() -> None:
    """Project Origin: 250 Wh are made and 150 used in the same hour; 100 certificates remain."""
    street = GreenStreet()
    number = street.run_slot(0, anna=(0, 250), ben=(150, 0))
    assert not street.retire("anna", number, 150, "ben")
    held = street.world.short()[f"certificates.holdings[{number}, anna & anna]"]
    assert held == {"wh": "100"}
    assert "used less in this slot" in street.retire("anna", number, 1, "ben")
    found = street.statement("ben", number, number)
    assert (found.market_g, found.sums.matched_solar_wh) == (0, 150)


def test_a_line_that_is_not_exact_counts_with_the_peak() -> None:
    factor = {
        "location_g_per_mwh": 90_000, "residual_g_per_mwh": 100_000, "cfe_permille": 500,
        "solar_ceiling_permille": 1_000, "quality": "FACTOR_QUALITY_MEASURED",
    }  # fmt: skip
    dirty = factor | {"residual_g_per_mwh": 600_000}
    street = GreenStreet(
        {"carbon.factors[0, 30000001]": dirty, "carbon.factors[0, 30000003]": factor}
    )
    street.run_slot(0, ben=(100, 0))
    street.use("ben", 1_000, 0)
    street.run_slot(1, ben=None)
    late = street.run_slot(2, ben=(0, 0))
    found = street.statement("ben", late, late)
    assert (found.location_g, found.market_g) == (90, 600)
    assert (found.sums.exact_use_wh, found.sums.estimated_factor_wh) == (0, 0)
    assert found.carbon_free_ppm == 500_000
