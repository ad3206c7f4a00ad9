"""What all measurements share: options, a process of their own, the machine, results as JSON."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chain.runtime.trees import merkle

T = TypeVar("T")

FOLDER = Path("out") / "bench"


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every measurement has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    return parser


def finish(measure: Callable[[], dict[str, Any]], file: Path | None) -> int:
    """Measures and prints the results, or writes them if a file is named; returns the status."""
    try:
        results = measure()
    except RuntimeError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    text = json.dumps({"machine": describe_machine(), **results}, indent=2) + "\n"
    if file is None:
        print(text, end="")
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return 0


def call_in_process(function: Callable[..., T], *arguments: object) -> T:
    """Calls a function in a new process, so that it leaves nothing behind in this one."""
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(function, arguments)


def describe_machine() -> dict[str, Any]:
    """Where the results come from."""
    return {
        "processor": read_processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": platform.system(),
        # Nodes that it starts have the compiled rules if there are any.
        "rules_of_this_process": "sources" if merkle.__file__.endswith(".py") else "compiled",
        "load_1_min": round(os.getloadavg()[0], 1),
    }


def read_processor() -> str:
    """The name of the processor, as Linux knows it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def read_peak_mb(pid: int) -> int:
    """The most memory that a process has had."""
    return read_memory_kb("VmHWM", pid) // 1024


def read_memory_kb(field: str, process: int | str = "self") -> int:
    """A figure of a process's memory, as Linux names it."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
