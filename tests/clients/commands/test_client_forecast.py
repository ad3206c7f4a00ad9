"""Forecasts and quotes from files: what the commands print, and what they reject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client.cli.__main__ import main
from client.cli.forecast.forecast_file import (
    HEADER,
    drop_salts,
    make_salts,
    read_forecast,
    read_salts,
)
from client.errors import MissingError, UsageError

QUANTILES = list(range(900, 1101, 25))


def write(path: Path, content: Any) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "-o", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_quotes_are_the_chains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [
        {"beta": 69_314_718, "shares": [0, 0], "outcome": 0, "buy": 10_000_000},
        {"beta": 2_079_442, "shares": [7_000_000, 1_000_000, 0, 2_000_000], "outcome": 2,
         "buy": 5_000_000},
        {"beta": 69_314_718, "shares": [10_000_000, 0], "outcome": 0, "buy": -10_000_000},
    ]  # fmt: skip
    found = call(capsys, "predict", "quote", "--file", write(tmp_path / "q.json", cases))
    assert [one["cost"] for one in found["quotes"]] == [5_124_948, 770_958, -5_124_948]
    assert found["quotes"][0]["prices"] == [0.5, 0.5]
    assert found["quotes"][0]["prices_after"] == found["quotes"][2]["prices"]


def test_scores_are_the_chains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [{"quantiles": QUANTILES, "outcome": 1000, "baseline": 800}]
    found = call(capsys, "forecast", "score", "--file", write(tmp_path / "s.json", cases))
    assert found == {"scores": [{"loss": 1000, "baseline_loss": 9000, "skill_permille": 888}]}


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ({"shares": [0, 0], "outcome": 0, "buy": 1}, "beta is missing"),
        ({"beta": 0, "shares": [0, 0], "outcome": 0, "buy": 1}, "at least 1"),
        ({"beta": 5, "shares": [0], "outcome": 0, "buy": 1}, "2 to 16"),
        ({"beta": 5, "shares": [0, 0], "outcome": 2, "buy": 1}, "0 to 1 are"),
        ({"beta": 5, "shares": [0, 0], "outcome": -1, "buy": 1}, "0 to 1 are"),
        ({"beta": 5, "shares": [], "outcome": 0, "buy": 1}, "2 to 16"),
        ({"beta": 5, "shares": [0] * 17, "outcome": 16, "buy": 1}, "2 to 16"),
        ({"beta": 5, "shares": [0, -1], "outcome": 0, "buy": 1}, "from 0 on"),
        ({"beta": 5.0, "shares": [0, 0], "outcome": 0, "buy": 1}, "beta: a whole number"),
        ({"beta": 10**40, "shares": [0, 0], "outcome": 0, "buy": 1}, "beta: a whole number"),
        ({"beta": 5, "shares": [0, 0], "outcome": True, "buy": 1}, "outcome: a whole number"),
        ({"beta": 5, "shares": [0, 0], "outcome": 0, "buy": -1}, "leave -1"),
        ({"beta": 5, "shares": [0, 0.5], "outcome": 0, "buy": 1}, "whole number"),
        ({"beta": 5, "shares": [0, 0], "outcome": 0, "buy": 1, "x": 1}, "not known"),
    ],
)
def test_a_wrong_quote_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Any, sentence: str
) -> None:
    assert main(["predict", "quote", "--file", write(tmp_path / "q.json", [case])]) == 2
    assert sentence in capsys.readouterr().err


def test_files_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", "score", "--file", str(tmp_path / "none.json")]) == 4
    (tmp_path / "bad.json").write_text("[")
    assert main(["forecast", "score", "--file", str(tmp_path / "bad.json")]) == 2
    assert main(["predict", "quote"]) == 2
    assert main(["predict", "quote", "--sell", "--file", write(tmp_path / "q.json", [])]) == 2
    assert main(["forecast", "score", "--file", "/dev/zero"]) == 2
    (tmp_path / "bad.json").write_text(f"[{'9' * 5000}]")
    assert main(["predict", "quote", "--file", str(tmp_path / "bad.json")]) == 2
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "a number in it is too long" in error


def make_csv(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([",".join(HEADER), *rows]))
    return path


def row(slot: int) -> str:
    return ",".join(map(str, [slot, *QUANTILES]))


def test_a_forecast_file_is_read(tmp_path: Path) -> None:
    path = make_csv(tmp_path / "f.csv", row(7), row(8))
    assert read_forecast(path) == (7, [QUANTILES, QUANTILES])
    salts = make_salts(path, 2)
    assert read_salts(path, 2) == salts and len(set(salts)) == 2
    with pytest.raises(UsageError, match="has been committed before"):
        make_salts(path, 2)
    with pytest.raises(UsageError, match="2 salts for 3 slots"):
        read_salts(path, 3)
    drop_salts(path)
    assert make_salts(path, 2) != salts


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "0 slots"),
        ([row(7), row(9)], "slot 8 is missing"),
        (["7,1,2"], "3 columns of 10"),
        ([row(7).replace("900", "9.5")], "whole numbers"),
        ([row(-1)], "whole numbers"),
        ([row(slot) for slot in range(193)], "193 slots"),
    ],
)
def test_other_files_are_a_sentence(tmp_path: Path, rows: list[str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_forecast(make_csv(tmp_path / "f.csv", *rows))
    with pytest.raises(MissingError):
        read_forecast(tmp_path / "none.csv")
