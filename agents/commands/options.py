"""Options that the commands share, and what they print on the way."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import text_output
from client.errors import UsageError

if TYPE_CHECKING:
    from agents.observation import Street

PROGRESS_AFTER_S, PROGRESS_EVERY_S = 2.0, 2.0
THREADS_MAX, BATTERY_MAX_KWH = 256, 1_000.0


def add_folder(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """FOLDER and --zone."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        nargs=None if is_needed else "?",
        help="a folder or file: CSV (time,meter,import_wh,export_wh), CityLearn 2022, Green Button",
    )
    parser.add_argument(
        "--zone",
        metavar="NAME",
        default="",
        help="time zone such as Europe/Berlin (default: times as they are written)",
    )


def add_battery(parser: argparse.ArgumentParser) -> None:
    """--battery-kwh."""
    parser.add_argument(
        "--battery-kwh",
        metavar="KWH",
        type=float,
        default=0.0,
        help="battery of homes whose data name none, of half as many kW (default: none)",
    )


def check_battery(kwh: float) -> None:
    """Rejects what no home's battery has."""
    if not 0 <= kwh <= BATTERY_MAX_KWH:
        raise UsageError(f"--battery-kwh {kwh} is not between 0 and {BATTERY_MAX_KWH:g}")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """--threads."""
    parser.add_argument(
        "--threads",
        metavar="N",
        type=int,
        default=1,
        help="threads for training (default: 1); the result is the same on any number",
    )


def add_picture(parser: argparse.ArgumentParser, what: str) -> None:
    """--picture."""
    parser.add_argument("--picture", metavar="FILE.png", type=Path, help=f"draw {what}")


def check_range(name: str, value: int, low: int, high: int) -> int:
    """The value, if it is in the range."""
    if not low <= value <= high:
        raise UsageError(f"--{name} {value} is not between {low} and {high}")
    return value


def read_street(args: argparse.Namespace) -> Street:
    """The homes of the folder."""
    from agents.input.folder import read_street as read

    return read(args.folder, args.zone)


def say_left_out(street: Street) -> None:
    """What was wrong with that which all homes share, and which meters are not used."""
    for mark in street.marks:
        text_output.say(mark)
    for name, why in street.left_out.items():
        text_output.say(f"{text_output.escape(name)} is left out: it {why}")


def check_picture(path: Path | None) -> None:
    """Before hours of work: whether the picture could be written."""
    if path is None:
        return
    if path.suffix.lower() != ".png":
        raise UsageError(f"--picture {path} must end in .png")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--picture {path}: {path.absolute().parent} is not a folder")


class Progress:
    """A line on standard error every two seconds, from two seconds on, on a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._begun = self._shown = time.monotonic()

    def __call__(self, done: int, whole: int) -> None:
        """Says how far it is."""
        now = time.monotonic()
        if now - self._begun < PROGRESS_AFTER_S or now - self._shown < PROGRESS_EVERY_S:
            return
        self._shown = now
        text_output.say(f"{self._what}: {done} of {whole}", file=sys.stderr)
