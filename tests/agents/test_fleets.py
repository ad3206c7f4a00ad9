"""A fleet is forecast block by block: the same on this machine, in processes and on a cluster."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from client.cli import main

np = pytest.importorskip("numpy", reason="the extra agents is not installed")
pytest.importorskip("lightgbm", reason="the extra agents is not installed")

from streets import make_street, write_street  # noqa: E402

from agents.fleet import run as fleets  # noqa: E402
from agents.fleet.blocks import HISTORY_DAYS, forecast_block, train_sample  # noqa: E402
from agents.forecast.cube import make_cube  # noqa: E402
from agents.forecast.features import make_features  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_street(tmp_path_factory.mktemp("fleet"), make_street(3, 33))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["agent", "fleet", *words, "-o", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_features_of_one_day_are_those_of_all() -> None:
    street = make_street(3, 33)
    cube = make_cube(street.get_matrix("load"), street.grid, 0)
    for lead in (1, 2):
        whole, _ = make_features(cube, lead)
        last, _ = make_features(cube, lead, slice(cube.days + lead - 1, None))
        np.testing.assert_array_equal(whole[:, -1:], last)


def test_quantiles_rise_and_follow_the_level(folder: Path) -> None:
    block = fleets.make_last_days(make_street(3, 33))
    assert block.known.shape == (3, HISTORY_DAYS, 24)
    found = forecast_block(train_sample(block), block)
    assert found.shape == (9, 3, 2, 24)
    assert (np.diff(found, axis=0) >= 0).all()
    usual = block.known[:, -7:].mean(axis=1)
    np.testing.assert_allclose(found[4].mean(axis=(1, 2)), usual.mean(axis=1), rtol=0.2)


def test_processes_and_sizes_change_nothing(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fleets, "BLOCK_METERS", 4)
    options = [str(folder), "--size", "10"]
    one = run(capsys, *options, "--workers", "1", "--out", str(tmp_path))
    two = run(capsys, *options, "--workers", "2")
    assert one["meters"] == two["meters"] == 10
    assert one["hash"] == two["hash"]
    files = sorted(tmp_path.glob("*.csv"))
    assert len(files) == 10
    with files[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [rows[0]["time"], rows[-1]["time"]] == ["2026-02-07T00:00:00", "2026-02-08T23:00:00"]


@pytest.mark.slow
def test_a_cluster_of_two_workers_gives_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed", reason="the extra agents is not installed")
    monkeypatch.setattr(fleets, "BLOCK_METERS", 4)
    options = [str(folder), "--size", "10"]
    local = run(capsys, *options, "--workers", "1")
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        host="127.0.0.1",
        protocol="tcp",
        dashboard_address=None,
    ) as cluster:
        there = run(capsys, *options, "--scheduler", cluster.scheduler_address)
    assert there["hash"] == local["hash"]


def test_no_cluster_and_too_few_days_are_sentences(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_street(tmp_path, make_street(2, 20))
    assert main(["agent", "fleet", str(tmp_path)]) == 4
    assert "20 whole days; a fleet needs 30" in capsys.readouterr().err
    pytest.importorskip("distributed", reason="the extra agents is not installed")
    assert main(["agent", "fleet", str(folder), "--scheduler", "nowhere"]) == 3
    assert "no Dask scheduler" in capsys.readouterr().err
