"""The examples do what examples/README.md says."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.shell import Block, Shell

EXAMPLES = ROOT / "examples"
INSTALLED = ROOT / ".cache" / "examples-javascript"
INSTALL_DEADLINE_S = 300


@pytest.fixture(scope="module")
def javascript() -> Path:
    """The example beside the packages that its lock file names."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on PATH")
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for path in (EXAMPLES / "javascript").glob("*.*js*"):
        shutil.copy(path, INSTALLED / path.name)
    install = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=INSTALLED,
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_DEADLINE_S,
    )
    if install.returncode:
        pytest.skip(f"cosmjs cannot be installed: {install.stderr[-300:]}")
    return INSTALLED


@pytest.mark.docs
def test_a_wallet_pays_trades_and_reads_its_line(street: Shell, javascript: Path) -> None:
    command = (
        f"export BLOCKENERGY_PROTO={ROOT / 'proto'}\n"
        f"node {javascript / 'trade.mjs'} "
        "\"$(blockenergy keys show ben | awk '/^address/ {print $2}')\" | tee wallet.json"
    )
    street.run("examples/javascript", [Block(1, "sh", command)])
    found = json.loads((street.folder / "wallet.json").read_text())
    # Nobody has read the meter, and a silent one has used nothing here.
    assert (found["boughtWh"], found["importWh"], found["isEstimated"]) == (1000, 0, True)
    assert 0 < found["paidAtHeight"] < found["orderedAtHeight"]
    # Between the bounds of the price, and it went back at the low one.
    assert 0.08 < found["costEur"] < 0.25
    assert found["chargedEur"] == pytest.approx(found["costEur"] - 0.08)
    assert found["carbonChargeEur"] == 0


def test_a_day_without_a_node(tmp_path: Path) -> None:
    def run(seed: int, out: str) -> dict[str, float]:
        printed = subprocess.run(
            [
                *[sys.executable, str(EXAMPLES / "research" / "street_day.py")],
                *["--homes", "8", "--seed", str(seed), "--out", str(tmp_path / out)],
            ],
            env={"PYTHONPATH": ":".join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        found = re.findall(r"^ *(\w[\w ]*?) +(-?[0-9.]+) EUR$", printed, re.MULTILINE)
        return {name: float(amount) for name, amount in found}

    bill = run(1, "day.csv")
    rows = list(csv.DictReader((tmp_path / "day.csv").open()))
    assert len(rows) == 24
    noon, evening = (float(rows[hour]["price_ct_per_kwh"]) for hour in (12, 19))
    assert 8 <= noon < 19 < evening <= 30
    # Nothing is gained that nobody pays: the rest is rounding, a hundredth for each number.
    gained = bill["so they gained"]
    paid = (
        bill["energy of neighbours is worth"]
        + bill["the pool lost"]
        + bill["its purses got of imbalances"]
    )
    assert gained == pytest.approx(paid, abs=0.03)
    assert gained == pytest.approx(
        bill["without a market the homes pay"] - bill["with it they paid"], abs=0.03
    )
    imported_kwh = sum(float(row["import_kwh"]) for row in rows)
    assert bill["carbon charges come to"] == pytest.approx(imported_kwh * 0.0336, abs=0.01)
    assert run(1, "again.csv") == bill != run(2, "other.csv")
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "day.csv").read_text()
