"""The demonstration, limited to its first hour: it ends on its own and all its checks hold."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running.networks import require_cometbft

pytestmark = [pytest.mark.network, pytest.mark.slow]

DEADLINE_S = 150.0


def test_one_hour(tmp_path: Path) -> None:
    for library in ("demandlib", "pvlib", "matplotlib", "rich", "uvicorn"):
        pytest.importorskip(library, reason="the demonstration's libraries are not installed")
    require_cometbft()
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *[sys.executable, "-m", "node_config.demo", "--slots", "1", "--plain"],
            *["--home", str(tmp_path / "net"), "--out", str(out)],
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 readings, 1 slots settled" in done.stdout
    # tests/dashboard/pages/test_demo_page.py follows the link.
    assert "/#sign-in=" in done.stdout
    with (out / "demo.csv").open() as file:
        [row] = csv.DictReader(file)
    assert int(row["import_wh"]) == int(row["consumed_wh"]) > int(row["bought_wh"]) * 9 // 10 > 0
    assert (out / "demo.png").stat().st_size > 10_000
