"""Diagrams of state machines, drawn from the tables of the rules."""

from __future__ import annotations

from itertools import takewhile
from typing import Any

from chain.runtime.lifecycle import Lifecycle

# The status of what is not there yet, or not any more.
_NONE = "UNSPECIFIED"
_END = "[*]"


def make_diagram(lifecycle: Lifecycle[Any, Any]) -> list[str]:
    """A Mermaid state diagram: each row of the table is an arrow."""
    moves = lifecycle.moves
    statuses = {status for (status, _), after in moves.items() for status in (status, after)}
    statuses.add(lifecycle.initial)
    words = {status: lifecycle.get_name(status).split("_") for status in statuses}
    # Values of an enum begin with its name.
    columns = zip(*words.values(), strict=False)
    shared = len(list(takewhile(lambda column: len(set(column)) == 1, columns)))
    labels = {
        status: _END if name[-1] == _NONE else "_".join(name[shared:]).lower()
        for status, name in words.items()
    }
    arrows = [] if labels[lifecycle.initial] == _END else [(_END, labels[lifecycle.initial], "")]
    arrows += [
        (labels[status], labels[after], f": {event.value}")
        for (status, event), after in moves.items()
    ]
    left = {source for source, _, _ in arrows}
    ends = sorted({target for _, target, _ in arrows} - left)
    arrows += [(status, _END, "") for status in ends]
    lines = [f"    {source} --> {target}{text}" for source, target, text in arrows]
    return [f"### {lifecycle.name}", "", "```mermaid", "stateDiagram-v2", *lines, "```", ""]
