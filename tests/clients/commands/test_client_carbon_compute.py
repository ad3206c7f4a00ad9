"""`blockenergy carbon compute`: charges from a file, by the chain's own functions."""

from __future__ import annotations

import json
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.cli.__main__ import main
from client.cli.carbon.compute import compute
from tests.support.properties import examples

WH = st.one_of(st.integers(0, 100), st.integers(0, 100_000), st.integers(0, 1 << 50))
LINES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("import_wh", "issued_wh", "exempt_wh", "bid_wh", "ask_wh"), WH),
        "exact": st.booleans(),
    },
).filter(lambda line: line.get("exempt_wh", 0) <= line.get("import_wh", 0))
FILES = st.fixed_dictionaries(
    {"lines": st.lists(LINES, max_size=4)},
    optional={
        "price_per_tonne": st.integers(0, 10**9),
        "residual_g_per_mwh": st.integers(0, 2_000_000),
        "peak_g_per_mwh": st.integers(0, 2_000_000),
        "feeder": st.fixed_dictionaries({"bids_filled_wh": WH, "asks_filled_wh": WH}),
    },
)

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


@given(FILES)
@examples(400)
def test_any_file_is_computed_by_the_formulas(content: dict[str, Any]) -> None:
    """Each line once more, with fractions, as docs/carbon.md has it."""
    feeder, price = content.get("feeder", {}), content.get("price_per_tonne", 0)
    bids, asks = (Fraction(feeder.get(f"{name}_filled_wh", 0)) for name in ("bids", "asks"))
    for line, found in zip(content["lines"], compute(content), strict=True):
        names = ("import_wh", "issued_wh", "exempt_wh", "bid_wh", "ask_wh")
        used, made, exempt, bid, ask = (Fraction(line.get(name, 0)) for name in names)
        exact, is_battery = line.get("exact", True), exempt > 0
        own = Fraction(0) if is_battery or not exact else min(used, made)
        claimed = min(bid, used - own) if exact else Fraction(0)
        due = min(ask, Fraction(ceil(ask * bids / asks))) if asks else Fraction(0)
        given_wh = min(due, made - own)
        unmatched = used - exempt if is_battery else used - own - claimed
        factor = content.get("residual_g_per_mwh" if exact else "peak_g_per_mwh", 0)
        assert found == {
            "self_wh": own, "claim_wh": claimed, "due_wh": due, "given_wh": given_wh,
            "short_wh": due - given_wh, "free_wh": made - own - given_wh,
            "unmatched_wh": unmatched,
            "charge": ceil((unmatched + due - given_wh) * factor * price / 10**12),
        }  # fmt: skip


def test_a_peak_that_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = {
        "price_per_tonne": 80_000_000, "residual_g_per_mwh": 420_000,
        "lines": [{"import_wh": 1_000, "exact": False}],
    }  # fmt: skip
    assert run(tmp_path, content, "-o", "json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["sums"]["charge"] == 0
    assert "without a peak" in printed.err


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
