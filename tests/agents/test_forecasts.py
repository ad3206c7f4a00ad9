"""Forecasts use only what was known, are better than simple ones, and say what they do not know."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("lightgbm", reason="the extra agents is not installed")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from streets import make_street, write_street  # noqa: E402

from agents.forecast.backtest import Backtest, Settings, run_backtest, score  # noqa: E402
from agents.forecast.bands import QUANTILES, find_shifts, take_quantiles  # noqa: E402
from agents.forecast.combine import find_weights, mix  # noqa: E402
from agents.forecast.cube import fill, lag, make_cube, trailing_mean  # noqa: E402
from agents.forecast.models import MEAN, SIZES, Rows, Size, train  # noqa: E402
from agents.forecast.scores import compute_coverage, compute_nmae, compute_pinball  # noqa: E402
from agents.observation import Home, Street  # noqa: E402

# As few trees as can tell anything: most tests are about when something is known.
TINY = dict.fromkeys(SIZES, Size(6, 0.3, leaves=7))


def run(street: Street, **values: object) -> Backtest:
    return run_backtest(street, Settings(**{"weeks": 2, "sizes": TINY, **values}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found() -> Backtest:
    return run(make_street(), sizes=SIZES)


def test_the_forecast_beats_what_needs_no_model(found: Backtest) -> None:
    *homes, total = score(found)
    for row in homes:
        assert row["nmae"] < row["nmae_yesterday"]  # type: ignore[operator]
        # What is left is noise, which no model knows better than the past does.
        assert row["pinball"] < 1.05 * row["pinball_climatology"]  # type: ignore[operator]
        assert 0.7 < row["coverage"] < 0.9  # type: ignore[operator]
    assert total["nmae"] < total["nmae_yesterday"]  # type: ignore[operator]
    assert total["nmae"] < homes[0]["nmae"]  # type: ignore[operator]


@pytest.mark.parametrize("lead", [1, 2])
def test_the_future_changes_nothing_that_was_forecast_before(lead: int) -> None:
    """From noon of a day on everything is different: the forecasts issued until then are not."""
    street = make_street(2, 45, with_pv=True)
    at = 38
    changed = []
    for home in street.homes:
        assert home.load_wh is not None
        load, pv = home.load_wh.copy(), home.pv_wh
        load[at * 24 + 12 :] = load[at * 24 + 12 :][::-1] * 5 + 700
        changed.append(replace(home, load_wh=load, net_wh=load - pv))
    other = replace(street, homes=tuple(changed))
    for target in ("load", "net"):
        one = run(street, target=target, lead=lead, weeks=1)
        two = run(other, target=target, lead=lead, weeks=1)
        known = at + lead
        np.testing.assert_array_equal(one.point[:, :known], two.point[:, :known])
        np.testing.assert_array_equal(one.quantiles[:, :, :known], two.quantiles[:, :, :known])
        assert np.isfinite(one.point[:, at]).all()
        assert not np.array_equal(one.point[:, known], two.point[:, known])


def test_the_same_on_one_and_on_two_threads() -> None:
    street = make_street(days=40)
    one, two = (run(street, weeks=1, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.point, two.point)
    np.testing.assert_array_equal(one.quantiles, two.quantiles)


def test_quantiles_rise_and_the_next_day_is_forecast(found: Backtest) -> None:
    tested = found.quantiles[:, :, found.first :]
    assert np.isfinite(tested).all()
    assert (np.diff(tested, axis=0) >= 0).all()
    assert found.point.shape[1] == found.cube.days + 1


def test_an_issue_at_another_hour() -> None:
    street = make_street(2, 40)
    found = run(street, issue_hour=6, weeks=1)
    assert found.cube.begin.hour == 6
    assert found.cube.days == 39
    np.testing.assert_array_equal(found.cube.known[0, 0], street.homes[0].net_wh[6:30])


@pytest.mark.parametrize(("days", "tested"), [(9, 1), (12, 4), (30, 14)])
def test_a_short_history_is_used_as_far_as_it_goes(days: int, tested: int) -> None:
    found = run(make_street(2, days))
    assert found.cube.days - found.first == tested
    assert bool(found.marks) == (tested < 14)
    assert all(row["nmae"] is not None for row in score(found))


def test_a_week_is_too_little() -> None:
    with pytest.raises(ClientError, match="7 whole days; a forecast can be tested with 9"):
        run(make_street(2, 7))


def test_holes_zeros_and_newcomers_are_forecast_too() -> None:
    street = make_street(4, 50)
    homes = []
    for number, home in enumerate(street.homes):
        load = home.get("load").copy()
        if number == 0:
            load[300:340] = np.nan
            load[1000:1030] = np.nan
        if number == 1:
            load[:] = 0.0
        if number == 2:
            load[: 30 * 24] = np.nan
        homes.append(Home(home.name, load, load))
    found = run(replace(street, homes=tuple(homes)))
    rows = score(found)
    assert rows[0]["slots"] == 14 * 24 - 30
    assert rows[1]["nmae"] is None
    assert rows[2]["nmae"] is not None
    assert rows[2]["nmae"] < 1.0  # type: ignore[operator]
    assert np.abs(found.point[1, found.first :]).max() < 1.0


def test_a_meter_that_measures_nothing_has_nothing_to_learn_from() -> None:
    """It is forecast as yesterday; a fleet needs one meter that measures something."""
    street = make_street(homes=1, days=30)
    zero = np.zeros(street.grid.slots)
    found = run(replace(street, homes=(Home("empty", zero, zero),)), weeks=1)
    assert not np.nan_to_num(found.point).any()
    with pytest.raises(ClientError, match="nothing to learn from"):
        train(Rows(np.empty((0, 3)), np.empty(0), np.empty(0)), [MEAN], TINY)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_street(tmp_path, make_street(2, 40))
    ahead, picture = tmp_path / "next.txt", tmp_path / "bands.png"
    options = ["--last-weeks", "1", "--next", str(ahead), "--picture", str(picture)]
    assert main(["agent", "forecast", str(folder), *options, "-o", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in shown["homes"]} == {"home_0", "home_1"}
    for row in (*shown["homes"], shown["sum"], shown["mean"]):
        for key in ("nmae", "nmae_yesterday", "nmae_last_week", "nmae_7_day_mean"):
            assert 0 < row[key] < 2
        assert {"pinball", "pinball_climatology", "coverage"} <= row.keys()
    with ahead.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 24
    assert rows[0]["time"] == "2026-02-14T00:00:00"
    assert all(int(row["q10_wh"]) <= int(row["q90_wh"]) for row in rows)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--issue-hour", "24"], "between 0 and 23"),
        (["--last-weeks", "0"], "between 1 and"),
        (["--day", "3"], "between 1 and 2"),
        (["--picture", "x.jpg"], "must end in .png"),
        (["--target", "gas"], "invalid choice"),
    ],
)
def test_wrong_options_are_a_sentence(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["agent", "forecast", str(tmp_path), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_scores_by_hand() -> None:
    actual = np.array([1.0, 3.0, np.nan])
    assert compute_nmae(actual, np.array([2.0, 3.0, 9.0])) == 0.25
    assert compute_nmae(np.zeros(3), np.ones(3)) is None
    flat = np.broadcast_to(np.array([2.0, 2.0, 2.0]), (9, 3))
    # Errors of -1 and +1: the loss is the mean of 1 - q and of q over nine quantiles, here a half.
    assert compute_pinball(actual, flat) == pytest.approx(0.5 / 2)
    rising = np.arange(9.0)[:, None] / 4 + np.zeros(3)
    assert compute_coverage(actual, rising) == 0.5


@given(st.integers(0, 1000), st.integers(2, 4))
@settings(max_examples=25, deadline=None)
def test_weights_are_at_least_as_good_as_the_best(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    actual = random.normal(size=(2, 5, 6))
    forecasts = actual + random.normal(size=(count, 1, 1, 1)) + random.normal(size=(count, 2, 5, 6))
    weights = find_weights(forecasts, actual)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    mixed = np.abs(np.tensordot(weights, forecasts, 1) - actual).mean()
    assert mixed <= np.abs(forecasts - actual).mean(axis=(1, 2, 3)).min() + 1e-9


def test_a_missing_forecast_is_left_out_of_the_mix() -> None:
    mixed = mix(np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(mixed, [2.0, 5.0, np.nan])


def test_shifts_make_quantiles_cover_what_they_say() -> None:
    random = np.random.default_rng(3)
    actual = random.normal(2.0, 1.0, (1, 40, 24))
    quantiles = np.zeros((9, 1, 40, 24))
    shifted = quantiles + find_shifts(quantiles, actual)[:, :, None, None]
    below = (actual[None] <= shifted).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(below, QUANTILES, atol=0.01)
    few = find_shifts(quantiles[:, :, :2], actual[:, :2])
    assert not few.any()


def test_lags_means_and_gaps_look_back_only() -> None:
    values = np.arange(12.0).reshape(1, 4, 3)
    assert lag(values, 1, 1)[0, :, 0].tolist() == pytest.approx([np.nan, 0, 3, 6, 9], nan_ok=True)
    means = trailing_mean(values, 2, 1)[0, :, 0].tolist()
    assert means == pytest.approx([np.nan, 0, 1.5, 4.5, 7.5], nan_ok=True)
    holes = np.where(values == 7, np.nan, values)
    assert fill(holes)[0, 2].tolist() == [6, 4, 8]
    street = make_street(1, 9)
    assert make_cube(street.get_matrix("load"), street.grid, 5).days == 8
    assert np.isnan(take_quantiles(np.full((1, 3, 2), np.nan), axis=1)).all()
