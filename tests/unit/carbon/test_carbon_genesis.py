"""Zones, factors, devices, certificates and credits that cannot be are rejected at genesis."""

from __future__ import annotations

from typing import Any

import pytest

from chain import app
from chain.runtime.state.collections import GenesisError
from tests.support import documents
from tests.support.streets.green_street import SOLAR, STREET

SLOT = 30_000_001
ZONE = {"name": "grid", "publisher": "distributor"}
FACTOR = {"residual_g_per_mwh": 1, "quality": "FACTOR_QUALITY_MEASURED"}
SERIES = {"issued_wh": 100, "made_wh": 100}
BATCH = "C01-P1-20240101-20250101-1"
BATCHED = f"credits.batches[{BATCH}]"
CREDITS = {
    "credits.classes[C01]": {"admin": "issuer", "issuers": ["issuer"], "methodology": "biochar"},
    "credits.projects[C01, P1]": {"jurisdiction": "DE"},
    BATCHED: {"class_id": "C01", "project": "P1", "minted_g": 5},
    f"bank.denoms[credit/{BATCH}]": {"symbol": "tCO2e", "decimals": 6},
    f"bank.balances[anna, credit/{BATCH}]": 5,
}


def credits_with(changes: dict[str, Any]) -> dict[str, Any]:
    return documents.patch(CREDITS, changes)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"carbon.params": {"authority": "fred"}}, "carbon.params.authority"),
    ({"carbon.params": {"factor_max_g_per_mwh": 2_000_001}}, "carbon.params.factor_max_g_per_mwh"),
    ({"carbon.params": {"peak_slots": 0}}, "carbon.params.peak_slots"),
    ({"carbon.zones[0]": None}, "carbon.zones: zone 0 is missing"),
    ({"carbon.zones[1]": {**ZONE, "name": "no name"}}, "carbon.zones 1"),
    ({"carbon.zones[1]": {**ZONE, "publisher": "fred"}}, "carbon.zones 1"),
    ({"carbon.feeder_zones[north]": {"zone": 9}}, "carbon.feeder_zones north"),
    ({"carbon.feeder_zones[nowhere]": {"zone": 0}}, "there is no feeder nowhere"),
    ({"carbon.deliveries[0, 0]": {}}, "carbon.deliveries 0, 0"),
    ({f"carbon.factors[0, {SLOT}]": {**FACTOR, "location_g_per_mwh": 2}}, "carbon.factors 0"),
    ({f"carbon.factors[9, {SLOT}]": FACTOR}, "carbon.factors 9"),
    ({"carbon.prices[5]": {"price_per_tonne": 10**9 + 1}}, "carbon.prices 5"),
    ({"carbon.devices[meter-nowhere]": SOLAR}, "there is no such meter"),
    ({"carbon.devices[meter-anna]": {**SOLAR, "power_w": 0}}, "carbon.devices meter-anna"),
    ({"carbon.devices[meter-anna]": {**SOLAR, "grey_wh": 1}}, "carbon.devices meter-anna"),
    ({"metering.params": {"represented_duration_s": 7_200}}, "slots represent more than 3600 s"),
    ({"carbon.funds[5]": {"balance": 5}}, "carbon.charged"),
    ({"bank.balances[carbon-fund, ueur]": 5}, "settlement.carbon_fund"),
    ({"carbon.last_begun": 4, "carbon.carbon_slots[5, 0]": {"factor": FACTOR}}, "carbon.begun"),
    ({"certificates.params": {"beneficiary": "fred"}}, "certificates.params.beneficiary"),
    ({"certificates.params": {"claim_slots": 21}}, "certificates.params.claim_slots"),
    ({"certificates.params": {"certificate_life_s": 547 * 86_400 + 1}}, "certificate_life_s"),
    ({f"certificates.series[{SLOT}, anna]": SERIES}, "the slot is not settled"),
    ({"certificates.holdings[5, anna & ben]": {"wh": 5}}, "certificates.conserved"),
    ({"certificates.prices[anna]": {}}, "certificates.prices"),
    ({"credits.params": {"vintage_age_max_s": 1}}, "credits.params.vintage_age_max_s"),
    (credits_with({"credits.classes[C01]": {"issuers": []}}), "credits.classes C01"),
    (credits_with({"credits.projects[C01, P1]": {"jurisdiction": "Rome"}}), "credits.projects C01"),
    (credits_with({"credits.projects[C01, P1]": None}), f"credits.batches {BATCH}"),
    (credits_with({BATCHED: {"minted_g": 6}}), "credits.conserved"),
    (
        credits_with({BATCHED: {"retired_g": 1, "minted_g": 6}}),
        "credits.retired",
    ),
    (credits_with({"credits.locks[1]": {"batch": BATCH, "grams": 1}}), "credits.conserved"),
    ({"credits.serials[R, 5]": {"last": 9}, "credits.serials[R, 9]": {"last": 9}}, "serials_once"),
]


@pytest.mark.parametrize(("changes", "place"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_value_is_rejected_with_its_place(changes: dict[str, Any], place: str) -> None:
    short = documents.complete(
        documents.patch(documents.patch(documents.street(), STREET), changes)
    )
    with pytest.raises(GenesisError) as caught:
        app.init_chain(documents.expand(short))
    assert place in str(caught.value)


def test_credits_that_add_up_are_taken() -> None:
    short = documents.complete(documents.patch(documents.street(), CREDITS))
    assert app.init_chain(documents.expand(short))
