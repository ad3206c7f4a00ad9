"""The compiled rules do what their sources do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from node_config.compiled import ROOT, list_sources
from tests.determinism.test_determinism import compare, journal

DEADLINE_S = 60


def test_every_listed_module_is_compiled(compiled: Path, tmp_path: Path) -> None:
    names = [path.removesuffix(".py").replace("/", ".") for path in list_sources()]
    program = f"import importlib\nfor n in {names}: print(importlib.import_module(n).__file__)"
    paths = os.pathsep.join(map(str, (compiled, ROOT, ROOT / "proto" / "gen")))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    files = done.stdout.splitlines()
    assert len(files) == len(names) > 20
    assert not [file for file in files if not file.endswith(".so")]
    assert not [file for file in files if not file.startswith(str(compiled))]


def test_the_compiled_rules_change_nothing(compiled: Path) -> None:
    compare(journal(sys.executable, "0"), journal(sys.executable, "1", compiled))
