"""`blockenergy agent forecast`: what the forecasts of the last weeks were worth; the next day."""

from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import (
    THREADS_MAX,
    Progress,
    add_folder,
    add_picture,
    add_threads,
    check_picture,
    check_range,
    read_street,
    say_left_out,
)
from client.cli.common import add_output_option
from client.cli.table import format_table
from client.errors import MissingError

if TYPE_CHECKING:
    from agents.forecast.backtest import Backtest
    from agents.observation import Street

DESCRIPTION = """
Forecasts every day of the last weeks, each from what was known when it was issued, and says what
that was worth: mean absolute error as a share of the mean absolute energy (nmae), the same of
yesterday, of last week and of the mean of 7 days, pinball loss of nine quantiles, of those of all
days before (climatology) and of the last four weeks, and how much lay between the 10 % and 90 %
quantiles (coverage). One model
serves all homes; it is trained anew each week.
"""
WEEKS_MAX, LEAD_MAX = 520, 2
_COLUMNS = (
    ("nmae", "nmae"),
    ("yesterday", "nmae_yesterday"),
    ("last week", "nmae_last_week"),
    ("7-day mean", "nmae_7_day_mean"),
    ("pinball", "pinball"),
    ("climatology", "pinball_climatology"),
    ("4 weeks", "pinball_last_4_weeks"),
    ("coverage", "coverage"),
)


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--target",
        choices=("load", "net"),
        default="load",
        help="what is used, or that without PV's share, which may be negative (default: load)",
    )
    parser.add_argument(
        "--issue-hour",
        metavar="H",
        type=int,
        default=0,
        help="when forecasts are issued, 0 to 23; each is for the 24 hours from then (default: 0)",
    )
    parser.add_argument(
        "--last-weeks",
        metavar="N",
        type=int,
        default=10,
        help="how many weeks at the end of the data are tested (default: 10)",
    )
    parser.add_argument(
        "--day",
        metavar="D",
        type=int,
        default=1,
        help="1: the first 24 hours after the issue, 2: those after them (default: 1)",
    )
    parser.add_argument(
        "--next",
        metavar="FILE.csv",
        type=Path,
        help="write the forecast of the day after the data: point and nine quantiles in Wh",
    )
    add_threads(parser)
    add_picture(parser, "bands against what came, of one week")
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Tests, shows, and writes what was asked for."""
    check_range("issue-hour", args.issue_hour, 0, 23)
    check_range("last-weeks", args.last_weeks, 1, WEEKS_MAX)
    check_range("day", args.day, 1, LEAD_MAX)
    check_range("threads", args.threads, 1, THREADS_MAX)
    check_picture(args.picture)
    from agents.forecast.backtest import Settings, run_backtest

    street = read_street(args)
    settings = Settings(args.target, args.issue_hour, args.last_weeks, args.day, args.threads)
    found = run_backtest(street, settings, Progress("training"))
    content = describe(street, found)
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    else:
        show(content)
        say_left_out(street)
    if args.next:
        write_next(args.next, found)
    if args.picture:
        from agents.pictures.bands import draw

        draw(args.picture, found)
    return 0


def describe(street: Street, found: Backtest) -> dict[str, Any]:
    """The scores as names and numbers."""
    from agents.forecast.backtest import list_days, score

    settings, dates = found.settings, list_days(found)
    rows: list[dict[str, Any]] = [
        {key: round(value, 6) if isinstance(value, float) else value for key, value in row.items()}
        for row in score(found)
    ]
    homes = rows[:-1]
    for row, home in zip(homes, street.homes, strict=True):
        row["marks"] = list(home.marks)
    return {
        "target": settings.target,
        "issue_hour": settings.issue_hour,
        "day": settings.lead,
        "first_day": dates[found.first],
        "days": found.cube.days - found.first,
        "slot_minutes": found.cube.slot_s / 60,
        "homes": homes,
        "sum": {key: value for key, value in rows[-1].items() if key != "name"},
        "mean": {key: _mean([row[key] for row in homes]) for _, key in _COLUMNS},
        "weights": found.weights,
        "marks": list(found.marks),
        "left_out": street.left_out,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 6) if known else None


def show(content: dict[str, Any]) -> None:
    """A table for people, in percent."""
    named = [*((row["name"], row) for row in content["homes"])]
    named += [("mean of homes", content["mean"]), ("sum", content["sum"])]
    rows = [(name, *(_percent(row[key]) for _, key in _COLUMNS)) for name, row in named]
    text_output.say(
        f"{content['target']} of the {content['days']} days from {content['first_day']}, in %"
    )
    header = ("", *(title for title, _ in _COLUMNS))
    text_output.say(format_table(header, rows, text_output.get_width()))
    for mark in content["marks"]:
        text_output.say(mark)
    for row in content["homes"]:
        for mark in row["marks"]:
            text_output.say(f"{text_output.escape(row['name'])}: {mark}")


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def write_next(path: Path, found: Backtest) -> None:
    """A row per series and slot of the days after the data; Wh, rounded to the nearest."""
    from datetime import timedelta

    from agents.forecast.bands import QUANTILES

    header = ["time", "meter", "forecast_wh", *(f"q{round(100 * one)}_wh" for one in QUANTILES)]
    day = found.point.shape[1] - 1
    begin = found.cube.begin + timedelta(days=day)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for number, name in enumerate(found.names):
                for slot in range(found.point.shape[2]):
                    time = begin + timedelta(seconds=slot * found.cube.slot_s)
                    values = [
                        found.point[number, day, slot],
                        *found.quantiles[:, number, day, slot],
                    ]
                    writer.writerow([time.isoformat(), name, *map(_to_wh, values)])
    except OSError as error:
        raise MissingError(f"{path}: {error.strerror}") from None


def _to_wh(value: float) -> str:
    return str(round(value)) if math.isfinite(value) else ""
