"""Validation, estimation and editing: what is checked, what stands in, and that nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_bridge.formats.encoding.local_time import CENTRAL_EUROPE
from meter_bridge.vee import (
    History,
    Limits,
    Quality,
    Registers,
    Slot,
    Verdict,
    Version,
    estimate_gap,
    list_day_slots,
    validate_interval,
    validate_sum,
)
from meter_bridge.vee.edit import ClosedError
from meter_bridge.vee.estimate import INTERPOLATED_MAX, Known, scale_to
from meter_bridge.vee.validate import compute_energy, validate_estimates, validate_registers

LIMITS = Limits()
ENERGIES = st.integers(0, 4_000)


def measured(number: int, energy_wh: int) -> Slot:
    return Slot(number, (Version(energy_wh, Quality.MEASURED),))


@pytest.mark.parametrize(
    ("day", "count"),
    [("2026-03-29", 92), ("2026-06-01", 96), ("2026-10-25", 100), ("2026-10-26", 96)],
)
def test_days_when_clocks_change(day: str, count: int) -> None:
    slots = list_day_slots(date.fromisoformat(day), 900, CENTRAL_EUROPE)
    assert len(slots) == count
    # Days follow each other without a gap.
    after = date.fromordinal(date.fromisoformat(day).toordinal() + 1)
    assert list_day_slots(after, 900, CENTRAL_EUROPE).start == slots.stop


class TestRegisters:
    """Use case: a register of six dials goes through zero, once in decades."""

    @pytest.mark.parametrize(
        ("before_wh", "after_wh", "energy_wh"),
        [
            (999_999_990, 310, 320), (310, 600, 290), (5, 5, 0), (900_000_001, 0, 99_999_999),
            (900_000_000, 0, None), (500, 100, None),
        ],
    )  # fmt: skip
    def test_roll_over_or_another_meter(
        self, before_wh: int, after_wh: int, energy_wh: int | None
    ) -> None:
        assert compute_energy(before_wh, after_wh, Registers(0, 0).size_wh) == energy_wh

    def test_back_or_too_fast(self) -> None:
        found = validate_registers(Registers(500, 0), Registers(100, 9_000), 1, LIMITS)
        assert [(one.check, one.verdict) for one in found] == [
            ("negative", Verdict.REJECT), ("spike", Verdict.REJECT),
        ]  # fmt: skip
        assert validate_registers(Registers(500, 0), Registers(4_000, 0), 1, LIMITS) == []


class TestIntervals:
    def check(
        self,
        energy_wh: int,
        *,
        before: Sequence[int] = (),
        week: Sequence[int] = (),
        peaks: Sequence[int] = (),
    ) -> list[tuple[str, Verdict]]:
        slots = [measured(number, one) for number, one in enumerate(before)]
        found = validate_interval(measured(len(slots), energy_wh), slots, week, peaks, LIMITS)
        assert all(one.sentence.endswith(".") for one in found)
        return [(one.check, one.verdict) for one in found]

    def test_usual_energy(self) -> None:
        assert self.check(250, before=[250] * 14, week=[200], peaks=[300]) == []

    def test_more_than_the_fuse(self) -> None:
        assert LIMITS.energy_max_wh == 4_313
        assert self.check(4_313) == []
        assert self.check(4_314) == [("spike", Verdict.REJECT)]

    def test_far_above_other_days(self) -> None:
        assert self.check(1_501, peaks=[300, 300, 9_000]) == [("spike", Verdict.SUSPECT)]
        assert self.check(1_001, week=[500, 400], peaks=[300]) == [("high", Verdict.SUSPECT)]

    def test_a_value_that_does_not_change(self) -> None:
        assert self.check(250, before=[250] * 15) == [("frozen", Verdict.SUSPECT)]
        assert self.check(0, before=[0] * 94) == []
        assert self.check(0, before=[0] * 95) == [("zero", Verdict.SUSPECT)]

    def test_missing_and_negative(self) -> None:
        (found,) = validate_interval(Slot(7), [], [], [], LIMITS)
        assert (found.check, found.verdict) == ("missing", Verdict.ESTIMATE)
        assert self.check(-1) == [("negative", Verdict.REJECT)]

    def test_the_sum_of_a_genuine_file(self) -> None:
        """The 24 hours of a published CMEP record, and its register."""
        hours = [
            8,
            9,
            6,
            8,
            7,
            10,
            27,
            35,
            27,
            23,
            25,
            20,
            22,
            12,
            8,
            20,
            16,
            28,
            23,
            31,
            53,
            28,
            20,
            13,
        ]
        assert validate_sum(hours, 2_932_046 - 2_931_567, LIMITS) == []
        (found,) = validate_sum([*hours[:-1], 17], 479, LIMITS)
        assert (found.check, found.verdict) == ("sum", Verdict.SUSPECT)

    def test_estimated_for_too_long(self) -> None:
        estimated = [Slot(one, (Version(1, Quality.ESTIMATED),)) for one in range(289)]
        assert validate_estimates(estimated[:288], LIMITS) == []
        (found,) = validate_estimates(estimated, LIMITS)
        assert found.verdict is Verdict.ESCALATE
        assert validate_estimates([*estimated, measured(289, 1)], LIMITS) == []


class TestEstimates:
    @given(st.lists(ENERGIES, min_size=1, max_size=200), st.integers(0, 10**9))
    def test_the_sum_of_the_register_is_kept(self, shape: list[int], total_wh: int) -> None:
        scaled = scale_to(shape, total_wh)
        assert sum(scaled) == total_wh and min(scaled) >= 0
        # The shape is kept as far as whole watt-hours allow.
        whole = sum(shape)
        if whole:
            exact = [energy * total_wh / whole for energy in shape]
            assert all(abs(one - other) < 1.001 for one, other in zip(scaled, exact, strict=True))

    @given(
        st.integers(1, 120), st.integers(0, 400_000), st.booleans(), st.booleans(), st.booleans()
    )
    def test_every_method_keeps_it(
        self, count: int, register_wh: int, has_check: bool, has_days: bool, has_profile: bool
    ) -> None:
        gap = [Slot(number) for number in range(count)]
        known = Known(
            before=measured(-1, 100), after=measured(count, 400), register_wh=register_wh,
            check_meter_wh=dict.fromkeys(range(count), 7) if has_check else {},
            like_days=[[measured(one, one) for one in range(count)]] if has_days else [],
            profile_wh={one: 1 + one % 5 for one in range(count)} if has_profile else {},
        )  # fmt: skip
        estimated = estimate_gap(gap, known)
        assert sum(slot.energy_wh or 0 for slot in estimated) == register_wh
        short = "interpolation" if count <= INTERPOLATED_MAX else ""
        expected = (
            "check meter" if has_check
            else short or ("like days" if has_days else "profile" if has_profile else "flat")
        )  # fmt: skip
        assert {slot.versions[-1].reason for slot in estimated} == {expected}

    def test_a_short_gap_is_a_line(self) -> None:
        known = Known(before=measured(0, 100), after=measured(4, 500))
        estimated = estimate_gap([Slot(1), Slot(2), Slot(3)], known)
        assert [slot.energy_wh for slot in estimated] == [200, 300, 400]

    def test_not_from_a_doubtful_neighbour(self) -> None:
        doubtful = Slot(0, (Version(9_999, Quality.SUSPECT),))
        known = Known(before=doubtful, after=measured(2, 500))
        assert estimate_gap([Slot(1)], known) == [Slot(1)]

    def test_the_three_nearest_days_that_are_reliable(self) -> None:
        gap = [Slot(one) for one in range(5)]
        days = [[measured(one, 100 * place) for one in range(5)] for place in range(1, 6)]
        days[0][3] = Slot(3, (Version(100, Quality.ESTIMATED),))
        estimated = estimate_gap(gap, Known(like_days=days))
        assert [slot.energy_wh for slot in estimated] == [300] * 5

    def test_nothing_is_made_up_from_nothing(self) -> None:
        gap = [Slot(one) for one in range(10)]
        assert estimate_gap(gap, Known()) == gap
        flat = estimate_gap(gap, Known(register_wh=104))
        assert [slot.energy_wh for slot in flat] == [11] * 4 + [10] * 6


class TestHistory:
    def test_raw_values_stay_below_estimates_and_edits(self) -> None:
        history = History()
        assert history.record(7, 99_999)
        assert not history.record(7, 99_999)
        history.suspect(7, "spike")
        history.estimate(estimate_gap([history.get(7)], Known(register_wh=250)))
        history.edit(7, 240, "read by hand")
        versions = [
            (one.energy_wh, one.quality.value, one.reason) for one in history.get(7).versions
        ]
        assert versions == [
            (99_999, "measured", ""), (99_999, "suspect", "spike"), (250, "estimated", "flat"),
            (240, "edited", "read by hand"),
        ]  # fmt: skip

    def test_a_late_value_replaces_an_estimate_but_no_estimate_a_value(self) -> None:
        history = History()
        assert history.list_missing(range(2)) == [Slot(0), Slot(1)]
        history.estimate(estimate_gap([Slot(0), Slot(1)], Known(register_wh=500)))
        assert history.list_missing(range(2)) == []
        history.record(0, 300)
        history.estimate(estimate_gap([Slot(0)], Known(register_wh=1)))
        assert (history.get(0).energy_wh, history.get(0).quality) == (300, Quality.MEASURED)
        assert history.get(1).quality is Quality.ESTIMATED

    def test_after_the_close_there_are_corrections(self) -> None:
        history = History([measured(3, 100)])
        history.close(5)
        history.close(4)
        assert history.record(3, 130) and history.record(4, 50)
        assert history.corrections == {3: 30, 4: 50}
        assert history.get(3) == measured(3, 100)
        for change in (
            lambda: history.edit(4, 1, "x"), lambda: history.suspect(3, "x"),
            lambda: history.estimate([Slot(4, (Version(1, Quality.ESTIMATED),))]),
        ):  # fmt: skip
            with pytest.raises(ClosedError, match="is closed"):
                change()

    @given(st.permutations(range(6)))
    def test_the_order_of_arrival_does_not_matter(self, order: list[int]) -> None:
        history = History()
        for number in order:
            history.record(number, 100 * number)
        assert [history.get(number).energy_wh for number in range(6)] == [
            0,
            100,
            200,
            300,
            400,
            500,
        ]
