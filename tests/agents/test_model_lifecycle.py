"""A model is its hash; the champion changes only for a better one, and can be taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.cli import main
from client.errors import ClientError

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("lightgbm", reason="the extra agents is not installed")

from streets import make_street, write_street  # noqa: E402

from agents.forecast import models  # noqa: E402
from agents.lifecycle.drift import compute_stability, find_change, watch  # noqa: E402
from agents.lifecycle.model import Model, make_window, score, train  # noqa: E402
from agents.lifecycle.store import Store  # noqa: E402
from agents.observation import Home, Street  # noqa: E402
from agents.run.forecaster import Forecaster  # noqa: E402
from agents.trading.expect import Past, forecast  # noqa: E402


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "SIZES", dict.fromkeys(models.SIZES, models.Size(12, 0.3, 7)))


def make_model(street: Street | None = None, threads: int = 1) -> Model:
    return train(make_window(street or make_street(2, 50), "load", 2), "load", threads)


def changed(street: Street, begin: int, factor: float) -> Street:
    """From a day on, everything is run backwards and larger."""

    def change(load: np.ndarray) -> np.ndarray:
        return np.concatenate((load[: begin * 24], load[begin * 24 :][::-1] * factor))

    return _with(street, change)


def shuffled(street: Street, begin: int) -> Street:
    """From a day on, hours come in any order."""

    def change(load: np.ndarray) -> np.ndarray:
        later = np.random.default_rng(1).permutation(load[begin * 24 :])
        return np.concatenate((load[: begin * 24], later))

    return _with(street, change)


def _with(street: Street, change: Callable[[np.ndarray], np.ndarray]) -> Street:
    loads = [(home.name, change(home.get("load"))) for home in street.homes]
    return replace(street, homes=tuple(Home(name, load, load) for name, load in loads))


def test_the_same_data_gives_the_same_hash_on_one_and_on_two_threads() -> None:
    one = make_model()
    assert make_model(threads=2).hash == one.hash
    assert make_model(make_street(2, 50, seed=2)).hash != one.hash
    assert one.manifest["scores"]["nmae"] < one.manifest["scores"]["nmae_yesterday"]  # type: ignore[index]


def test_what_is_tested_on_is_not_learnt_from() -> None:
    street = make_street(2, 50)
    one, two = make_model(street), make_model(changed(street, 36, 3.0))
    assert one.texts == two.texts
    assert one.manifest["window_hash"] == two.manifest["window_hash"]
    assert one.manifest["tested_hash"] != two.manifest["tested_hash"]


def test_a_store_keeps_models_whole(tmp_path: Path) -> None:
    store, model = Store(tmp_path / "store"), make_model()
    assert store.list_hashes() == []
    assert store.add(model) == store.add(model) == model.hash
    assert store.read(model.hash) == model
    assert store.find(model.hash[:8].upper()) == model.hash
    window = make_window(make_street(2, 50), "load", 2)
    assert score(store.read(model.hash), window) == model.manifest["scores"]
    (tmp_path / "store" / "models" / model.hash / "1.txt").write_text("tree")
    with pytest.raises(ClientError, match="another hash"):
        store.read(model.hash)
    for beginning, sentence in (("ab", "give more"), ("abcdef", "no model")):
        with pytest.raises(ClientError, match=sentence):
            store.find(beginning)


def test_champions_come_and_go(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get_champion() is None
    with pytest.raises(ClientError, match="no champion before"):
        store.roll_back()
    store.promote("a" * 64)
    store.promote("b" * 64)
    assert store.get_champion() == "b" * 64
    assert store.roll_back() == store.get_champion() == "a" * 64
    (tmp_path / "champions.json").write_text("[1]")
    with pytest.raises(ClientError, match="not a list of hashes"):
        store.get_champion()


def test_page_hinkley_sounds_for_a_change_and_not_for_noise() -> None:
    random = np.random.default_rng(1)
    usual = random.normal(1.0, 0.1, 28)
    assert find_change(usual, random.normal(1.0, 0.1, 60)) is None
    live = np.concatenate((random.normal(1.0, 0.1, 20), random.normal(1.3, 0.1, 20)))
    day = find_change(usual, live)
    assert day is not None
    assert 20 <= day < 26
    found = watch(usual, np.array([np.nan] * 20))
    assert not found.has_drifted


def test_stability_is_zero_for_the_same_and_large_for_another() -> None:
    usual = np.random.default_rng(1).normal(size=200)
    assert compute_stability(usual, usual) == pytest.approx(0.0, abs=0.01)
    assert compute_stability(usual, usual + 1.0) > 0.25


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["agent", "model", *words, "-o", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model of noise is replaced by one that knows days; when days end, watching says so."""
    street = make_street(2, 90)
    streets = {
        "noise": shuffled(make_street(2, 50), 0),
        "days": street,
        "ended": shuffled(make_street(2, 120), 90),
    }
    for name, one in streets.items():
        (tmp_path / name).mkdir()
        write_street(tmp_path / name, one)
    noise, days, ended = (str(tmp_path / name) for name in streets)
    kept, weeks = ["--store", str(tmp_path / "store")], ["--last-weeks", "2"]
    first = run(capsys, "train", noise, *kept, *weeks)
    second = run(capsys, "train", days, *kept, *weeks)
    assert (first["is_champion"], second["is_champion"]) == (True, False)
    promoted = run(capsys, "promote", second["model"][:10], days, *kept, *weeks)
    assert promoted["pinball"] < promoted["pinball_of_champion"]
    assert main(["agent", "model", "promote", first["model"], days, *kept, *weeks]) == 1
    assert "it stays" in capsys.readouterr().err
    assert main(["agent", "model", "test", second["model"], noise, *kept, *weeks]) == 1
    assert "has learnt from days until" in capsys.readouterr().err
    found = run(capsys, "watch", days, *kept, *weeks)
    assert (found["model"], found["has_drifted"]) == (second["model"], False)
    found = run(capsys, "watch", ended, *kept, *weeks, "--retrain")
    assert found["has_drifted"]
    assert found["loss_now"] > found["loss_in_test"]
    assert found["trained"] in {row["model"] for row in run(capsys, "list", *kept)["models"]}
    before = first if not found["is_promoted"] else second
    assert run(capsys, "rollback", *kept)["model"] == before["model"]
    assert main(["agent", "model", "list", *kept]) == 0
    assert first["model"][:12] in capsys.readouterr().out


def make_store(path: Path, target: str = "net") -> Store:
    store, street = Store(path), make_street(2, 50)
    store.promote(store.add(train(make_window(street, target, 2), target)))
    return store


def measure(days: int, known_hours: int) -> Past:
    """The first home of a street, as its agent has it at this hour of a day; Monday is day 4."""
    net_wh = make_street(2, 60, seed=3).homes[0].net_wh
    hours = range(days * 24 + known_hours)
    return Past(24, {4 * 24 + hour: round(net_wh[hour]) for hour in hours})


def test_the_champion_forecasts_for_a_home_that_trades(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    forecaster = Forecaster(tmp_path, 3600)
    net_wh = make_street(2, 60, seed=3).homes[0].net_wh
    wrong, simple_wrong = 0.0, 0.0
    for day in range(30, 37):
        past, slot = measure(day, 9), (4 + day) * 24 + 9
        found = forecaster.forecast(past, slot - 1, range(slot, slot + 24))
        assert found is not None
        assert list(found) == list(range(slot, slot + 24))
        assert all(low <= middle <= high for low, middle, high in found.values())
        simple = forecast(past, slot - 1, range(slot, slot + 24))
        for one, (_, middle, _) in found.items():
            wrong += abs(middle - net_wh[one - 96])
            simple_wrong += abs(simple[one][1] - net_wh[one - 96])
    assert wrong < simple_wrong
    # What is promoted or taken back is in use from the next forecast on.
    before = forecaster.name
    other = store.add(make_other(store))
    store.promote(other)
    forecaster.forecast(past, slot - 1, range(slot, slot + 24))
    assert forecaster.name == f"model {other[:12]}"
    store.roll_back()
    forecaster.forecast(past, slot - 1, range(slot, slot + 24))
    assert forecaster.name == before
    # A store that is just being written is no reason to stop.
    (tmp_path / "champions.json").write_text("[")
    assert forecaster.forecast(past, slot - 1, range(slot, slot + 24))


def make_other(store: Store) -> Model:
    return train(make_window(make_street(2, 50, seed=2), "net", 2), "net")


def test_a_forecast_of_the_champion_uses_nothing_that_comes_later(tmp_path: Path) -> None:
    make_store(tmp_path)
    forecaster = Forecaster(tmp_path, 3600)
    past, slot = measure(20, 9), 24 * 24 + 9
    later = {slot + hour: 9_000 for hour in range(30)}
    changed = replace(past, net_wh={**past.net_wh, **later})
    slots = range(slot, slot + 24)
    assert forecaster.forecast(past, slot - 1, slots) == forecaster.forecast(
        changed, slot - 1, slots
    )


def test_a_home_too_new_for_a_model_and_stores_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="no champion"):
        Forecaster(tmp_path / "empty", 3600)
    make_store(tmp_path / "load", "load")
    with pytest.raises(ClientError, match="needs one of net use"):
        Forecaster(tmp_path / "load", 3600)
    make_store(tmp_path / "net")
    with pytest.raises(ClientError, match="slots of 3600 s, those of the network are of 900 s"):
        Forecaster(tmp_path / "net", 900)
    forecaster = Forecaster(tmp_path / "net", 3600)
    past, slot = measure(5, 9), 9 * 24 + 9
    assert forecaster.forecast(past, slot - 1, range(slot, slot + 24)) is None
    assert forecaster.forecast(Past(24), slot - 1, range(slot, slot + 24)) is None
