"""The same targets, led by coverage: optional, where `atheris` (Apache 2.0) is installed.

    pip install atheris                                   Linux on x86-64, Python 3.11 to 3.13
    python -m tests.fuzz.guided genesis CORPUS_FOLDER -max_total_time=600

libFuzzer keeps inputs that reach code that none before them has reached, and changes them further.
What it finds stops it; the input lies in the file that it names, and `--once FILE` judges it again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.making import wire

# How often libFuzzer's own changes, ours, and fresh inputs are taken, in percent.
OWN_CHANGES, FRESH = 50, 15


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit status."""
    try:
        import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        sys.stderr.write("Coverage needs atheris: pip install atheris (Linux on x86-64).\n")
        return 2
    if not arguments:
        sys.stderr.write(__doc__ or "")
        return 2
    # What is imported here is watched; the targets bring the product with them.
    with atheris.instrument_imports(include=["chain", "abci_app", "meter_bridge"]):
        from tests.fuzz.targets import TARGETS
    name, *rest = arguments
    target = TARGETS[name]()
    target.begin()
    if rest[:1] == ["--once"]:
        sys.stdout.write(target.check(Path(rest[1]).read_bytes()) + "\n")
        return 0
    check: Callable[[bytes], Any] = target.check
    random = Random()

    def change(data: bytes, size_max: int, seed: int) -> bytes:
        random.seed(seed)
        chance = random.randrange(100)
        if not data or chance < FRESH:
            return target.make(random)[:size_max]
        if chance < FRESH + OWN_CHANGES:
            return wire.mutate(data, random)[:size_max]
        changed: bytes = atheris.Mutate(data, size_max)
        return changed

    options = ["-max_len=65536", *rest]
    atheris.Setup([sys.argv[0], *options], check, custom_mutator=change)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
