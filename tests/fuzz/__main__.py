"""Fuzzing: a million inputs that are nearly right, and nothing but coded rejections.

    python -m tests.fuzz                          all targets, within 20 minutes
    python -m tests.fuzz --targets genesis --inputs 5000 --seed 7
    python -m tests.fuzz --replay FILE            one input that was found to break a promise

Exit status: 0 nothing found, 1 something found, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.fuzz.campaign import Plan, run
from tests.fuzz.runner import Tally, interrupting, judge, judge_end, load_finding
from tests.fuzz.targets import TARGETS

INPUTS = 1_000_000
SECONDS = 20 * 60.0
FINDINGS = Path(".cache/fuzz")
CODES_SHOWN = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    options = parse_arguments(arguments)
    if options.replay:
        return replay(options.replay)
    plan = Plan(
        options.targets,
        options.seed,
        options.first,
        options.inputs,
        options.seconds,
        options.workers,
    )
    tallies = run(
        plan,
        lambda line: print(line, flush=True),
        lambda finding: finding.save(options.findings),
    )
    report = make_report(plan, tallies)
    print_table(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    print_findings(tallies, options.findings)
    return 1 if any(tally.findings for tally in tallies.values()) else 0


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, each with a limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--inputs", type=int, default=INPUTS, help="per target (1,000,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (0)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other inputs (0)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for all targets (1200)")
    parser.add_argument("--workers", type=int, default=cores, help="processes (one per core)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    parser.add_argument(
        "--findings", type=Path, metavar="DIR", default=FINDINGS, help=f"for inputs ({FINDINGS})"
    )
    parser.add_argument("--replay", type=Path, metavar="FILE", help="judge a saved input again")
    options = parser.parse_args(arguments)
    if not 1 <= options.inputs <= 10**12 or not 0 <= options.first <= 10**12:
        parser.error("--inputs: 1 to 10^12; --first: 0 to 10^12")
    if not 0 < options.seconds <= 10**7 or not 1 <= options.workers <= 256:
        parser.error("--seconds: more than 0, at most 10^7; --workers: 1 to 256")
    if options.replay and not options.replay.is_file():
        parser.error(f"--replay: there is no file {options.replay}")
    return options


def replay(path: Path) -> int:
    """Judges a saved input once more."""
    finding = load_finding(path)
    target = TARGETS[finding.target]()
    tally = Tally()
    try:
        target.begin()
        with interrupting():
            judge(target, finding.data, finding.seed, finding.number, tally)
            judge_end(target, finding.seed, tally)
    finally:
        target.close()
    for again in tally.findings:
        print(again.problem)
    if not tally.findings:
        print(f"{finding.target}: {', '.join(tally.outcomes)}; found before: {finding.kind}")
    return 1 if tally.findings else 0


def print_findings(tallies: dict[str, Tally], folder: Path) -> None:
    """What was found, and how to see it again."""
    for name, tally in tallies.items():
        for kind, times in tally.kinds.most_common():
            print(f"\nFOUND {times} times in {name}: {kind}")
        for finding in tally.findings:
            print(f"  python -m tests.fuzz --replay {finding.name_file(folder)}")


def make_report(plan: Plan, tallies: dict[str, Tally]) -> dict[str, Any]:
    """Everything that is known of the run."""
    return {
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "seed": plan.seed,
        "first": plan.first,
        "workers": plan.workers,
        "inputs_wanted": plan.inputs,
        "targets": {name: _describe(tally) for name, tally in tallies.items()},
    }


def _describe(tally: Tally) -> dict[str, Any]:
    accepted = sum(n for name, n in tally.outcomes.items() if name.startswith("accepted"))
    found = sum(tally.kinds.values())
    return {
        "inputs": tally.inputs,
        "seconds": round(tally.seconds, 1),
        "per_second": round(tally.inputs / max(tally.seconds, 0.001)),
        "accepted": accepted,
        "rejected": tally.inputs - accepted - tally.outcomes["found"],
        "findings": found,
        "outcomes": dict(tally.outcomes.most_common()),
        "kinds_of_findings": dict(tally.kinds.most_common()),
    }


def print_table(report: dict[str, Any]) -> None:
    """The outcome for people."""
    columns = ("inputs", "per_second", "accepted", "rejected", "findings")
    print(
        f"\n{'target':<14}" + "".join(f"{name.replace('per_second', '/s'):>12}" for name in columns)
    )
    for name, row in report["targets"].items():
        print(f"{name:<14}" + "".join(f"{row[column]:>12,}" for column in columns))
    for name, row in report["targets"].items():
        codes = Counter(row["outcomes"])
        print(f"\n{name}, most frequent of {len(codes)} outcomes:")
        for outcome, times in codes.most_common(CODES_SHOWN):
            print(f"  {times:>10,}  {outcome}")
        if row["inputs"] < report["inputs_wanted"]:
            print("  the time ran out before all inputs were judged")


if __name__ == "__main__":
    sys.exit(main())
