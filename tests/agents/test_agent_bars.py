"""What agents reach on a year of ten real homes, of which nothing is learnt that is tested on."""

from __future__ import annotations

from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("lightgbm", reason="the extra agents is not installed")

from agents.detection.trial import add_feeder, run_trial  # noqa: E402
from agents.detection.weeks import make_weeks  # noqa: E402
from agents.forecast.backtest import Settings, run_backtest, score  # noqa: E402
from agents.input.folder import read_street  # noqa: E402
from agents.observation import Street  # noqa: E402
from agents.planning.year import make_case, plan_all  # noqa: E402
from node_config.simulated import year  # noqa: E402
from node_config.simulated.report import list_costs  # noqa: E402
from tests.support.shared import SHARED  # noqa: E402

HOMES = SHARED / "data" / "homes_fontana_2022"
pytestmark = [
    pytest.mark.agent_bars,
    pytest.mark.skipif(not HOMES.is_dir(), reason=f"{HOMES} is not there"),
]


@pytest.fixture(scope="module")
def street() -> Street:
    return read_street(HOMES)


@pytest.mark.parametrize(
    ("target", "home_max", "sum_max"), [("load", 0.825, 0.87), ("net", 0.83, 0.88)]
)
def test_forecasts(street: Street, target: str, home_max: float, sum_max: float) -> None:
    rows: list[dict[str, Any]] = score(run_backtest(street, Settings(target=target)))
    *homes, total = rows

    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in homes]))

    assert mean("nmae") <= home_max * mean("nmae_yesterday")
    assert mean("nmae") < mean("nmae_7_day_mean")
    assert total["nmae"] <= sum_max * total["nmae_yesterday"]
    assert mean("pinball") <= 0.83 * mean("pinball_climatology")
    if target == "load":
        assert 0.78 <= mean("coverage") <= 0.82
        assert all(0.75 <= row["coverage"] <= 0.85 for row in homes)


def test_plans(street: Street) -> None:
    result = plan_all(make_case(street))
    assert result.score.score <= 0.825
    assert result.fallbacks == 0


def test_detection(street: Street) -> None:
    trial = run_trial(add_feeder(make_weeks(street), 0.03), 5)
    assert np.mean([draw.auc for draw in trial.draws]) >= 0.98
    assert np.mean([draw.average_precision for draw in trial.draws]) >= 0.93
    assert all(auc is not None and auc >= 0.92 for auc in trial.kinds.values())


def test_a_year_on_the_market(street: Street) -> None:
    case = year.make_case(street, 365, None, model=True)
    results = year.run_jobs(year.make_jobs(case, with_foresight=True), 2)
    assert {name: result.rejections for name, result in results.items()} == {
        "agents": (),
        "no battery": (),
        "foresight": (),
    }
    total = list_costs(results)[-1]
    assert total["agents"] < total["no_battery"] < total["no_market"]
    assert total["agents"] < total["no_market_with_battery"]
    assert total["hindsight"] < total["foresight"] < total["agents"]
