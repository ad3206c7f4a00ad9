"""`blockenergy agent detect`: which weeks of which meters look wrong, and why."""

from __future__ import annotations

import argparse
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
    say_left_out,
)
from client.cli.common import add_output_option
from client.cli.table import format_rows, format_table
from client.errors import UsageError

if TYPE_CHECKING:
    from agents.detection.detector import Scored
    from agents.detection.trial import Quality, Trial
    from agents.detection.weeks import Weeks
    from agents.observation import Street

DESCRIPTION = """
Scores each week of each meter between 0 and 1: how likely it is that what it reports is not what
was used. The folder has a CSV per meter and, if there is a check meter, feeder.csv; with labels.csv
(meter, week, label) it is said how well the labels were found. The detector learns from the first
half of the weeks, which it attacks in six known ways, and watches the others.
"""
FLAGGED_FROM, SHOWN_MAX, DRAWS_MAX = 0.5, 20, 100


def fill(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_folder(parser)
    parser.add_argument(
        "--trial",
        metavar="N",
        type=int,
        default=0,
        help="attack one in ten of the watched weeks, N times anew, and say what was found; "
        "without feeder.csv one is made up from the meters",
    )
    parser.add_argument(
        "--trial-loss",
        metavar="PERCENT",
        type=float,
        default=3.0,
        help="technical loss of the feeder that is made up (default: 3); the detector is not told",
    )
    add_threads(parser)
    add_picture(parser, "the ROC curve of the trial or of the labels")
    add_output_option(parser)


def run(args: argparse.Namespace) -> int:
    """Scores, and tries if asked to."""
    check_range("trial", args.trial, 0, DRAWS_MAX)
    check_range("threads", args.threads, 1, THREADS_MAX)
    if not 0 <= args.trial_loss <= 50:
        raise UsageError(f"--trial-loss {args.trial_loss} is not between 0 and 50")
    check_picture(args.picture)
    from agents.detection.labels import read_labels
    from agents.detection.trial import add_feeder, run_trial
    from agents.detection.weeks import make_weeks
    from agents.input.folder import LABELS, find_files, read_street

    street = read_street(args.folder, args.zone, is_raw=True)
    weeks = make_weeks(street)
    path = find_files(args.folder).csv.get(LABELS)
    labels = read_labels(path, weeks) if path else None
    if args.trial:
        tried = weeks if weeks.feeder is not None else add_feeder(weeks, args.trial_loss / 100)
        trial = run_trial(tried, args.trial, args.threads, Progress("trial"))
        curve = (trial.scores, trial.truth)
        _print(args, describe_trial(weeks, trial), show_trial)
    else:
        from agents.detection.detector import score_all

        found = score_all(weeks, args.threads, Progress("learning"))
        content = describe(street, weeks, found)
        curve = None
        if labels is not None:
            content["labels"] = describe_labels(found, labels.is_attacked, labels.kinds)
            content["labels"]["marks"] = list(labels.marks)
            watched = slice(found.until, None)
            curve = (found.scores[:, watched].ravel(), labels.is_attacked[:, watched].ravel())
        _print(args, content, show)
        if args.output != "json":
            say_left_out(street)
    if args.picture:
        from agents.pictures.roc import draw

        if curve is None:
            raise UsageError("--picture needs --trial or labels.csv")
        if len(set(curve[1])) < 2:
            raise UsageError("--picture needs attacked and ordinary weeks among the watched ones")
        draw(args.picture, *curve)
    return 0


def _print(args: argparse.Namespace, content: dict[str, Any], show_text: Any) -> None:
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    else:
        show_text(content)


def describe(street: Street, weeks: Weeks, found: Scored) -> dict[str, Any]:
    """A row per meter and week that has a history, and what was said of the files."""
    from agents.detection.reasons import find_reasons
    from agents.detection.weeks import HISTORY_WEEKS

    marks = {home.name: list(home.marks) for home in street.homes}
    rows = [
        {
            "meter": name,
            "week": week,
            "begin": weeks.begin_of(week).isoformat(),
            "score": round(float(found.scores[meter, week]), 6),
            "is_watched": week >= found.until,
            "reasons": find_reasons(found, meter, week, float(weeks.missing[meter, week])),
        }
        for meter, name in enumerate(weeks.names)
        for week in range(HISTORY_WEEKS, weeks.count)
    ]
    return {
        "has_feeder": weeks.feeder is not None,
        "weeks": weeks.count,
        "first_scored_week": HISTORY_WEEKS,
        "first_watched_week": found.until,
        "rows": rows,
        "meters": [{"name": name, "marks": marks[name]} for name in weeks.names],
        "left_out": street.left_out,
    }


def describe_labels(found: Scored, is_attacked: Any, kinds: Any) -> dict[str, Any]:
    """How well the labels were found: in the weeks that are watched, and in all that are scored."""
    from agents.detection.trial import measure

    watched = slice(found.until, None)
    scores, truth, names = (one[:, watched] for one in (found.scores, is_attacked, kinds))
    by_kind = {
        str(kind): measure(scores[(names == kind) | ~truth], truth[(names == kind) | ~truth]).auc
        for kind in sorted({str(one) for one in names[truth] if one})
    }
    return {
        **_to_dict(measure(scores, truth)),
        "auc_by_kind": by_kind,
        "all_weeks": _to_dict(measure(found.scores, is_attacked)),
    }


def describe_trial(weeks: Weeks, trial: Trial) -> dict[str, Any]:
    """Each draw, their mean, and by kind what is found and what is not."""
    draws = [_to_dict(one) for one in trial.draws]
    return {
        "has_feeder": weeks.feeder is not None,
        "draws": draws,
        "mean": {
            name: _mean([one[name] for one in draws]) for name in ("auc", "average_precision")
        },
        "auc_by_kind": trial.kinds,
        "hard_to_recognise": [
            kind for kind, auc in trial.kinds.items() if auc is not None and auc < 0.9
        ],
    }


def _to_dict(quality: Quality) -> dict[str, Any]:
    return {
        "weeks": quality.weeks,
        "attacked": quality.attacked,
        "auc": quality.auc,
        "average_precision": quality.average_precision,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def show(content: dict[str, Any]) -> None:
    """The highest scores of the watched weeks first."""
    rows = [row for row in content["rows"] if row["is_watched"]]
    rows.sort(key=lambda row: (-row["score"], row["meter"], row["week"]))
    flagged = sum(row["score"] >= FLAGGED_FROM for row in rows)
    text_output.say(
        f"{flagged} of {len(rows)} watched weeks look wrong (score of {FLAGGED_FROM} or more)"
    )
    table = [
        (row["meter"], row["begin"][:10], f"{row['score']:.2f}", "; ".join(row["reasons"]))
        for row in rows[:SHOWN_MAX]
    ]
    header = ("meter", "week of", "score", "why")
    text_output.say(format_table(header, table, text_output.get_width()))
    if "labels" in content:
        _show_quality(content["labels"])
        for mark in content["labels"]["marks"]:
            text_output.say(mark)
    for meter in content["meters"]:
        for mark in meter["marks"]:
            text_output.say(f"{text_output.escape(meter['name'])}: {mark}")


def show_trial(content: dict[str, Any]) -> None:
    """The mean, and each kind of attack."""
    _show_quality(content["mean"])
    rows = [(kind.replace("_", " "), _share(auc)) for kind, auc in content["auc_by_kind"].items()]
    text_output.say(format_table(("attack", "AUC"), rows))
    hard = ", ".join(one.replace("_", " ") for one in content["hard_to_recognise"])
    text_output.say(f"hard to recognise: {hard or 'none of them'}")


def _show_quality(quality: dict[str, Any]) -> None:
    text_output.say(
        format_rows(
            [
                ("area under the ROC curve", _share(quality["auc"])),
                ("average precision", _share(quality["average_precision"])),
            ]
        )
    )


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
