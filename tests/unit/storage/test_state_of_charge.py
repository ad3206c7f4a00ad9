"""The state-of-charge model, as arithmetic: what fits, what is rejected, what is lost."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chain.storage import rules
from chain.storage.rules import StateOfChargeModel, Step
from tests.support.properties import examples

# 10 kWh; nine tenths of what is charged stays, nine tenths of what is taken out arrives.
HOME = StateOfChargeModel(10_000, 900, 900)
permilles = st.one_of(st.integers(1, 1000), st.integers(800, 1000), st.just(1000))
flows = st.one_of(st.integers(0, 12), st.integers(0, 3_000))


@st.composite
def models(draw: st.DrawFn) -> StateOfChargeModel:
    capacity_wh = draw(st.one_of(st.integers(1, 10), st.integers(1, 5_000)))
    return StateOfChargeModel(capacity_wh, draw(permilles), draw(permilles))


@st.composite
def batteries(draw: st.DrawFn) -> tuple[StateOfChargeModel, int]:
    """A battery and its state of charge."""
    model = draw(models())
    return model, draw(st.integers(0, model.capacity_wh))


class TestByExample:
    @pytest.mark.parametrize(
        ("state_of_charge_wh", "charge_wh", "discharge_wh", "expected"),
        [
            (0, 0, 0, Step(0)),
            (0, 1_000, 0, Step(900)),
            # One Wh is charged, and rounded away.
            (0, 1, 0, Step(0)),
            (5_000, 0, 900, Step(4_000)),
            # 1000 / 0.9 = 1111.1, rounded against the battery.
            (5_000, 0, 1_000, Step(3_888)),
            # 2 kWh of headroom take 2222 Wh: nine tenths of them are 1999.8, rounded down.
            (8_000, 3_000, 0, Step(10_000, rejected_charge_wh=777)),
            (1_000, 0, 1_000, Step(0, rejected_discharge_wh=100)),
            # Within a slot both may happen, and only the end counts.
            (10_000, 2_000, 1_620, Step(10_000)),
            (0, 2_000, 1_620, Step(0)),
            (0, 2_000, 1_621, Step(0, rejected_discharge_wh=1)),
            (10_000, 2_001, 1_620, Step(10_000)),
            (10_000, 2_002, 1_620, Step(10_000, rejected_charge_wh=1)),
        ],
    )
    def test_a_step(
        self, state_of_charge_wh: int, charge_wh: int, discharge_wh: int, expected: Step
    ) -> None:
        step = rules.compute_step(HOME, state_of_charge_wh, charge_wh, discharge_wh)
        assert step[:3] == expected[:3]

    def test_a_projection_goes_on_from_what_is_there(self) -> None:
        steps = rules.project(HOME, 0, [2_000, -5_000, 1_000])
        expected = [Step(1_800), Step(0, 0, 3_380), Step(900)]
        assert [step[:3] for step in steps] == [step[:3] for step in expected]

    def test_the_power_limits_a_slot(self) -> None:
        assert rules.compute_slot_limit_wh(5_000, 900) == 1_250
        assert rules.compute_slot_limit_wh(1_999, 1_800) == 999


@given(batteries(), st.lists(st.tuples(flows, flows), max_size=12))
@examples(400)
def test_the_energy_keeps_its_bounds_and_never_more_comes_out_than_is_left_of_what_went_in(
    battery: tuple[StateOfChargeModel, int], slots: list[tuple[int, int]]
) -> None:
    model, initial_wh = battery
    state_of_charge_wh, charged_wh, discharged_wh = initial_wh, 0, 0
    eta_c = Fraction(model.charge_efficiency_permille, 1000)
    eta_d = Fraction(model.discharge_efficiency_permille, 1000)
    for charge_wh, discharge_wh in slots:
        step = rules.compute_step(model, state_of_charge_wh, charge_wh, discharge_wh)
        assert 0 <= step.rejected_charge_wh <= charge_wh
        assert 0 <= step.rejected_discharge_wh <= discharge_wh
        state_of_charge_wh = step.state_of_charge_wh
        charged_wh += charge_wh - step.rejected_charge_wh
        discharged_wh += discharge_wh - step.rejected_discharge_wh
        assert 0 <= state_of_charge_wh <= model.capacity_wh
        assert discharged_wh <= eta_d * (initial_wh - state_of_charge_wh + eta_c * charged_wh)
    assert discharged_wh <= eta_c * eta_d * charged_wh + initial_wh


@given(batteries(), flows, flows)
@examples(400)
def test_what_is_accepted_follows_the_model_and_no_more_could_be(
    battery: tuple[StateOfChargeModel, int], charge_wh: int, discharge_wh: int
) -> None:
    model, state_of_charge_wh = battery

    def end_wh(charge_wh: int, discharge_wh: int) -> int:
        """The model without its bounds."""
        stored = charge_wh * model.charge_efficiency_permille // 1000
        drawn = -(-discharge_wh * 1000 // model.discharge_efficiency_permille)
        return state_of_charge_wh + stored - drawn

    step = rules.compute_step(model, state_of_charge_wh, charge_wh, discharge_wh)
    accepted = charge_wh - step.rejected_charge_wh, discharge_wh - step.rejected_discharge_wh
    assert end_wh(*accepted) == step.state_of_charge_wh
    if step.rejected_charge_wh:
        assert end_wh(accepted[0] + 1, accepted[1]) > model.capacity_wh
    if step.rejected_discharge_wh:
        assert end_wh(charge_wh, accepted[1] + 1) < 0


plans = st.lists(st.one_of(st.integers(-12, 12), st.integers(-3_000, 3_000)), min_size=1)


@given(batteries(), plans, st.data())
@examples(400)
def test_part_of_an_order_that_fits_does_fit(
    battery: tuple[StateOfChargeModel, int], plan: list[int], data: st.DataObject
) -> None:
    """A feeder may cut an order: the rest of it must not break a plan that the battery can follow.

    Once metering has broken a plan, rounding may make a later slot worse by a Wh, cut or not.
    """
    model, state_of_charge_wh = battery
    slot = data.draw(st.integers(0, len(plan) - 1))
    whole_wh = data.draw(st.integers(-3_000, 3_000))
    part_wh = data.draw(st.integers(min(0, whole_wh), max(0, whole_wh)))

    def rejected(change_wh: int) -> list[tuple[int, int]]:
        changed = [net + change_wh * (place == slot) for place, net in enumerate(plan)]
        return [step[1:] for step in rules.project(model, state_of_charge_wh, changed)]

    def fits(change_wh: int) -> bool:
        return all(
            new[0] <= old[0] and new[1] <= old[1]
            for old, new in zip(rejected(0), rejected(change_wh), strict=True)
        )

    assume(not any(map(any, rejected(0))))
    if fits(whole_wh):
        assert fits(part_wh)
