"""The rules of the chain, watched: a message that is rejected has changed nothing.

Every world executes these. A transaction that fails leaves no trace in any case, because its
changes are dropped; but a rule whose checks come first can be read, and reused, without that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from chain import app
from chain.ruleset import Ruleset
from chain.runtime.context import Context
from chain.runtime.errors import ChainError

Run = Callable[[Context, Any], Message]


def watch(run: Run) -> Run:
    """As `run`; raises AssertionError if it changes the state or emits before it rejects."""

    def watched(ctx: Context, message: Any) -> Message:
        changes, events = dict(ctx.store.changes), len(ctx.events)
        try:
            return run(ctx, message)
        except ChainError as error:
            if ctx.store.changes == changes and len(ctx.events) == events:
                raise
            name = type(message).__name__
            raise AssertionError(f"{name} wrote before it was rejected: {error.log}") from error

    return watched


def make_rules() -> Ruleset:
    """The modules of the chain, every message watched."""
    rules = Ruleset(app.MODULES)
    for url, handler in rules.handlers.items():
        rules.handlers[url] = replace(handler, run=watch(handler.run))
    return rules


RULES = make_rules()
