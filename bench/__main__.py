"""Measures BlockEnergy beside its peers and writes results, a table and pictures.

    python -m bench                         every measurement, in about six minutes
    python -m bench settlement replay       only these
    python -m bench --large                 a million meters and accounts, more rounds

Each measurement runs in a process of its own, on the compiled rules if there are any. Alone, and
with more options, it runs from the sources: python -m bench.NAME --help. What fails is told
and does not keep the others from running.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.results.report import FOLDER
from bench.results.table import make_table
from node_config.localnet.process import make_environment

# Each with its options: as a rule, and for the large sizes.
MEASUREMENTS: dict[str, tuple[list[str], list[str]]] = {
    "transfers": (["--rounds", "2"], ["--rounds", "3"]),
    "network": (["--rounds", "1"], ["--rounds", "3", "--steady-s", "30"]),
    "orders": ([], ["--orders", "50000", "--block", "500", "5000", "10000"]),
    "settlement": (
        ["--meters", "10000", "100000"],
        ["--meters", "10000", "100000", "1000000"],
    ),
    "accounts": (
        ["--accounts", "10000", "100000"],
        ["--accounts", "10000", "100000", "1000000", "--rounds", "3"],
    ),
    "gas": ([], ["--rounds", "200"]),
    "carbon": ([], ["--rounds", "100"]),
    "forecasts": ([], ["--rounds", "20"]),
    "replay": (["--transactions", "20000"], ["--transactions", "100000"]),
}
DEADLINE_S = 7200


def main() -> int:
    """Runs the command line; returns the exit status."""
    options = _parse_arguments()
    failed = []
    for name in options.names or MEASUREMENTS:
        file = options.folder / f"{name}.json"
        print(f"{name} ...", flush=True)
        began_s = time.monotonic()
        if _run(name, MEASUREMENTS[name][options.large], file):
            print(f"{name}: {file}, {time.monotonic() - began_s:.0f} s", flush=True)
        else:
            failed.append(name)
    results = _read_results(options.folder)
    table = make_table(results)
    (options.folder / "table.md").write_text(table)
    print(f"\n{table}")
    _draw(results, options.folder)
    if failed:
        print(f"bench: {', '.join(failed)} failed; what they said stands above", file=sys.stderr)
    return 1 if failed else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--large", action="store_true", help="the large sizes: 25 minutes")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for the results")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"there is no measurement {unknown[0]}; there are {', '.join(MEASUREMENTS)}")
    return options


def _run(name: str, arguments: list[str], file: Path) -> bool:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Nothing of an earlier run may pass for a result of this one.
    file.unlink(missing_ok=True)
    # Without -P, Python would find the sources here before it finds the compiled rules.
    command = [sys.executable, "-P", "-m", f"bench.{name}", *arguments, "--json", str(file)]
    try:
        done = subprocess.run(command, env=make_environment(), check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and file.exists()


def _read_results(folder: Path) -> dict[str, Any]:
    files = {name: folder / f"{name}.json" for name in MEASUREMENTS}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def _draw(results: dict[str, Any], folder: Path) -> None:
    try:
        from bench.results.pictures import draw
    except ImportError:
        print("no pictures: matplotlib is not installed (it comes with the demo)")
        return
    for path in draw(results, folder):
        print(f"picture {path}")


if __name__ == "__main__":
    sys.exit(main())
