"""`blockenergy agent model`: train, test, list, promote, watch and roll back forecast models."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import text_output
from agents.commands.options import (
    THREADS_MAX,
    add_folder,
    add_threads,
    check_range,
    read_street,
)
from client.cli.common import Command, Fill, add_commands, add_output_option
from client.cli.table import format_rows, format_table
from client.errors import ClientError, NotFoundError

if TYPE_CHECKING:
    from agents.lifecycle.model import Window
    from agents.lifecycle.store import Store

DESCRIPTION = """
A model is a folder named by the hash of its trees and of what it was made from: data, seed,
versions. It is trained on all days but the last weeks of a folder, and tested on those. It becomes
the champion if it is better than the present one on the same weeks; watching compares its losses on
new days with those of its test.
"""
WEEKS, WEEKS_MAX = 4, 104


def fill(parser: argparse.ArgumentParser) -> None:
    """The commands of the group."""
    lines: dict[str, tuple[str, Fill]] = {
        "train": ("train a model and test it", _fill_train),
        "test": ("test a model on the last weeks of a folder", _fill_one),
        "list": ("list models, the champion marked", _fill_store),
        "promote": ("make a better model the champion", _fill_one),
        "watch": ("compare the champion's losses with its test", _fill_watch),
        "rollback": ("return to the champion before", _fill_store),
    }
    commands = {
        name: Command(line, DESCRIPTION, partial(_fill_command, name, fill_options))
        for name, (line, fill_options) in lines.items()
    }
    add_commands(parser, commands)


def _fill_command(name: str, fill_options: Fill, parser: argparse.ArgumentParser) -> None:
    fill_options(parser)
    parser.set_defaults(model_command=name)


def _fill_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", metavar="DIR", type=Path, required=True, help="folder of models")
    add_output_option(parser)


def _fill_data(parser: argparse.ArgumentParser) -> None:
    add_folder(parser)
    _fill_store(parser)
    add_threads(parser)
    parser.add_argument(
        "--last-weeks",
        metavar="N",
        type=int,
        default=WEEKS,
        help=f"weeks at the end of the data that are tested on (default: {WEEKS})",
    )


def _fill_train(parser: argparse.ArgumentParser) -> None:
    _fill_data(parser)
    parser.add_argument("--target", choices=("load", "net"), default="load", help="(default: load)")


def _fill_one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="HASH", help="the hash of a model, or how it begins")
    _fill_data(parser)


def _fill_watch(parser: argparse.ArgumentParser) -> None:
    _fill_data(parser)
    parser.add_argument(
        "--retrain",
        action="store_true",
        help="if losses have drifted, train anew, and promote what is better",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the chosen command."""
    from agents.lifecycle.store import Store

    if hasattr(args, "last_weeks"):
        check_range("last-weeks", args.last_weeks, 1, WEEKS_MAX)
        check_range("threads", args.threads, 1, THREADS_MAX)
    store = Store(args.store)
    content = _COMMANDS[args.model_command](args, store)
    if args.output == "json":
        text_output.say(text_output.to_json(content))
    elif "models" in content:
        _show_models(content["models"])
    else:
        text_output.say(format_rows((name, _show(value)) for name, value in content.items()))
    return 0


def train(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """Trains, tests and keeps a model; the first of a store becomes its champion."""
    from agents.lifecycle import model as models

    window = models.make_window(read_street(args), args.target, args.last_weeks)
    model = models.train(window, args.target, args.threads)
    model_hash = store.add(model)
    if store.get_champion() is None:
        store.promote(model_hash)
    return {
        "model": model_hash,
        "is_champion": store.get_champion() == model_hash,
        **_scores_of(model.manifest),
    }


def test(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """The scores of a model on the last weeks of a folder."""
    from agents.lifecycle.model import score

    model_hash = store.find(args.model)
    model = store.read(model_hash)
    return {"model": model_hash, **score(model, _make_window(args, model.manifest))}


def promote(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """Makes a model the champion if its pinball loss is lower than the champion's."""
    from agents.lifecycle.model import score

    model_hash, champion = store.find(args.model), store.get_champion()
    model = store.read(model_hash)
    if champion == model_hash:
        return {"model": model_hash, "is_champion": True}
    window = _make_window(args, model.manifest)
    new = score(model, window)["pinball"]
    old = None
    if champion:
        present = store.read(champion)
        _make_window(args, present.manifest)
        old = score(present, window)["pinball"]
    if new is None or (old is not None and new >= old):
        raise ClientError(
            f"its pinball loss is {_show(new)}, that of the champion {_show(old)}; it stays"
        )
    store.promote(model_hash)
    return {"model": model_hash, "is_champion": True, "pinball": new, "pinball_of_champion": old}


def list_models(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """All models with their windows and scores."""
    champion = store.get_champion()
    rows = []
    for model_hash in store.list_hashes():
        manifest = store.read(model_hash).manifest
        known = ("target", "series", "window_begin", "window_end", "window_hash", "versions")
        rows.append(
            {
                "model": model_hash,
                "is_champion": model_hash == champion,
                **{name: manifest[name] for name in known},
                **_scores_of(manifest),
            }
        )
    return {"models": rows}


def watch(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """Compares losses, and trains anew if asked to and needed."""
    import numpy as np

    from agents.lifecycle import drift
    from agents.lifecycle import model as models

    champion = store.get_champion()
    if champion is None:
        raise NotFoundError(f"{args.store} has no champion; train a model first")
    model = store.read(champion)
    window = _make_window(args, model.manifest)
    usual = np.array(model.manifest["daily_losses"], dtype=np.float64)
    found = drift.watch(usual, models.compute_daily_losses(model, window))
    content: dict[str, Any] = {
        "model": champion,
        "days": found.days,
        "loss_in_test": round(found.backtest_loss, 6),
        "loss_now": round(found.live_loss, 6),
        "alarm_day": found.alarm_day,
        "stability_index": found.stability_index,
        "has_drifted": found.has_drifted,
    }
    if args.retrain and found.has_drifted:
        new = models.train(window, str(model.manifest["target"]), args.threads)
        old, better = models.score(model, window)["pinball"], models.score(new, window)["pinball"]
        content["trained"] = store.add(new)
        content["is_promoted"] = better is not None and (old is None or better < old)
        if content["is_promoted"]:
            store.promote(content["trained"])
    return content


def roll_back(args: argparse.Namespace, store: Store) -> dict[str, Any]:
    """Returns to the champion before."""
    return {"model": store.roll_back(), "is_champion": True}


_COMMANDS = {
    "train": train,
    "test": test,
    "list": list_models,
    "promote": promote,
    "watch": watch,
    "rollback": roll_back,
}


def _make_window(args: argparse.Namespace, manifest: dict[str, Any]) -> Window:
    from datetime import datetime, timedelta

    from agents.lifecycle.model import make_window

    window = make_window(read_street(args), manifest["target"], args.last_weeks)
    begin = window.cube.begin + timedelta(days=window.first)
    if window.cube.slot_s != manifest["slot_s"]:
        raise ClientError(f"the model is of slots of {manifest['slot_s']} s, the folder of others")
    if begin < datetime.fromisoformat(manifest["window_end"]):
        raise ClientError(
            f"the model has learnt from days until {manifest['window_end'][:10]}, but would be "
            f"tested from {begin:%Y-%m-%d} on; give fewer weeks or newer data"
        )
    return window


def _scores_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return dict(manifest["scores"])


def _show_models(rows: list[dict[str, Any]]) -> None:
    header = ("model", "champion", "target", "learnt from", "until", "pinball", "nMAE", "yesterday")
    table = [
        (
            row["model"][:12],
            "yes" if row["is_champion"] else "",
            row["target"],
            row["window_begin"][:10],
            row["window_end"][:10],
            *(_show(row[name]) for name in ("pinball", "nmae", "nmae_yesterday")),
        )
        for row in rows
    ]
    text_output.say(format_table(header, table, text_output.get_width()))


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else "none" if value is None else str(value)
