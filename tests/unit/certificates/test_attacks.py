"""What somebody might try to gain with carbon and certificates, and that it gains nothing."""

from __future__ import annotations

from typing import Any

import pytest
from blockenergy.carbon.v1 import state_pb2 as carbon_state_pb2
from blockenergy.carbon.v1 import tx_pb2 as carbon_tx_pb2
from blockenergy.certificates.v1 import tx_pb2
from blockenergy.market.v1 import state_pb2 as market_pb2
from blockenergy.market.v1 import tx_pb2 as market_tx_pb2

from tests.support.streets import people
from tests.support.streets.green_street import BATTERY, SOLAR, GreenStreet

# Clean at noon, dirty in the evening.
FACTOR: dict[str, Any] = {
    "solar_ceiling_permille": 1_000, "quality": "FACTOR_QUALITY_MEASURED",
}  # fmt: skip


def factors(*residuals: int) -> dict[str, Any]:
    """A factor for each slot from the first on."""
    return {
        f"carbon.factors[0, {30_000_001 + number}]": {
            **FACTOR, "location_g_per_mwh": residual, "residual_g_per_mwh": residual,
        }
        for number, residual in enumerate(residuals)
    }  # fmt: skip


class TestSilence:
    def test_what_was_made_at_noon_is_no_evening_certificate(self) -> None:
        street = GreenStreet()
        street.run_slot(0, anna=(0, 100))
        street.use("anna", 0, 5_000)
        street.run_slot(1, anna=None)
        evening = street.run_slot(2, anna=(0, 0))
        assert street.line(evening, "anna")["export_wh"] == 5_000
        assert "renewable_wh" not in street.line(evening, "anna")
        assert "holder has fewer" in street.transfer(evening, 1, "ben")

    def test_use_that_is_shown_in_a_clean_slot_pays_the_peak(self) -> None:
        street = GreenStreet(factors(100_000, 600_000, 100_000))
        street.run_slot(0, ben=(100, 0))
        street.use("ben", 1_000, 0)
        street.run_slot(1, ben=None)
        clean = street.run_slot(2, ben=(0, 0))
        line = street.line(clean, "ben")
        assert (line["import_wh"], line["inexact"]) == (1_000, True)
        assert line["carbon_charge"] == 1_000 * 600_000 * 80_000_000 // 10**12

    def test_it_claims_nothing_either(self) -> None:
        street = GreenStreet()
        street.run_slot(0, anna=(0, 900), ben=(100, 0))
        street.run_slot(1, anna=(0, 900), ben=None)
        late = street.run_slot(2, anna=(0, 900), ben=(500, 0))
        assert "reading of the account was missing" in street.retire("anna", late, 500, "ben")

    def test_a_silent_meter_beside_an_exact_one_spoils_the_line(self) -> None:
        second = {
            "registry.meters[meter-ben-2]": {
                "owner": "ben", "bridge": "bridge", "feeder": "north", "capacity_w": 10_000,
                "pub_key": "meter-fred", "status": "STATUS_ACTIVE", "added_at_s": 1_800_000_060,
            }
        }  # fmt: skip
        street = GreenStreet(second)
        slot = street.run_slot(0, anna=(0, 900), ben=(400, 0))
        assert street.line(slot, "ben")["inexact"] is True
        assert "reading of the account was missing" in street.retire("anna", slot, 400, "ben")


class TestBatteries:
    def test_a_store_behind_a_solar_meter_is_grey_first(self) -> None:
        store = {"carbon.devices[meter-anna]": {**SOLAR, "storage_behind_wh": 3_000}}
        street = GreenStreet(store)
        night = street.run_slot(0, anna=(2_000, 0))
        day = street.run_slot(1, anna=(0, 2_500))
        assert "renewable_wh" not in street.line(night, "anna")
        assert street.line(day, "anna")["renewable_wh"] == 500

    def test_an_undeclared_store_delivers_nothing_at_night(self) -> None:
        dark = {
            "carbon.factors[0, 30000001]": {
                "residual_g_per_mwh": 1, "quality": "FACTOR_QUALITY_FORECAST",
            }
        }  # fmt: skip
        street = GreenStreet(dark)
        slot = street.run_slot(0, anna=(0, 2_500))
        assert "renewable_wh" not in street.line(slot, "anna")

    def test_cycling_makes_no_certificates(self) -> None:
        """In and out without certificates: nothing. With them: less each time."""
        street = GreenStreet(BATTERY)
        first = street.run_slot(0, anna=(0, 9_000), battery=(5_000, 0))
        plain = street.run_slot(1, anna=(0, 9_000), battery=(0, 3_000))
        assert "renewable_wh" not in street.line(plain, "battery")
        assert "discharged in a later slot" in street.retire("anna", first, 5_000, "battery")
        again = street.run_slot(2, anna=(0, 9_000), battery=(5_000, 0))
        assert not street.retire("anna", again, 5_000, "battery")
        green = street.run_slot(3, battery=(0, 4_000))
        assert 0 < street.line(green, "battery")["renewable_wh"] <= 5_000 * 95 * 95 // 10_000

    def test_a_load_behind_a_battery_is_exempt_once_and_never_again(self) -> None:
        street = GreenStreet(BATTERY)
        lines = [street.line(street.run_slot(n, battery=(9_000, 0)), "battery") for n in range(4)]
        exempt_wh = sum(line.get("exempt_wh", 0) for line in lines)
        assert exempt_wh <= 13_500 * 95 // 100
        assert lines[-1]["carbon_charge"] == 9_000 * 420_000 * 80_000_000 // 10**12

    def test_certificates_for_a_load_behind_a_battery_make_nothing_green(self) -> None:
        """It is full after the first slot, so that the second is a load: matched, and not green."""
        street = GreenStreet(BATTERY)
        street.run_slot(0, anna=(0, 9_000), battery=(9_000, 0))
        full = street.run_slot(1, anna=(0, 9_000), battery=(9_000, 0))
        exempt_wh = street.line(full, "battery")["exempt_wh"]
        assert not street.retire("anna", full, 9_000, "battery")
        battery = street.world.short()["storage.batteries[battery]"]
        assert int(battery["green_wh"]) * 95 // 100 <= exempt_wh < 6_000
        claimed = street.world.short()[f"certificates.claims[{full}, battery]"]
        assert int(claimed["refunded"]) == street.line(full, "battery")["carbon_charge"]
        last = street.run_slot(2, battery=(0, 9_000))
        used_wh = 9_000 - exempt_wh
        assert street.line(last, "battery")["renewable_wh"] + used_wh <= 9_000

    def test_a_battery_that_was_silent_is_exempt_of_no_more_than_its_line_shows(self) -> None:
        """What was estimated has paid already, and stays paid: only the rest is exempt."""
        street = GreenStreet(BATTERY, {"metering.params": {"estimate_permille": 500}})
        street.run_slot(0, battery=(3_000, 0))
        street.use("battery", 2_000, 0)
        silent = street.line(street.run_slot(1, battery=None), "battery")
        assert (silent["import_wh"], silent.get("exempt_wh", 0)) == (10_500, 0)
        late = street.line(street.run_slot(2, battery=(9_500, 0)), "battery")
        assert late["quality"] == "QUALITY_CORRECTED" and late["inexact"]
        assert (late["import_wh"], late["exempt_wh"]) == (1_000, 1_000)
        assert "carbon_charge" not in late
        exact = street.line(street.run_slot(3, battery=(0, 1_000)), "battery")
        assert "inexact" not in exact and "renewable_wh" not in exact

    def test_what_charged_a_battery_is_no_use_to_claim_twice(self) -> None:
        street = GreenStreet(BATTERY)
        slot = street.run_slot(0, anna=(0, 9_000), battery=(3_000, 0))
        assert not street.retire("anna", slot, 3_000, "battery")
        assert "used less in this slot" in street.retire("anna", slot, 1, "battery")


class TestSellingTwice:
    """Anna sells 600 Wh to Ben, who asks for renewable energy of his feeder."""

    def trade(self, street: GreenStreet, sold_wh: int = 600) -> int:
        slot = street.first + 1
        for name, side, limit in (("ben", "BUY", 300_000), ("anna", "SELL", 80_000)):
            message = market_tx_pb2.MsgPlaceLimitOrder(
                owner=people.address_text(name),
                slot=slot,
                side=market_pb2.Side.Value(f"SIDE_{side}"),
                quantity_wh=sold_wh,
                price_limit_per_kwh=limit,
                local=True,
                renewable=True,
            )
            assert not street.send(name, message)
        return slot

    def test_energy_sold_as_renewable_leaves_no_certificate(self) -> None:
        street = GreenStreet()
        slot = self.trade(street)
        street.run_slot(0, anna=(0, 100), ben=(100, 0))
        street.run_slot(1, anna=(0, 900), ben=(600, 0))
        anna, ben = street.line(slot, "anna"), street.line(slot, "ben")
        assert (anna["renewable_wh"], anna["given_wh"], ben["claim_wh"]) == (900, 600, 600)
        assert "carbon_charge" not in ben
        assert "300 Wh" in street.transfer(slot, 301, "eva")

    def test_what_was_sold_and_not_made_is_charged_to_its_seller(self) -> None:
        street = GreenStreet()
        slot = self.trade(street)
        street.run_slot(0, anna=(0, 100), ben=(100, 0))
        street.run_slot(1, anna=(0, 200), ben=(600, 0))
        anna = street.line(slot, "anna")
        assert (anna["given_wh"], anna["short_wh"]) == (200, 400)
        assert anna["carbon_charge"] == 400 * 420_000 * 80_000_000 // 10**12
        sums = street.statement("ben", slot, slot).sums
        assert (sums.matched_wh, sums.matched_solar_wh) == (200, 200)

    def test_buying_much_and_using_little_leaves_nothing_to_sell(self) -> None:
        street = GreenStreet()
        slot = self.trade(street)
        street.run_slot(0, anna=(0, 100), ben=(100, 0))
        street.run_slot(1, anna=(0, 900), ben=(50, 0))
        assert street.line(slot, "ben")["claim_wh"] == 50
        message = tx_pb2.MsgTransferCertificates(
            holder=people.address_text("ben"),
            recipient=people.address_text("eva"),
            entries=[street.entry(slot, 10)],
        )
        assert "holder has fewer" in street.send("ben", message)

    def test_other_energy_that_is_bought_sheds_no_renewable_sale(self) -> None:
        """The position closes, and nothing is left in it but what is due."""
        street = GreenStreet()
        slot = self.trade(street)
        message = market_tx_pb2.MsgBuy(
            buyer=people.address_text("anna"),
            slot=slot,
            quantity_wh=600,
            price_limit_per_kwh=300_000,
        )
        assert not street.send("anna", message)
        street.run_slot(0, anna=(0, 100), ben=(100, 0))
        assert street.world.short()[f"market.positions[{slot}, anna]"]["renewable_ask_wh"] == "600"
        street.run_slot(1, anna=(0, 200), ben=(600, 0))
        anna, ben = street.line(slot, "anna"), street.line(slot, "ben")
        assert "sold_wh" not in anna and "bought_wh" not in anna
        assert (anna["given_wh"], anna["short_wh"], ben["claim_wh"]) == (200, 400, 600)

    def test_being_curtailed_sheds_no_renewable_sale(self) -> None:
        street = GreenStreet()
        slot = self.trade(street)
        street.read_slot(0, anna=(0, 100), ben=(100, 0))
        message = market_tx_pb2.MsgCurtail(
            distributor=people.address_text("distributor"),
            slot=slot,
            feeder="north",
            side=market_pb2.SIDE_SELL,
            share_permille=1_000,
            reason="the line is full",
        )
        assert not street.send("distributor", message)
        street.run_slot(1, anna=(0, 900), ben=(600, 0))
        distributor, anna = street.line(slot, "distributor"), street.line(slot, "anna")
        assert distributor["short_wh"] == 600 and distributor["carbon_charge"] > 0
        assert (anna["renewable_wh"], anna.get("given_wh", 0)) == (900, 0)


class TestClaims:
    def test_the_same_certificates_are_retired_once(self) -> None:
        street = GreenStreet()
        slot = street.run_slot(0, anna=(0, 900), ben=(900, 0), eva=(900, 0))
        assert not street.retire("anna", slot, 900, "ben")
        assert "holder has fewer" in street.retire("anna", slot, 1, "eva")

    def test_a_wh_of_use_is_claimed_once(self) -> None:
        street = GreenStreet()
        slot = street.run_slot(0, anna=(0, 900), ben=(300, 0))
        assert not street.retire("anna", slot, 300, "ben")
        assert "used less in this slot" in street.retire("anna", slot, 1, "ben")

    def test_a_loop_between_neighbours_gains_nothing(self) -> None:
        """What Anna exports Eva imports, and leads back by a cable: she is charged for it exactly
        what the certificates save elsewhere.
        """
        street = GreenStreet()
        slot = street.run_slot(0, anna=(0, 1_000), eva=(1_000, 0), ben=(1_000, 0))
        charged = street.line(slot, "eva")["carbon_charge"]
        before = street.world.balance("ben")
        assert not street.retire("anna", slot, 1_000, "ben")
        assert street.world.balance("ben") - before == charged

    def test_refunds_in_slices_are_no_more_than_in_one(self) -> None:
        gained = []
        for slices in (1, 7):
            street = GreenStreet()
            slot = street.run_slot(0, anna=(0, 900), ben=(851, 0))
            before = street.world.balance("ben")
            for number in range(slices):
                wh = 851 // slices if number < slices - 1 else 851 - 851 // slices * (slices - 1)
                assert not street.retire("anna", slot, wh, "ben")
            gained.append(street.world.balance("ben") - before)
        assert gained[0] == gained[1] == street.line(slot, "ben")["carbon_charge"]

    def test_more_export_than_import_is_no_negative_charge(self) -> None:
        street = GreenStreet()
        slot = street.run_slot(0, anna=(100, 900))
        assert "carbon_charge" not in street.line(slot, "anna")
        later = street.run_slot(1, anna=(500, 0))
        assert "used less" in street.retire("anna", slot, 100, "anna")
        assert street.line(later, "anna")["carbon_charge"] > 0

    def test_surplus_of_a_day_matches_no_night(self) -> None:
        street = GreenStreet()
        day = street.run_slot(0, anna=(0, 1_000))
        night = street.run_slot(1, anna=(1_000, 0))
        found = street.statement("anna", day, night)
        assert (found.sums.use_wh, found.sums.matched_wh, found.market_g) == (1_000, 0, 420)

    def test_many_tiny_entries_are_rejected(self) -> None:
        street = GreenStreet({"certificates.params": {"entry_min_wh": 10}})
        slot = street.run_slot(0, anna=(0, 900))
        assert "smaller than the least quantity" in street.transfer(slot, 1, "ben")

    def test_a_refund_pays_arrears_first(self) -> None:
        fund = {"bank.balances[default-fund, ueur]": 10_000_000}
        street = GreenStreet({"bank.balances[ben, ueur]": 10, **fund})
        slot = street.run_slot(0, anna=(0, 9_000), ben=(9_000, 0))
        owed = int(street.world.short()["bank.arrears[ben, ueur]"])
        assert not street.retire("anna", slot, 9_000, "ben")
        charge = street.line(slot, "ben")["carbon_charge"]
        assert int(street.world.short()["bank.arrears[ben, ueur]"]) == owed - charge
        assert street.world.balance("ben") == 0


class TestDevices:
    @pytest.mark.parametrize(
        ("change", "issued_wh"),
        [
            ({"power_w": 500}, 500),
            ({"status": "DEVICE_STATUS_SUSPENDED"}, 0),
            ({"backing_registry": "GoReg", "foreign_id": "1"}, 0),
            ({"debt_wh": 700}, 200),
            ({"meter_added_at_s": 1_700_000_000}, 0),
            ({"owner": "eva"}, 0),
        ],
    )
    def test_what_a_device_cannot_have_made_is_not_issued(
        self, change: dict[str, Any], issued_wh: int
    ) -> None:
        street = GreenStreet({"carbon.devices[meter-anna]": {**SOLAR, **change}})
        slot = street.run_slot(0, anna=(0, 900))
        assert street.line(slot, "anna").get("renewable_wh", 0) == issued_wh

    def test_without_a_device_nothing_is_issued(self) -> None:
        street = GreenStreet()
        slot = street.run_slot(0, dirk=(0, 900))
        assert "renewable_wh" not in street.line(slot, "dirk")

    def test_a_fault_that_is_found_late_is_made_good(self) -> None:
        street = GreenStreet()
        slot = street.run_slot(0, anna=(0, 800), ben=(800, 0))
        assert not street.retire("anna", slot, 500, "ben")
        message = tx_pb2.MsgWithdrawCertificates(
            certifier=people.address_text("auditor"), slot=slot, meter_id="meter-anna", wh=600
        )
        assert not street.send("auditor", message)
        series = street.world.short()[f"certificates.series[{slot}, anna]"]
        assert (series["withdrawn_wh"], series["debt_wh"]) == ("300", "300")
        next_slot = street.run_slot(1, anna=(0, 450))
        assert street.line(next_slot, "anna")["renewable_wh"] == 150


def test_a_factor_is_not_changed_after_the_fact() -> None:
    street = GreenStreet()
    slot = street.run_slot(0, ben=(1_000, 0))
    kind = carbon_state_pb2.Factor(
        solar_ceiling_permille=1_000, quality=carbon_state_pb2.FACTOR_QUALITY_MEASURED
    )
    message = carbon_tx_pb2.MsgPublishFactors(
        publisher=people.address_text("distributor"), first_slot=slot, factors=[kind]
    )
    assert "has begun" in street.send("distributor", message)
    assert street.line(slot, "ben")["carbon_charge"] == 33_600


def test_what_the_pool_cannot_pay_is_owed_to_who_is_refunded() -> None:
    """Household and default fund have nothing: the carbon fund lacks the charge, and nothing is
    lost. What is not refunded is owed to the beneficiary.
    """
    street = GreenStreet({"bank.balances[ben, ueur]": 10})
    slot = street.run_slot(0, anna=(0, 5_000), ben=(9_000, 0))
    charge = street.line(slot, "ben")["carbon_charge"]
    assert street.world.short()[f"carbon.funds[{slot}]"] == {"missing": str(charge)}
    refund = 5_000 * 420_000 * 80_000_000 // 10**12
    assert not street.retire("anna", slot, 5_000, "ben")
    fund = street.world.short()[f"carbon.funds[{slot}]"]
    assert fund == {"missing": str(charge - refund), "refunded": str(refund)}
    for number in range(1, 30):
        if f"carbon.funds[{slot}]" in street.world.short():
            street.run_slot(number)
    owed = {
        name: street.world.short().get(f"settlement.owed_by_fund[{slot}, {name}]")
        for name in ("ben", "auditor")
    }
    assert owed == {"ben": str(refund), "auditor": str(charge - refund)}
