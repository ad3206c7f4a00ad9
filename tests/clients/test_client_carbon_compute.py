"""`blockenergy carbon compute`: charges from a file, by the chain's own functions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from client.cli.__main__ import main

FEEDER = {
    "price_per_tonne": 80_000_000,
    "residual_g_per_mwh": 420_000,
    "feeder": {"bids_filled_wh": 500, "asks_filled_wh": 1_000},
    "lines": [
        {"import_wh": 20, "issued_wh": 900, "ask_wh": 700},
        {"issued_wh": 100, "ask_wh": 300},
        {"import_wh": 400, "bid_wh": 300},
        {"import_wh": 200, "bid_wh": 200},
    ],
}


def run(tmp_path: Path, content: Any, *options: str) -> int:
    path = tmp_path / "lines.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return main(["carbon", "compute", str(path), *options])


def test_a_feeder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, FEEDER, "-o", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [line["charge"] for line in found["lines"]] == [0, 1_680, 3_360, 0]
    assert found["lines"][0] == {
        "self_wh": 20, "claim_wh": 0, "due_wh": 350, "given_wh": 350, "short_wh": 0,
        "free_wh": 530, "unmatched_wh": 0, "charge": 0,
    }  # fmt: skip
    assert found["sums"]["claim_wh"] == 500 and found["sums"]["given_wh"] == 450


def test_a_late_register_and_a_battery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {
        "price_per_tonne": 80_000_000,
        "residual_g_per_mwh": 120_000,
        "peak_g_per_mwh": 610_000,
        "lines": [
            {"import_wh": 3_600, "bid_wh": 500, "exact": False},
            {"import_wh": 10_000, "exempt_wh": 9_025},
        ],
    }
    assert run(tmp_path, content) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[-1] for row in rows[1:]] == ["175680", "9360", "185040"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not valid JSON"),
        ([], "is an object"),
        ({"prise": 1}, "has no 'prise'"),
        ({"price_per_tonne": 10**9 + 1}, "whole number"),
        ({"price_per_tonne": 1.5}, "whole number"),
        ({"lines": {}}, "a list"),
        ({"lines": [{"import_wh": -1}]}, "line 1"),
        ({"lines": [{"import_wh": True}]}, "whole number"),
        ({"lines": [{"exact": 1}]}, "true or false"),
        ({"lines": [{"exempt_wh": 1}]}, "no more is exempt"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: Any, sentence: str
) -> None:
    assert run(tmp_path, content) == 2
    assert sentence in capsys.readouterr().err


def test_a_missing_file(tmp_path: Path) -> None:
    assert main(["carbon", "compute", str(tmp_path / "nowhere.json")]) == 4
