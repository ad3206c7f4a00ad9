"""Attacked weeks get a high score and a reason, ordinary ones a low one, whatever else is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("sklearn", reason="the extra agents is not installed")

from streets import make_street, write_street  # noqa: E402

from agents.detection import detector  # noqa: E402
from agents.detection.attacks import KINDS, attack  # noqa: E402
from agents.detection.detector import learn, score_all, split  # noqa: E402
from agents.detection.features import make_features  # noqa: E402
from agents.detection.labels import read_labels  # noqa: E402
from agents.detection.trial import add_feeder, measure, run_trial  # noqa: E402
from agents.detection.weeks import HISTORY_WEEKS, HOURS_PER_WEEK, Weeks, make_weeks  # noqa: E402
from agents.input.folder import read_street  # noqa: E402
from agents.observation import Home, Street  # noqa: E402

METERS, WEEKS = 5, 24
STOLEN = {("home_1", 18): "scale", ("home_3", 20): "constant_mean", ("home_0", 22): "reversal"}


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "DRAWS", 12)


def make_attacked() -> Street:
    """A feeder, and three weeks in which a meter lies."""
    street = make_street(METERS, WEEKS * 7, seed=4)
    random = np.random.default_rng(5)
    total = sum(home.get("load") for home in street.homes)
    homes = []
    for home in street.homes:
        load = home.get("load").copy()
        for (meter, week), kind in STOLEN.items():
            if meter == home.name:
                hours = slice(week * HOURS_PER_WEEK, (week + 1) * HOURS_PER_WEEK)
                load[hours] = attack(kind, load[hours], random)
        homes.append(Home(home.name, load, load))
    feeder = total * 1.04 * (1 + 0.02 * random.standard_normal(total.size))
    return replace(street, homes=(*homes, Home("feeder", feeder, feeder)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = write_street(tmp_path_factory.mktemp("feeder"), make_attacked())
    rows = [f"{meter},{week},1,{kind}" for (meter, week), kind in STOLEN.items()]
    rows.append("home_2,19,0,")
    # Whatever the check meter is called, its file says what it is.
    check_meter = made / "feeder.csv"
    check_meter.write_text(check_meter.read_text().replace(",feeder,", ",check-7,"))
    (made / "labels.csv").write_text("meter,week,label,kind\n" + "\n".join(rows) + "\n")
    return made


@pytest.fixture
def shown(folder: Path) -> dict[str, Any]:
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main(["agent", "detect", str(folder), "-o", "json"]) == 0
    found: dict[str, Any] = json.loads(text.getvalue())
    return found


def test_what_was_stolen_stands_on_top(shown: dict[str, Any]) -> None:
    watched = [row for row in shown["rows"] if row["is_watched"]]
    watched.sort(key=lambda row: -row["score"])
    assert {(row["meter"], row["week"]) for row in watched[:3]} == STOLEN.keys()
    assert all(row["reasons"] for row in watched[:3])
    assert shown["labels"]["auc"] == 1.0
    assert shown["labels"]["average_precision"] == 1.0
    assert shown["labels"]["auc_by_kind"].keys() == set(STOLEN.values())
    assert shown["has_feeder"]


def test_each_week_with_a_history_has_a_score(shown: dict[str, Any]) -> None:
    assert len(shown["rows"]) == METERS * (WEEKS - HISTORY_WEEKS)
    assert all(0 <= row["score"] <= 1 for row in shown["rows"])
    assert shown["first_watched_week"] == 16
    assert shown["rows"][0]["begin"] == "2026-03-02T00:00:00"


def test_a_later_week_changes_no_earlier_score(folder: Path) -> None:
    weeks = make_weeks(read_street(folder, is_raw=True))
    detector_ = learn(weeks, split(weeks))
    net = weeks.net.copy()
    net[:, 20:] = net[:, 20:] * 7 + 100
    one = detector_.score(make_features(weeks.net, weeks.feeder))
    two = detector_.score(make_features(net, weeks.feeder))
    np.testing.assert_array_equal(one[:, :20], two[:, :20])
    assert not np.array_equal(one[:, 20:], two[:, 20:])


def test_the_same_on_two_threads(folder: Path) -> None:
    weeks = make_weeks(read_street(folder, is_raw=True))
    models = [learn(weeks, 14, threads=threads).model for threads in (1, 2)]
    one, two = (model.model_to_string().split("\nparameters:")[0] for model in models)
    assert one == two


def test_a_trial_attacks_only_what_is_watched() -> None:
    weeks = add_feeder(make_weeks(make_street(METERS, WEEKS * 7)), 0.03)
    trial = run_trial(weeks, 2)
    assert len(trial.draws) == 2
    for draw in trial.draws:
        assert draw.weeks == METERS * (WEEKS - split(weeks))
        assert draw.auc is not None
        assert draw.auc > 0.9
    assert trial.kinds.keys() == set(KINDS)


def test_without_a_feeder_a_drop_is_still_found() -> None:
    street = make_attacked()
    weeks = make_weeks(replace(street, homes=street.homes[:-1]))
    found = score_all(weeks)
    assert weeks.feeder is None
    assert found.scores[1, 18] > np.delete(found.scores[1, 16:], 2).max()


@pytest.mark.parametrize("kind", KINDS)
def test_attacks_never_report_more_than_the_peak(kind: str) -> None:
    week = np.random.default_rng(1).gamma(2.0, 200.0, HOURS_PER_WEEK)
    reported = attack(kind, week, np.random.default_rng(2))
    assert reported.shape == week.shape
    assert (reported >= 0).all()
    assert reported.max() <= week.max()
    assert not np.array_equal(reported, week)
    if kind in ("constant_mean", "reversal"):
        assert reported.sum() == pytest.approx(week.sum())
    else:
        assert reported.sum() < week.sum()


@pytest.mark.parametrize("broken", ["empty", "missing", "one", "export"])
def test_homes_that_say_little_get_a_score_too(
    broken: str,
) -> None:
    street = make_street(3, 12 * 7, with_pv=broken == "export")
    homes = list(street.homes)
    load = homes[0].get("load").copy()
    load[300:2000] = 0.0 if broken == "empty" else np.nan if broken == "missing" else load[300:2000]
    homes[0] = replace(homes[0], load_wh=load)
    if broken == "one":
        homes = homes[:1]
    found = score_all(make_weeks(replace(street, homes=tuple(homes))))
    assert np.isfinite(found.scores[:, HISTORY_WEEKS:]).all()


def test_too_few_weeks_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_street(tmp_path, make_street(2, 40))
    assert main(["agent", "detect", str(tmp_path)]) == 4
    assert "5 whole weeks; detection needs 10" in capsys.readouterr().err


def test_labels_by_date_and_wrong_ones(folder: Path, tmp_path: Path) -> None:
    weeks: Weeks = make_weeks(read_street(folder, is_raw=True))
    path = tmp_path / "labels.csv"
    rows = ("home_1,2026-05-13", "home_9,3", "home_2,24", "home_2,-1", "home_2,soon", "home_2")
    path.write_text("meter,week\n" + "\n".join(rows) + "\n")
    labels = read_labels(path, weeks)
    assert np.argwhere(labels.is_attacked).tolist() == [[1, 18]]
    assert labels.marks == (
        "1 rows of labels.csv name a meter that is not in this folder, or cannot be used",
        "2 rows of labels.csv have a week that is neither a number nor a date",
        "2 rows of labels.csv have a week outside 0 to 23",
    )
    for text, sentence in (
        ("meter,week\nhome_9,3\n", "names no week"),
        ("meter,week\nhome_1,nan\nhome_1,1e400\n", "neither a number nor a date"),
        ("when\n3\n", "needs the columns"),
        ("", "no header line"),
        ("meter,week,label\n", "no rows"),
    ):
        path.write_text(text)
        with pytest.raises(ClientError, match=sentence):
            read_labels(path, weeks)


def test_quality_by_hand() -> None:
    quality = measure(np.array([0.9, 0.2, 0.8, np.nan]), np.array([True, False, True, True]))
    assert (quality.weeks, quality.attacked, quality.auc) == (3, 2, 1.0)
    assert measure(np.array([0.9, 0.2]), np.array([False, False])).auc is None
