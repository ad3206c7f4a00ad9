"""The carbon part of a line: worked examples, and what holds for all lines of a feeder."""

from __future__ import annotations

import pytest
from blockenergy.carbon.v1.state_pb2 import SourceWh
from blockenergy.registry.v1.energy_source_pb2 import EnergySource
from hypothesis import given
from hypothesis import strategies as st

from chain import market
from chain.carbon import add_source, rules
from chain.carbon.rules import Claimable, Flows, Rate
from tests.support.properties import examples

PRICE = 80_000_000
STREET = Rate(420_000, 610_000, PRICE)
WH = st.integers(0, 100_000)


class TestByExample:
    @pytest.mark.parametrize(
        ("use_wh", "factor", "charge"),
        [(950, 420_000, 31_920), (1, 37_000, 3), (1_000, 420_000, 33_600), (0, 420_000, 0)],
    )
    def test_a_charge(self, use_wh: int, factor: int, charge: int) -> None:
        assert rules.compute_charge(use_wh * factor, PRICE) == charge

    def test_what_is_made_is_used_first(self) -> None:
        part = rules.compute_part(Flows(import_wh=100, issued_wh=900), STREET)
        assert (part.self_wh, part.unmatched_wh, part.free_wh, part.charge) == (100, 0, 800, 0)

    def test_a_feeder_on_which_half_was_bought_as_renewable(self) -> None:
        """500 Wh of 1,000 went to buyers of renewable energy; one seller has made too little."""
        due = [market.compute_due_wh(sold, 500, 1_000) for sold in (700, 300)]
        lines = [
            rules.compute_part(Flows(20, 900, due_wh=due[0]), STREET),
            rules.compute_part(Flows(0, 100, due_wh=due[1]), STREET),
            rules.compute_part(Flows(400, bid_wh=300), STREET),
            rules.compute_part(Flows(200, bid_wh=200), STREET),
        ]
        assert due == [350, 150]
        assert [line.self_wh for line in lines] == [20, 0, 0, 0]
        assert [line.given_wh for line in lines] == [350, 100, 0, 0]
        assert [line.free_wh for line in lines] == [530, 0, 0, 0]
        assert [line.short_wh for line in lines] == [0, 50, 0, 0]
        assert [line.claim_wh for line in lines] == [0, 0, 300, 200]
        assert [line.charge for line in lines] == [0, 1_680, 3_360, 0]
        matched = [rules.compute_matched_claim_wh(wh, 500, 450) for wh in (300, 200)]
        assert matched == [270, 180]
        unmatched_wh = 20 + 400 + 200 - 20 - 450
        charges = sum(line.charge for line in lines)
        assert rules.compute_charge(unmatched_wh * 420_000, PRICE) == charges == 5_040

    def test_what_a_register_shows_late_pays_the_peak_and_claims_nothing(self) -> None:
        rate = Rate(150_000, 610_000, PRICE)
        part = rules.compute_part(Flows(3_600, bid_wh=500, exact=False), rate)
        assert (part.claim_wh, part.free_wh, part.charge) == (0, 0, 175_680)
        assert rules.compute_part(Flows(3_600, bid_wh=500), rate).charge == 37_200

    def test_of_a_charged_battery_the_losses_are_used(self) -> None:
        flows = Flows(10_000, exempt_wh=9_025, is_battery=True)
        part = rules.compute_part(flows, Rate(120_000, 120_000, PRICE))
        assert (part.unmatched_wh, part.charge) == (975, 9_360)
        left = Claimable(975, 0, 120_000, PRICE, battery_import_wh=10_000)
        assert left.compute_unmatched_wh(4_000) == 585
        assert left.compute_charge(0) - left.compute_charge(4_000) == 3_744
        assert left.compute_charge(10_000) == 0

    @pytest.mark.parametrize(("issued_wh", "unmatched_wh"), [(0, 150), (100, 50), (900, 0)])
    def test_what_is_in_transit_is_not_used_here(self, issued_wh: int, unmatched_wh: int) -> None:
        """Nor is it matched by what is made here."""
        part = rules.compute_part(Flows(3_150, issued_wh, transit_wh=3_000), STREET)
        assert (part.use_wh, part.unmatched_wh) == (150, unmatched_wh)
        assert part.self_wh + part.free_wh == issued_wh
        assert part.charge == rules.compute_charge(unmatched_wh * 420_000, PRICE)

    @pytest.mark.parametrize(
        ("ceiling", "grey_wh", "taken_wh", "storage_wh", "export_wh", "issued_wh"),
        [
            (1_000, 0, 0, 0, 400, 400),
            (200, 0, 0, 0, 400, 250),
            (1_000, 0, 0, 0, 1_300, 1_250),
            (1_000, 0, 2_000, 3_000, 2_500, 500),
            (1_000, 3_000, 0, 3_000, 2_500, 0),
            (0, 0, 0, 0, 400, 0),
        ],
    )
    def test_what_is_issued(
        self,
        ceiling: int,
        grey_wh: int,
        taken_wh: int,
        storage_wh: int,
        export_wh: int,
        issued_wh: int,
    ) -> None:
        """5 kW in a quarter of an hour, by day and by night, without and with a store."""
        cap_wh = rules.compute_cap_wh(5_000, 900, ceiling)
        found = rules.compute_issue(export_wh, taken_wh, cap_wh, grey_wh, 0, storage_wh)
        assert found.issued_wh == issued_wh

    def test_what_was_issued_in_error_is_withheld(self) -> None:
        found = rules.compute_issue(450, 0, 10_000, 0, 300, 0)
        assert (found.issued_wh, found.debt_wh) == (150, 0)

    def test_refunds_in_pieces(self) -> None:
        line = Claimable(850, 0, 333_333, 71_234_567)
        assert [line.compute_charge(m) for m in (0, 300, 850)] == [20_184, 13_060, 0]

    def test_an_offset_that_a_certificate_makes_useless(self) -> None:
        line = Claimable(1_000, 0, 500_000, PRICE)
        charges = [line.compute_charge(m, o) for m, o in ((0, 0), (0, 150), (800, 150), (800, 0))]
        assert charges == [40_000, 28_000, 0, 8_000]


@given(st.lists(st.tuples(WH, WH, WH, WH, st.booleans()), min_size=1, max_size=8), st.data())
@examples(300)
def test_nobody_on_a_feeder_is_relieved_by_what_was_not_made(
    accounts: list[tuple[int, int, int, int, bool]], data: st.DataObject
) -> None:
    """However readings turn out: what is claimed is given, or charged to who sold it."""
    bids_wh = sum(bid for _, _, bid, _, _ in accounts)
    asks_wh = sum(ask for _, _, _, ask, _ in accounts)
    if bids_wh > asks_wh:
        return
    parts = []
    for import_wh, issued_wh, bid_wh, ask_wh, exact in accounts:
        due_wh = market.compute_due_wh(ask_wh, bids_wh, asks_wh)
        flows = Flows(import_wh, issued_wh if exact else 0, 0, bid_wh, due_wh, exact)
        part = rules.compute_part(flows, STREET)
        assert part.self_wh + part.given_wh + part.free_wh == flows.issued_wh
        assert part.self_wh + part.claim_wh + part.unmatched_wh == import_wh
        assert min(part) >= 0
        parts.append(part)
    claimed, given_wh = (sum(getattr(p, name) for p in parts) for name in ("claim_wh", "given_wh"))
    assert claimed - sum(part.short_wh for part in parts) <= given_wh
    matched = [rules.compute_matched_claim_wh(p.claim_wh, claimed, given_wh) for p in parts]
    assert sum(matched) <= given_wh


@given(WH, st.lists(st.tuples(st.sampled_from(EnergySource.values()), WH), max_size=6))
@examples(200)
def test_energy_is_split_by_source_without_losing_any(
    wh: int, parts: list[tuple[EnergySource, int]]
) -> None:
    listed: list[SourceWh] = []
    for source, part_wh in parts:
        add_source(listed, source, part_wh)
    shares, total = rules.split_by_source(wh, listed), sum(part.wh for part in listed)
    assert sum(shares.values()) == (wh if total else 0)
    for part in listed:
        assert abs(shares[part.energy_source] - wh * part.wh / total) <= 1


@given(WH, WH, st.integers(0, 2_000_000), st.integers(0, 10**9), st.lists(WH, max_size=5))
@examples(300)
def test_refunds_add_up_in_whatever_pieces(
    use_wh: int, short_wh: int, factor: int, price: int, pieces: list[int]
) -> None:
    line = Claimable(use_wh, short_wh, factor, price)
    done, refunded = 0, 0
    for piece in pieces:
        refund = line.compute_charge(done) - line.compute_charge(done + piece)
        assert refund >= 0
        done, refunded = done + piece, refunded + refund
    assert refunded == line.compute_charge(0) - line.compute_charge(done)
    assert refunded <= line.compute_charge(0)


@given(WH, WH, WH, WH, WH, WH)
@examples(300)
def test_a_store_never_makes_more_certificates_than_the_roof(
    export_wh: int, taken_wh: int, cap_wh: int, grey_wh: int, debt_wh: int, storage_wh: int
) -> None:
    found = rules.compute_issue(export_wh, taken_wh, cap_wh, grey_wh, debt_wh, storage_wh)
    assert 0 <= found.issued_wh <= min(export_wh, cap_wh)
    assert 0 <= found.grey_wh <= storage_wh
    assert debt_wh - found.debt_wh + found.issued_wh <= export_wh
