"""A root over the lines of a slot, which stays when the lines are removed.

It is that of a simple map (chain.runtime.trees.simple) with the keys and values that the lines have
in the tree of this module. With the lines of a slot, each of them can be proven for ever: up to
this root, and from there like everything in the state.
"""

from __future__ import annotations

from collections.abc import Iterable

from blockenergy.settlement.v1 import state_pb2

from chain.runtime.context import Context
from chain.runtime.state.collections import HasStore
from chain.runtime.trees.simple import append_leaves, compute_entry_hash, join_peaks
from chain.settlement.state import LINE_ROOTS, LINES


def compute_leaves(state: HasStore, slot: int, owners: Iterable[bytes]) -> list[bytes]:
    """The leaf hashes of stored lines, by their owners in ascending order."""
    return [compute_entry_hash(*LINES.get_entry(state, (slot, owner))) for owner in owners]


def add(ctx: Context, progress: state_pb2.Progress, count: int, owners: Iterable[bytes]) -> None:
    """Adds the next lines of the slot in hand, which has `count` before them."""
    leaves = compute_leaves(ctx, progress.slot, owners)
    progress.line_peaks[:] = append_leaves(progress.line_peaks, count, leaves)


def finish(ctx: Context, progress: state_pb2.Progress) -> None:
    """Writes the root of the slot in hand; a slot without lines has none."""
    if progress.line_peaks:
        LINE_ROOTS.set(ctx, progress.slot, join_peaks(progress.line_peaks))
        del progress.line_peaks[:]
